"""The comparison of classification methods on one data set, from tuning to tables."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .runs import Run

Results = dict[str, dict[str, dict[str, Any]]]

ALPHAS = [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0]
TAU_NORM_POWERS = [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0]
LA_TAUS = [0.5, 0.75, 1.0, 1.25, 1.5]

# Variants of the xERM student tried on the held-out pictures: name → KEY VALUE pairs.
XERM_VARIANTS: dict[str, list[str]] = {
    "g1": ["MODEL.LT.XERM.EXPONENT", "1.0"],
    "g2": ["MODEL.LT.XERM.EXPONENT", "2.0"],
    "g4": ["MODEL.LT.XERM.EXPONENT", "4.0"],
    # The weight decay of the published xERM_PC student.
    "g2_wd1e-4": [
        *("MODEL.LT.XERM.EXPONENT", "2.0"),
        *("SOLVER.WEIGHT_DECAY", "0.0001", "SOLVER.WEIGHT_DECAY_NORM", "0.0001"),
    ],
}


@dataclass(frozen=True)
class Study:
    """Where a study's runs go and what they share.

    Attributes:
        configs: folder of the data set's configs, with ``resnet32_<method>.yaml``.
        data: folder or zip of pictures.
        output: folder of the runs.
        imbalance: of the training cut.
        epochs: of every first-stage and xERM training.
        tuning_epochs: of the trainings choices are made on.
        hold_out: pictures a class they are made on, kept out of those trainings.
    """

    configs: Path
    data: str
    output: Path
    imbalance: float = 100.0
    epochs: int = 100
    tuning_epochs: int = 50
    hold_out: int = 50

    def training(self, method: str, seed: int, *options: str, name: str = "") -> Run:
        """A training of the comparison itself."""
        folder = self.output / f"{name or method}_seed{seed}"
        schedule = [] if method in ("crt", "lws") else _schedule(self.epochs)
        return self._run(method, folder, [*schedule, "SEED", str(seed), *options])

    def tuning(self, method: str, *options: str, name: str = "", epochs: int = 0) -> Run:
        """A training without the held-out pictures, tested on them."""
        folder = self.output / f"tuning_{name or method}"
        held = ["DATASETS.IMAGES.HOLD_OUT", str(self.hold_out), "TEST.IMAGES.SPLIT", "val"]
        schedule = _schedule(epochs or self.tuning_epochs)
        return self._run(method, folder, [*schedule, *held, "SEED", "1", *options])

    def evaluation(self, trained: Run, method: str, *options: str, held_out: bool = False) -> Run:
        """An evaluation of a training with other options."""
        folder = trained.folder.with_name(trained.folder.name + "_sweep")
        weights = ["MODEL.WEIGHTS", str(trained.folder / "model_final.pth")]
        held = ["DATASETS.IMAGES.HOLD_OUT", str(self.hold_out), "TEST.IMAGES.SPLIT", "val"]
        return self._run(
            method, folder, [*weights, *(held if held_out else []), *options], "--eval-only"
        )

    def _run(self, method: str, folder: Path, options: list[str], *flags: str) -> Run:
        config = self.configs / f"resnet32_{method}.yaml"
        arguments = ["--config-file", str(config), "--data", self.data]
        arguments += ["--imbalance", f"{self.imbalance:g}", *flags]
        return Run(folder.name, folder, (*arguments, "OUTPUT_DIR", str(folder), *options))


def _schedule(epochs: int) -> list[str]:
    """CIFAR-LT's proportions, but 5 % warm-up: steps at 60 and 80 %."""
    steps = f"[{round(epochs * 0.6)},{round(epochs * 0.8)}]"
    warmup = str(max(1, round(epochs * 0.05)))
    return [
        *("SOLVER.EPOCHS.MAX", str(epochs), "SOLVER.EPOCHS.STEPS", steps),
        *("SOLVER.EPOCHS.WARMUP", warmup),
    ]


def read_results(run: Run) -> Results:
    """What a run has measured. Raises FileNotFoundError where it has not."""
    found: Results = json.loads((run.folder / "results.json").read_text(encoding="utf-8"))
    return found


def best_parameter(results: Results, key: str, test: str = "balanced") -> float:
    """The α, τ or p with the best top-1 of those swept.

    Args:
        results: of a sweep.
        key: ``"alpha"``, ``"tau"`` or ``"p"``.

    Raises:
        ValueError: none was swept.
    """
    swept = {
        figures[test]["parameter"][key]: figures[test]["top1"]
        for figures in results.values()
        if key in figures[test]["parameter"]
    }
    if not swept:
        raise ValueError(f"no {key} was swept")
    return float(max(swept, key=lambda value: swept[value]))


def compact(figures: dict[str, Any]) -> dict[str, Any]:
    """Top-1, recall, both precisions, F1 and ECE of one test, without what is per class."""
    kept = {name: figures[name] for name in ("top1", "ece")}
    for name in ("recall", "precision", "precision_zero", "f1"):
        kept[name] = figures[name]
    return kept


def mean_over_seeds(of_seeds: list[Results]) -> Results:
    """Each figure's mean; every seed must have the same methods and tests."""

    def mean(values: list[Any]) -> Any:
        if isinstance(values[0], dict):
            return {key: mean([value[key] for value in values]) for key in values[0]}
        return sum(values) / len(values)

    merged: Results = mean(of_seeds)
    return merged
