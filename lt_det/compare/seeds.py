"""Figures and differences of several trainings of each method, as one."""

from collections.abc import Mapping, Sequence

import numpy as np

Interval = Mapping[str, float]
Figures = dict[str, dict[str, float]]
Differences = dict[str, dict[str, Interval]]


def means(of_seeds: Sequence[Figures]) -> Figures:
    """Return each figure's mean over the seeds: candidate → figure → value."""
    return {
        name: {key: float(np.mean([of_seed[name][key] for of_seed in of_seeds])) for key in figures}
        for name, figures in of_seeds[0].items()
    }


def spreads(of_seeds: Sequence[Figures]) -> Figures:
    """Return each figure's standard deviation over the seeds; nothing of one seed alone."""
    if len(of_seeds) == 1:
        return {}
    return {
        name: {
            key: float(np.std([of_seed[name][key] for of_seed in of_seeds], ddof=1))
            for key in figures
        }
        for name, figures in of_seeds[0].items()
    }


def of_all_seeds(of_seeds: Sequence[Differences]) -> Differences:
    """Return each difference's mean, its interval from the lowest to the highest end of any seed's.

    So a difference is told from none only where every seed's trainings show it.

    Args:
        of_seeds: candidate → figure → ``{"value", "low", "high"}`` of trainings with the same seed.
            A candidate that one seed can tell nothing of is left out.
    """
    names = [name for name in of_seeds[0] if all(name in of_seed for of_seed in of_seeds)]
    return {
        name: {
            key: {
                end: float(of_ends([of_seed[name][key][end] for of_seed in of_seeds]))
                for end, of_ends in (("value", np.mean), ("low", np.min), ("high", np.max))
            }
            for key in of_seeds[0][name]
        }
        for name in names
    }
