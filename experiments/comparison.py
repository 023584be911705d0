"""The comparison of classification methods on one data set, from choices to metrics."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lt_det.compare.runner import Run

from .study import Results, Study, on_all_images, read_results, weights
from .systems import SYSTEMS, System, waves

# α = 0 and τ = 0 are the classifier's own row; p = 0 is the linear classifier without its bias.
ALPHAS = [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0]
TAU_NORM_POWERS = [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0]
LA_TAUS = [0.5, 0.75, 1.0, 1.25, 1.5]
# What is 0 in the classifier's own row.
_OFF_AT_ZERO = ("alpha", "tau")

# The weight decay of the published xERM_PC student.
_LESS_DECAY = ["SOLVER.WEIGHT_DECAY", "0.0001", "SOLVER.WEIGHT_DECAY_NORM", "0.0001"]
# Variants of the xERM student tried on the held-out images: name → KEY VALUE pairs.
XERM_VARIANTS: dict[str, list[str]] = {
    "g1": ["MODEL.LT.XERM.EXPONENT", "1.0"],
    "g2": ["MODEL.LT.XERM.EXPONENT", "2.0"],
    "g4": ["MODEL.LT.XERM.EXPONENT", "4.0"],
    "g2_wd1e-4": ["MODEL.LT.XERM.EXPONENT", "2.0", *_LESS_DECAY],
    # xERM_PC's published code: g = 1.5, and the student goes on from its teacher's weights.
    "continued": [
        *("MODEL.LT.XERM.EXPONENT", "1.5", "MODEL.LT.XERM.INIT_FROM_TEACHER", "True"),
        *_LESS_DECAY,
    ],
}


def best_parameter(results: Results, key: str, test: str | None = None) -> float:
    """Return the α, τ or p with the best top-1 of those swept; of equals, the first.

    α = 0 and τ = 0 are among them: the classifier's own row.

    Args:
        results: of a sweep.
        key: ``"alpha"``, ``"tau"`` or ``"p"``.
        test: on which; ``None`` for the first, the whole set.

    Raises:
        ValueError: none was swept.
    """
    metrics_by_name = (
        on_all_images(results)
        if test is None
        else {method: tests[test] for method, tests in results.items()}
    )
    swept = {
        f["parameter"][key]: f["top1"] for f in metrics_by_name.values() if key in f["parameter"]
    }
    if not swept:
        raise ValueError(f"no {key} was swept")
    if key in _OFF_AT_ZERO:
        without_method = ((0.0, f["top1"]) for f in metrics_by_name.values() if not f["parameter"])
        swept = {**dict(without_method), **swept}
    return float(max(swept, key=lambda value: swept[value]))


def tune(study: Study, variant_names: Sequence[str]) -> dict[str, Any]:
    """Train without the held-out images and choose on them, by top-1; the test set is not used.

    Args:
        study: where and how.
        variant_names: which of :data:`XERM_VARIANTS` to try; a single one is taken untried.

    Returns:
        ``{"alpha", "p", "xerm": name of the variant, "swept": {…: top-1 of each candidate}}``.
    """
    held = study.held_out
    te = study.training("tde", "tuning_tde", study.tuning_epochs, 1, *held)
    xe = study.training("xe", "tuning_xe", study.tuning_epochs, 1, *held)
    study.finish([te, xe])
    of_te = study.evaluation(te, "tde", *held, "TEST.TDE_ALPHAS", str(ALPHAS))
    la, tau_norm = (
        ["TEST.CLASSIFICATION.LA_TAUS", str(LA_TAUS)],
        ["TEST.CLASSIFICATION.TAU_NORM_POWERS"],
    )
    of_xe = study.evaluation(xe, "xe", *held, *la, *tau_norm, str(TAU_NORM_POWERS))
    study.finish([of_te, of_xe])
    alpha = best_parameter(read_results(of_te), "alpha")
    tried = {n: XERM_VARIANTS[n] for n in variant_names} if len(variant_names) > 1 else {}
    variants = held_out_students(study, "tuning_xerm_tde", weights(te), alpha, tried)
    swept = {
        name: metrics["top1"]
        for run in (of_te, of_xe)
        for name, metrics in on_all_images(read_results(run)).items()
    }
    top1 = {name: metrics["top1"] for name, metrics in on_all_images(variants).items()}
    return {
        "alpha": alpha,
        "p": best_parameter(read_results(of_xe), "p"),
        "xerm": max(top1, key=lambda name: top1[name]) if top1 else variant_names[0],
        "swept": {**swept, **{f"xERM_TDE {name}": value for name, value in top1.items()}},
    }


def held_out_students(
    study: Study, prefix: str, teacher: str, alpha: float, settings: dict[str, list[str]]
) -> Results:
    """xERM_TDE students of one teacher, trained without the held-out images and tested on them.

    Args:
        study: where and how.
        prefix: of the runs' folders.
        teacher: its checkpoint; it must not have seen the held-out images either.
        alpha: of its TDE.
        settings: KEY VALUE pairs of each student, by name.

    Returns:
        ``{name: {test: metrics}}``.
    """
    shared = ["MODEL.LT.XERM.TEACHER_WEIGHTS", teacher, "MODEL.LT.TDE.ALPHA", str(alpha)]
    runs = {
        name: study.training(
            "xerm_tde",
            f"{prefix}_{name.replace('=', '')}",
            study.variant_epochs,
            1,
            *(*study.held_out, *shared, *options),
        )
        for name, options in settings.items()
    }
    study.finish(list(runs.values()))
    return {name: read_results(run)["xERM_TDE"] for name, run in runs.items()}


@dataclass(frozen=True)
class Comparison:
    """What systems measured, by seed.

    Attributes:
        results: by seed, ``{row: {test: metrics}}``.
        predictions: by seed and row, the file of predictions and the row's name in it.
    """

    results: dict[int, Results]
    predictions: dict[tuple[int, str], tuple[Path, str]]


def compare(
    study: Study, names: Sequence[str], seeds: Sequence[int], chosen: dict[str, Any]
) -> Comparison:
    """Run systems, and what they start from, on every test distribution.

    Args:
        study: where and how.
        names: of :data:`~experiments.systems.SYSTEMS`; rows are given of these alone.
        seeds: of the trainings; systems that are not replicated have the first alone.
        chosen: of :func:`tune`.
    """
    trained: dict[tuple[str, int], Run] = {}
    for systems in waves(list(names)):
        wave = {
            (system.name, seed): _training(study, system, seed, trained, chosen)
            for system in systems
            for seed in (seeds if system.replicated else seeds[:1])
        }
        study.finish(list(wave.values()))
        trained |= wave
    read = {
        key: _read_by(study, SYSTEMS[key[0]], run, chosen)
        for key, run in trained.items()
        if key[0] in names
    }
    study.finish([run for run, _ in read.values()])
    comparison = Comparison({seed: {} for seed in seeds}, {})
    for name in SYSTEMS:
        for seed in seeds:
            if (name, seed) in read:
                run, rows = read[name, seed]
                measured = read_results(run)
                for i, row in rows:
                    # TDE at α = 0 is De-confound, which has no second row.
                    called = list(measured)[min(i, len(measured) - 1)]
                    comparison.results[seed][row] = measured[called]
                    comparison.predictions[seed, row] = (run.folder / "predictions.npz", called)
    return comparison


def _training(
    study: Study,
    system: System,
    seed: int,
    trained: dict[tuple[str, int], Run],
    chosen: dict[str, Any],
) -> Run:
    options = [option.format(**chosen) for option in system.options]
    if system.holds_out and study.hold_out:
        options += ["DATASETS.CLASSIFICATION.HOLD_OUT", str(study.hold_out)]
    if system.name in ("xERM_TDE", "xERM_PC"):
        options += XERM_VARIANTS[chosen["xerm"]]
    if system.own_backbone:
        options += study.own_backbone(system.leaf)
    for key, start in system.starts.items():
        options += [key, weights(trained[start, seed])]
    epochs = 0 if system.is_short else study.epochs
    name = f"{system.folder or system.leaf}_seed{seed}"
    return study.training(system.leaf, name, epochs, seed, *options)


def _read_by(
    study: Study, system: System, run: Run, chosen: dict[str, Any]
) -> tuple[Run, list[tuple[int, str]]]:
    """Return the evaluation that is read, and (position, name) of its rows."""
    rows = list(enumerate([system.name, *system.post_hoc]))
    calls = ["none", *(call.format(**chosen) for call in system.post_hoc.values())]
    options = study.own_backbone(system.leaf) if system.own_backbone else []
    options += ["TEST.POST_HOC", json.dumps(calls)]
    return study.evaluation(run, system.leaf, *options), rows


def compact(results: Results) -> Results:
    """Return top-1, recall, both precisions, both F1s and ECE, without what is per class."""
    kept = ("top1", "recall", "precision", "precision_zero", "f1", "f1_paper", "ece")
    return {
        method: {test: {name: f[name] for name in kept} for test, f in tests.items()}
        for method, tests in results.items()
    }


def mean_over_seeds(of_seeds: list[Results]) -> Results:
    """Return each figure's mean over the seeds that have its method, and the figure.

    Without a class that is predicted there is no precision in a seed.
    """

    def mean(values: list[Any]) -> Any:
        if isinstance(values[0], dict):
            return {key: mean([value[key] for value in values]) for key in values[0]}
        known = [value for value in values if not math.isnan(value)]
        return sum(known) / len(known) if known else math.nan

    methods = {method: None for results in of_seeds for method in results}
    return {method: mean([r[method] for r in of_seeds if method in r]) for method in methods}
