"""What a classifier's images are taken for, by shot group."""

from pathlib import Path

import numpy as np

from lt_det.core import shot_groups
from lt_det.evaluation.classification.predictions import (
    PREDICTIONS_FILE,
    Predictions,
    read_predictions,
)
from lt_det.visualization.page import Section, Table

GROUPS = ("many", "medium", "few")
_CONFUSED = 20


def confusion_sections(folder: Path, title: str = "") -> list[Section]:
    """Return what the rows of a run take images for; a run without predictions.npz has none.

    Args:
        folder: OUTPUT_DIR.
        title: before the section's, of several runs.
    """
    file = folder / PREDICTIONS_FILE
    if not file.is_file():
        return []
    saved = read_predictions(file)
    masks = shot_groups(saved.class_counts.tolist(), **saved.limits)
    group_of = np.zeros(len(saved.class_names), dtype=int)
    for index, name in enumerate(GROUPS):
        group_of[np.asarray(masks[name])] = index
    lines = [
        [row, GROUPS[true], *shares]
        for row, predicted in zip(saved.row_names, saved.predicted, strict=True)
        for true, shares in enumerate(_shares(saved.labels, predicted, group_of))
    ]
    heading = ["", "true group", "right", *(f"taken for {g}" for g in GROUPS)]
    note = (
        "Shares of each group's images of the whole test set, in percent: right, or taken for "
        "another class of a group."
    )
    tables = [Table(heading, lines), _confused(saved, group_of)]
    return [Section(f"{title}What is taken for what", [note], tables)]


def _shares(labels: np.ndarray, predicted: np.ndarray, group_of: np.ndarray) -> list[list[str]]:
    lines = []
    for group in range(len(GROUPS)):
        of_group = group_of[labels] == group
        number = int(of_group.sum())
        right = labels == predicted
        counts = [int((of_group & right).sum())]
        for other in range(len(GROUPS)):
            taken = of_group & ~right & (group_of[predicted] == other)
            counts.append(int(taken.sum()))
        lines.append([f"{100 * c / number:.1f}" if number else "–" for c in counts])
    return lines


def _confused(saved: Predictions, group_of: np.ndarray) -> Table:
    """Return the last row's most frequent confusions of few-shot classes."""
    labels, predicted = saved.labels, saved.predicted[-1]
    wrong = (labels != predicted) & (group_of[labels] == GROUPS.index("few"))
    pairs, counts = np.unique(
        np.stack([labels[wrong], predicted[wrong]]), axis=1, return_counts=True
    )
    order = np.argsort(-counts, kind="stable")[:_CONFUSED]
    names = saved.class_names
    lines = [
        [str(names[t]), str(names[p]), GROUPS[group_of[p]], str(n)]
        for (t, p), n in zip(pairs[:, order].T, counts[order], strict=True)
    ]
    return Table(
        [f"few-shot class, {saved.row_names[-1]}", "taken for", "its group", "times"], lines
    )
