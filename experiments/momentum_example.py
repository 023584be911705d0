#!/usr/bin/env python3
"""What momentum does to an imbalanced problem of one dimension and two classes.

experiments/momentum_example.py [--seeds 50] [--steps 2000] [--picture PNG] [--json FILE]

After Tang et al., NeurIPS 2020, supplement, Fig. 2: SGD with momentum on samples of a head and a
tail class. The head's are drawn from N(+1, 1), the tail's from N(−1, 1); the classifier is
σ(w x + b), above ½ the head. It starts as the best one of balanced data (w = 2, b = 0, boundary at
x = 0), so that what the boundary moves by is what training on imbalanced samples does to it. A
step is one sample; v ← μ v + g, θ ← θ − lr · v. The numbers of the samples and of the optimizer
are ours. Momentum makes a step 1 / (1 − μ) times as long, so that plain SGD of that learning rate
is measured, too, and balanced data as the control.
"""

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lt_det.evaluation.tables import markdown_table  # noqa: E402
from lt_det.files import save_json  # noqa: E402
from lt_det.visualization.class_bias import save_figure  # noqa: E402

HEAD_MEAN, TAIL_MEAN = 1.0, -1.0
START = (2.0, 0.0)  # w, b: of balanced data
_MARKS = (100, 500, 2000)


@dataclass(frozen=True)
class Setting:
    """One optimizer on one data set.

    Attributes:
        name: of the row.
        imbalance: head samples for one of the tail.
        momentum: μ.
        learning_rate: lr.
    """

    name: str
    imbalance: float
    momentum: float
    learning_rate: float


SETTINGS = (
    Setting("100:1, SGD", 100, 0.0, 0.01),
    Setting("100:1, momentum 0.9", 100, 0.9, 0.01),
    Setting("100:1, SGD, 10 × the rate", 100, 0.0, 0.1),
    Setting("1:1, momentum 0.9", 1, 0.9, 0.01),
)


def train(setting: Setting, steps: int, seeds: int) -> dict[str, np.ndarray]:
    """Train from every seed at once.

    Returns:
        arrays (steps, seeds): ``weight`` and ``bias`` after each step; ``update``, what the step
        has added to the bias (above 0: towards the head, whose region grows); ``carried``, what it
        would have added without its own gradient; ``is_tail``, bool.
    """
    rng = np.random.default_rng(0)
    is_tail = rng.random((steps, seeds)) < 1 / (1 + setting.imbalance)
    samples = rng.standard_normal((steps, seeds)) + np.where(is_tail, TAIL_MEAN, HEAD_MEAN)
    weight, bias = (np.full(seeds, value) for value in START)
    velocity = np.zeros((2, seeds))
    names = ("weight", "bias", "update", "carried")
    trace: dict[str, np.ndarray] = {name: np.empty((steps, seeds)) for name in names}
    for step in range(steps):
        x = samples[step]
        error = 1 / (1 + np.exp(-(weight * x + bias))) - ~is_tail[step]
        carried = setting.momentum * velocity
        velocity = carried + np.stack([error * x, error])
        update = -setting.learning_rate * velocity
        weight, bias = weight + update[0], bias + update[1]
        values = (weight, bias, update[1], -setting.learning_rate * carried[1])
        for name, value in zip(names, values, strict=True):
            trace[name][step] = value
    return {**trace, "is_tail": is_tail}


def recalls(boundary: np.ndarray) -> dict[str, np.ndarray]:
    """Return the share of each class's samples on its side of a boundary, in percent."""
    return {
        "head": 100 * norm.sf(boundary, loc=HEAD_MEAN),
        "tail": 100 * norm.cdf(boundary, loc=TAIL_MEAN),
    }


