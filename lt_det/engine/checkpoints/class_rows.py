"""Weights of a model of other classes: its classifier's rows by category name, or made anew."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from detectron2.data.datasets.builtin_meta import _get_builtin_metadata
from torch import Tensor

logger = logging.getLogger(__name__)

# Tensors with rows of each class: (name, rows a class, whether background's follow).
_PER_CLASS = (
    (r"roi_heads\.box_predictor(\.\d+)?\.cls_score\.(weight|bias|class_scale)", 1, True),
    (r"roi_heads\.box_predictor(\.\d+)?\.bbox_pred\.(weight|bias)", 4, False),
    (r"roi_heads\.mask_head\.predictor\.(classifier\.)?(weight|bias|class_scale)", 1, False),
    (r"classifier\.(weight|bias|class_scale)", 1, False),
)
# Folders of Detectron2's model zoo, and the data set whose classes their detectors have.
_ZOO = {
    "COCO-Detection/": "coco",
    "COCO-InstanceSegmentation/": "coco",
    "LVISv0.5-InstanceSegmentation/": "lvis_v0.5",
    "LVISv1-InstanceSegmentation/": "lvis_v1",
}
_NAMED = 5


def zoo_class_names(weights: str) -> list[str] | None:
    """Return class names of a detector of Detectron2's model zoo, by its address; else ``None``."""
    for folder, dataset in _ZOO.items():
        if folder in weights and weights.startswith(("detectron2://", "https://")):
            return list(_get_builtin_metadata(dataset)["thing_classes"])
    return None


def with_own_classes(
    weights: Mapping[str, Any],
    model_state: Mapping[str, Tensor],
    trained_on: Sequence[str] | None,
    class_names: Sequence[str],
    file: str,
) -> dict[str, Any]:
    """Fit the rows of a trained model's classes to a new model's classes.

    A class that the trained model knows by the same name starts from its rows of the classifier, of
    class-specific boxes and of masks; any other one's rows stay as the new model was initialized.
    Background's row is kept. The log says what became of them.

    Args:
        weights: of the trained model, by name; tensors or arrays.
        model_state: the new model's state dict, as initialized.
        trained_on: the trained model's class names, ``None`` where nothing says them.
        class_names: C names of the new model.
        file: what messages call the weights.

    Returns:
        ``weights``, with the rows in the order of ``class_names``. As it was where the classes are
        the same, or are not known and as many.
    """
    fitted, names = dict(weights), list(class_names)
    if trained_on is not None and list(trained_on) == names:
        return fitted
    per_class = {
        name: layout
        for name in weights
        if name in model_state
        and (layout := _layout(name, tuple(model_state[name].shape), len(names)))
    }
    if trained_on is None and all(_rows(weights[n]) == _rows(model_state[n]) for n in per_class):
        if per_class:
            logger.warning("%s does not name its classes: taken in their order", file)
        return fitted
    shared: dict[str, int] = {}
    for name, (rows, background) in per_class.items():
        given = torch.as_tensor(weights[name])
        known = list(trained_on or [])
        # Another layout (of boxes, say), or sizes that differ elsewhere: refused when it is loaded.
        if given.shape[1:] != model_state[name].shape[1:] or (
            known and len(given) != rows * len(known) + background
        ):
            continue
        shared = {n: known.index(n) for n in names if n in known}
        fitted[name] = _filled(given, model_state[name], shared, names, rows, background)
    if per_class:
        _say(file, trained_on, names, shared)
    return fitted


def _layout(name: str, shape: tuple[int, ...], num_classes: int) -> tuple[int, bool] | None:
    """Rows a class and whether background's follow, of a tensor that has rows of each class."""
    for pattern, rows, background in _PER_CLASS:
        if re.fullmatch(pattern, name) and shape[0] == rows * num_classes + background:
            return rows, background
    return None  # class-agnostic boxes and masks are anyone's


def _rows(tensor: Any) -> int:
    return int(tensor.shape[0])


def _filled(
    given: Tensor,
    initial: Tensor,
    position_of: Mapping[str, int],
    names: Sequence[str],
    rows: int,
    background: bool,
) -> Tensor:
    filled = initial.detach().cpu().clone()
    for index, name in enumerate(names):
        if name in position_of:
            first = rows * position_of[name]
            filled[rows * index : rows * (index + 1)] = given[first : first + rows]
    if background:
        filled[-1] = given[-1]
    return filled


def _say(
    file: str, trained_on: Sequence[str] | None, names: Sequence[str], shared: Mapping[str, int]
) -> None:
    new = [name for name in names if name not in shared]
    source = "classes it does not name" if trained_on is None else f"{len(trained_on)} classes"
    shown = ", ".join(new[:_NAMED]) + (" …" if len(new) > _NAMED else "")
    logger.warning(
        "%s was trained on %s: the classifier's rows of %d of the %d classes here are taken over "
        "by name, %d are made anew%s",
        *(file, source, len(shared), len(names), len(new), f" ({shown})" if new else ""),
    )
