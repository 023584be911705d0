"""What a results file gets wrong: error types, confusion, calibration, precision, by group.

All of it is hotcoco's, under LVIS's protocol: what an image's annotation leaves open is not
counted. tests/inspection/test_errors.py has each on an example worked by hand.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import hotcoco
import numpy as np
from numpy.typing import NDArray

from lt_det.data.lvis.annotation_set import AnnotationSet
from lt_det.evaluation.lvis.detection_limits import LVIS_PER_IMAGE, best_per_image, with_area
from lt_det.evaluation.lvis.detections import Detections
from lt_det.evaluation.lvis.lvis_ap import GroundTruth, Results, prepare
from lt_det.files import printable

Record = dict[str, Any]

GROUPS = ("frequent", "common", "rare")
_OF_LETTER = {"f": "frequent", "c": "common", "r": "rare"}
# TIDE's types (Bolya et al., ECCV 2020) in words.
ERROR_TYPES = {
    "Cls": "wrong category",
    "Loc": "wrong place",
    "Both": "wrong category and place",
    "Dupe": "found twice",
    "Bkg": "nothing there",
    "Miss": "missed",
}
_CONFUSED = 30
_CROWDED = (("1 to 3 instances", 1, 3), ("4 to 9", 4, 9), ("10 and more", 10, 10**9))


@dataclass(frozen=True)
class Analysis:
    """What a results file gets wrong.

    Attributes:
        errors: type → (number, AP50 in percent that is lost to it).
        ap50: in percent, that the losses are of; NaN, as they are, where nothing is to be found.
        confusion: (4, 4) detections above the score threshold, matched whatever their category:
            rows true group, columns the detections'; the last row is what matches nothing, the last
            column what is missed. The diagonal holds confusions within a group, too; see ``right``.
        right: of each group, matched by its own category.
        confused: the most frequent confusions: true name, group, taken for, group, number.
        calibration: bins of score with accuracy and count, and the expected calibration error by
            group and in all, in percent.
        precision: by group, (101,) mean precision at IoU 0.5 and recall 0, 0.01, …, in percent.
        crowding: slice → images, AP and APr, in percent.
        worst: image id and file name, F1, hits, false detections and misses of the images with the
            lowest F1, of detections above the score threshold.
        min_score: the score threshold of ``confusion``, ``right``, ``confused`` and ``worst``.
    """

    errors: dict[str, tuple[int, float]]
    ap50: float
    confusion: list[list[int]]
    right: dict[str, int]
    confused: list[tuple[str, str, str, str, int]]
    calibration: dict[str, Any]
    precision: dict[str, list[float]]
    crowding: dict[str, dict[str, float]]
    worst: list[dict[str, Any]]
    min_score: float

    def to_record(self) -> dict[str, Any]:
        """Return all of it as JSON has it."""
        return asdict(self)


def analyse(
    ground_truth: GroundTruth,
    results: Results,
    iou_type: str,
    min_score: float = 0.3,
    names: dict[int, str] | None = None,
    images: dict[int, Record] | None = None,
) -> Analysis:
    """Analyse results under LVIS's protocol.

    Args:
        ground_truth: with frequency groups; without them every category is called frequent.
        results: one detection at least.
        iou_type: ``"bbox"`` or ``"segm"``.
        min_score: of detections that are confusions, and that images are ranked by.
        names: of the categories by id; their ids if ``None``.
        images: of :func:`images_as_given`; the ground truth's ids alone if ``None``.

    Raises:
        DataError: as :func:`~lt_det.evaluation.evaluate_lvis`.
    """
    truth, checked = prepare(ground_truth, results, iou_type, ("bbox", "segm"))
    kept = with_area(best_per_image(checked, LVIS_PER_IMAGE))
    evaluation = _evaluated(truth, kept, iou_type)
    evaluation.accumulate()
    categories = sorted(truth.record["categories"], key=lambda c: c["id"])
    groups = {c["id"]: _OF_LETTER[c.get("frequency", "f")] for c in categories}
    names = names or {c["id"]: str(c["id"]) for c in categories}
    tide = evaluation.tide_errors()
    # hotcoco has 0 where no category has an instance to be found, whose precision is -1.
    percent = 100.0 if (np.asarray(evaluation.eval["precision"]) > -1).any() else math.nan
    confusion = evaluation.confusion_matrix(iou_thr=0.5, min_score=min_score)
    matrix = np.asarray(confusion["matrix"], dtype=np.int64)
    ids = [int(category) for category in confusion["cat_ids"]]
    by_group, right = _grouped(matrix, [groups[i] for i in ids])
    return Analysis(
        {k: (int(tide["counts"][k]), percent * float(tide["delta_ap"][k])) for k in ERROR_TYPES},
        percent * float(tide["ap_base"]),
        by_group,
        right,
        _most_confused(matrix, ids, names, groups),
        _calibration(evaluation, categories, groups),
        _precision(evaluation, [groups[c["id"]] for c in categories]),
        _crowding(evaluation, truth),
        _worst(truth, kept.take(np.flatnonzero(kept.scores >= min_score)), iou_type, images or {}),
        min_score,
    )


def _evaluated(truth: GroundTruth, detections: Detections, iou_type: str) -> hotcoco.COCOeval:
    records = list(detections.records(0, len(detections)))
    loaded = truth.coco.load_res(records).cap_detections_per_image(None)
    evaluation = hotcoco.COCOeval(truth.coco, loaded, iou_type, lvis_style=True)
    evaluation.evaluate()
    return evaluation


def images_as_given(annotation_set: AnnotationSet) -> dict[int, Record]:
    """Return ``image_id`` and ``file_name`` as a file has them, by the images' ids in lt_det."""
    given = {}
    for internal, image in annotation_set.images.items():
        # As the reader looks for an image that has an address alone.
        name = image.get("file_name") or "/".join(image["coco_url"].split("/")[-2:])
        given[internal] = {
            "image_id": annotation_set.ids.original(internal),
            "file_name": printable(name),
        }
    return given


