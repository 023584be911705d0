"""What a teacher can teach: how it fits the training images, and how xERM weights them."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_det.core import shot_groups, xerm_weights
from lt_det.evaluation.tables import markdown_table

from .teacher import ClassifierTeacher

_COLUMNS = {
    "imbalanced_accuracy": "accuracy, imbalanced",
    "balanced_accuracy": "accuracy, balanced",
    "imbalanced_ce": "CE, imbalanced",
    "balanced_ce": "CE, balanced",
    "w_balanced": "mean w_ba",
    "mass_in_group": "balanced target on the group",
}


@torch.no_grad()
def teacher_report(
    teacher: ClassifierTeacher,
    batches: Any,
    exponent: float,
    *,
    class_counts: Tensor | None = None,
    many: int = 100,
    few: int = 20,
) -> dict[str, dict[str, float]]:
    """Return a teacher's fit of training images by shot group.

    A student learns from labels what the balanced target does not contradict: the better the
    teacher fits its training images, the closer its targets are to their labels.

    Args:
        teacher: as the student will have it.
        batches: ``{"images", "labels"}`` of the training set, as trained on.
        exponent: g.
        class_counts: (C,) of the training set the batches are of, which make the groups; the
            teacher's own, which may be another, if ``None``.
        many, few: limits of the groups.

    Returns:
        ``{group: {metric: value}}``: accuracy and cross-entropy of the imbalanced and the balanced
        logits, mean w_ba, and the balanced target's probability on the image's own group; NaN for
        a group without images.
    """
    te, balanced, labels = [], [], []
    for batch in batches:
        te_of_batch, balanced_of_batch = teacher.logits(batch["images"])
        te.append(te_of_batch.cpu())
        balanced.append(balanced_of_batch.cpu())
        labels.append(batch["labels"])
    te_logits, balanced_logits, truth = torch.cat(te), torch.cat(balanced), torch.cat(labels)
    w_balanced, _ = xerm_weights(te_logits, balanced_logits, truth, exponent)
    counts = teacher.context.class_counts if class_counts is None else class_counts
    assert counts is not None, "the groups are made of counts"
    report = {}
    for name, mask in shot_groups(counts, many, few).items():
        at = mask[truth]

        def mean(values: Tensor, at: Tensor = at) -> float:
            return float(values[at].float().mean())

        report[name] = {
            "imbalanced_accuracy": 100 * mean(te_logits.argmax(1) == truth),
            "balanced_accuracy": 100 * mean(balanced_logits.argmax(1) == truth),
            "imbalanced_ce": mean(F.cross_entropy(te_logits, truth, reduction="none")),
            "balanced_ce": mean(F.cross_entropy(balanced_logits, truth, reduction="none")),
            "w_balanced": mean(w_balanced),
            "mass_in_group": mean(balanced_logits.softmax(1)[:, mask].sum(1)),
        }
    return report


def teacher_table(report: dict[str, dict[str, float]]) -> str:
    """Return markdown, a row a group."""
    rows = [[g, *(f"{metrics[c]:.2f}" for c in _COLUMNS)] for g, metrics in report.items()]
    return markdown_table(["training images", *_COLUMNS.values()], rows)
