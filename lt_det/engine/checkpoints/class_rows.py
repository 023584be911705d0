"""Weights of a model of other classes: its classifier's rows by category name, or made anew."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from detectron2.data.datasets.builtin_meta import _get_builtin_metadata
from torch import Tensor

logger = logging.getLogger(__name__)


class _Layout(NamedTuple):
    """Where the classes are in a tensor.

    Attributes:
        rows: of a class.
        trailing: rows behind the classes': background's, or Seesaw's two of an objectness.
        axis: of the rows.
        is_count: whether a loss has counted it in training: of other classes it says nothing.
    """

    rows: int
    trailing: int
    axis: int = 0
    is_count: bool = False


_PREDICTOR = r"roi_heads\.box_predictor(\.\d+)?\."
# Tensors with rows of each class: (name, rows a class, how many may follow, axis, counted or not).
_PER_CLASS = (
    (_PREDICTOR + r"cls_score\.(weight|bias|class_scale)", 1, (1, 2), 0, False),
    (_PREDICTOR + r"bbox_pred\.(weight|bias)", 4, (0,), 0, False),
    (
        r"roi_heads\.mask_head\.predictor\.(classifier\.)?(weight|bias|class_scale)",
        1,
        (0,),
        0,
        False,
    ),
    (r"classifier\.(weight|bias|class_scale)", 1, (0,), 0, False),
    (rf"({_PREDICTOR})?loss\.seen", 1, (0,), 0, True),
    (rf"({_PREDICTOR})?loss\.gradients", 1, (0, 1), 1, True),
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
    Rows of background, or of an objectness, are kept. What a loss has counted class by class
    follows the classes where they are the same in another order, and begins anew where they are
    others. The log says what became of them.

    Args:
        weights: of the trained model, by name; tensors or arrays.
        model_state: the new model's state dict, as initialized.
        trained_on: the trained model's class names, ``None`` where nothing says them.
        class_names: C names of the new model.
        file: what messages call the weights.

    Returns:
        ``weights``, with the rows in the order of ``class_names``. As it was where the classes are
        the same, or are not known and as many.

    Raises:
        ValueError: a tensor of this model's shape whose rows are not the trained model's classes.
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
    if trained_on is None and all(
        weights[name].shape[layout.axis] == model_state[name].shape[layout.axis]
        for name, layout in per_class.items()
    ):
        if per_class:
            logger.warning("%s does not name its classes: taken in their order", file)
        return fitted
    known = list(trained_on or [])
    shared = {name: known.index(name) for name in names if name in known}
    for name, layout in per_class.items():
        given, initial = torch.as_tensor(weights[name]), model_state[name]
        if layout.is_count and sorted(known) != sorted(names):
            fitted[name] = initial.detach().cpu().clone()
        elif _has_classes(name, given, initial, layout, len(known)):
            fitted[name] = _filled(given, initial, shared, names, layout)
    if per_class:
        _say(file, trained_on, names, shared)
    return fitted


def _layout(name: str, shape: tuple[int, ...], num_classes: int) -> _Layout | None:
    """Return the layout of a tensor that has rows of each class; ``None`` of any other."""
    for pattern, rows, may_follow, axis, is_count in _PER_CLASS:
        if re.fullmatch(pattern, name):
            trailing = shape[axis] - rows * num_classes
            return _Layout(rows, trailing, axis, is_count) if trailing in may_follow else None
    return None  # class-agnostic boxes and masks are anyone's


def _has_classes(
    name: str, given: Tensor, initial: Tensor, layout: _Layout, num_known: int
) -> bool:
    """Whether rows are the trained model's classes; if not, the shape is refused when loaded."""
    if given.ndim != initial.ndim:
        return False
    num_rows = given.shape[layout.axis]
    if num_known and num_rows != layout.rows * num_known + layout.trailing:
        if layout.trailing and given.shape == initial.shape:
            # Of a loss that has another number of outputs: by chance as many as here.
            raise ValueError(f"{name}: {num_rows} rows of {num_known} classes in another layout")
        return False
    return given.movedim(layout.axis, 0).shape[1:] == initial.movedim(layout.axis, 0).shape[1:]


def _filled(
    given: Tensor,
    initial: Tensor,
    position_of: Mapping[str, int],
    names: Sequence[str],
    layout: _Layout,
) -> Tensor:
    filled = initial.detach().cpu().clone()
    target, source, rows = (
        filled.movedim(layout.axis, 0),
        given.movedim(layout.axis, 0),
        layout.rows,
    )
    for index, name in enumerate(names):
        if name in position_of:
            first = rows * position_of[name]
            target[rows * index : rows * (index + 1)] = source[first : first + rows]
    if layout.trailing:
        target[-layout.trailing :] = source[-layout.trailing :]
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
