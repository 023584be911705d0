"""Recall, precision and F1 by shot group, on any test distribution."""

import math
import warnings
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_fscore_support
from torch import Tensor

from lt_det.core import group_f1, shot_groups

Figures = dict[str, Any]
GROUPS = ("many", "medium", "few")


def shot_metrics(
    predictions: Tensor, labels: Tensor, class_counts: Tensor, *, many: int = 100, few: int = 20
) -> Figures:
    """Compute top-1, and recall, precision and F1 by shot group (means of classes), in percent.

    A class without test images has no recall. A class that is never predicted has no precision:
    ``precision`` leaves it out, as the published code does (Liu et al., 2019, and after them),
    ``precision_zero`` counts it 0. There are two readings of F1. ``f1`` is the mean of the classes'
    F1, 2TP / (2TP + FP + FN): 0 for a class that has test images and no true positive, undefined
    for one with neither images nor predictions. ``f1_paper`` is the papers'
    (:func:`~lt_det.core.group_f1`): the harmonic mean of the group's ``recall`` and ``precision``.
    What is undefined is NaN and left out of means; a group with nothing in it is NaN.

    Args:
        predictions: (N,) in [0, C).
        labels: (N,) in [0, C).
        class_counts: (C,) training images, which make the groups.
        many, few: limits, as in :func:`~lt_det.core.shot_groups`.

    Returns:
        ``{"top1", "recall": {"many", "medium", "few", "all"}, "precision": …, "precision_zero": …,
        "f1": …, "f1_paper": …, "per_class": {"recall", "precision", "f1": [C values]}}``.

    Raises:
        ValueError: no sample, or lengths that differ.
    """
    if not len(labels) or predictions.shape != labels.shape:
        raise ValueError(f"{tuple(predictions.shape)} predictions for {tuple(labels.shape)} labels")
    classes = np.arange(len(class_counts))
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels.cpu().numpy(), predictions.cpu().numpy(), labels=classes, zero_division=np.nan
    )
    per_class = {"recall": recall, "precision": precision, "f1": f1}
    groups = {
        name: mask.cpu().numpy()
        for name, mask in shot_groups(class_counts, many=many, few=few).items()
    }
    groups["all"] = np.ones(len(classes), dtype=bool)

    def by_group(values: np.ndarray) -> dict[str, float]:
        return {name: _percent_mean(values[mask]) for name, mask in groups.items()}

    recalls, precisions = by_group(recall), by_group(precision)
    return {
        "top1": 100 * float((predictions == labels).double().mean()),
        "recall": recalls,
        "precision": precisions,
        "precision_zero": by_group(np.nan_to_num(precision, nan=0.0)),
        "f1": by_group(f1),
        "f1_paper": {name: group_f1(recalls[name], precisions[name]) for name in groups},
        "per_class": {name: (100 * values).tolist() for name, values in per_class.items()},
    }


def _percent_mean(values: np.ndarray) -> float:
    with warnings.catch_warnings():
        # The mean of nothing is NaN; that is what is reported.
        warnings.simplefilter("ignore", RuntimeWarning)
        return 100 * float(np.nanmean(values)) if len(values) else math.nan


def expected_calibration_error(probs: Tensor, labels: Tensor, num_bins: int = 15) -> float:
    """Return mean gap between confidence and accuracy over bins of confidence, in percent.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3.

    Args:
        probs: (N, C), rows sum to 1.
        labels: (N,) in [0, C).
        num_bins: bins of equal width, each open below and closed above.

    Returns:
        NaN for no sample.
    """
    if not len(labels):
        return math.nan
    confidence, predicted = probs.double().max(dim=1)
    gap = (predicted == labels).double() - confidence
    bins = (confidence * num_bins).ceil().clamp(1, num_bins).long() - 1
    gaps = gap.new_zeros(num_bins).index_add_(0, bins, gap)
    return 100 * float(gaps.abs().sum() / len(labels))


def class_bias(
    predictions: Tensor, labels: Tensor, class_counts: Tensor, *, many: int = 100, few: int = 20
) -> Figures:
    """Return what is predicted against what is there (Zhu et al., AAAI 2022, Fig. 1).

    Returns:
        ``{"train": [C counts], "predicted": …, "true": …, "true_positives": {group: count},
        "false_positives": {group: count}}``; a group's false positives are images given one of
        its classes while they are of another class.
    """
    num_classes = len(class_counts)
    hit = predictions == labels
    groups = shot_groups(class_counts, many=many, few=few)
    of_group = {name: mask[predictions.cpu()] for name, mask in groups.items()}
    return {
        "train": class_counts.tolist(),
        "predicted": predictions.cpu().bincount(minlength=num_classes).tolist(),
        "true": labels.cpu().bincount(minlength=num_classes).tolist(),
        "true_positives": {n: int((m & hit.cpu()).sum()) for n, m in of_group.items()},
        "false_positives": {n: int((m & ~hit.cpu()).sum()) for n, m in of_group.items()},
    }
