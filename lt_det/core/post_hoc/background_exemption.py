"""Background-exempted inference: the foreground/background ratio is left as TE has it."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lt_det.core.foreground import foreground_columns, foreground_log_odds
from lt_det.core.layers.normalization import full_precision

from .base import ClassifierOutputs, PostHocContext, PostHocMethod


def background_exempt_log_probs(
    te_logits: Tensor, tde_logits: Tensor, background_index: int
) -> Tensor:
    """Return log-probabilities that keep TE's background and rank the foreground by TDE.

    With p = softmax(TE) and q = softmax(TDE), background keeps p_bg and foreground class c gets
    q_c · Σ_fg p / Σ_fg q (Tang et al., NeurIPS 2020, supplement, "Background-Exempted Inference").
    Being normalized, the result is left as it is by a host's own softmax: it may be handed on as
    logits.

    Args:
        te_logits: (N, C) total-effect logits.
        tde_logits: (N, C) or (A, N, C) total-direct-effect logits.
        background_index: column of the background class, in [0, C); Detectron2's is C − 1.

    Returns:
        log-probabilities of ``tde_logits``'s shape.

    Raises:
        ValueError: fewer than two classes, shapes that differ, or an index out of range.
    """
    log_odds, foreground = _foreground_log_odds(te_logits, tde_logits, background_index)
    ranked = foreground.log_softmax(dim=-1) + F.logsigmoid(log_odds)
    return _insert(ranked, F.logsigmoid(-log_odds), background_index)


def background_exempt_probs(te_logits: Tensor, tde_logits: Tensor, background_index: int) -> Tensor:
    """Return :func:`background_exempt_log_probs`, exponentiated, by one softmax.

    Arguments and errors are the same; returns probabilities.
    """
    log_odds, foreground = _foreground_log_odds(te_logits, tde_logits, background_index)
    ranked = foreground.softmax(dim=-1) * log_odds.sigmoid()
    return _insert(ranked, (-log_odds).sigmoid(), background_index)


def _foreground_log_odds(
    te_logits: Tensor, tde_logits: Tensor, background_index: int
) -> tuple[Tensor, Tensor]:
    """Return log(Σ_fg p / p_bg), (N, 1), and TDE's foreground columns."""
    num_classes = te_logits.shape[-1]
    if num_classes < 2:
        raise ValueError("background exemption needs a background and a foreground class")
    if tde_logits.shape[-te_logits.ndim :] != te_logits.shape:
        raise ValueError(
            f"te_logits {tuple(te_logits.shape)} and tde_logits {tuple(tde_logits.shape)} differ"
        )
    if not 0 <= background_index < num_classes:
        raise ValueError(f"background_index {background_index} is not in [0, {num_classes})")
    te_logits, tde_logits = full_precision(te_logits), full_precision(tde_logits)
    log_odds = foreground_log_odds(te_logits, background_index)
    return log_odds, foreground_columns(tde_logits, background_index)


def _insert(foreground: Tensor, background: Tensor, column: int) -> Tensor:
    background = background.expand(*foreground.shape[:-1], 1)
    return torch.cat([foreground[..., :column], background, foreground[..., column:]], dim=-1)


@dataclass(frozen=True)
class BackgroundExempt(PostHocMethod):
    """A method whose foreground/background ratio is that of the classifier as it was trained.

    Attributes:
        method: what ranks the foreground.
    """

    method: PostHocMethod

    def logits(
        self,
        outputs: ClassifierOutputs,
        context: PostHocContext,
        trained: ClassifierOutputs | None = None,
    ) -> Tensor:
        """Return log-probabilities, which softmax leaves as they are.

        Args:
            outputs: what the method reads.
            context: as ever.
            trained: whose background is kept, where methods before this one have changed
                ``outputs``; these if ``None``.
        """
        ranked = self.method.logits(outputs, context)
        te_logits = (trained or outputs).te_logits
        return background_exempt_log_probs(te_logits, ranked, _background(context))

    def probs(
        self,
        outputs: ClassifierOutputs,
        context: PostHocContext,
        trained: ClassifierOutputs | None = None,
    ) -> Tensor:
        """Return probabilities (N, C); arguments as of :meth:`logits`."""
        ranked = self.method.logits(outputs, context)
        te_logits = (trained or outputs).te_logits
        return background_exempt_probs(te_logits, ranked, _background(context))

    def check(self, context: PostHocContext) -> None:
        """Check the method; there must be background, and softmax's probability of it."""
        _background(context)
        if not context.is_softmax:
            raise ValueError(
                f"{self.method.name}: background exemption keeps softmax's background, which "
                f"{type(context.loss).__name__} has not: write {_spelled(self.method)}"
            )
        self.method.check(context)

    @property
    def name(self) -> str:
        """The method's."""
        return self.method.name

    @property
    def reads_class_counts(self) -> bool:
        """As the method."""
        return self.method.reads_class_counts

    @property
    def reads_fractal_dimensions(self) -> bool:
        """As the method."""
        return self.method.reads_fractal_dimensions

    @property
    def uses_counterfactual(self) -> bool:
        """As the method."""
        return self.method.uses_counterfactual

    @property
    def params(self) -> dict[str, Any]:
        """The method's, with ``exempt``."""
        return {**self.method.params, "exempt": True}

    @property
    def label(self) -> str:
        """The method's, with a word more."""
        return f"{self.method.label} with exemption"


def _spelled(method: PostHocMethod) -> str:
    """Write the call of a method without exemption."""
    words = [f"{name}={value!r}" for name, value in method.params.items()]
    return f"{method.name}({', '.join([*words, 'exempt=False'])})"


def _background(context: PostHocContext) -> int:
    if context.background_index is None:
        raise ValueError("background exemption: there is no background class")
    return context.background_index
