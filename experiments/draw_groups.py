#!/usr/bin/env python3
"""Draw a study of detectors: mask AP by frequency group, a bar a method, with the seeds' spread.

experiments/draw_groups.py docs/results/synthetic_lvis.json docs/pictures/ap_by_group.png
"""

import argparse
import json
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

GROUPS = {"AP": "all", "APr": "rare", "APc": "common", "APf": "frequent"}


def draw(study: dict, path: Path) -> None:
    """Draw {method: {seed: {"segm": {"AP": …}}}} as a PNG."""
    figure, axis = plt.subplots(figsize=(7, 2.8), layout="constrained")
    width = 0.8 / len(study)
    for index, (method, by_seed) in enumerate(study.items()):
        values = np.array([[seed["segm"][key] for key in GROUPS] for seed in by_seed.values()])
        at = np.arange(len(GROUPS)) + (index - (len(study) - 1) / 2) * width
        axis.bar(at, values.mean(0), width, yerr=values.std(0, ddof=1), label=method)
    axis.set_xticks(range(len(GROUPS)), GROUPS.values())
    axis.set_ylabel("mask AP")
    axis.legend(fontsize=8, ncols=2)
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    draw(json.loads(arguments.study.read_text(encoding="utf-8")), arguments.output)