def measure(setting: Setting, steps: int, seeds: int) -> dict[str, Any]:
    """Train and return the numbers of a setting; means and sample deviations over seeds.

    Returns:
        ``{"imbalance", "momentum", "learning_rate", "tail_steps", "carried_to_head": percent of the
        steps on a tail sample at which what momentum carries pushes the bias towards the head,
        "moved_to_head": at which it did so against the sample's own gradient, "boundary": {step:
        {"mean", "sd"}}, "head" and "tail": recall in percent, likewise, "curve": [mean boundary,
        each tenth step]}``.
    """
    trace = train(setting, steps, seeds)
    boundary = -trace["bias"] / trace["weight"]
    on_tail = trace["is_tail"]
    figures: dict[str, Any] = {"boundary": {}, "head": {}, "tail": {}}
    for step in sorted({*(mark for mark in _MARKS if mark < steps), steps}):
        at = boundary[step - 1]
        for name, values in {"boundary": at, **recalls(at)}.items():
            deviation = float(values.std(ddof=1)) if seeds > 1 else math.nan
            figures[name][str(step)] = {"mean": float(values.mean()), "sd": deviation}
    return {
        "imbalance": setting.imbalance,
        "momentum": setting.momentum,
        "learning_rate": setting.learning_rate,
        "tail_steps": int(on_tail.sum()),
        "carried_to_head": 100 * float((trace["carried"][on_tail] > 0).mean()),
        "moved_to_head": 100 * float((trace["update"][on_tail] > 0).mean()),
        **figures,
        "curve": boundary[9::10].mean(axis=1).round(4).tolist(),
    }


def best_boundary(imbalance: float) -> float:
    """Return the Bayes boundary: where both classes are as likely."""
    return -math.log(imbalance) / (HEAD_MEAN - TAIL_MEAN)


def draw(measured: dict[str, dict[str, Any]], path: Path) -> None:
    """Draw the mean boundary over steps, and where momentum pushes at the tail's samples."""
    figure, (curves, bars) = plt.subplots(1, 2, figsize=(11, 4), width_ratios=(3, 2))
    for name, values in measured.items():
        steps = 10 * (1 + np.arange(len(values["curve"])))
        curves.plot(steps, values["curve"], label=name)
    curves.axhline(best_boundary(100), color="grey", linestyle=":", label="Bayes, 100:1")
    curves.set_xlabel("step (one sample)")
    curves.set_ylabel("boundary, x\n(down: into the tail)")
    curves.legend(fontsize=8)
    shares = [values["carried_to_head"] for values in measured.values()]
    bars.barh(list(measured), shares, color=[f"C{number}" for number in range(len(shares))])
    bars.invert_yaxis()
    bars.set_xlim(0, 100)
    bars.axvline(50, color="grey", linestyle=":")
    bars.set_xlabel("steps on a tail sample at which momentum\npushes towards the head, %")
    save_figure(figure, path)


def table(measured: dict[str, dict[str, Any]]) -> str:
    """Return a row a setting: the last step's boundary and recalls, and the tail's steps."""
    rows = []
    for name, values in measured.items():
        last = list(values["boundary"])[-1]
        cells = [f"{values[f][last]['mean']:.2f}" for f in ("boundary", "head", "tail")]
        shares = [f"{values[share]:.1f}" for share in ("carried_to_head", "moved_to_head")]
        rows.append([name, *cells, *shares])
    heading = ["", "boundary", "head recall", "tail recall", "carried to head, %", "moved, %"]
    return markdown_table(heading, rows)


def main() -> None:
    """Train every setting, print the table, write picture and numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--steps", type=int, default=2000)
    docs = ROOT / "docs"
    parser.add_argument("--picture", type=Path, default=docs / "pictures" / "momentum_example.png")
    parser.add_argument("--json", type=Path, default=docs / "results" / "momentum_example.json")
    args = parser.parse_args()
    measured = {s.name: measure(s, args.steps, args.seeds) for s in SETTINGS}
    draw(measured, args.picture)
    head = {"seeds": args.seeds, "steps": args.steps, "bayes_boundary": best_boundary(100)}
    save_json({**head, "settings": measured}, args.json, indent=1)
    print(f"{table(measured)}\n{args.picture}, {args.json}")


if __name__ == "__main__":
    main()
