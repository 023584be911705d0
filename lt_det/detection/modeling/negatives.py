"""From an image's left-out classes to the logits that its RoIs' loss is of."""

import torch
from detectron2.structures import Instances
from torch import Tensor

from lt_det.core.losses import Loss, without_negatives
from lt_det.data.lvis.negatives import ALL
from lt_det.detection.data.negatives import LEFT_OUT
from lt_det.errors import ConfigError

_KEY = "MODEL.LT.LOSS.NEGATIVES"


def attach_left_out(proposals: list[Instances], targets: list[Instances]) -> list[Instances]:
    """Put what the ground truth of each image leaves out on its proposals, and return these.

    It becomes a field (R_i, C + 1) bool, whose rows are views of one; there is none where the
    ground truth has none.
    """
    for of_image, target in zip(proposals, targets, strict=True):
        if target.has(LEFT_OUT):
            of_image.set(LEFT_OUT, target.get(LEFT_OUT).values.expand(len(of_image), -1))
    return proposals


def training_logits(
    logits: Tensor, proposals: list[Instances], loss: Loss, negatives: str
) -> Tensor:
    """Return the logits that a loss is of: without the negatives that are not to count.

    Args:
        logits: (R, C + 1), background last (and what the loss adds).
        proposals: an image each, with ``gt_classes``.
        loss: of the logits.
        negatives: of :data:`~lt_det.data.lvis.negatives.NEGATIVES`.

    Raises:
        ConfigError: a loss that cannot leave out columns, or images that do not say which.
    """
    if negatives == ALL or not proposals:
        return logits
    if not loss.takes_left_out:
        raise ConfigError(f"{_KEY} {negatives}: {type(loss).__name__} leaves out no columns")
    if not all(of_image.has(LEFT_OUT) for of_image in proposals):
        raise ConfigError(
            f"{_KEY} {negatives}: an image does not say which classes it leaves out, as those of "
            "LTTrainer.build_train_loader do"
        )
    labels = torch.cat([of_image.gt_classes for of_image in proposals])
    left_out = torch.cat([of_image.get(LEFT_OUT) for of_image in proposals])
    return without_negatives(logits, labels, left_out)
