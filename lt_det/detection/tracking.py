"""The head direction of a detector that was trained without one, from its training set."""

import itertools
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from detectron2.utils.events import EventStorage
from detectron2.utils.logger import log_every_n_seconds
from torch import Tensor, nn

from lt_det.core.layers.normalization import direction_cosines, full_precision
from lt_det.detection.modeling.box_predictor import LTFastRCNNOutputLayers
from lt_det.errors import ConfigError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tracked:
    """What was measured on foreground RoIs.

    Attributes:
        cosines: mean cos(x_k, d_k) over heads and RoIs, by stage.
        rois: foreground RoIs, by stage.
    """

    cosines: list[float]
    rois: list[int]

    @property
    def alpha(self) -> float:
        """The α at which the mean of α·cos(x, d) over all stages' RoIs is 1.

        The authors of TDE choose it where there is no validation set (lvis1.0/README.md of their
        code).
        """
        total = sum(c * n for c, n in zip(self.cosines, self.rois, strict=True))
        return sum(self.rois) / total


def track_direction(model: nn.Module, batches: Iterable[Any], steps: int) -> Tracked:
    """Set every predictor's head direction to the mean of its foreground features.

    The model sees training batches, augmented and sampled as in training, and learns nothing:
    neither weights nor batch statistics change. A second look at as many batches measures the
    cosines with what the first has found.

    Args:
        model: a detector of lt_det's heads whose classifiers track a direction.
        batches: of the training loader; ``2 * steps`` are taken.
        steps: for each of the two looks.

    Raises:
        ConfigError: there is no such classifier, or no RoI is foreground.
    """
    predictors = [m for m in model.modules() if isinstance(m, LTFastRCNNOutputLayers)]
    if not predictors or any(p.head_direction is None for p in predictors):
        raise ConfigError("MODEL.LT.CLASSIFIER.NAME: it tracks no head direction")
    sums = [torch.zeros(3, dtype=torch.float64, device=_device(p)) for p in predictors]
    totals = [torch.zeros_like(p.head_direction.direction) for p in predictors]
    stream = iter(batches)
    _watch(model, predictors, itertools.islice(stream, steps), steps, "features", lambda i, x: (
        totals[i].add_(x.sum(dim=0)), sums[i][0:1].add_(len(x))))  # fmt: skip
    for predictor, total, counted in zip(predictors, totals, sums, strict=True):
        if not counted[0]:
            raise ConfigError("DATASETS.TRAIN: no RoI is foreground: there is no direction")
        predictor.head_direction.direction.copy_(total / counted[0].to(total.dtype))

    def add_cosines(stage: int, features: Tensor) -> None:
        predictor = predictors[stage]
        direction, num_heads = predictor.head_direction.direction, predictor.cls_score.num_heads
        cosines = direction_cosines(features, direction, num_heads)
        sums[stage][1] += cosines.double().sum()
        sums[stage][2] += cosines.numel()

    _watch(model, predictors, itertools.islice(stream, steps), steps, "cosines", add_cosines)
    measured = [of_stage.tolist() for of_stage in sums]
    return Tracked([total / count for _, total, count in measured], [int(m[0]) for m in measured])


def _device(predictor: LTFastRCNNOutputLayers) -> torch.device:
    return predictor.bbox_pred.weight.device


@torch.no_grad()
def _watch(
    model: nn.Module,
    predictors: list[LTFastRCNNOutputLayers],
    batches: Iterable[Any],
    steps: int,
    what: str,
    see: Any,
) -> None:
    """Run training steps without learning; ``see`` gets stage and foreground features (n, D)."""

    def hook(stage: int) -> Any:
        def losses(predictions: Any, proposals: Any) -> dict[str, Tensor]:
            labels = torch.cat([p.gt_classes for p in proposals])
            foreground = (labels >= 0) & (labels < predictors[stage].num_classes)
            see(stage, full_precision(predictions.features[foreground]))
            return {}

        return losses

    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
    try:
        for stage, predictor in enumerate(predictors):
            predictor.losses = hook(stage)
        with EventStorage():
            for step, batch in enumerate(batches, 1):
                model(batch)
                log_every_n_seconds(logging.INFO, f"{what}: batch {step}/{steps}", n=5)
    finally:
        for predictor in predictors:
            del predictor.losses
        model.eval()
