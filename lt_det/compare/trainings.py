"""A comparison's trainings on one data set: measured by a short one, then made."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from lt_det.errors import DataError

from .kinds import MEASURED, Kind
from .methods import Method
from .runner import Run, run_each


@dataclass(frozen=True)
class Trainings:
    """What all trainings of a comparison share.

    Attributes:
        kind: of what is trained.
        configs: folder with ``{network}_{method}.yaml``.
        network: how the configs' names begin.
        data: flags of each that name them.
        options: KEY VALUE pairs of each.
        threshold: of repeat-factor sampling; ``None`` where there is nothing to repeat.
        output: folder of the runs.
    """

    kind: Kind
    configs: Path
    network: str
    data: tuple[str, ...]
    options: tuple[str, ...]
    threshold: float | None
    output: Path

    @property
    def _command(self) -> list[str]:
        return [sys.executable, "-m", "lt_det", self.kind.command]

    def config_file(self, method: Method) -> Path:
        """Return a method's config."""
        return self.configs / f"{self.network}_{method.config}.yaml"

    def of(self, method: Method, name: str = "", *more: str) -> Run:
        """Plan a training.

        Args:
            method: how.
            name: of its folder; the method's where it is empty.
            more: KEY VALUE pairs, the last word.
        """
        folder = self.output / "runs" / (name or method.name)
        keys = ["OUTPUT_DIR", str(folder), "TEST.POST_HOC", json.dumps(method.readings)]
        keys += self.kind.keys
        if method.repeats and self.threshold is not None:
            keys += ["DATALOADER.SAMPLER_TRAIN", "RepeatFactorTrainingSampler"]
            keys += ["DATALOADER.REPEAT_THRESHOLD", f"{self.threshold:g}"]
        config = ("--config-file", str(self.config_file(method)))
        return Run(folder.name, folder, (*config, *self.data, *keys, *self.options, *more))

    def measure(self, method: Method, iterations: int, jobs: int) -> float:
        """Return the seconds of a training and its evaluation, by one of 20 iterations.

        What that one takes beside its iterations (start, evaluation) is counted once. It is made
        once for the same arguments.

        Args:
            method: how.
            iterations: of the training.
            jobs: that will run at a time; the short one has no more cores than each of them.

        Raises:
            DataError: the short training failed; says why.
        """
        pairs = zip(self.options[::2], self.options[1::2], strict=False)
        # Its schedule is in iterations, whatever the others' is in.
        kept = [word for pair in pairs if not pair[0].startswith("SOLVER.EPOCHS.") for word in pair]
        shared = replace(self, options=tuple(kept))
        run = shared.of(method, f"{method.name}_measured", *self.kind.short)
        for _, error in run_each(self._command, [run], jobs):
            if error:
                raise DataError(error)
        lines = (run.folder / "metrics.json").read_text(encoding="utf-8").splitlines()
        step = float([json.loads(line)["time"] for line in lines if '"time"' in line][-1])
        return run.seconds + step * (iterations - MEASURED)

    def make(self, methods: Sequence[Method], jobs: int) -> tuple[list[Run], dict[str, str]]:
        """Train and evaluate what is not there yet.

        Args:
            methods: in their order.
            jobs: at a time.

        Returns:
            those that ended well, in the order of the methods, and what went wrong with
            each other one.
        """
        runs = [self.of(method) for method in methods]
        failed = {}
        with tqdm(total=len(runs), unit="training") as bar:
            for run, error in run_each(self._command, runs, jobs):
                if error:
                    failed[run.name] = error
                    bar.write(error)
                bar.update()
        return [run for run in runs if run.name not in failed], failed
