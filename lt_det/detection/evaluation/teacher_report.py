"""What a detector teaches under xERM: its weights and targets on training RoIs, by frequency."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from detectron2.modeling import GeneralizedRCNN
from detectron2.utils.events import EventStorage
from torch import Tensor

from lt_det.core.foreground import foreground_columns
from lt_det.core.losses import Loss, xerm_weights
from lt_det.detection.modeling.cascade_inference import box_predictors
from lt_det.evaluation.tables import markdown_table

GROUPS = {"f": "frequent", "c": "common", "r": "rare"}
BACKGROUND = "background"
# Metric of a report, and its heading.
_COLUMNS = {
    "te_prob": "p(y), as trained",
    "balanced_prob": "p(y), balanced",
    "target_background": "background in the target",
    "w_balanced": "w_ba",
    "w_balanced_foreground": "w_ba, foreground columns",
}


class _RoIStatistics(Loss):
    """Takes the place of a stage's loss: keeps, of each RoI, its label and what is reported."""

    uses_class_counts = False
    extra_inputs = ("te_logits", "balanced_logits")

    def __init__(self, exponent: float, background_index: int) -> None:
        super().__init__(background_index=background_index)
        self.exponent, self.background = exponent, background_index
        self.rois: list[dict[str, Tensor]] = []

    def forward(
        self,
        logits: Tensor,
        labels: Tensor,
        reduction: str = "mean",
        te_logits: Tensor | None = None,
        balanced_logits: Tensor | None = None,
    ) -> Tensor:
        """Keep them; the loss is 0. Arguments as xERM's losses take them."""
        assert te_logits is not None
        assert balanced_logits is not None
        target, te_probs = balanced_logits.softmax(1), te_logits.softmax(1)
        columns = [foreground_columns(z, self.background) for z in (te_logits, balanced_logits)]
        # Background is the last column; no foreground column is a background RoI's.
        column = labels.clamp(max=self.background - 1)
        among_foreground = xerm_weights(*columns, column, self.exponent)[0]
        of_label = labels[:, None]
        statistics = {
            "labels": labels,
            "te_prob": te_probs.gather(1, of_label)[:, 0],
            "balanced_prob": target.gather(1, of_label)[:, 0],
            "target_background": target[:, self.background],
            "w_balanced": xerm_weights(te_logits, balanced_logits, labels, self.exponent)[0],
            "w_balanced_foreground": torch.where(
                labels == self.background, torch.nan, among_foreground
            ),
        }
        self.rois.append({name: values.cpu() for name, values in statistics.items()})
        return logits.sum() * 0.0


@torch.no_grad()
def teacher_report(
    student: GeneralizedRCNN,
    batches: Iterable[list[dict[str, Any]]],
    exponent: float,
    frequencies: Sequence[str],
) -> dict[str, dict[str, float]]:
    """Return what a student's teacher says of the RoIs that it would be trained on.

    Args:
        student: with its teacher set; its losses are replaced, and batch norms and head directions
            move: it is of no further use. With its teacher's weights it stands for a student at the
            end of its training.
        batches: of a training loader.
        exponent: g.
        frequencies: "r", "c" or "f" of each of C classes.

    Returns:
        ``{"frequent", "common", "rare", "background": {metric: mean over the RoIs of all stages}}``
        with ``rois``, their number; ``te_prob`` and ``balanced_prob``, the probability of the RoI's
        label as the teacher was trained, and balanced; ``target_background``, background's share of
        the balanced target; ``w_balanced``; and ``w_balanced_foreground``, of the cross-entropies
        over the foreground columns alone. NaN where there is no RoI.
    """
    predictors = box_predictors(student.roi_heads)
    for predictor in predictors:
        predictor.loss = _RoIStatistics(exponent, predictor.num_classes)
    student.train()
    with EventStorage():
        for batch in batches:
            student(batch)
    kept = [part for predictor in predictors for part in predictor.loss.rois]
    rois = {name: torch.cat([part[name] for part in kept]) for name in kept[0]}
    # Background, of class C, is a group of its own.
    group_of_class = [GROUPS[frequency] for frequency in frequencies] + [BACKGROUND]
    report = {}
    for group in (*GROUPS.values(), BACKGROUND):
        of_group = torch.tensor([name == group for name in group_of_class])[rois["labels"]]
        means = {name: float(rois[name][of_group].mean()) for name in _COLUMNS}
        report[group] = {"rois": float(of_group.sum()), **means}
    return report


def teacher_table(report: dict[str, dict[str, float]]) -> str:
    """Return Markdown, a row a group."""
    rows = [
        [group, f"{metrics['rois']:.0f}", *(_cell(metrics[name]) for name in _COLUMNS)]
        for group, metrics in report.items()
    ]
    return markdown_table(["training RoIs", "number", *_COLUMNS.values()], rows)


def _cell(value: float) -> str:
    return "–" if value != value else f"{value:.3f}"
