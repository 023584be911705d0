"""The choice of a reading on one half of the images, and what the other half says of it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Interval = Mapping[str, float]
# Of a candidate without a detection, which nothing can be told of.
_NOTHING: Interval = {"value": 0.0, "low": 0.0, "high": 0.0}


@dataclass(frozen=True)
class Figures:
    """What candidates of a kind are measured by, in percent.

    Attributes:
        shown: in tables, in their order.
        chosen_by: one of them.
        head: what a choice must not lose in silence, another of them.
        head_name: of what that is, in words.
    """

    shown: tuple[str, ...]
    chosen_by: str
    head: str
    head_name: str


BY_AP = Figures(
    ("AP", "AP_fixed", "APr", "APc", "APf", "by instances"), "AP", "APf", "the frequent categories"
)
BY_TOP1 = Figures(
    ("top1", "mean recall", "many", "medium", "few"), "top1", "many", "the many-shot classes"
)


@dataclass(frozen=True)
class Direction:
    """One half that is chosen on, and the other, which is reported.

    Attributes:
        chosen: the candidate with the best figure that is chosen by, on the first half.
        figures: candidate → figure → value on the second half, in percent.
        minus: of the baseline and of what either half chooses: candidate → figure → ``{"value",
            "low", "high"}`` of its difference from that one on the second half, in points.
        images: of the second half.
    """

    chosen: str
    figures: dict[str, dict[str, float]]
    minus: dict[str, dict[str, dict[str, Interval]]]
    images: int


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


def best_by(figures: Mapping[str, Mapping[str, float]], key: str) -> str:
    """Return the candidate with the largest figure; the first of equal ones."""
    return max(figures, key=lambda name: _known(figures[name].get(key, math.nan)))


def _known(value: float) -> float:
    return -math.inf if math.isnan(value) else value


def both_directions(
    figures: Sequence[dict[str, dict[str, float]]],
    minus: Callable[[int, str], dict[str, dict[str, Interval]]],
    images: Sequence[int],
    baseline: str,
    by: Figures,
) -> list[Direction]:
    """Choose on each half, and report the other.

    Args:
        figures: of each half: candidate → figure → value, in percent.
        minus: (half, candidate) → the others' differences from that one, as
            :class:`Direction` has them.
        images: of each half.
        baseline: a candidate.
        by: what they are measured by.
    """
    chosen = [best_by(of_half, by.chosen_by) for of_half in figures]
    subtracted = dict.fromkeys([baseline, *chosen])
    return [
        Direction(
            chosen[chosen_on],
            figures[reported],
            {first: minus(reported, first) for first in subtracted},
            images[reported],
        )
        for chosen_on, reported in ((0, 1), (1, 0))
    ]


def answer(directions: Sequence[Direction], baseline: str, by: Figures = BY_AP) -> Answer:
    """Say which candidate to take.

    One that is chosen on both halves, and whose difference from the baseline has an interval above
    0 on both; the baseline otherwise. It is said where it pays with the frequent categories, which
    the baseline keeps.

    Args:
        directions: both.
        baseline: a candidate.
        by: what they are measured by.
    """
    chosen = [direction.chosen for direction in directions]
    # Of two choices the one that stands better where it was not chosen.
    best = max(chosen, key=lambda name: _mean_gain(directions, name, baseline, by))
    gains = [d.minus[baseline].get(best, {}).get(by.chosen_by) for d in directions]
    is_shown = best != baseline and all(gain and gain["low"] > 0 for gain in gains)
    recommended = best if is_shown else baseline
    sentences = [_recommendation(recommended, baseline, chosen, directions, by)]
    losses = [d.minus[baseline].get(recommended, {}).get(by.head) for d in directions]
    if any(loss and loss["high"] < 0 for loss in losses):
        told = ", ".join(_told(loss) for loss in losses if loss)
        sentences.append(
            f"It pays with {by.head_name} ({by.head} {told}): where pictures are as "
            f"long-tailed as the training set, {baseline} keeps them."
        )
    if not is_shown and best != baseline:
        sentences += _how_many(best, gains, directions)
    level = _level(directions, recommended, by)
    if level:
        sentences.append(f"Not told from it by both halves: {', '.join(level)}.")
    return Answer(baseline, recommended, level, sentences, list(directions), by)


def _mean_gain(directions: Sequence[Direction], name: str, baseline: str, by: Figures) -> float:
    if name == baseline:
        return 0.0
    return sum(d.minus[baseline][name][by.chosen_by]["value"] for d in directions) / len(directions)


def _recommendation(
    recommended: str,
    baseline: str,
    chosen: Sequence[str],
    directions: Sequence[Direction],
    by: Figures,
) -> str:
    if recommended == baseline:
        if set(chosen) == {baseline}:
            return f"Take {baseline}: no other reading has a better {by.chosen_by} on either half."
        others = " and ".join(dict.fromkeys(name for name in chosen if name != baseline))
        return (
            f"Take {baseline}: {others} looked better on the half chosen on, and the other half "
            "does not show it."
        )
    told = " and ".join(
        _told(direction.minus[baseline][recommended][by.chosen_by]) for direction in directions
    )
    return f"Take {recommended}: {by.chosen_by} {told} over {baseline} on the halves not chosen on."


def _told(interval: Interval) -> str:
    return f"{interval['value']:+.1f} [{interval['low']:.1f}, {interval['high']:.1f}]"


def _how_many(
    best: str, gains: Sequence[Interval | None], directions: Sequence[Direction]
) -> list[str]:
    """Say how many images would tell a gain of this size, were it there."""
    known = [(g, d.images) for g, d in zip(gains, directions, strict=True) if g]
    value = sum(gain["value"] for gain, _ in known) / max(len(known), 1)
    if value <= 0:
        return []
    width = max((gain["high"] - gain["low"]) / 2 for gain, _ in known)
    images = sum(images for _, images in known)
    wanted = math.ceil(images * (width / value) ** 2)
    if wanted <= images:
        return []
    return [
        f"A gain of {value:.1f} points, which is what {best} has, would take about {wanted:,} "
        f"images to be told from none; there are {images:,}."
    ]


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
