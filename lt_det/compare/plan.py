"""Which trainings a comparison makes, what they take, and which of them a budget holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from lt_det.errors import ConfigError
from lt_det.evaluation.tables import markdown_table
from lt_det.inspection.tail import NEARLY_BALANCED

from .methods import Method

_NO_TIME = "the budget is used up"


@dataclass(frozen=True)
class Planned:
    """A training, or why it is not made.

    Attributes:
        method: how.
        seconds: that it takes.
        left_out: why it is not made; empty where it is.
    """

    method: Method
    seconds: float
    left_out: str = ""


def make_plan(
    methods: Sequence[Method],
    seconds: float,
    *,
    imbalance: float,
    threshold: float | None,
    budget: float | None,
    jobs: int,
) -> list[Planned]:
    """Say which trainings are made.

    Args:
        methods: wanted, in their order.
        seconds: that one training with its evaluation takes.
        imbalance: images of the most frequent category over those of the rarest.
        threshold: of repeat-factor sampling; ``None`` where it has nothing to repeat.
        budget: seconds for all of them; ``None``: no end.
        jobs: trainings at a time.

    Raises:
        ConfigError: no training is left; says why.
    """
    planned = []
    left = len(methods) if budget is None else jobs * int(budget // seconds)
    for method in methods:
        reason = ""
        if method.for_tails and imbalance < NEARLY_BALANCED:
            reason = f"nothing to do: the imbalance is {imbalance:.1f}"
        elif method.repeats and threshold is None:
            reason = "no category is rare enough to be repeated"
        elif not left:
            reason = _NO_TIME
        else:
            left -= 1
        planned.append(Planned(method, seconds, reason))
    first = planned[0]
    if all(each.left_out for each in planned):
        if budget is None or first.left_out != _NO_TIME:
            raise ConfigError(f"{first.method.name}: {first.left_out}")
        given = f"{duration(budget)} are given"
        raise ConfigError(f"--budget: one training takes {duration(seconds)}, {given}")
    return planned


def plan_text(planned: Sequence[Planned], jobs: int) -> str:
    """Return the plan as a table with its whole time."""
    rows = [
        [
            each.method.name,
            "–" if each.left_out else str(len(each.method.readings)),
            "–" if each.left_out else duration(each.seconds),
            each.left_out or "trained",
        ]
        for each in planned
    ]
    made = [each.seconds for each in planned if not each.left_out]
    whole = sum(max(made[start : start + jobs]) for start in range(0, len(made), jobs))
    table = markdown_table(["method", "readings", "time", ""], rows)
    number = f"{len(made)} training{'' if len(made) == 1 else 's'}"
    return f"{table}\n\n{number}, {jobs} at a time: about {duration(whole)}"


def seconds_of(text: str) -> float:
    """Read a time.

    Args:
        text: a number and ``s``, ``m``, ``h`` or ``d``: ``"90m"``, ``"1.5h"``.

    Raises:
        ConfigError: it is none.
    """
    unit = {"s": 1, "m": 60, "h": 3600, "d": 86400}.get(text[-1:], 0)
    try:
        seconds = float(text[:-1]) * unit
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigError(f"--budget {text}: not a time such as 90m, 3h or 1.5d")
    return seconds


def duration(seconds: float) -> str:
    """Return a time to two parts, as a person says it."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
