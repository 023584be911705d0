"""Which trainings a comparison makes, what they take, and which of them a budget holds."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lt_det.errors import ConfigError
from lt_det.evaluation.tables import markdown_table
from lt_det.inspection.tail import NEARLY_BALANCED

from .durations import duration
from .methods import Method, waves

NO_TIME = "the budget is used up"


@dataclass(frozen=True)
class Planned:
    """A method's trainings, or why they are not made.

    Attributes:
        method: how.
        seconds: that each takes; 0 where that is not known.
        left_out: why they are not made; empty where they are.
    """

    method: Method
    seconds: float
    left_out: str = ""


@dataclass(frozen=True)
class Room:
    """What trainings have to fit in.

    Attributes:
        budget: seconds for all of them; ``None``: no end.
        jobs: at a time.
        seeds: trainings of each method.
    """

    budget: float | None = None
    jobs: int = 1
    seeds: int = 1

    def seconds(self, kept: Sequence[Planned]) -> float:
        """Return what trainings take: each as soon as there is a place, in two waves."""
        of_method = {each.method.name: each.seconds for each in kept}
        whole = 0.0
        for wave in waves([each.method for each in kept]):
            places = [0.0] * self.jobs
            for method in wave:
                for _ in range(self.seeds):
                    heapq.heapreplace(places, places[0] + of_method[method.name])
            whole += max(places)
        return whole

    def holds(self, kept: Sequence[Planned]) -> bool:
        """Say whether trainings fit."""
        return self.budget is None or self.seconds(kept) <= self.budget


def sensible(
    methods: Sequence[Method], imbalance: float, threshold: float | None
) -> dict[str, str]:
    """Return why methods have nothing to do on the data; empty for those that have.

    Args:
        methods: wanted.
        imbalance: images of the most frequent category over those of the rarest.
        threshold: of repeat-factor sampling; ``None`` where it has nothing to repeat.
    """

    def why(method: Method) -> str:
        if method.for_tails and imbalance < NEARLY_BALANCED:
            return f"nothing to do: the imbalance is {imbalance:.1f}"
        if method.repeats and threshold is None:
            return "no category is rare enough to be repeated"
        return ""

    return {method.name: why(method) for method in methods}


def make_plan(
    methods: Sequence[Method],
    seconds: Mapping[str, float],
    left_out: Mapping[str, str],
    room: Room,
) -> list[Planned]:
    """Say which trainings are made: each that still fits, in the methods' order.

    Args:
        methods: wanted.
        seconds: that a training with its evaluation takes, by method.
        left_out: why some are not made, whatever they take.
        room: for all of them.

    Raises:
        ConfigError: no training is left; says why.
    """
    planned: list[Planned] = []
    for method in methods:
        kept = [each for each in planned if not each.left_out]
        names = {each.method.name for each in kept}
        lost = [start for _, start in method.starts if start not in names]
        of_method = Planned(method, seconds.get(method.name, 0.0), left_out.get(method.name, ""))
        if not of_method.left_out and lost:
            of_method = replace(of_method, left_out=f"starts from {lost[0]}, which is not trained")
        elif not of_method.left_out and not room.holds([*kept, of_method]):
            of_method = replace(of_method, left_out=NO_TIME)
        planned.append(of_method)
    if all(each.left_out for each in planned):
        first = planned[0]
        if room.budget is None or first.left_out != NO_TIME:
            raise ConfigError(f"{first.method.name}: {first.left_out}")
        given = f"{duration(room.budget)} are given"
        takes = duration(room.seconds([first]))
        raise ConfigError(f"--budget: {first.method.name} takes {takes}, {given}")
    return planned


def plan_text(planned: Sequence[Planned], room: Room) -> str:
    """Return the plan as a table with its whole time."""
    kept = [each for each in planned if not each.left_out]
    seeds = "" if room.seeds == 1 else f"{room.seeds} × "
    rows = [
        [
            each.method.name,
            "–" if each.left_out else str(len(each.method.readings)),
            "–" if each.left_out else f"{seeds}{duration(each.seconds)}",
            each.left_out or "trained",
        ]
        for each in planned
    ]
    table = markdown_table(["method", "readings", "time", ""], rows)
    count = len(kept) * room.seeds
    number = f"{count} training{'' if count == 1 else 's'}"
    whole = duration(room.seconds(kept))
    return f"{table}\n\n{number}, {room.jobs} at a time: about {whole}"


def shared_text(changed: Mapping[str, Sequence[str]], reference: str) -> str:
    """Say which methods are trained by another schedule than their configs'; "" where none is.

    Args:
        changed: config keys that differ, by method.
        reference: the method whose schedule all have.
    """
    methods = [name for name, keys in changed.items() if keys]
    keys = list(dict.fromkeys(key for of_method in changed.values() for key in of_method))
    if not methods:
        return ""
    return (
        f"one schedule for all: {', '.join(methods)} with {', '.join(keys)} of {reference}; "
        "--own-schedules leaves each config its own"
    )
