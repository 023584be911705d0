"""What a post-hoc method is, and the table of those that there are.

A post-hoc method reads other class probabilities from a trained model, without training. A person's
own is one class in a file of their own::

    @POST_HOC_METHODS.register("temperature")
    @dataclass(frozen=True)
    class Temperature(PostHocMethod):
        t: float = 1.0

        def logits(self, outputs, context):
            return outputs.te_logits / self.t

and ``"temperature(t=2)"`` in TEST.POST_HOC of a detector or a classifier.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, ClassVar

from torch import Tensor, nn

from lt_det.core.layers.head_direction import HeadDirection
from lt_det.core.long_tail import log_prior
from lt_det.core.losses.base import Loss
from lt_det.core.name_table import NameTable


@dataclass(frozen=True, eq=False)
class ClassifierOutputs:
    """What a classifier says of N samples, all that post-hoc methods may read.

    Attributes:
        te_logits: (N, C), of the classifier as it was trained.
        features: (N, D) classifier inputs, or ``None``.
        make_counterfactual: makes :attr:`counterfactual_logits` when they are first asked for;
            ``None`` where the classifier tracks no head direction.
    """

    te_logits: Tensor
    features: Tensor | None = None
    make_counterfactual: Callable[[], Tensor] | None = None

    @cached_property
    def counterfactual_logits(self) -> Tensor:
        """(N, C), the head direction's part of the logits at α = 1.

        Raises:
            ValueError: there is no head direction.
        """
        if self.make_counterfactual is None:
            raise ValueError("this classifier tracks no head direction: it has no TDE")
        return self.make_counterfactual()


@dataclass(frozen=True, eq=False)
class PostHocContext:
    """What is known of a classifier beside its outputs.

    Attributes:
        background_index: column of background; ``None`` where there is none.
        class_counts: training instances (images, in classification) per foreground class, on the
            CPU, in the order of the columns; ``None`` where they are not known.
        image_counts: training images per foreground class, likewise.
        classifier: the trained layer, features → logits.
        head_direction: that it tracked, or ``None``.
        fractal_dimensions: (C,) of the places of each class's training boxes, where they are known.
        loss: that trained the classifier, where it reads its logits in a way of its own; ``None``
            is softmax.
        test_counts: test samples per foreground class of each test distribution, by its name, for
            methods that are told which one it is; empty where they are not known.
    """

    background_index: int | None = None
    class_counts: Tensor | None = None
    image_counts: Tensor | None = None
    classifier: nn.Module | None = None
    head_direction: HeadDirection | None = None
    test_counts: Mapping[str, Tensor] = field(default_factory=dict)
    fractal_dimensions: Tensor | None = None
    loss: Loss | None = None

    @property
    def is_softmax(self) -> bool:
        """Whether softmax over the columns reads the logits, as of all losses but a few."""
        return self.loss is None or self.loss.is_softmax

    def probs(self, logits: Tensor) -> Tensor:
        """Read logits (N, C) as the loss that trained them does: softmax's, or its own."""
        return logits.softmax(dim=-1) if self.loss is None else self.loss.probs(logits)

    def log_probs(self, logits: Tensor) -> Tensor:
        """Return the logarithm of :meth:`probs`."""
        return logits.log_softmax(dim=-1) if self.loss is None else self.loss.log_probs(logits)

    @cached_property
    def _log_priors(self) -> dict[Any, Tensor]:
        return {}

    def log_prior(self, like: Tensor) -> Tensor:
        """Return log π of the foreground classes, where ``like`` is and of its type.

        A class without a training sample has no prior: the count 1 stands in. Made once a device,
        for whatever asks in every step.

        Raises:
            ValueError: the counts are not known.
        """
        if self.class_counts is None:
            raise ValueError("the training instances per class are not known")
        place = like.device, like.dtype
        if place not in self._log_priors:
            prior = log_prior(self.class_counts.clamp(min=1))
            self._log_priors[place] = prior.to(device=like.device, dtype=like.dtype)
        return self._log_priors[place]