def _grouped(
    matrix: NDArray[np.int64], groups: list[str]
) -> tuple[list[list[int]], dict[str, int]]:
    places = np.array([GROUPS.index(group) for group in groups] + [len(GROUPS)])
    summed = np.zeros((len(GROUPS) + 1,) * 2, dtype=np.int64)
    np.add.at(summed, (places[:, None], places[None]), matrix)
    diagonal = np.diag(matrix)[:-1]
    right = {g: int(diagonal[places[:-1] == i].sum()) for i, g in enumerate(GROUPS)}
    return summed.tolist(), right


def _most_confused(
    matrix: NDArray[np.int64], ids: list[int], names: dict[int, str], groups: dict[int, str]
) -> list[tuple[str, str, str, str, int]]:
    off = matrix[:-1, :-1].copy()
    np.fill_diagonal(off, 0)
    order = np.argsort(-off, axis=None, kind="stable")[:_CONFUSED]
    pairs = []
    for true, taken in zip(*np.unravel_index(order, off.shape), strict=True):
        if off[true, taken]:
            first, second = ids[true], ids[taken]
            number = int(off[true, taken])
            pairs.append((names[first], groups[first], names[second], groups[second], number))
    return pairs


def _calibration(
    evaluation: hotcoco.COCOeval, categories: list[dict[str, Any]], groups: dict[int, str]
) -> dict[str, Any]:
    measured = evaluation.calibration(n_bins=10, iou_threshold=0.5)
    ids = {c["name"]: c["id"] for c in categories}
    by_group: dict[str, list[float]] = {group: [] for group in GROUPS}
    for name, error in measured["per_category"].items():
        by_group[groups[ids[name]]].append(100 * error)
    means = {g: float(np.mean(v)) if v else math.nan for g, v in by_group.items()}
    return {"bins": measured["bins"], "error": 100 * measured["ece"], "error_by_group": means}


def _precision(evaluation: hotcoco.COCOeval, groups: list[str]) -> dict[str, list[float]]:
    precision = np.asarray(evaluation.eval["precision"])[0, :, :, 0, -1]
    curves = {}
    for group in GROUPS:
        of_group = precision[:, [g == group for g in groups]]
        known = of_group[:, (of_group > -1).all(axis=0)]
        if known.size:
            curves[group] = (100 * known.mean(axis=1)).tolist()
    return curves


def _crowding(evaluation: hotcoco.COCOeval, truth: GroundTruth) -> dict[str, dict[str, float]]:
    slices: dict[str, list[int]] = {}
    for image in truth.record["images"]:
        count = len(truth.by_image.get(image["id"], []))
        for name, low, high in _CROWDED:
            if low <= count <= high:
                slices.setdefault(name, []).append(image["id"])
    if not slices:
        return {}
    measured = evaluation.slice_by(slices)
    return {
        name: {
            "images": float(len(slices[name])),
            **{k: 100 * v if v >= 0 else math.nan for k, v in values.items() if k in ("AP", "APr")},
        }
        for name, values in measured.items()
        if name in slices
    }


def _worst(
    truth: GroundTruth,
    detections: Detections,
    iou_type: str,
    images: dict[int, Record],
    count: int = 20,
) -> list[Record]:
    """Return the images with the lowest F1.

    Args:
        truth: of the images.
        detections: above the score threshold: hotcoco counts all that it is given, and up to 300
            of an image, most of them of scores that nobody looks at, would all be false.
        iou_type: ``"bbox"`` or ``"segm"``.
        images: of :func:`images_as_given`.
        count: at most.
    """
    summary = _evaluated(truth, detections, iou_type).image_diagnostics()["img_summary"]
    ranked = sorted(
        (i for i, s in summary.items() if s["tp"] + s["fn"]),
        key=lambda i: (summary[i]["f1"], -summary[i]["fn"], i),
    )
    return [
        {**images.get(i, {"image_id": i}), **{k: summary[i][k] for k in ("f1", "tp", "fp", "fn")}}
        for i in ranked[:count]
    ]
