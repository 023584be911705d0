"""Detections matched to ground truth by hotcoco, under LVIS's or COCO's protocol."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import hotcoco
import numpy as np

from .detection_limits import LVIS_PER_IMAGE
from .detections import Detections

if TYPE_CHECKING:
    from .lvis_ap import GroundTruth

Record = dict[str, Any]

# Images matched at a time, where each detection is an object meanwhile: all masks, and what a
# bootstrap takes from the matching.
_IMAGES_AT_A_TIME = 256


# The area range of AP itself, as hotcoco names it.
_ALL_SIZES = ([[0.0, 1e10]], ["all"])


def match(
    truth: "GroundTruth", detections: Detections, *, lvis_style: bool, by_size: bool = True
) -> hotcoco.COCOeval:
    """Match masks where there are any, else boxes; what comes back is to be accumulated.

    Args:
        truth: what there is to find.
        detections: of its images and categories, all of which count under LVIS's protocol.
        lvis_style: LVIS's protocol, else COCO's.
        by_size: also for small, medium and large instances alone; without, all that is made of it
            later takes a quarter of the time.
    """
    most = _most_per_image(detections)
    if detections.masks is not None and not (lvis_style and most > LVIS_PER_IMAGE):
        stream = _stream(truth, lvis_style, by_size)
        for part in _mask_parts(truth, detections):
            stream.update(*part)
        return stream.finalize()
    iou_type = "bbox"
    if detections.masks is None:
        loaded = _loaded(truth, detections, lvis_style)
    else:
        # Some images at a time hotcoco takes LVIS's 300 of an image and no more.
        iou_type = "segm"
        loaded = truth.coco.load_res(list(detections.records())).cap_detections_per_image(None)
    evaluation = _prepared(truth.coco, loaded, iou_type, lvis_style=lvis_style, by_size=by_size)
    if lvis_style and most > LVIS_PER_IMAGE:
        # Of a category in an image: all, for what counts was chosen before.
        evaluation.params.max_dets = [most]
    evaluation.evaluate()
    return evaluation


def _most_per_image(detections: Detections) -> int:
    return int(np.unique(detections.image_ids, return_counts=True)[1].max(initial=0))


def match_parts(truth: "GroundTruth", detections: Detections) -> Iterator[hotcoco.COCOeval]:
    """Match by LVIS's protocol, for all sizes alone, some images at a time.

    Args:
        truth: what there is to find.
        detections: of its images and categories, all of which count: at most 300 of an image.

    Yields:
        what is matched of a part of the images, by ascending id; to be read before the next part.
    """
    if detections.masks is not None:
        for images, annotations, results in _mask_parts(truth, detections):
            record = {**truth.record, "images": images, "annotations": annotations}
            part = hotcoco.COCO(record)
            loaded = part.load_res(results).cap_detections_per_image(None)
            evaluation = _prepared(part, loaded, "segm", lvis_style=True, by_size=False)
            evaluation.evaluate()
            yield evaluation
        return
    loaded = _loaded(truth, detections, lvis_style=True)
    ids = sorted(image["id"] for image in truth.record["images"])
    evaluation = _prepared(truth.coco, loaded, "bbox", lvis_style=True, by_size=False)
    for first in range(0, len(ids), _IMAGES_AT_A_TIME):
        evaluation.params.img_ids = ids[first : first + _IMAGES_AT_A_TIME]
        evaluation.evaluate()
        yield evaluation


def _loaded(truth: "GroundTruth", detections: Detections, lvis_style: bool) -> hotcoco.COCO:
    columns = [detections.image_ids, detections.boxes, detections.scores, detections.category_ids]
    results = truth.coco.load_res(np.column_stack(columns))
    # Capped before: None says "as it is" (the official max_dets = -1).
    return results.cap_detections_per_image(None) if lvis_style else results


def _prepared(
    truth: hotcoco.COCO, loaded: hotcoco.COCO, iou_type: str, *, lvis_style: bool, by_size: bool
) -> hotcoco.COCOeval:
    evaluation = hotcoco.COCOeval(truth, loaded, iou_type, lvis_style=lvis_style)
    if not by_size:
        params = evaluation.params
        params.area_rng, params.area_rng_lbl = _ALL_SIZES
    return evaluation


def _stream(truth: "GroundTruth", lvis_style: bool, by_size: bool) -> hotcoco.StreamingEval:
    options = {"iou_type": "segm", "lvis_style": lvis_style}
    if not by_size:
        none = hotcoco.COCO({"images": [], "annotations": [], "categories": []})
        options["params"] = hotcoco.COCOeval(none, none, **options).params
    return hotcoco.StreamingEval(truth.record["categories"], **options)


def _mask_parts(
    truth: "GroundTruth", detections: Detections
) -> Iterator[tuple[list[Record], list[Record], list[Record]]]:
    """Yield images, annotations and results of some images at a time.

    Never every detection as a record.
    """
    ordered = detections.take(np.argsort(detections.image_ids, kind="stable"))
    images = sorted(truth.record["images"], key=lambda image: image["id"])
    for first in range(0, len(images), _IMAGES_AT_A_TIME):
        part = images[first : first + _IMAGES_AT_A_TIME]
        ends = (part[0]["id"], part[-1]["id"] + 1)
        start, stop = np.searchsorted(ordered.image_ids, ends).tolist()
        annotations = [a for image in part for a in truth.by_image.get(image["id"], [])]
        yield part, annotations, list(ordered.records(start, stop))
