"""Detections matched to ground truth by hotcoco, under LVIS's or COCO's protocol."""

from typing import TYPE_CHECKING

import hotcoco
import numpy as np

from .detections import Detections

if TYPE_CHECKING:
    from .lvis_ap import GroundTruth

# Images matched at a time where detections have masks, which are records then.
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
            later (a bootstrap) takes a quarter of the time.
    """
    if detections.masks is not None:
        return _match_masks(truth, detections, lvis_style, by_size)
    columns = [detections.image_ids, detections.boxes, detections.scores, detections.category_ids]
    results = truth.coco.load_res(np.column_stack(columns))
    if lvis_style:
        # Capped before: None says "as it is" (the official max_dets = -1).
        results = results.cap_detections_per_image(None)
    evaluation = hotcoco.COCOeval(truth.coco, results, "bbox", lvis_style=lvis_style)
    if not by_size:
        params = evaluation.params
        params.area_rng, params.area_rng_lbl = _ALL_SIZES
    evaluation.evaluate()
    return evaluation


def _match_masks(
    truth: "GroundTruth", detections: Detections, lvis_style: bool, by_size: bool
) -> hotcoco.COCOeval:
    """Return some images at a time: never every detection as a record."""
    options = {"iou_type": "segm", "lvis_style": lvis_style}
    if not by_size:
        none = hotcoco.COCO({"images": [], "annotations": [], "categories": []})
        options["params"] = hotcoco.COCOeval(none, none, **options).params
    stream = hotcoco.StreamingEval(truth.record["categories"], **options)
    ordered = detections.take(np.argsort(detections.image_ids, kind="stable"))
    images = sorted(truth.record["images"], key=lambda image: image["id"])
    for first in range(0, len(images), _IMAGES_AT_A_TIME):
        part = images[first : first + _IMAGES_AT_A_TIME]
        ends = (part[0]["id"], part[-1]["id"] + 1)
        start, stop = np.searchsorted(ordered.image_ids, ends).tolist()
        annotations = [a for image in part for a in truth.by_image.get(image["id"], [])]
        stream.update(part, annotations, list(ordered.records(start, stop)))
    return stream.finalize()