@dataclass(frozen=True)
class PostHocMethod(ABC):
    """Other class probabilities from a trained classifier; a frozen dataclass of its parameters.

    Attributes:
        registered_name: in :data:`POST_HOC_METHODS`, which tells it.
        exempt_by_default: whether background exemption wraps the method where there is background
            and nothing else is said.
        uses_features: whether it reads features, and so comes first in a combination.
        needs_class_counts: whether it reads the context's counts.
        needs_softmax: whether it can read softmax classifiers alone.
        changes_probs: whether it changes probabilities, not logits, where softmax does not read
            them; it comes last in a combination then.
        needs_fractal_dimensions: whether it reads those of the context.
    """

    registered_name: ClassVar[str] = ""
    exempt_by_default: ClassVar[bool] = False
    uses_features: ClassVar[bool] = False
    needs_class_counts: ClassVar[bool] = False
    needs_softmax: ClassVar[bool] = False
    needs_fractal_dimensions: ClassVar[bool] = False
    changes_probs: ClassVar[bool] = False

    @abstractmethod
    def logits(self, outputs: ClassifierOutputs, context: PostHocContext) -> Tensor:
        """Return logits (N, C), to be read as the classifier's own are: by softmax, of most."""

    def __call__(self, outputs: ClassifierOutputs, context: PostHocContext) -> Tensor:
        """Return log-probabilities (N, C)."""
        return context.log_probs(self.logits(outputs, context))

    def probs(self, outputs: ClassifierOutputs, context: PostHocContext) -> Tensor:
        """Return probabilities (N, C): one softmax, as inference without a method has."""
        return context.probs(self.logits(outputs, context))

    def check(self, context: PostHocContext) -> None:
        """Check, before any inference, that the method can read this classifier.

        Raises:
            ValueError: what it lacks.
        """
        if self.needs_class_counts and context.class_counts is None:
            raise ValueError(f"{self.name}: the training instances per class are not known")
        if self.uses_counterfactual and context.head_direction is None:
            raise ValueError(f"{self.name}: a linear classifier tracks no head direction")
        if self.needs_softmax and not context.is_softmax:
            raise ValueError(
                f"{self.name}: needs softmax probabilities, which {type(context.loss).__name__} "
                "does not train"
            )

    def check_tracked(self, context: PostHocContext) -> None:
        """Check that the head direction, where the method reads it, is that of a training.

        Raises:
            ValueError: it is zero, as before the first step: the method would change nothing.
        """
        direction = context.head_direction
        if self.uses_counterfactual and direction is not None and not direction.direction.any():
            raise ValueError(
                f"{self.name}: the head direction is zero, none was tracked in training"
            )

    @property
    def name(self) -> str:
        """In :data:`POST_HOC_METHODS`."""
        return self.registered_name

    @property
    def reads_class_counts(self) -> bool:
        """Whether the method reads the context's counts."""
        return self.needs_class_counts

    @property
    def reads_fractal_dimensions(self) -> bool:
        """Whether the method reads the fractal dimensions of the classes' places."""
        return self.needs_fractal_dimensions

    @property
    def uses_counterfactual(self) -> bool:
        """Whether the method reads the head direction's part of the logits."""
        return False

    @property
    def params(self) -> dict[str, Any]:
        """Parameters by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def label(self) -> str:
        """What is put behind a model's name in results: ``", norcal gamma=0.6"``."""
        values = " ".join(f"{key}={_shown(value)}" for key, value in self.params.items())
        return f", {self.name} {values}".rstrip()


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


class _Methods(NameTable[type[PostHocMethod]]):
    """Tells each class its name."""

    def register(self, name: str) -> Callable[[type[PostHocMethod]], type[PostHocMethod]]:
        """Return a decorator that puts a class under a name."""
        put = super().register(name)

        def named(method: type[PostHocMethod]) -> type[PostHocMethod]:
            method.registered_name = name
            return put(method)

        return named


POST_HOC_METHODS = _Methods("post-hoc method")


@POST_HOC_METHODS.register("none")
@dataclass(frozen=True)
class NoPostHoc(PostHocMethod):
    """The classifier as it was trained."""

    def logits(self, outputs: ClassifierOutputs, context: PostHocContext) -> Tensor:
        """Return the logits as they are."""
        return outputs.te_logits

    @property
    def label(self) -> str:
        """Nothing: the row is the model's own."""
        return ""
