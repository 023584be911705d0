"""Ablations of classification methods: hyper-parameter grid, xERM's weighting, representations."""

import itertools
from collections.abc import Sequence
from typing import Any

import torch

from lt_det.core import shot_groups
from lt_det.data.classification import imbalance_counts
from lt_det.evaluation.classification.tables import metric_cell
from lt_det.evaluation.tables import markdown_table
from lt_det.visualization.class_bias import draw_curves

from .comparison import ALPHAS, held_out_students
from .study import Results, Study, on_all_images, read_results


def grid(
    study: Study, heads: Sequence[int], temperatures: Sequence[float], offsets: Sequence[float]
) -> tuple[Results, str]:
    """De-confound for every K × τ × γ, with α swept in each, on the held-out images.

    Returns:
        ``{"K=2 τ=16 γ=0.03125": {row: metrics}}`` and a Markdown table of top-1, a row a setting, a
        column an α (0 is De-confound itself).
    """
    runs = {}
    for k, tau, gamma in itertools.product(heads, temperatures, offsets):
        name = f"K={k} τ={tau:g} γ={gamma:g}"
        prefix = "MODEL.LT.CLASSIFIER."
        options = [f"{prefix}NUM_HEADS", str(k), f"{prefix}TEMPERATURE", str(float(tau))]
        options += [f"{prefix}WEIGHT_NORM_OFFSET", str(float(gamma))]
        options += ["TEST.TDE_ALPHAS", str(ALPHAS), *study.held_out]
        folder = f"grid_K{k}_tau{tau:g}_gamma{gamma:g}"
        runs[name] = study.training("tde", folder, study.tuning_epochs, 1, *options)
    study.finish(list(runs.values()))
    results: Results = {}
    rows = []
    for name, run in runs.items():
        top1 = on_all_images(read_results(run))
        results[name] = top1
        rows.append([name, *(metric_cell(metrics["top1"]) for metrics in top1.values())])
    heading = ["top-1", *(f"α={alpha:g}" for alpha in [0, *ALPHAS])]
    return results, markdown_table(heading, rows)


def weighting(
    study: Study, teacher: str, alpha: float, exponents: Sequence[float], weights: Sequence[float]
) -> tuple[Results, str]:
    """xERM_TDE by exponent g, and with one weight w_ba for all samples (Zhu et al., Fig. 5).

    Args:
        study: where and how; tests on the held-out images, which the teacher must not have seen.
        teacher: its checkpoint.
        alpha: of its TDE.
        exponents: values of g.
        weights: values of w_ba.

    Returns:
        ``{"g=2": {test: metrics}, "w=0.5": …}`` and a Markdown table of top-1.
    """
    settings = {f"g={g:g}": ["MODEL.LT.XERM.EXPONENT", str(float(g))] for g in exponents}
    for weight in weights:
        settings[f"w={weight:g}"] = ["MODEL.LT.XERM.CONSTANT_WEIGHT", str(float(weight))]
    results = held_out_students(study, "weighting", teacher, alpha, settings)
    tests = [test for test in next(iter(results.values())) if not test.endswith("_reversed")]
    curves: dict[str, dict[float, float]] = {}
    for name, of_tests in results.items():
        kind, value = name.split("=")
        line = "by exponent g" if kind == "g" else "constant w"
        for test in tests[:2]:
            curves.setdefault(f"{line}, {test}", {})[float(value)] = of_tests[test]["top1"]
    draw_curves(
        curves, study.output / "weighting.png", x_label="g, or constant w_ba", y_label="top-1, %"
    )
    rows = [[n, *(metric_cell(f[t]["top1"]) for t in tests)] for n, f in results.items()]
    return results, markdown_table(["top-1", *tests], rows)


def representations(study: Study, checkpoints: dict[str, str]) -> tuple[dict[str, Any], str]:
    """Measure how good the features are: a new linear classifier on balanced data (xERM, Table 6).

    The backbone is frozen, the classifier is trained on the data set before its long-tailed cut.

    Args:
        study: its imbalance makes the groups alone.
        checkpoints: ``{method: first-stage checkpoint}``.

    Returns:
        ``{method: {"top1", "many", "medium", "few"}}`` and a Markdown table.
    """
    runs = {
        name: study.run(
            "crt",
            f"representation_{name.replace(' ', '_')}",
            *("DATASETS.CLASSIFICATION.IMBALANCE", "1.0", "DATALOADER.IMAGE_SAMPLER", "instance"),
            *("MODEL.WEIGHTS", checkpoint),
        )
        for name, checkpoint in checkpoints.items()
    }
    study.finish(list(runs.values()))
    groups: dict[str, torch.Tensor] = {}
    results: dict[str, Any] = {}
    for name, run in runs.items():
        metrics = on_all_images(read_results(run))["cRT"]
        recall = torch.tensor(metrics["per_class"]["recall"])
        available = torch.tensor(metrics["bias"]["train"])
        order = torch.arange(len(available))
        groups = shot_groups(imbalance_counts(available, study.imbalance, order))
        of_groups = {group: float(recall[mask].mean()) for group, mask in groups.items()}
        results[name] = {"top1": metrics["top1"], **of_groups}
    heading = ["balanced classifier", "top-1", *groups]
    rows = [[name, *(metric_cell(v) for v in values.values())] for name, values in results.items()]
    return results, markdown_table(heading, rows)
