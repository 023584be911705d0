"""The choice of a reading on one half of the images, and what the other half says of it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from lt_det.evaluation.tables import interval_text

from .figures import BY_AP, Figures
from .seeds import Differences, Interval, means, of_all_seeds, spreads

_SHOWN_AS_MORE_THAN_0 = 0.05
# Of a candidate beside itself.
_NOTHING: Interval = {"value": 0.0, "low": 0.0, "high": 0.0}


@dataclass(frozen=True)
class Direction:
    """One half that is chosen on, and the other, which is reported.

    Attributes:
        chosen: the candidate that is shown to be most above the baseline on the first half: by the
            lower end of its interval there; the baseline where none is above 0.
        figures: candidate → figure → value on the second half, in percent.
        minus: of the baseline and of what either half chooses: candidate → figure → ``{"value",
            "low", "high"}`` of its difference from that one on the second half, in points.
        images: of the second half.
        spreads: as ``figures``, each one's standard deviation over the seeds; empty for one seed.
    """

    chosen: str
    figures: dict[str, dict[str, float]]
    minus: dict[str, dict[str, dict[str, Interval]]]
    images: int
    spreads: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What two directions say together.

    Attributes:
        baseline: a candidate.
        recommended: another; the baseline where nothing is shown to be better.
        level: candidates that the halves do not both tell from the recommended one.
        sentences: why, in words.
        directions: of which it is made.
        figures: by which.
    """

    baseline: str
    recommended: str
    level: list[str]
    sentences: list[str]
    directions: list[Direction]
    figures: Figures = BY_AP

    def to_record(self) -> dict[str, Any]:
        """Return all of it as JSON has it."""
        return asdict(self)


@dataclass(frozen=True)
class Measured:
    """What candidates of one seed measured.

    Attributes:
        figures: of each half: candidate → figure → value, in percent.
        minus: (half, candidate) → the others' differences from that one, as :class:`Direction` has
            them.
    """

    figures: Sequence[dict[str, dict[str, float]]]
    minus: Callable[[int, str], Differences]


def surest(over: Mapping[str, Mapping[str, Interval]], baseline: str, key: str) -> str:
    """Return the candidate that is shown to be most above the baseline.

    By the lower end of the interval, not by the figure: the largest figure of many is the luckiest,
    and one that a few images make is no reason to leave the baseline.

    Args:
        over: the others' differences from the baseline.
        baseline: returned where no interval is above 0.
        key: which difference.
    """
    lows = {name: differences.get(key, _NOTHING)["low"] for name, differences in over.items()}
    shown = {name: low for name, low in lows.items() if low > 0}
    return max(shown, key=lambda name: shown[name], default=baseline)


def both_directions(
    of_seeds: Sequence[Measured],
    images: Sequence[int],
    baseline: str,
    by: Figures,
) -> list[Direction]:
    """Choose on each half, and report the other.

    Args:
        of_seeds: what the candidates measured on both halves, by seed.
        images: of each half.
        baseline: a candidate.
        by: what they are measured by.
    """

    def minus(half: int, first: str) -> Differences:
        return of_all_seeds([measured.minus(half, first) for measured in of_seeds])

    over = [minus(half, baseline) for half in (0, 1)]
    chosen = [surest(of_half, baseline, by.chosen_by) for of_half in over]
    others = [name for name in dict.fromkeys(chosen) if name != baseline]
    directions = []
    for chosen_on, reported in ((0, 1), (1, 0)):
        figures = [measured.figures[reported] for measured in of_seeds]
        subtracted = {first: minus(reported, first) for first in others}
        directions.append(
            Direction(
                chosen[chosen_on],
                means(figures),
                {baseline: over[reported]} | subtracted,
                images[reported],
                spreads(figures),
            )
        )
    return directions


def answer(directions: Sequence[Direction], baseline: str, by: Figures = BY_AP) -> Answer:
    """Say which candidate to take.

    One that is chosen on one half, and shown to be above the baseline on the other: of two, the one
    whose interval there is higher. The baseline otherwise. It is said where it pays with the
    frequent categories, which the baseline keeps.

    Args:
        directions: both.
        baseline: a candidate.
        by: what they are measured by.
    """

    def shown(direction: Direction) -> float:
        return _gain(direction, direction.chosen, baseline, by.chosen_by)["low"]

    surer = max(directions, key=shown)
    recommended = surer.chosen if shown(surer) > 0 else baseline
    sentences = [_recommendation(recommended, baseline, directions, by)]
    losses = [d.minus[baseline].get(recommended, {}).get(by.head) for d in directions]
    if any(loss and loss["high"] < 0 for loss in losses):
        paid = ", ".join(interval_text(loss) for loss in losses if loss)
        sentences.append(
            f"It pays with {by.head_name} ({by.head} {paid}): where pictures are as "
            f"long-tailed as the training set, {baseline} keeps them."
        )
    if recommended == baseline:
        sentences += _how_many(directions, baseline, by)
    sentences += _of_groups(directions, recommended, baseline, by)
    level = _level(directions, recommended, by)
    if level:
        sentences.append(f"Not told from it by both halves: {', '.join(level)}.")
    return Answer(baseline, recommended, level, sentences, list(directions), by)


