"""Checkpoints that fit, or a clear error: nothing is loaded in part in silence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from detectron2.checkpoint import DetectionCheckpointer
from detectron2.utils import comm

from lt_det.errors import UserError, WeightsError, one_line

from .class_rows import with_own_classes, zoo_class_names
from .files import WholeFiles, last_whole_checkpoint
from .model_record import KEY, ModelRecord
from .safe_load import load_tensors
from .zoo_pickle import load_zoo_pickle

# Modules whose sizes follow the number of classes.
_HEADS = ("roi_heads.", "classifier.")


class LTCheckpointer(DetectionCheckpointer):
    """Detectron2's checkpointer, made safe.

    Files appear whole; a broken last one gives way to the one before it; weights are read without
    running code they bring along; tensors of another shape are refused instead of skipped.

    Args:
        complete: also refuse weights that lack some of the model's tensors, as evaluation must; a
            backbone's weights, from which training starts, do lack the heads'.
        record: what checkpoints say of the model. A training that starts from the weights of a
            model of other classes takes over what it can by its class names.
        model, save_dir, checkpointables: as Detectron2's.

    Attributes:
        resumed_from: name of the checkpoint that the run goes on from, without its ending; "": of
            none.
    """

    def __init__(
        self,
        model: Any,
        save_dir: str = "",
        *,
        complete: bool = False,
        record: ModelRecord | None = None,
        **checkpointables: Any,
    ) -> None:
        if record is not None:
            checkpointables[KEY] = record
        super().__init__(model, save_dir, **checkpointables)
        self.path_manager = WholeFiles(self.path_manager)
        self._complete, self._record = complete, record
        self._file = self.resumed_from = ""
        self._start_from = ""  # weights that training starts from

    def save(self, name: str, **kwargs: Any) -> None:
        """As Detectron2's.

        Raises:
            WeightsError: the file cannot be written, by a full disk, say; those before it are kept.
        """
        with self._writing(name):
            super().save(name, **kwargs)

    def save_beside(self, name: str, **entries: Any) -> None:
        """Save the weights alone, under a name that --resume does not go on from.

        Args:
            name: of the file, without its ending.
            entries: beside the weights.

        Raises:
            WeightsError: as :meth:`save`.
        """
        record = {} if self._record is None else {KEY: self._record.state_dict()}
        file = str(Path(self.save_dir, f"{name}.pth"))
        with self._writing(name), self.path_manager.open(file, "wb") as opened:
            torch.save({"model": self.model.state_dict(), **record, **entries}, opened)

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError) as error:
            # torch's writer wraps the system's error.
            cause = next((e for e in (error, error.__context__) if isinstance(e, OSError)), error)
            raise WeightsError(
                f"{self.save_dir}/{name}.pth: cannot be written: {cause}; the checkpoints before "
                "it are as they were: go on with --resume"
            ) from error

    def resume_or_load(self, path: str, *, resume: bool = True) -> dict[str, Any]:
        """As Detectron2's, from the last checkpoint that is whole; all processes call it.

        Raises:
            WeightsError: ``resume``, and there are checkpoints, but none is whole, or the last is
                of a run with another config.
        """
        last = self._last_whole() if resume else ""
        loaded: dict[str, Any]
        if last:
            try:
                loaded = self.load(last)
            except UserError:
                raise
            except ValueError as error:  # of the optimizer, which has other parameters
                raise WeightsError(
                    f"{last}: of a run with another config, which cannot go on with this one: "
                    f"{one_line(error)}; without --resume, or with another OUTPUT_DIR, it begins"
                ) from error
            self.resumed_from = Path(last).stem
        else:
            self._start_from = path
            loaded = self.load(path, checkpointables=[])
            self._start_from = ""
        return loaded

    def _last_whole(self) -> str:
        """Return the main process's word, for reading a checkpoint's checksums takes a while."""
        last: Any = ""
        if comm.is_main_process() and self.has_checkpoint():
            try:
                tagged = Path(self.get_checkpoint_file()).name
                last = str(last_whole_checkpoint(Path(self.save_dir), tagged))
            except WeightsError as error:
                last = error
        last = comm.all_gather(last)[0]
        if isinstance(last, WeightsError):
            raise last
        return str(last)

    def _load_file(self, filename: str) -> Any:
        self._file = filename
        try:
            if filename.endswith(".pkl"):
                return load_zoo_pickle(filename)
            if filename.endswith(".pyth"):
                return _of_pycls(self._torch_load(filename))
            return super()._load_file(filename)
        except (WeightsError, MemoryError):
            raise
        except Exception as error:  # a damaged file raises anything
            raise WeightsError(
                f"{filename}: not a checkpoint, or broken: {one_line(error)}"
            ) from error

    def _torch_load(self, f: str) -> Any:
        return load_tensors(f)

    def _load_model(self, checkpoint: Any) -> Any:
        try:
            if self._record is not None and self._start_from:
                checkpoint["model"] = self._with_own_classes(checkpoint)
            incompatible = super()._load_model(checkpoint)
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise WeightsError(f"{self._file}: no weights of a model: {one_line(error)}") from error
        for name, given, needed in incompatible.incorrect_shapes:
            hint = ""
            if name.startswith(_HEADS) and given[0] != needed[0]:
                hint = ": the weights were trained with another number of classes or head size"
            raise WeightsError(
                f"{self._file}: {name} has shape {tuple(given)}, the model needs "
                f"{tuple(needed)}{hint}"
            )
        if self._complete and incompatible.missing_keys:
            raise WeightsError(
                f"{self._file}: lacks {sorted(incompatible.missing_keys)[0]} and "
                f"{len(incompatible.missing_keys) - 1} more of the model's tensors: not a "
                "checkpoint of this model"
            )
        return incompatible

    def _with_own_classes(self, checkpoint: Any) -> Any:
        """Return the weights that training starts from, with the rows of this model's classes."""
        weights = checkpoint["model"]
        if checkpoint.get("matching_heuristics", False):
            return weights  # Caffe2's and pycls's: a backbone's, or under other names
        assert self._record is not None
        saved = checkpoint.get(KEY)
        names = saved["class_names"] if saved else zoo_class_names(self._start_from)
        return with_own_classes(
            {name.removeprefix("module."): value for name, value in weights.items()},
            self.model.state_dict(),
            names,
            self._record.class_names,
            self._start_from,
        )


def _of_pycls(data: Any) -> dict[str, Any]:
    """As Detectron2 reads pycls's files."""
    state = data["model_state"].items()
    weights = {k: v for k, v in state if not k.endswith("num_batches_tracked")}
    return {"model": weights, "__author__": "pycls", "matching_heuristics": True}
