"""Detectron2's and Detectron's model-zoo pickles, read without running what else they name."""

import pickle
from typing import Any

from lt_det.errors import WeightsError, one_line

# What arrays and the dicts around them are made of.
_ALLOWED = {
    ("collections", "OrderedDict"),
    ("_codecs", "encode"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core")
      for name in ("_reconstruct", "scalar")),
}  # fmt: skip


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(
                f"refused: it would run {module}.{name}, which is no array"
            )
        return super().find_class(module, name)


def load_zoo_pickle(filename: str) -> dict[str, Any]:
    """Return ``{"model": arrays by name, …}``, as Detectron2's checkpointer makes it of a ``.pkl``.

    Raises:
        WeightsError: names the file, and what in it is neither an array nor a dict of them.
    """
    try:
        with open(filename, "rb") as file:
            data = _ArraysOnly(file, encoding="latin1").load()
    except OSError:
        raise
    except pickle.UnpicklingError as error:
        raise WeightsError(f"{filename}: {one_line(error)}") from error
    except Exception as error:  # a broken pickle can raise anything
        raise WeightsError(f"{filename}: broken pickle: {one_line(error)}") from error
    if not isinstance(data, dict):
        raise WeightsError(f"{filename}: holds no weights: no dict at the top")
    if "model" in data and "__author__" in data:
        return data
    # Detection models of Caffe2 have "blobs", its ImageNet models do not.
    weights = data.get("blobs", data)
    weights = {k: v for k, v in weights.items() if not k.endswith("_momentum")}
    return {"model": weights, "__author__": "Caffe2", "matching_heuristics": True}
