"""Evaluation on every test distribution, from one pass over the images."""

import math
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.utils import comm
from torch import Tensor, nn

from lt_det.data.classification.long_tailed_subset import cut_to_counts, imbalance_counts
from lt_det.engine.pass_record import PassClock, save_pass
from lt_det.evaluation.classification.predictions import Predictions, without_common_folder
from lt_det.evaluation.classification.shot_metrics import (
    class_bias,
    expected_calibration_error,
    shot_metrics,
)
from lt_det.evaluation.classification.tables import Results

from .datasets import ImageData, rank_order_of
from .inference import checked_rows, collect_features, post_hoc_results, weight_norms
from .report import write_report
from .test_time_weights import check_experts, expert_views, weighted_results


@dataclass(frozen=True)
class Measured:
    """What a model's evaluation has measured.

    Attributes:
        results: ``{method: {test: metrics}}``.
        predictions: of every row and image.
        norms: ``{method: [C norms of the class weights, most frequent class first]}``.
        seconds_per_image: that a process spent on one, all readings of it included.
    """

    results: Results
    predictions: Predictions
    norms: dict[str, list[float]]
    seconds_per_image: float = math.nan


def test_distributions(
    labels: Tensor, rank_order: Tensor, imbalances: list[float], *, reverse: bool, seed: int
) -> dict[str, Tensor]:
    """Return positions in the test set of each test distribution.

    Args:
        labels: (N,) of the test set.
        rank_order: (C,) classes from the most frequent in training to the least.
        imbalances: of the long-tailed cuts; head classes keep most images.
        reverse: also cut so that tail classes keep most.
        seed: of the cuts.

    Returns:
        ``{"balanced": all of it, "imbalance_50": …, "imbalance_50_reversed": …}``; the whole set is
        ``"full"`` where its classes differ in size.
    """
    counts = torch.bincount(labels, minlength=len(rank_order))
    whole = "balanced" if len(set(counts.tolist())) == 1 else "full"
    positions = {whole: torch.arange(len(labels))}
    for imbalance in imbalances:
        orders = {"": rank_order, "_reversed": rank_order.flip(0)}
        for suffix, order in orders.items() if reverse else [("", rank_order)]:
            kept = imbalance_counts(counts, imbalance, order)
            positions[f"imbalance_{imbalance:g}{suffix}"] = cut_to_counts(labels, kept, seed)
    return positions


test_distributions.__test__ = False  # type: ignore[attr-defined]


def shot_limits(cfg: CfgNode) -> dict[str, int]:
    """Return the limits of the shot groups, as the metrics take them."""
    options = cfg.DATASETS.CLASSIFICATION
    return {"many": options.MANY, "few": options.FEW}


def evaluate(
    cfg: CfgNode,
    model: nn.Module,
    data: ImageData,
    class_counts: Tensor | None = None,
    mark: str = "",
) -> dict[str, dict[str, float]]:
    """Evaluate every post-hoc method on every test distribution; writes and prints the results.

    Leaves the files of :func:`~lt_det.classification.report.write_report` in OUTPUT_DIR.

    Args:
        cfg, model, data, class_counts, mark: as :func:`measure` takes them.

    Returns:
        ``{method: {test: top-1 in percent}}``; empty off the main process.

    Raises:
        WeightsError: before any inference: TDE is asked for of a model without head direction.
    """
    measured = measure(cfg, model, data, class_counts, mark)
    if measured is None:
        return {}
    num_images = len(measured.predictions.labels)
    save_pass(Path(cfg.OUTPUT_DIR), num_images, measured.seconds_per_image)
    return write_report(cfg, data.test.name, measured.results, measured.predictions, measured.norms)


