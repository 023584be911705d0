"""What a detector's run has written, with the data sets that it is about."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from detectron2.config import CfgNode

from lt_det.config import default_config
from lt_det.data.lvis.annotation_set import AnnotationSet
from lt_det.data.lvis.catalog import register_from_config, registered_set
from lt_det.engine import merge_config, read_record
from lt_det.errors import DataError
from lt_det.evaluation import Detections, read_detections
from lt_det.evaluation.lvis.detections import FIELD_OF
from lt_det.evaluation.lvis.ground_truth import normalize_ground_truth
from lt_det.evaluation.lvis.lvis_ap import GroundTruth

Row = dict[str, Any]
_WEIGHTS = "model_final.pth"


class SavedRow(NamedTuple):
    """A row of results, and all it was made of.

    Attributes:
        row: of results.json.
        annotation_set: of its data set.
        truth: what there was to find.
        read_detections: reads what was found.
        file: of the detections.
        task: ``"segm"`` where masks were scored, else ``"bbox"``.
    """

    row: Row
    annotation_set: AnnotationSet
    truth: GroundTruth
    read_detections: Callable[[], Detections]
    file: Path
    task: str

    @property
    def detections(self) -> Detections:
        """What was found."""
        return self.read_detections()

    @property
    def frequencies(self) -> list[str]:
        """``"f"``, ``"c"`` or ``"r"`` of each category; "f" where it is not known."""
        return [str(c.get("frequency", "f")) for c in self.annotation_set.categories]


def saved_config(folder: Path) -> CfgNode:
    """Read a run's config; its data sets are registered, as the weights know their classes.

    Raises:
        DataError: no config, or data that are not where they were.
        ConfigError: a config of another program.
    """
    file = folder / "config.yaml"
    if not file.is_file():
        raise DataError(f"{folder}: no config.yaml: the data of the run are not known")
    cfg = merge_config(default_config(classification=False), str(file), [])
    weights = folder / _WEIGHTS
    record = read_record(str(weights)) if weights.is_file() else None
    register_from_config(cfg, training=False, vocabulary=record.vocabulary if record else None)
    return cfg


def saved_weights(folder: Path, cfg: CfgNode) -> str:
    """Return the weights that a run has trained or evaluated; "" where they are gone."""
    for file in (folder / _WEIGHTS, Path(cfg.MODEL.WEIGHTS)):
        if file.is_file():
            return str(file)
    return ""


def saved_rows(folder: Path, rows: Sequence[Row], *, are_kept: bool = True) -> list[SavedRow]:
    """Return rows whose detections can be read again.

    Args:
        folder: OUTPUT_DIR of the run, whose data sets are registered.
        rows: of its results.json.
        are_kept: read once and kept; else read anew each time they are asked for: those of many
            rows would fill the memory.

    Raises:
        DataError: a file that is gone.
    """
    saved, truths = [], dict[str, GroundTruth]()
    for row in rows:
        file = _detections_file(folder, row)
        annotation_set = registered_set(row["dataset"])
        task = "segm" if "segm" in row else "bbox"
        needed = [FIELD_OF[t] for t in ("bbox", "segm") if t in row]
        read = partial(read_detections, file, needed, annotation_set.ids)
        truth = truths.get(row["dataset"]) or _truth_of(annotation_set)
        truths[row["dataset"]] = truth
        read = cache(read) if are_kept else read
        saved.append(SavedRow(row, annotation_set, truth, read, file, task))
    return saved


def _truth_of(annotation_set: AnnotationSet) -> GroundTruth:
    record, _ = normalize_ground_truth(
        list(annotation_set.images.values()),
        annotation_set.annotations,
        [{"frequency": "f", **category} for category in annotation_set.categories],
    )
    return GroundTruth(record)


def _detections_file(folder: Path, row: Row) -> Path:
    """Find a row's detections: in the folder itself, for where it was another run may be now."""
    given = Path(row.get("detections", ""))
    parts = given.parts
    starts = [at for at, part in enumerate(parts) if part == "inference"]
    for file in (*(folder.joinpath(*parts[at:]) for at in starts[::-1]), given):
        if file.is_file():
            return file
    raise DataError(f"{given}: the detections of {row['name']} are gone")
