"""Predictions as files, written one image after another."""

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePath
from typing import IO, Any

from lt_det.evaluation.classification.predictions import without_common_folder
from lt_det.evaluation.tables import markdown_table
from lt_det.files import whole_file

from .results import ClassificationResult, DetectionResult

JSON_FILE, CSV_FILE, PICTURES = "predictions.json", "predictions.csv", "pictures"
_DETECTION_COLUMNS = [
    *("file_name", "category_name", "frequency_group", "score"),
    *("x0", "y0", "x1", "y1", "error"),
]
_CLASS_COLUMNS = ["file_name", "rank", "category_name", "prob", "error"]
# What a picture is saved as; others get a second ending.
_SAVED = (".jpg", ".jpeg", ".png")
_DRAWN_VIDEO = ".mp4"


class PredictionWriter:
    """Appends results to predictions.json and predictions.csv; both are whole or not there.

    The JSON is a list: COCO results of detections (with ``file_name``, ``category_name``,
    ``frequency_group``), a record an image of classes. An image that cannot be read is a record of
    its name and the error in the CSV, and in the JSON of classes; COCO results have no place for
    it.
    """

    def __init__(self, json_file: IO[Any], csv_file: IO[Any], top: int) -> None:
        self._json, self._csv, self._top = json_file, csv.writer(csv_file), top
        self._count = 0
        self._headed = False

    def add(self, result: DetectionResult | ClassificationResult, **entries: Any) -> None:
        """Append a result.

        Args:
            result: of an image.
            entries: put into each of its JSON records: the frame of a video, say.
        """
        detected = isinstance(result, DetectionResult)
        if not self._headed:
            self._csv.writerow(_DETECTION_COLUMNS if detected else _CLASS_COLUMNS)
            self._headed = True
        records = result.to_coco() if detected else [result.to_record(self._top)]
        for record in records:
            text = json.dumps({**record, **entries}, ensure_ascii=False)
            self._json.write((",\n" if self._count else "[\n") + text)
            self._count += 1
        self._csv.writerows(_rows(result, self._top))

    def finish(self) -> None:
        """Close the JSON's list."""
        self._json.write("\n]\n" if self._count else "[]\n")


@contextmanager
def prediction_writer(folder: Path, top: int = 5) -> Iterator[PredictionWriter]:
    """Open the files of predictions in a folder, which is made.

    Args:
        folder: of the files.
        top: classes of an image that are written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        files = [opened.enter_context(whole_file(folder / n)) for n in (JSON_FILE, CSV_FILE)]
        writer = PredictionWriter(files[0], files[1], top)
        yield writer
        writer.finish()


def _rows(result: DetectionResult | ClassificationResult, top: int) -> list[list[Any]]:
    if result.error:
        empty = len(_DETECTION_COLUMNS if isinstance(result, DetectionResult) else _CLASS_COLUMNS)
        return [[result.name, *[""] * (empty - 2), result.error]]
    if isinstance(result, ClassificationResult):
        ranked = enumerate(result.top(top), 1)
        return [[result.name, rank, name, f"{prob:.6f}", ""] for rank, (name, prob) in ranked]
    columns = zip(
        *(result.class_names, result.frequency_groups, result.scores, result.boxes.tolist()),
        strict=True,
    )
    return [
        [result.name, name, group, f"{score:.6f}", *(f"{value:.2f}" for value in box), ""]
        for name, group, score, box in columns
    ]


def picture_paths(names: Sequence[str], folder: Path) -> list[Path]:
    """Return where each image's picture goes: below ``folder``, in the images' own subfolders.

    Args:
        names: of the images; equal ones get numbers.
        folder: of the pictures.
    """
    return _numbered(names, folder, _SAVED)


def video_paths(names: Sequence[str], folder: Path) -> list[Path]:
    """Return where each drawn video goes, as :func:`picture_paths`; all of them are mp4."""
    as_mp4 = [PurePath(name).with_suffix(_DRAWN_VIDEO).as_posix() for name in names]
    return _numbered(as_mp4, folder, (_DRAWN_VIDEO,))


def _numbered(names: Sequence[str], folder: Path, endings: tuple[str, ...]) -> list[Path]:
    taken: set[str] = set()
    paths = []
    for name in without_common_folder([PurePath(name).as_posix() for name in names]):
        relative = name.replace("..", "_").lstrip("/") or "image"
        if not relative.lower().endswith(endings):
            relative += endings[0]
        stem, _, ending = relative.rpartition(".")
        number, chosen = 1, relative
        while chosen in taken:
            number += 1
            chosen = f"{stem}_{number}.{ending}"
        taken.add(chosen)
        paths.append(folder / chosen)
    return paths


class Summary:
    """Counts what was predicted, by category."""

    def __init__(self) -> None:
        self.images = 0
        self.errors: list[str] = []
        self._categories: dict[str, dict[str, Any]] = {}

    def add(self, result: DetectionResult | ClassificationResult) -> None:
        """Count a result."""
        self.images += 1
        if result.error:
            self.errors.append(result.error)
        elif isinstance(result, DetectionResult):
            rows = zip(result.class_names, result.frequency_groups, result.scores, strict=True)
            seen = set()
            for name, group, score in rows:
                self._count(name, group, float(score), name not in seen)
                seen.add(name)
        else:
            prob = float(result.probs.max())
            self._count(result.class_name, result.frequency_group, prob, True)

    def _count(self, name: str, group: str, score: float, is_first: bool) -> None:
        new = {"group": group, "predictions": 0, "images": 0, "mean_score": 0.0}
        row = self._categories.setdefault(name, new)
        row["predictions"] += 1
        row["images"] += is_first
        row["mean_score"] += (score - row["mean_score"]) / row["predictions"]

    def to_record(self) -> dict[str, Any]:
        """Return the counts as JSON has them, the most frequent category first."""
        ordered = sorted(self._categories.items(), key=lambda item: -item[1]["predictions"])
        return {"images": self.images, "errors": self.errors, "categories": dict(ordered)}

    def table(self, rows: int = 20) -> str:
        """Lay out the most frequent categories as Markdown, and say how many more there are."""
        categories = list(self.to_record()["categories"].items())
        lines = [
            [name, c["group"], str(c["predictions"]), str(c["images"]), f"{c['mean_score']:.2f}"]
            for name, c in categories[:rows]
        ]
        table = markdown_table(["category", "group", "predictions", "images", "score"], lines)
        more = len(categories) - len(lines)
        return table + (f"\n… and {more} more categories" if more > 0 else "")