def measure(
    cfg: CfgNode,
    model: nn.Module,
    data: ImageData,
    class_counts: Tensor | None = None,
    mark: str = "",
) -> Measured | None:
    """Read the test set by every post-hoc method, from one pass over it; all processes call it.

    Args:
        cfg: of the run.
        model: with its weights.
        data: whose test set it is.
        class_counts: (C,) images per class the model was trained on, which make priors, and shot
            groups and test cuts unless a SHOT_GROUP was cut out; the training set's if ``None``.
        mark: at the end of every row's name.

    Returns:
        ``None`` off the main process.

    Raises:
        WeightsError: before any inference: TDE is asked for of a model without head direction.
    """
    classifier: Any = model.module if hasattr(model, "module") else model
    checked_rows(classifier, cfg)
    check_experts(classifier, cfg)
    counts = data.class_counts if class_counts is None else class_counts
    grouping = data.grouping_counts(counts)
    rank_order = rank_order_of(grouping)
    tests = _configured_tests(cfg, data.test.labels, rank_order)
    test_counts = _counts_of(tests, data.test.labels, len(counts))
    checked_rows(classifier, cfg, test_counts)
    clock = PassClock()
    features, labels = collect_features(classifier, data.test, cfg, data.test_images)
    weighs = cfg.TEST.CLASSIFICATION.TEST_TIME_WEIGHTS
    views = expert_views(classifier, cfg, data) if weighs else []
    if not comm.is_main_process():
        return None
    limits = shot_limits(cfg)
    results: Results = {}
    predicted, probs_of = [], []
    rows = post_hoc_results(classifier, features, counts, cfg, test_counts)
    if weighs:
        rows = chain(rows, weighted_results(classifier, cfg, features, views, tests))
    for result in rows:
        probs = result.probs.cpu()
        predictions = probs.argmax(dim=1)
        results[f"{result.name}{mark}"] = {
            name: {
                **shot_metrics(predictions[at], labels[at], grouping, **limits),
                "ece": expected_calibration_error(probs[at], labels[at]),
                "bias": class_bias(predictions[at], labels[at], grouping, **limits),
                "parameter": result.parameter,
                "post_hoc": result.params,
            }
            for name, at in tests.items()
        }
        predicted.append(predictions)
        probs_of.append(probs.gather(1, predictions[:, None])[:, 0].float())
    norms = weight_norms(classifier.classifier)[rank_order]
    read = Predictions(
        image_names=without_common_folder([data.test.image_name(i) for i in range(len(labels))]),
        class_names=data.test.class_names,
        labels=labels.numpy(),
        class_counts=grouping.cpu().numpy(),
        limits=limits,
        row_names=tuple(results),
        predicted=torch.stack(predicted).numpy(),
        probs=torch.stack(probs_of).numpy(),
        tests={name: at.numpy() for name, at in tests.items()},
    )
    name = f"{cfg.MODEL.CLASSIFICATION.METHOD}{mark}"
    return Measured(results, read, {name: norms.tolist()}, clock.seconds_per_image(len(labels)))


def _counts_of(tests: dict[str, Tensor], labels: Tensor, num_classes: int) -> dict[str, Tensor]:
    return {name: torch.bincount(labels[at], minlength=num_classes) for name, at in tests.items()}


def _configured_tests(cfg: CfgNode, labels: Tensor, rank_order: Tensor) -> dict[str, Tensor]:
    return test_distributions(
        labels,
        rank_order,
        list(cfg.TEST.CLASSIFICATION.IMBALANCES),
        reverse=cfg.TEST.CLASSIFICATION.REVERSED,
        seed=cfg.DATASETS.CLASSIFICATION.SUBSET_SEED,
    )


def merged(first: Measured, second: Measured) -> Measured:
    """Return the rows of two models that were measured on the same images."""
    rows = [
        np.concatenate([getattr(part.predictions, name) for part in (first, second)])
        for name in ("predicted", "probs")
    ]
    names = (*first.predictions.row_names, *second.predictions.row_names)
    predictions = replace(first.predictions, row_names=names, predicted=rows[0], probs=rows[1])
    results = {**first.results, **second.results}
    norms = {**first.norms, **second.norms}
    return Measured(results, predictions, norms, first.seconds_per_image)


def top1_by_row(
    cfg: CfgNode, model: nn.Module, data: ImageData, class_counts: Tensor | None = None
) -> dict[str, float]:
    """Return top-1 in percent on the whole test set, by row; empty off the main process.

    All processes call it.
    """
    classifier: Any = model.module if hasattr(model, "module") else model
    features, labels = collect_features(classifier, data.test, cfg, data.test_images)
    if not comm.is_main_process():
        return {}
    counts = data.class_counts if class_counts is None else class_counts
    rank_order = rank_order_of(data.grouping_counts(counts))
    tests = _counts_of(_configured_tests(cfg, labels, rank_order), labels, len(counts))
    return {
        result.name: 100 * float((result.probs.cpu().argmax(dim=1) == labels).double().mean())
        for result in post_hoc_results(classifier, features, counts, cfg, tests)
    }
