"""Images of a classifier's bias: what it predicts, and how long its class weights are."""

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

Results = dict[str, dict[str, dict[str, Any]]]


def draw_class_distribution(
    results: Results, path: Path, *, balanced: str, imbalanced: str
) -> None:
    """Draw predicted against true classes, and true and false positives (xERM, Fig. 1).

    Args:
        results: ``{method: {test: metrics}}`` with ``bias``.
        path: PNG to write.
        balanced: test whose few-shot part is counted.
        imbalanced: test whose many-shot part is counted.
    """
    methods = list(results)
    figure, axes = plt.subplots(3, 1, figsize=(max(8.0, 1.1 * len(methods)), 10))
    for axis, test in zip(axes[:2], (balanced, imbalanced), strict=True):
        bias = next(iter(results.values()))[test]["bias"]
        order = np.argsort(-np.asarray(bias["train"]), kind="stable")
        axis.fill_between(
            range(len(order)), np.asarray(bias["true"])[order], color="0.85", label="true"
        )
        for method in methods:
            predicted = np.asarray(results[method][test]["bias"]["predicted"], dtype=float)
            axis.plot(_smooth(predicted[order]), label=method, linewidth=1.3)
        axis.set_title(f"predicted classes, test “{test.replace('_', ' ')}”", fontsize=10)
        axis.set_xlabel("class, most frequent in training first")
        axis.set_ylabel("images (mean of 5 ranks)" if len(order) > 20 else "images")
        axis.set_xlim(0, len(order) - 1)
    axes[0].legend(fontsize=8, ncols=max(1, len(methods) // 4))
    _draw_positives(axes[2], results, [(balanced, "few"), (imbalanced, "many")])
    save_figure(figure, path)


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return mean of five ranks, fewer at the ends; short tails are shown as they are."""
    if len(values) <= 20:
        return values
    kernel = np.ones(5)
    known = np.convolve(np.ones_like(values), kernel, mode="same")
    return np.asarray(np.convolve(values, kernel, mode="same") / known)


def _draw_positives(axis: Any, results: Results, parts: list[tuple[str, str]]) -> None:
    methods, width = list(results), 0.38
    for offset, (test, group) in zip((-width / 2, width / 2), parts, strict=True):
        bias = [results[method][test]["bias"] for method in methods]
        hits = [b["true_positives"][group] for b in bias]
        misses = [b["false_positives"][group] for b in bias]
        at = np.arange(len(methods)) + offset
        shade = {"few": ("tab:green", "palegreen"), "many": ("tab:blue", "lightsteelblue")}[group]
        where = f"{group}-shot, {test.replace('_', ' ')}"
        axis.bar(at, hits, width, color=shade[0], label=f"TP ({where})")
        axis.bar(at, misses, width, bottom=hits, color=shade[1], label=f"FP ({where})")
    axis.set_xticks(range(len(methods)), methods, rotation=20, fontsize=8, ha="right")
    axis.set_ylabel("images")
    # Above the bars, which fill the axes.
    axis.legend(fontsize=8, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))


def draw_weight_norms(norms: dict[str, list[float]], path: Path) -> None:
    """Draw the norm of each class's weight by its rank (Tang et al., supplement, Fig. 1).

    Args:
        norms: ``{method: [C norms, most frequent class in training first]}``.
        path: PNG to write.
    """
    figure, axis = plt.subplots(figsize=(8, 4))
    for method, values in norms.items():
        # Methods differ in scale by their temperature: what is compared is the slope.
        axis.plot(np.asarray(values) / np.mean(values), label=method, linewidth=1.3)
    axis.set_xlabel("class, most frequent in training first")
    axis.set_ylabel("‖w‖ over its mean")
    axis.set_xlim(0, len(next(iter(norms.values()))) - 1)
    axis.legend(fontsize=8)
    save_figure(figure, path)


def draw_curves(
    curves: dict[str, dict[float, float]], path: Path, *, x_label: str, y_label: str
) -> None:
    """Draw lines through measured points.

    Args:
        curves: ``{line: {x: y}}``.
        path: PNG to write.
        x_label, y_label: of the axes.
    """
    figure, axis = plt.subplots(figsize=(7, 4))
    for name, points in curves.items():
        axis.plot(list(points), list(points.values()), marker="o", markersize=4, label=name)
    axis.set_xlabel(x_label)
    axis.set_ylabel(y_label)
    axis.legend(fontsize=8)
    save_figure(figure, path)


def save_figure(figure: Any, path: Path) -> None:
    """Write a PNG, its folder made if missing, and close the figure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(figure)
