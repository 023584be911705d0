"""Federated annotation: of which categories an image says that an object is none.

LVIS (Gupta, Dollár, Girshick, CVPR 2019, Sec. 3) looks at an image for some categories alone: those
annotated (its positive set) and those verified absent (``neg_category_ids``); of
``not_exhaustive_category_ids`` it annotates some instances and not others. Whether an unlabelled
region is of any other category is not known.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from lt_det.errors import DataError

from .annotation_set import AnnotationSet

# Every category an RoI is not labelled with; all but those not exhaustively annotated in its image;
# of the latter those alone that are annotated in the image or verified absent from it.
ALL, EXHAUSTIVE, VERIFIED = "all", "exhaustive", "verified"
NEGATIVES = (ALL, EXHAUSTIVE, VERIFIED)


def left_out_classes(
    annotation_set: AnnotationSet, position: int, negatives: str
) -> NDArray[np.bool_]:
    """Return the classes that count as negatives of no region of an image.

    Not exhaustively annotated are the categories that the image lists so, and those of annotations
    that are not trained on: crowds, boxes that cover nothing, what was left out in reading. An
    image without ``neg_category_ids`` is taken to be exhaustively annotated, as in evaluation.

    Args:
        annotation_set: of the image.
        position: of the image in it.
        negatives: one of :data:`NEGATIVES`.

    Returns:
        (C + 1,), by class index; background, the last, is never left out.
    """
    left_out = np.zeros(annotation_set.num_classes + 1, dtype=bool)
    if negatives == ALL:
        return left_out
    store, class_of = annotation_set.store, annotation_set.class_of
    first, last = store.starts[position : position + 2].tolist()
    annotated = annotation_set.classes[first:last]
    body = store.body(position)
    if negatives == VERIFIED and "neg_category_ids" in body:
        left_out[:-1] = True
        left_out[annotated] = False
        left_out[[class_of[i] for i in body["neg_category_ids"]]] = False
    left_out[[class_of[i] for i in body.get("not_exhaustive_category_ids", [])]] = True
    left_out[annotated[~store.trained[first:last]]] = True
    return left_out


def check_negatives(sets: Iterable[AnnotationSet], negatives: str) -> None:
    """Check that sets say which categories were verified absent, where that is asked for.

    Raises:
        DataError: names the file none of whose images has ``neg_category_ids``.
    """
    for annotation_set in sets if negatives == VERIFIED else ():
        positions = range(len(annotation_set.paths))
        if not any("neg_category_ids" in annotation_set.store.body(p) for p in positions):
            raise DataError(
                f"{annotation_set.json_file}: no image has neg_category_ids, so no category is "
                f"verified absent: MODEL.LT.LOSS.NEGATIVES {VERIFIED} has nothing to go by "
                f"({EXHAUSTIVE} and {ALL} do without)"
            )
