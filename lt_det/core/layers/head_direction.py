"""The direction that SGD's momentum drives features towards: that of the head classes."""

import torch
import torch.distributed as dist
from torch import Tensor, nn


class HeadDirection(nn.Module):
    """Moving sum of mean features, d ← μ d + mean(x) (Tang et al., NeurIPS 2020).

    There is no (1 − μ): only the direction of d is used. The buffer is changed in place, so it
    follows the module to its device and into its checkpoint; every process holds the same d.

    Args:
        num_features: D.
        momentum: μ, in [0, 1].

    Attributes:
        direction: (D,) float32 buffer, zero until the first sample.

    Raises:
        ValueError: ``momentum`` outside [0, 1].
    """

    direction: Tensor

    def __init__(self, num_features: int, momentum: float = 0.9) -> None:
        super().__init__()
        self.momentum = _checked_momentum(momentum)
        self.register_buffer("direction", torch.zeros(num_features))

    @torch.no_grad()
    def update(
        self, features: Tensor, mask: Tensor | None = None, momentum: float | None = None
    ) -> None:
        """Add one training step's mean feature; without any sample, leave d as it is.

        In a distributed job sums and counts are all-reduced, so **every** process must call this in
        every step, with zero rows if it has none.

        Args:
            features: (N, D) of this step; N may be 0. No gradient flows through d.
            mask: (N,) bool, the rows to count (foreground RoIs in detection); all if ``None``.
            momentum: μ for this step, where it follows the learning rate.

        Raises:
            ValueError: shapes that do not fit, a mask that is not boolean, or μ outside [0, 1].
        """
        if features.ndim != 2 or features.shape[1] != self.direction.shape[0]:
            raise ValueError(
                f"features must be (N, {self.direction.shape[0]}), got {tuple(features.shape)}"
            )
        if mask is not None and (mask.dtype != torch.bool or mask.shape != features.shape[:1]):
            raise ValueError(
                f"mask must be bool of shape ({features.shape[0]},), got "
                f"{mask.dtype} of shape {tuple(mask.shape)}"
            )
        count: int | Tensor = features.shape[0]
        counted = features.detach()
        if mask is not None:
            # An index by the mask would make a device wait for the number of rows. Not a product,
            # either: what is left out may be infinite.
            counted, count = torch.where(mask[:, None], counted, 0.0), mask.sum()
        self.update_from_sum(counted.sum(dim=0, dtype=self.direction.dtype), count, momentum)

    @torch.no_grad()
    def update_from_sum(
        self, total: Tensor, count: int | Tensor, momentum: float | None = None
    ) -> None:
        """Update d, as :meth:`update`, from a sum that is made already (of mask pixels, say).

        Args:
            total: (D,) sum of this process's features.
            count: how many were summed.
            momentum: as in :meth:`update`.
        """
        momentum = self.momentum if momentum is None else _checked_momentum(momentum)
        packed = torch.cat([total, total.new_empty(1)]).to(self.direction)
        # Filled in: a number copied to a device is waited for.
        packed[-1] = count
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(packed)
        samples = packed[-1]
        # No branch on a device value: with no sample, μ becomes 1 and the mean 0.
        seen = samples > 0
        self.direction.mul_(torch.where(seen, momentum, 1.0))
        self.direction.add_(torch.where(seen, packed[:-1] / samples.clamp_min(1), 0.0))

    def extra_repr(self) -> str:
        """Return what ``print`` shows."""
        return f"num_features={self.direction.shape[0]}, momentum={self.momentum:g}"


def _checked_momentum(momentum: float) -> float:
    if not 0 <= momentum <= 1:
        raise ValueError(f"momentum must lie in [0, 1], got {momentum}")
    return momentum
