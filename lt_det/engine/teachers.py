"""What a teacher is in both tracks, and the table of those that xERM knows by a word."""

from collections.abc import Callable
from typing import Any, Protocol

from detectron2.config import CfgNode
from torch import Tensor

from lt_det.core.name_table import NameTable
from lt_det.core.post_hoc import (
    BackgroundExempt,
    PostHocMethod,
    asks_for_alpha,
    parse_post_hoc,
)
from lt_det.errors import ConfigError


class Teacher(Protocol):
    """A trained model that answers in training: frozen, in eval mode, no module of the student.

    It is in no state dict, no optimizer and no process group.
    """

    def logits(self, inputs: Any) -> tuple[Tensor, Tensor]:
        """Return imbalanced (TE) and balanced logits, each (N, C), without gradient.

        Args:
            inputs: images in classification, proposals of a box stage in detection.
        """
        ...


# MODEL.LT.XERM.BALANCED: a word, and the post-hoc method that balances the teacher's logits.
TEACHERS: NameTable[Callable[[CfgNode], str]] = NameTable("balanced teacher")


@TEACHERS.register("tde")
def _tde(cfg: CfgNode) -> str:
    """Return the head direction taken off, α times."""
    return f"tde(alpha={cfg.MODEL.LT.TDE.ALPHA})"


@TEACHERS.register("pc")
def _pc(cfg: CfgNode) -> str:
    """Return post-compensated softmax: the training prior taken off."""
    return "logit_adjustment(tau=1)"


@TEACHERS.register("te")
def _te(cfg: CfgNode) -> str:
    """Return the teacher as it was trained: what is learned then is plain distillation."""
    return "none"


def balanced_method(cfg: CfgNode, *, has_background: bool) -> PostHocMethod:
    """Return the post-hoc method of MODEL.LT.XERM.BALANCED; background is exempt in detection.

    Args:
        cfg: the student's; BALANCED is a word of :data:`TEACHERS` or a spelled call.
        has_background: whether the logits have a background column.

    Raises:
        ConfigError: it is neither.
    """
    word = cfg.MODEL.LT.XERM.BALANCED
    if word not in TEACHERS and "(" not in word:
        raise ConfigError(
            f"MODEL.LT.XERM.BALANCED: unknown {word!r}; known: {', '.join(TEACHERS)}, or a call "
            "such as logit_adjustment(tau=0.5)"
        )
    spelled = TEACHERS.get(word)(cfg) if word in TEACHERS else word
    try:
        method = parse_post_hoc(spelled, has_background=has_background)
    except ValueError as error:
        raise ConfigError(f"MODEL.LT.XERM.BALANCED: {error}") from error
    if asks_for_alpha(method) or method.reads_fractal_dimensions:
        why = (
            "alpha: a number" if asks_for_alpha(method) else "a teacher is told no places of boxes"
        )
        raise ConfigError(f"MODEL.LT.XERM.BALANCED: {word}: {why}")
    if has_background and not isinstance(method, BackgroundExempt):
        return BackgroundExempt(method)
    return method
