"""What a classification loss is, and the table of those that there are.

A person's own loss is one class in a file of their own::

    @LOSSES.register("my_loss")
    class MyLoss(Loss):
        def forward(self, logits, labels, reduction="mean"):
            ...

and ``MODEL.LT.LOSS.NAME my_loss`` in the config of a detector or a classifier.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lt_det.core.layers.normalization import full_precision
from lt_det.core.name_table import NameTable

Counts = Sequence[int] | Tensor

REDUCTIONS = ("mean", "sum", "none")


class Loss(nn.Module):
    """A classification loss, held as an object by a box predictor or an image classifier.

    What it counts while it trains goes into buffers, and so into checkpoints. A formula belongs
    into a pure function beside the class.

    Args:
        class_counts: (C,) training samples per foreground class, on the CPU; ``None`` where nothing
            is trained on, in an evaluation.
        background_index: column of background in the logits; ``None`` where there is none.

    Attributes:
        label: what a detector's results call it; empty, or a base class's: as it is registered.
        uses_class_counts: whether ``class_counts`` are made for it; the class says.
        uses_image_counts: whether ``image_counts`` are, an
            :class:`~lt_det.core.losses.sigmoid.ImageCounts`; the class says.
        needs_num_columns: whether it is told ``num_columns``, of what it counts; the class says.
        is_softmax: whether softmax over the columns reads the logits; methods that know softmax
            alone refuse a loss that is read otherwise.
        keeps_background_apart: whether the logits beyond the foreground classes' are of an
            objectness, which TDE leaves as it is.
        takes_left_out: whether columns at :data:`~lt_det.core.losses.negatives.LEFT_OUT_LOGIT` add
            nothing to it, so that MODEL.LT.LOSS.NEGATIVES can leave them out; the class says.
        extra_inputs: names of what :meth:`forward` takes beside logits and labels, and what the
            training provides: a teacher's logits, say.
        caveat: what a training should be warned of before its first step; empty: of nothing.
    """

    label: str = ""
    uses_class_counts: bool = True
    uses_image_counts: bool = False
    needs_num_columns: bool = False
    is_softmax: bool = True
    keeps_background_apart: bool = False
    takes_left_out: bool = False
    extra_inputs: tuple[str, ...] = ()
    caveat: str = ""

    def __init__(
        self, class_counts: Tensor | None = None, background_index: int | None = None
    ) -> None:
        super().__init__()
        self.class_counts = class_counts
        self.background_index = background_index

    def num_outputs(self, num_classes: int) -> int:
        """Return the number of logits the classifier gives for ``num_classes`` columns."""
        return num_classes

    def forward(self, logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Compute the loss.

        Args:
            logits: (N, C), or (N, ``num_outputs(C)``).
            labels: (N,) in [0, C).
            reduction: ``"mean"``, ``"sum"`` or ``"none"``.

        Returns:
            a scalar, or (N,) for ``"none"``; 0 for the mean of no sample.
        """
        raise NotImplementedError

    def start_epoch(self, epoch: int) -> None:
        """Hear that an epoch begins (from 1), or that a run is resumed within it.

        For losses that change with time, as deferred re-weighting does. Image classifiers alone
        have epochs.
        """

    def start_step(self, iteration: int, max_iter: int) -> None:
        """Hear that a training step begins, in detectors and image classifiers.

        Args:
            iteration: in [0, ``max_iter``); goes on where a run is resumed.
            max_iter: of the whole training.
        """

    def log_probs(self, logits: Tensor) -> Tensor:
        """Return the log-probabilities (N, C) that this loss trains the logits for: softmax's."""
        return logits.log_softmax(dim=-1)

    def probs(self, logits: Tensor) -> Tensor:
        """Return :meth:`log_probs`, exponentiated."""
        if type(self).log_probs is not Loss.log_probs:
            return self.log_probs(logits).exp()
        return logits.softmax(dim=-1)


LOSSES: NameTable[type[Loss]] = NameTable("loss")


# What the builder gives a loss: no options of a person's.
RESERVED = ("class_counts", "background_index", "image_counts", "num_columns")


def build_loss(
    name: str,
    class_counts: Counts | None = None,
    background_index: int | None = None,
    *,
    image_counts: Any = None,
    num_columns: int = 0,
    **options: Any,
) -> Loss:
    """Build the loss of a name.

    Args:
        name: in :data:`LOSSES`.
        class_counts: (C,) training samples per foreground class; ``None`` in an evaluation.
        background_index: column of background; ``None`` where there is none.
        image_counts: :class:`~lt_det.core.losses.sigmoid.ImageCounts`, for losses that use them.
        num_columns: of the labels, for losses that count.
        options: the loss's own.

    Raises:
        ValueError: an unknown name, or an option that the loss does not take or refuses.
    """
    LOSSES.check_options(name, options, reserved=RESERVED)
    counts = None if class_counts is None else torch.as_tensor(class_counts)
    loss = LOSSES.get(name)
    given: dict[str, Any] = {"class_counts": counts, "background_index": background_index}
    if loss.uses_image_counts:
        given["image_counts"] = image_counts
    if loss.needs_num_columns:
        given["num_columns"] = num_columns
    return loss(**given, **options)


def reduced(losses: Tensor, reduction: str, weights: Tensor | None = None) -> Tensor:
    """Reduce losses (N,) as asked; the mean of no sample is 0.

    Args:
        losses: (N,).
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
        weights: (N,) that the losses hold already; a mean is then Σ losses / Σ weights, as
            :func:`torch.nn.functional.cross_entropy` has it.

    Raises:
        ValueError: an unknown reduction.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"unknown reduction {reduction!r}; known: {', '.join(REDUCTIONS)}")
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    if weights is None:
        return losses.sum() / max(losses.numel(), 1)
    # Weights that are all 0 weigh no loss, either.
    return losses.sum() / weights.sum().clamp_min(torch.finfo(weights.dtype).tiny)


def cross_entropy(logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
    """Compute softmax cross-entropy in float32 at least; the mean of no sample is 0.

    Args:
        logits: (N, C).
        labels: (N,) in [0, C).
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
    """
    if not labels.numel() and reduction == "mean":
        return full_precision(logits).sum() * 0.0
    return F.cross_entropy(full_precision(logits), labels, reduction=reduction)


@LOSSES.register("cross_entropy")
class CrossEntropyLoss(Loss):
    """Softmax cross-entropy: what every other loss is compared with."""

    uses_class_counts = False
    takes_left_out = True

    def forward(self, logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        """Compute :func:`cross_entropy`."""
        return cross_entropy(logits, labels, reduction)
