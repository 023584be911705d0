"""Post-hoc logit adjustment: a classifier of one class distribution, asked about another."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from lt_det.core.long_tail import Counts, log_prior, log_shares

from .base import POST_HOC_METHODS, ClassifierOutputs, PostHocContext, PostHocMethod


def adjust_logits(
    logits: Tensor,
    class_counts: Counts,
    tau: float | Tensor = 1.0,
    test_counts: Counts | None = None,
) -> Tensor:
    """Return z_c − τ log π_c (+ τ log π'_c): LA, or PC at τ = 1.

    Logit adjustment (Menon et al., ICLR 2021) and post-compensated softmax (Hong et al., "LADE",
    CVPR 2021) subtract the training prior from a cross-entropy model's logits; the test prior is
    added where it is known.

    Args:
        logits: (N, C).
        class_counts: (C,) training samples per class, all positive; only ratios matter.
        tau: τ, a number, or a 1-D tensor of A values.
        test_counts: (C,) test samples per class; a uniform distribution if ``None``.

    Returns:
        (N, C) logits, or (A, N, C) for a 1-D ``tau``.

    Raises:
        ValueError: counts that are not (C,), or a training count that is not positive.
    """
    prior = _fitting(log_prior(class_counts), logits)
    if test_counts is not None:
        prior = prior - _fitting(log_shares(test_counts), logits)
    if isinstance(tau, Tensor) and tau.ndim > 0:
        tau = tau.to(prior)[:, None, None]
    return logits - tau * prior


def _fitting(prior: Tensor, logits: Tensor) -> Tensor:
    if prior.shape != logits.shape[-1:]:
        raise ValueError(f"counts of shape {tuple(prior.shape)} for logits {tuple(logits.shape)}")
    return prior.to(device=logits.device, dtype=logits.dtype, non_blocking=True)


@POST_HOC_METHODS.register("logit_adjustment")
@dataclass(frozen=True)
class LogitAdjustment(PostHocMethod):
    """Logits less τ log π; where there is background, of the foreground alone.

    Attributes:
        tau: τ; 1 is PC.
        test: name of the test distribution that is known to be asked about, "imbalance_50" say: τ
            times its log prior is added (Hong et al., CVPR 2021, Eq. 5). "": a uniform one.
    """

    tau: float = 1.0
    test: str = ""

    needs_class_counts: ClassVar[bool] = True

    def logits(self, outputs: ClassifierOutputs, context: PostHocContext) -> Tensor:
        """Return z_c − τ log π_c, and background's logit as it is."""
        te_logits, background = outputs.te_logits, context.background_index
        prior = context.log_prior(te_logits)
        if background is not None:
            # Beside the classes' columns there is background's, or the two of an objectness.
            others = prior.new_zeros(te_logits.shape[-1] - len(prior))
            prior = torch.cat([prior[:background], others, prior[background:]])
        adjusted = te_logits - self.tau * prior
        if not self.test:
            return adjusted
        shares = log_shares(context.test_counts[self.test])
        return adjusted + self.tau * shares.to(device=adjusted.device, dtype=adjusted.dtype)

    def check(self, context: PostHocContext) -> None:
        """Check that the training prior is known, and the test distribution, where one is named."""
        super().check(context)
        if self.test and context.background_index is not None:
            raise ValueError("logit_adjustment: a test prior is of classifiers without background")
        if self.test and self.test not in context.test_counts:
            known = ", ".join(context.test_counts) or "none"
            raise ValueError(f"logit_adjustment: no test is called {self.test!r}; known: {known}")

    @property
    def params(self) -> dict[str, Any]:
        """Parameters by name; no test where none is named."""
        return {"tau": self.tau, **({"test": self.test} if self.test else {})}

    @property
    def label(self) -> str:
        """Its name in results: PC at τ = 1."""
        name = ", PC" if self.tau == 1 else f", LA τ={self.tau:g}"
        return f"{name} for {self.test}" if self.test else name
