"""Ablations of classification methods: hyper-parameter grid and xERM's weighting."""

import itertools
from collections.abc import Sequence

from lt_det.evaluation.classification.tables import metric_cell
from lt_det.evaluation.tables import markdown_table
from lt_det.visualization.class_bias import draw_curves

from .comparison import ALPHAS, held_out_students
from .study import Results, Study, on_all_images, read_results


def grid(
    study: Study, heads: Sequence[int], temperatures: Sequence[float], offsets: Sequence[float]
) -> tuple[Results, str]:
    """De-confound for every K × τ × γ, with α swept in each (Tang et al., supplement, Table 2).

    Args:
        study: where and how, of any backbone and data set; tests on the held-out images.
        heads: values of K.
        temperatures: values of τ.
        offsets: values of γ; none leaves the config's, and the rows say K and τ alone.

    Returns:
        ``{"K=2 τ=16 γ=0.03125": {row: metrics}}`` and a Markdown table of top-1, a row a setting, a
        column an α (0 is De-confound itself).
    """
    runs = {}
    for k, tau, gamma in itertools.product(heads, temperatures, offsets or [None]):
        name, folder = f"K={k} τ={tau:g}", f"grid_K{k}_tau{tau:g}"
        prefix = "MODEL.LT.CLASSIFIER."
        options = [f"{prefix}NUM_HEADS", str(k), f"{prefix}TEMPERATURE", str(float(tau))]
        if gamma is not None:
            name, folder = f"{name} γ={gamma:g}", f"{folder}_gamma{gamma:g}"
            options += [f"{prefix}WEIGHT_NORM_OFFSET", str(float(gamma))]
        options += ["TEST.TDE_ALPHAS", str(ALPHAS), *study.held_out]
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