def _gain(direction: Direction, name: str, baseline: str, key: str) -> Interval:
    return direction.minus[baseline].get(name, {}).get(key, _NOTHING)


def _recommendation(
    recommended: str, baseline: str, directions: Sequence[Direction], by: Figures
) -> str:
    key = by.chosen_by
    if recommended == baseline:
        others = dict.fromkeys(d.chosen for d in directions if d.chosen != baseline)
        if not others:
            return f"Take {baseline}: neither half shows another reading to have a better {key}."
        return (
            f"Take {baseline}: {' and '.join(others)} looked better on the half chosen on, and "
            "the other half does not show it."
        )
    told = [
        interval_text(_gain(d, recommended, baseline, key))
        for d in directions
        if d.chosen == recommended
    ]
    where = "halves" if len(told) == 2 else "half"
    return (
        f"Take {recommended}: {key} {' and '.join(told)} over {baseline} on the {where} not "
        "chosen on."
    )


def _how_many(directions: Sequence[Direction], baseline: str, by: Figures) -> list[str]:
    """Say how many images would tell the largest gain that there seems to be, were it there."""

    def mean(name: str) -> float:
        whole = sum(_gain(d, name, baseline, by.chosen_by)["value"] for d in directions)
        return -math.inf if math.isnan(whole) else whole

    best = max(directions[0].figures, key=mean)
    gains = [_gain(direction, best, baseline, by.chosen_by) for direction in directions]
    value = sum(gain["value"] for gain in gains) / len(gains)
    widths = [(gain["high"] - gain["low"]) / 2 for gain in gains]
    width = max(widths)
    # What is printed as 0.0 is none; of a group that too few draws have there is no width.
    if any(map(math.isnan, widths)) or not value >= _SHOWN_AS_MORE_THAN_0:
        return []
    images = sum(direction.images for direction in directions)
    wanted = math.ceil(images * (width / value) ** 2)
    if wanted <= images:
        return []
    return [
        f"A gain of {value:.1f} points, which is what {best} seems to have, would take about "
        f"{wanted:,} images to be told from none; there are {images:,}."
    ]


def _of_groups(
    directions: Sequence[Direction], recommended: str, baseline: str, by: Figures
) -> list[str]:
    """Say of which parts of the classes the images tell nothing, or too little."""
    said = _unknown_groups(directions, baseline, by)
    for key in by.groups if recommended != baseline else ():
        gains = [_gain(direction, recommended, baseline, key) for direction in directions]
        width = max((gain["high"] - gain["low"]) / 2 for gain in gains)
        if width > 1 and all(gain["low"] <= 0 <= gain["high"] for gain in gains):
            images = sum(direction.images for direction in directions)
            said.append(
                f"Of {key} by itself neither half tells a difference "
                f"({', '.join(map(interval_text, gains))}): one of a point would take about "
                f"{math.ceil(images * width**2):,} images."
            )
    return said


def _unknown_groups(directions: Sequence[Direction], baseline: str, by: Figures) -> list[str]:
    missing = {
        key: [math.isnan(d.figures[baseline].get(key, math.nan)) for d in directions]
        for key in by.groups
    }
    nowhere = [key for key, of_halves in missing.items() if all(of_halves)]
    once = [key for key, of_halves in missing.items() if any(of_halves) and not all(of_halves)]
    said = [f"Nothing is known of {', '.join(nowhere)}: no image has one."] if nowhere else []
    if once:
        said.append(
            f"One half alone has images with {', '.join(once)}: what is chosen by it on one half "
            "cannot be told on the other."
        )
    return said


def _level(directions: Sequence[Direction], recommended: str, by: Figures) -> list[str]:
    """Return candidates that the halves do not both tell from the recommended one, on one side."""
    return [
        name
        for name in directions[0].figures
        if name != recommended
        and abs(sum(_side(d, name, recommended, by.chosen_by) for d in directions))
        < len(directions)
    ]


def _side(direction: Direction, name: str, recommended: str, key: str) -> int:
    """Return 1 where a candidate is better on this half, −1 where it is worse, 0 if not told."""
    interval = direction.minus[recommended].get(name, {}).get(key, _NOTHING)
    return int(interval["low"] > 0) - int(interval["high"] < 0)
