"""Evaluation on every test distribution, from one pass over the images."""

import logging
from pathlib import Path
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.utils import comm
from torch import Tensor, nn

from lt_det.data.classification.long_tailed_subset import cut_to_counts, imbalance_counts
from lt_det.evaluation.classification.shot_metrics import (
    class_bias,
    expected_calibration_error,
    shot_metrics,
)
from lt_det.evaluation.classification.tables import group_table, top1_table
from lt_det.files import save_json

from .datasets import ImageData
from .inference import checked_rows, collect_features, post_hoc_results, weight_norms

logger = logging.getLogger(__name__)

# {method: {test: metrics}}
Results = dict[str, dict[str, dict[str, Any]]]


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


def evaluate(
    cfg: CfgNode, model: nn.Module, data: ImageData, class_counts: Tensor | None = None
) -> dict[str, dict[str, float]]:
    """Evaluate every post-hoc method on every test distribution; writes and prints the results.

    Leaves OUTPUT_DIR/results.json (``{method: {test: metrics}}``, see
    :func:`~lt_det.evaluation.classification.shot_metrics.shot_metrics`), results.md, and
    weight_norms.json (``{method: [C norms, most frequent class first]}``, see
    :func:`~lt_det.classification.inference.weight_norms`).

    Args:
        cfg: of the run.
        model: with its weights.
        data: whose test set it is.
        class_counts: (C,) images per class the model was trained on, which make shot groups, test
            cuts and priors; the training set's if ``None``.

    Returns:
        ``{method: {test: top-1 in percent}}``; empty off the main process.

    Raises:
        WeightsError: before any inference: TDE is asked for of a model without head direction.
    """
    classifier: Any = model.module if hasattr(model, "module") else model
    checked_rows(classifier, cfg)
    features, labels = collect_features(classifier, data.test, cfg, data.test_images)
    if not comm.is_main_process():
        return {}
    options = cfg.DATASETS.CLASSIFICATION
    counts = data.class_counts if class_counts is None else class_counts
    rank_order = counts.sort(descending=True, stable=True).indices
    tests = test_distributions(
        labels,
        rank_order,
        list(cfg.TEST.CLASSIFICATION.IMBALANCES),
        reverse=cfg.TEST.CLASSIFICATION.REVERSED,
        seed=options.SUBSET_SEED,
    )
    limits = {"many": options.MANY, "few": options.FEW}
    results: Results = {}
    for result in post_hoc_results(classifier, features, counts, cfg):
        probs = result.probs.cpu()
        predictions = probs.argmax(dim=1)
        of_tests = {}
        for name, at in tests.items():
            metrics = shot_metrics(predictions[at], labels[at], counts, **limits)
            metrics["ece"] = expected_calibration_error(probs[at], labels[at])
            metrics["bias"] = class_bias(predictions[at], labels[at], counts, **limits)
            metrics["parameter"] = result.parameter
            metrics["post_hoc"] = result.params
            of_tests[name] = metrics
        results[result.name] = of_tests
    norms = weight_norms(classifier.classifier)[rank_order]
    save_json(
        {cfg.MODEL.CLASSIFICATION.METHOD: norms.tolist()}, Path(cfg.OUTPUT_DIR, "weight_norms.json")
    )
    written = Path(cfg.OUTPUT_DIR, "results.json")
    save_json(results, written, indent=1)
    whole = next(iter(tests))
    shown = f"{group_table(results, whole)}\n\n{top1_table(results)}"
    written.with_suffix(".md").write_text(shown + "\n", encoding="utf-8")
    logger.info("%s, %d images, in percent (%s):\n%s", data.test.name, len(labels), written, shown)
    return {m: {t: f["top1"] for t, f in tests.items()} for m, tests in results.items()}
