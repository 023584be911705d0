"""The comparison of classification methods on one data set, from choices to metrics."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .runner import Run, run_all

Results = dict[str, dict[str, dict[str, Any]]]

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


@dataclass(frozen=True)
class Study:
    """Where a study's runs go and what they share.

    Attributes:
        tool: ``tools/train_cls.py``.
        configs: folder of the data set's configs, with ``resnet32_<method>.yaml``.
        data: folder or zip of images.
        output: folder of the runs.
        imbalance: of the training cut.
        epochs: of every first-stage and xERM training.
        tuning_epochs: of the trainings α and p are chosen on; the best ones grow with training,
            so it should be as long as that of the comparison.
        variant_epochs: of the trainings that compare xERM's variants; fewer favour the student
            that goes on from its teacher.
        hold_out: images a class that choices are made on, kept out of those trainings; 0: on the
            data set's own validation set.
        jobs: runs at a time.
        compiled: train with compiled backbones.
    """

    tool: Path
    configs: Path
    data: str
    output: Path
    imbalance: float = 100.0
    epochs: int = 100
    tuning_epochs: int = 100
    variant_epochs: int = 100
    hold_out: int = 50
    jobs: int = 1
    compiled: bool = False

    @property
    def held_out(self) -> list[str]:
        """Options of a run that is tested on what choices are made on, never on the test set."""
        held = ["DATASETS.CLASSIFICATION.HOLD_OUT", str(self.hold_out)] if self.hold_out else []
        return [*held, "TEST.CLASSIFICATION.SPLIT", "val"]

    def training(self, method: str, name: str, epochs: int, seed: int, *options: str) -> Run:
        """Plan a training; 0 epochs leaves the config's schedule."""
        schedule = _schedule(epochs) if epochs else []
        compiled = ["MODEL.CLASSIFICATION.COMPILE", "True"] if self.compiled else []
        return self.run(method, name, *schedule, "SEED", str(seed), *compiled, *options)

    def evaluation(self, trained: Run, method: str, *options: str) -> Run:
        """Plan an evaluation of a training with other options."""
        loaded = ["MODEL.WEIGHTS", weights(trained)]
        return self.run(method, f"{trained.name}_sweep", *loaded, *options, flags=("--eval-only",))

    def run(self, method: str, name: str, *options: str, flags: tuple[str, ...] = ()) -> Run:
        """Any run of one of the configs."""
        folder = self.output / name
        arguments = ["--config-file", str(self.configs / f"resnet32_{method}.yaml")]
        arguments += ["--data", self.data, "--imbalance", f"{self.imbalance:g}", *flags]
        return Run(name, folder, (*arguments, "OUTPUT_DIR", str(folder), *options))

    def finish(self, runs: list[Run]) -> None:
        """Run those that are not done."""
        run_all(self.tool, runs, self.jobs)


def _schedule(epochs: int) -> list[str]:
    """CIFAR-LT's proportions, but 5 % warm-up: steps at 60 and 80 %."""
    steps = str(sorted({round(epochs * 0.6), round(epochs * 0.8)})).replace(" ", "")
    warmup = str(max(1, round(epochs * 0.05)))
    return [
        *("SOLVER.EPOCHS.MAX", str(epochs), "SOLVER.EPOCHS.STEPS", steps),
        *("SOLVER.EPOCHS.WARMUP", warmup),
    ]


def weights(run: Run) -> str:
    """Return a run's last checkpoint."""
    return str(run.folder / "model_final.pth")


def read_results(run: Run) -> Results:
    """Read what a run has measured. Raises FileNotFoundError where it has not."""
    results: Results = json.loads((run.folder / "results.json").read_text(encoding="utf-8"))
    return results


def on_all_images(results: Results) -> dict[str, dict[str, Any]]:
    """``{method: metrics}`` on the whole test set, which comes first, whatever it is called."""
    return {method: next(iter(tests.values())) for method, tests in results.items()}


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


def compare(study: Study, seed: int, chosen: dict[str, Any]) -> Results:
    """Run all methods with one seed, on every test distribution.

    Args:
        study: where and how.
        seed: of every training.
        chosen: of :func:`tune`.
    """
    xe = study.training("xe", f"xe_seed{seed}", study.epochs, seed)
    te = study.training("tde", f"tde_seed{seed}", study.epochs, seed)
    study.finish([xe, te])
    student, key = XERM_VARIANTS[chosen["xerm"]], "MODEL.LT.XERM.TEACHER_WEIGHTS"
    alpha = str(chosen["alpha"])
    options = {
        "xerm_tde": [key, weights(te), "MODEL.LT.TDE.ALPHA", alpha, *student],
        "xerm_pc": [key, weights(xe), *student],
        "crt": ["MODEL.WEIGHTS", weights(xe)],
        "lws": ["MODEL.WEIGHTS", weights(xe)],
    }
    second = {
        method: study.training(
            method,
            f"{method}_seed{seed}",
            study.epochs if method.startswith("xerm") else 0,
            seed,
            *method_options,
        )
        for method, method_options in options.items()
    }
    study.finish(list(second.values()))
    of_te = study.evaluation(te, "tde", "TEST.TDE_ALPHAS", f"[{alpha}]")
    post_hoc = [
        "TEST.CLASSIFICATION.LA_TAUS",
        "[1.0]",
        "TEST.CLASSIFICATION.TAU_NORM_POWERS",
        f"[{chosen['p']}]",
    ]
    of_xe = study.evaluation(xe, "xe", *post_hoc)
    study.finish([of_te, of_xe])
    linear, deconfound = (list(read_results(run).values()) for run in (of_xe, of_te))
    last = {method: next(iter(read_results(run).values())) for method, run in second.items()}
    return {
        # With α = 0, TDE is De-confound: there is no other row.
        **{"XE": linear[0], "De-confound": deconfound[0], "TDE": deconfound[-1], "PC": linear[1]},
        **{"τ-norm": linear[2], "cRT": last["crt"], "LWS": last["lws"]},
        **{"xERM_TDE": last["xerm_tde"], "xERM_PC": last["xerm_pc"]},
    }


def compact(results: Results) -> Results:
    """Top-1, recall, both precisions, both F1s and ECE, without what is per class."""
    kept = ("top1", "recall", "precision", "precision_zero", "f1", "f1_paper", "ece")
    return {
        method: {test: {name: f[name] for name in kept} for test, f in tests.items()}
        for method, tests in results.items()
    }


def mean_over_seeds(of_seeds: list[Results]) -> Results:
    """Each figure's mean; every seed must have the same methods and tests."""

    def mean(values: list[Any]) -> Any:
        if isinstance(values[0], dict):
            return {key: mean([value[key] for value in values]) for key in values[0]}
        return sum(values) / len(values)

    merged: Results = mean(of_seeds)
    return merged
