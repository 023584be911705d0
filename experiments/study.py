"""Where a study's runs go, what they share, and what they have measured."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lt_det.compare.runner import Run, run_all
from lt_det.compare.schedule import scaled_schedule
from lt_det.config import default_config
from lt_det.engine import merge_config

Results = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Study:
    """Where a study's runs go and what they share.

    Attributes:
        tool: ``tools/train_cls.py``.
        configs: folder of the data set's configs, with ``resnet32_<method>.yaml``.
        data: folder or zip of images; "": where the config says.
        output: folder of the runs.
        imbalance: of the training cut; ``None``: the config's.
        epochs: of every first-stage and xERM training.
        tuning_epochs: of the trainings α and p are chosen on; the best ones grow with training,
            so it should be as long as that of the comparison.
        variant_epochs: of the trainings that compare xERM's variants; fewer favour the student
            that goes on from its teacher.
        hold_out: images a class that choices are made on, kept out of those trainings; 0: on the
            data set's own validation set.
        jobs: runs at a time.
        compiled: train with compiled backbones.
        options: KEY VALUE pairs of every run.
        config: of every run, in place of those in ``configs``: any backbone and data set.
    """

    tool: Path
    configs: Path
    data: str
    output: Path
    imbalance: float | None = 100.0
    epochs: int = 100
    tuning_epochs: int = 100
    variant_epochs: int = 100
    hold_out: int = 50
    jobs: int = 1
    compiled: bool = False
    options: tuple[str, ...] = ()
    config: Path | None = None

    @property
    def held_out(self) -> list[str]:
        """Options of a run that is tested on what choices are made on, never on the test set."""
        held = ["DATASETS.CLASSIFICATION.HOLD_OUT", str(self.hold_out)] if self.hold_out else []
        return [*held, "TEST.CLASSIFICATION.SPLIT", "val"]

    def training(self, method: str, name: str, epochs: int, seed: int, *options: str) -> Run:
        """Plan a training; 0 epochs leaves the config's schedule, others scale it."""
        schedule = scaled_schedule(self.config_file(method), epochs) if epochs else []
        compiled = ["MODEL.CLASSIFICATION.COMPILE", "True"] if self.compiled else []
        return self.run(method, name, *schedule, "SEED", str(seed), *compiled, *options)

    def evaluation(self, trained: Run, method: str, *options: str) -> Run:
        """Plan an evaluation of a training with other options."""
        loaded = ["MODEL.WEIGHTS", weights(trained)]
        return self.run(method, f"{trained.name}_sweep", *loaded, *options, flags=("--eval-only",))

    def run(self, method: str, name: str, *options: str, flags: tuple[str, ...] = ()) -> Run:
        """Any run of one of the configs."""
        folder = self.output / name
        arguments = ["--config-file", str(self.config_file(method))]
        arguments += ["--data", self.data] if self.data else []
        arguments += [] if self.imbalance is None else ["--imbalance", f"{self.imbalance:g}"]
        given = ("OUTPUT_DIR", str(folder), *self.options, *options)
        return Run(name, folder, (*arguments, *flags, *given))

    def config_file(self, method: str) -> Path:
        """Return the config of a method."""
        return self.config or self.configs / f"resnet32_{method}.yaml"

    def own_backbone(self, method: str) -> list[str]:
        """Return KEY VALUE of the network that a method's config names, to undo another choice."""
        cfg = merge_config(default_config(classification=True), str(self.config_file(method)), [])
        return ["MODEL.CLASSIFICATION.BACKBONE", cfg.MODEL.CLASSIFICATION.BACKBONE]

    def finish(self, runs: list[Run]) -> None:
        """Run those that are not done."""
        run_all(self.tool, runs, self.jobs)


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
