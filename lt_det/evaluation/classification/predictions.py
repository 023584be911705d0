"""What a model says of every image of a test set: the file predictions.npz."""

import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lt_det.errors import DataError, one_line
from lt_det.files import whole_file

PREDICTIONS_FILE = "predictions.npz"
_ARRAYS = (
    *("image_names", "class_names", "labels", "class_counts", "limits"),
    *("row_names", "predicted", "probs", "test_names"),
)


@dataclass(frozen=True)
class Predictions:
    """The predictions of R rows of results on N images of C classes.

    Attributes:
        image_names: N names, without the folder that all of them lie in.
        class_names: C names, by class index.
        labels: (N,) int32 in [0, C).
        class_counts: (C,) int64 training images, which make the shot groups.
        limits: ``{"many", "few"}``, of the shot groups.
        row_names: R names of rows of results.
        predicted: (R, N) int32 class indices.
        probs: (R, N) float32, the probability of the predicted class.
        tests: positions in [0, N) of each test distribution; the first is the whole set.
    """

    image_names: tuple[str, ...]
    class_names: tuple[str, ...]
    labels: np.ndarray
    class_counts: np.ndarray
    limits: dict[str, int]
    row_names: tuple[str, ...]
    predicted: np.ndarray
    probs: np.ndarray
    tests: dict[str, np.ndarray]

    def row(self, name: str | None) -> int:
        """Return the number of a row by its name; of ``None``, the first.

        Raises:
            DataError: there is none of that name.
        """
        if name is None:
            return 0
        if name not in self.row_names:
            raise DataError(f"no row {name!r}: there are {', '.join(self.row_names)}")
        return self.row_names.index(name)


def without_common_folder(paths: Sequence[str]) -> tuple[str, ...]:
    """Cut the folders that all paths begin with, so that a set that moves keeps its names."""
    first, last = min(paths, default=""), max(paths, default="")
    # What the first and the last in order share, all share.
    shared = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b),
        len(first),
    )
    folder = first[:shared].rpartition("/")[0]
    return tuple(path[len(folder) + 1 :] if folder else path for path in paths)


def save_predictions(predictions: Predictions, path: str | os.PathLike[str]) -> None:
    """Write predictions as a compressed .npz: the file is either whole or not there.

    Its arrays are the attributes of :class:`Predictions`, of which ``limits`` is [many, few], and
    ``test_names`` with ``positions_0``, ``positions_1``, … hold the test distributions.
    """
    arrays: dict[str, np.ndarray] = {
        "image_names": np.array(predictions.image_names, dtype=np.str_),
        "class_names": np.array(predictions.class_names, dtype=np.str_),
        "labels": predictions.labels.astype(np.int32),
        "class_counts": predictions.class_counts.astype(np.int64),
        "limits": np.array([predictions.limits["many"], predictions.limits["few"]]),
        "row_names": np.array(predictions.row_names, dtype=np.str_),
        "predicted": predictions.predicted.astype(np.int32),
        "probs": predictions.probs.astype(np.float32),
        "test_names": np.array(list(predictions.tests), dtype=np.str_),
    }
    for number, positions in enumerate(predictions.tests.values()):
        arrays[f"positions_{number}"] = positions.astype(np.int32)
    with whole_file(path, "wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_predictions(path: str | os.PathLike[str]) -> Predictions:
    """Read a predictions.npz.

    Raises:
        DataError: the file is missing, broken, or holds something else.
    """
    try:
        with np.load(Path(path), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or one_line(error)}") from error
    except (ValueError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: no predictions: {one_line(error)}") from error
    return _checked(arrays, path)


def _checked(arrays: Mapping[str, np.ndarray], path: str | os.PathLike[str]) -> Predictions:
    missing = [name for name in _ARRAYS if name not in arrays]
    if missing:
        raise DataError(f"{path}: no predictions of lt_det: has no {missing[0]}")
    shape = (len(arrays["row_names"]), len(arrays["labels"]))
    fits = arrays["predicted"].shape == arrays["probs"].shape == shape
    if not fits or len(arrays["image_names"]) != shape[1]:
        raise DataError(
            f"{path}: {arrays['predicted'].shape} predictions for {shape[0]} rows and {shape[1]} "
            "images"
        )
    many, few = (int(limit) for limit in arrays["limits"])
    return Predictions(
        image_names=tuple(arrays["image_names"].tolist()),
        class_names=tuple(arrays["class_names"].tolist()),
        labels=arrays["labels"],
        class_counts=arrays["class_counts"],
        limits={"many": many, "few": few},
        row_names=tuple(arrays["row_names"].tolist()),
        predicted=arrays["predicted"],
        probs=arrays["probs"],
        tests={
            name: arrays[f"positions_{number}"]
            for number, name in enumerate(arrays["test_names"].tolist())
        },
    )
