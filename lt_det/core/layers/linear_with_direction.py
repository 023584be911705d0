"""A linear classifier that can tell a head direction's part of its logits."""

import torch
from torch import Tensor, nn

from .normalization import full_precision, unit


class LinearWithDirection(nn.Linear):
    """z = W x + b, with TDE: z − α (x·d̂) (W d̂).

    The de-confound classifier's TDE with one head and nothing normalized: the projection of the
    feature on the direction takes the cosine's place, so that α = 1 leaves each feature orthogonal
    to it. For detectors that were trained by a linear classifier; tools/track_direction.py computes
    their direction. The parameters are those of :class:`torch.nn.Linear`, drawn as Detectron2 draws
    them: weights from N(0, 0.01²), no bias.

    Args:
        in_features: D.
        num_classes: C, background included where there is one.

    Attributes:
        num_heads: 1.
    """

    num_heads = 1

    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__(in_features, num_classes)
        nn.init.normal_(self.weight, std=0.01)
        nn.init.zeros_(self.bias)

    def counterfactual_logits(self, x: Tensor, direction: Tensor) -> Tensor:
        """Return (x·d̂) (W d̂), the direction's part of the logits at α = 1.

        Args:
            x: features (N, D).
            direction: head direction (D,); zero gives zeros.

        Returns:
            (N, C), float32 at least.

        Raises:
            ValueError: ``direction`` is not (D,).
        """
        if direction.shape != (self.in_features,):
            raise ValueError(
                f"direction must have shape ({self.in_features},), got {tuple(direction.shape)}"
            )
        with torch.autocast(x.device.type, enabled=False):
            features, weight = full_precision(x), full_precision(self.weight)
            along = unit(direction.to(weight.dtype))
            return (features @ along)[:, None] * (weight @ along)[None]

    def effects(self, x: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits and :meth:`counterfactual_logits`, (N, C) each."""
        return self(x), self.counterfactual_logits(x, direction)
