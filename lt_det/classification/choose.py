"""Evaluation of a training that keeps its best epoch."""

from typing import Any

from detectron2.config import CfgNode
from torch import nn

from .datasets import ImageData
from .evaluate import Measured, measure, merged, top1_by_row
from .keep_best import KeepsBest
from .report import write_report


def evaluate_and_choose(
    cfg: CfgNode,
    model: nn.Module,
    data: ImageData,
    best: KeepsBest,
    steps: int,
    *,
    is_last: bool,
) -> dict[str, dict[str, float]]:
    """Evaluate a step, keep its weights if they are the best, and report both at the end.

    The choice is by top-1 of the first row of results. On "val" the test set is not looked at
    before the end. The last step is a candidate, too.

    Args:
        cfg: of the run.
        model: as trained by now.
        data: with its set to choose on.
        best: what is kept.
        steps: that were made.
        is_last: whether training ends here.

    Returns:
        ``{method: {test: top-1 in percent}}``; empty off the main process.
    """
    measured: Measured | None = None
    returned: dict[str, dict[str, float]] = {}
    on_test = best.split == "test"
    if on_test or is_last:
        measured = measure(cfg, model, data)
    if on_test:
        top1 = _on_whole_test(measured)
    else:
        top1 = top1_by_row(cfg, model, data.to_choose_on())
        returned = {row: {"val": value} for row, value in top1.items()}
    best.offer(next(iter(top1.values()), None), _when(cfg, data, steps), steps)
    if is_last:
        bare: Any = model.module if hasattr(model, "module") else model
        with best.weights_in(bare) as choice:
            chosen = measure(cfg, model, data, mark=choice.mark)
        if measured is not None and chosen is not None:
            measured = merged(measured, chosen)
    if measured is None:
        return returned
    of_test = write_report(
        cfg, data.test.name, measured.results, measured.predictions, measured.norms
    )
    return {row: {**returned.get(row, {}), **tests} for row, tests in of_test.items()}


def _on_whole_test(measured: Measured | None) -> dict[str, float]:
    if measured is None:
        return {}
    whole = next(iter(measured.predictions.tests))
    return {row: tests[whole]["top1"] for row, tests in measured.results.items()}


def _when(cfg: CfgNode, data: ImageData, steps: int) -> str:
    if not cfg.SOLVER.EPOCHS.MAX:
        return f"iteration {steps}"
    return f"epoch {round(steps * cfg.SOLVER.IMS_PER_BATCH / len(data.train))}"
