"""Spelled calls of post-hoc methods, as TEST.POST_HOC lists them.

``"none"``, ``"tde(alpha=1.5)"``, ``"tde(alpha=1.5, exempt=False)"``, ``"tde(alpha=1.5) +
logit_adjustment(tau=0.5)"``: names of :data:`~lt_det.core.post_hoc.POST_HOC_METHODS` with their
parameters; ``exempt`` wraps any of them by background exemption.
"""

import ast
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from .background_exemption import BackgroundExempt
from .base import POST_HOC_METHODS, ClassifierOutputs, PostHocContext, PostHocMethod
from .tde import AUTO, TDE


@dataclass(frozen=True)
class Combined(PostHocMethod):
    """Methods one after another: each takes the one before for the classifier as it was trained.

    Attributes:
        methods: two at least, the first to be applied first.
    """

    methods: tuple[PostHocMethod, ...]

    def _before_last(
        self, outputs: ClassifierOutputs, context: PostHocContext
    ) -> ClassifierOutputs:
        for method in self.methods[:-1]:
            outputs = ClassifierOutputs(method.logits(outputs, context))
        return outputs

    def logits(self, outputs: ClassifierOutputs, context: PostHocContext) -> Tensor:
        """Return the last method's logits; if it is exempt, with the trained background."""
        last, before = self.methods[-1], self._before_last(outputs, context)
        if isinstance(last, BackgroundExempt):
            return last.logits(before, context, outputs)
        return last.logits(before, context)

    def __call__(self, outputs: ClassifierOutputs, context: PostHocContext) -> Tensor:
        """Return the last method's log-probabilities."""
        if isinstance(self.methods[-1], BackgroundExempt):
            return self.logits(outputs, context)
        return self.methods[-1](self._before_last(outputs, context), context)

    def probs(self, outputs: ClassifierOutputs, context: PostHocContext) -> Tensor:
        """Return the last method's probabilities."""
        last, before = self.methods[-1], self._before_last(outputs, context)
        if isinstance(last, BackgroundExempt):
            return last.probs(before, context, outputs)
        return last.probs(before, context)

    def check(self, context: PostHocContext) -> None:
        """Check each method; one that reads the head direction or features comes first."""
        for method in self.methods:
            method.check(context)
        for method in map(_without_exemption, self.methods[1:]):
            if method.uses_counterfactual or method.uses_features:
                raise ValueError(f"{method.name}: comes first in a combination")
        for method in map(_without_exemption, self.methods[:-1]):
            if method.changes_probs and not context.is_softmax:
                raise ValueError(
                    f"{method.name}: comes last in a combination where softmax does not read the "
                    "logits"
                )

    @property
    def name(self) -> str:
        """The methods' names."""
        return "+".join(method.name for method in self.methods)

    @property
    def reads_class_counts(self) -> bool:
        """Whether any of them does."""
        return any(method.reads_class_counts for method in self.methods)

    @property
    def reads_fractal_dimensions(self) -> bool:
        """Whether any of them does."""
        return any(method.reads_fractal_dimensions for method in self.methods)

    @property
    def uses_counterfactual(self) -> bool:
        """As the first method."""
        return self.methods[0].uses_counterfactual

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of each method, by its name."""
        return {method.name: method.params for method in self.methods}

    @property
    def label(self) -> str:
        """The methods' labels."""
        return "".join(method.label for method in self.methods)


def _without_exemption(method: PostHocMethod) -> PostHocMethod:
    return method.method if isinstance(method, BackgroundExempt) else method


def asks_for_alpha(method: PostHocMethod) -> bool:
    """Say whether some TDE of a method has ``alpha="auto"``."""
    return with_alpha(method, 0.0) != method


def with_alpha(method: PostHocMethod, alpha: float) -> PostHocMethod:
    """Return a method with a measured α in the place of every ``"auto"``."""
    if isinstance(method, TDE):
        return replace(method, alpha=alpha) if method.alpha == AUTO else method
    if isinstance(method, BackgroundExempt):
        return BackgroundExempt(with_alpha(method.method, alpha))
    if isinstance(method, Combined):
        return Combined(tuple(with_alpha(part, alpha) for part in method.methods))
    return method


def spelled(method: PostHocMethod, *, has_background: bool) -> str:
    """Write the call that :func:`parse_post_hoc` reads as a method.

    Args:
        method: of it.
        has_background: as there: what is its default is not said.
    """
    if isinstance(method, Combined):
        return " + ".join(spelled(part, has_background=has_background) for part in method.methods)
    inner, exempt = _without_exemption(method), isinstance(method, BackgroundExempt)
    words = [f"{name}={repr(value).removesuffix('.0')}" for name, value in inner.params.items()]
    if has_background and exempt != inner.exempt_by_default:
        words.append(f"exempt={exempt}")
    return f"{inner.name}({', '.join(words)})" if words else inner.name


def parse_post_hoc(text: str, *, has_background: bool) -> PostHocMethod:
    """Read a spelled call, or several joined by ``+``.

    Args:
        text: ``"tde(alpha=1.5) + logit_adjustment(tau=1)"``.
        has_background: whether the classifier has background; methods are exempt by their default
            there, and nowhere else.

    Raises:
        ValueError: what is wrong with the call.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"{text!r}: not a call such as tde(alpha=1.5)") from error
    methods = tuple(_method(node, text, has_background) for node in _summands(tree))
    return methods[0] if len(methods) == 1 else Combined(methods)


def _summands(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return [*_summands(node.left), *_summands(node.right)]
    return [node]


def _method(node: ast.expr, text: str, has_background: bool) -> PostHocMethod:
    call = node if isinstance(node, ast.Call) else ast.Call(node, [], [])
    by_name = not call.args and all(k.arg is not None for k in call.keywords)
    if not isinstance(call.func, ast.Name) or not by_name:
        raise ValueError(f"{text!r}: not a call such as tde(alpha=1.5), parameters by name")
    name = call.func.id
    options = {str(k.arg): _value(k.value, text) for k in call.keywords}
    method = POST_HOC_METHODS.get(name)
    exempt = options.pop("exempt", has_background and method.exempt_by_default)
    POST_HOC_METHODS.check_options(name, options)
    if not isinstance(exempt, bool):
        raise ValueError(f"{text!r}: exempt is True or False")
    if exempt and not has_background:
        raise ValueError(f"{text!r}: exempt=True: there is no background class")
    made = method(**options)
    return BackgroundExempt(made) if exempt else made


def _value(node: ast.expr, text: str) -> Any:
    try:
        value = ast.literal_eval(node)
    except ValueError as error:
        raise ValueError(f"{text!r}: a parameter is a number, True, False or a text") from error
    # As a dataclass's float: 1 is 1.0.
    return float(value) if type(value) is int else value
