"""A comparison's trainings on one data set: measured by short ones, then made."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lt_det.errors import DataError

from .kinds import MEASURED, Kind
from .methods import Method, waves
from .progress import Progress
from .runner import Run, run_each

_WEIGHTS = "model_final.pth"
_MEASURED = "_measured"


@dataclass(frozen=True)
class Cost:
    """What a training takes.

    Attributes:
        step: seconds of an iteration.
        iterations: of the training.
        beside: seconds of its start and its evaluation.
    """

    step: float
    iterations: int
    beside: float

    @property
    def seconds(self) -> float:
        """Of all of it."""
        return self.step * self.iterations + self.beside


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
        length: of each schedule, as the kind counts it; 0: the configs' own.
        like: the config whose schedule each method has but second stages; ``None``: each its own.
    """

    kind: Kind
    configs: Path
    network: str
    data: tuple[str, ...]
    options: tuple[str, ...]
    threshold: float | None
    output: Path
    length: int = 0
    like: Path | None = None

    @property
    def _command(self) -> list[str]:
        return [sys.executable, "-m", "lt_det", self.kind.command]

    def words(self, run: Run) -> list[str]:
        """Return the command of a run, as a person types it."""
        return ["lt-det", self.kind.command, *run.arguments]

    def config_file(self, method: Method) -> Path:
        """Return a method's config."""
        return self.configs / f"{self.network}_{method.config}.yaml"

    def of(self, method: Method, seed: int = 1, suffix: str = "", *more: str) -> Run:
        """Plan a training.

        Args:
            method: how.
            seed: SEED, and what its folder and those of what it starts from are called by; the
                first seed's have the methods' names.
            suffix: of these folders, too.
            more: KEY VALUE pairs, the last word.
        """
        folder = self.folder(method.name, seed, suffix)
        keys = ["OUTPUT_DIR", str(folder), "TEST.POST_HOC", json.dumps(method.readings)]
        keys += ["SEED", str(seed), *self.kind.keys]
        for key, start in method.starts:
            keys += [key, str(self.folder(start, seed, suffix) / _WEIGHTS)]
        if method.repeats and self.threshold is not None:
            keys += ["DATALOADER.SAMPLER_TRAIN", "RepeatFactorTrainingSampler"]
            keys += ["DATALOADER.REPEAT_THRESHOLD", f"{self.threshold:g}"]
        keys += self._schedule(method, self.length)
        config = ("--config-file", str(self.config_file(method)))
        return Run(folder.name, folder, (*config, *self.data, *keys, *self.options, *more))

    def folder(self, name: str, seed: int = 1, suffix: str = "") -> Path:
        """Return where a method's training with a seed goes."""
        return self.output / "runs" / f"{name}{'' if seed == 1 else f'_seed{seed}'}{suffix}"

    def _schedule(self, method: Method, length: int) -> list[str]:
        if method.is_short or not (self.like or length):
            return []
        config = self.config_file(method)
        return self.kind.schedule(config, self.like or config, length)

    def changed(self, method: Method) -> list[str]:
        """Return the solver's keys in which a method's config differs from the shared schedule."""
        keys = self._schedule(method, 0)[::2]
        return [key for key in keys if key.startswith("SOLVER.")]

    def measure(
        self, methods: Sequence[Method], num_images: int, jobs: int
    ) -> tuple[dict[str, Cost], dict[str, str]]:
        """Say what trainings take, by one of 20 iterations each, made once for the same arguments.

        Where they need not be evaluated, two are: the first, and the one that is read in the most
        different number of ways. The same pass over the same images takes longer the more ways
        there are, and so two say what it takes in any.

        Args:
            methods: in their order.
            num_images: to train on.
            jobs: that will run at a time, as the short ones do.

        Returns:
            what each takes, and what went wrong with each that failed.

        Raises:
            DataError: the first one failed; says why.
        """
        evaluated = _evaluated(methods) if self.kind.tested_on else list(methods)
        runs = {
            method.name: self.short(method, is_evaluated=method in evaluated) for method in methods
        }
        each = {name: [run] for name, run in runs.items()}
        with Progress([(run, 1.0, MEASURED) for run in runs.values()]) as progress:
            failed = self._make(methods, each, jobs, progress)
        first = methods[0].name
        if first in failed:
            raise DataError(failed[first])
        steps = {name: _step(run) for name, run in runs.items() if name not in failed}
        beside = {
            method: max(runs[method.name].seconds - MEASURED * steps[method.name], 0.0)
            for method in evaluated
            if method.name in steps
        }
        costs = {
            method.name: Cost(
                steps[method.name], self._iterations(method, num_images), _beside(method, beside)
            )
            for method in methods
            if method.name in steps
        }
        return costs, failed

    def short(self, method: Method, *, is_evaluated: bool) -> Run:
        """Plan the training of 20 iterations that says what a method takes."""
        # Its schedule is in iterations, whatever the others' is in.
        words = [*self._schedule(method, 0), *self.options]
        pairs = zip(words[::2], words[1::2], strict=False)
        kept = [word for pair in pairs if not pair[0].startswith("SOLVER.EPOCHS.") for word in pair]
        shared = replace(self, options=tuple(kept), length=0, like=None)
        untested = self.kind.tested_on
        if is_evaluated or not untested:
            return shared.of(method, 1, _MEASURED, *self.kind.short)
        flags = zip(self.data[::2], self.data[1::2], strict=True)
        data = [word for flag in flags if flag[0] not in untested for word in flag]
        run = replace(shared, data=tuple(data)).of(method, 1, _MEASURED, *self.kind.short)
        return replace(run, result="metrics.json")

    def _iterations(self, method: Method, num_images: int) -> int:
        options = [*self._schedule(method, self.length), *self.options]
        return self.kind.iterations(str(self.config_file(method)), self.data, options, num_images)

    def make(
        self, methods: Sequence[Method], costs: Mapping[str, Cost], jobs: int, seeds: int = 1
    ) -> tuple[dict[str, list[Run]], dict[str, str]]:
        """Train and evaluate what is not there yet.

        Args:
            methods: in their order.
            costs: of each, for what is left to do.
            jobs: at a time.
            seeds: trainings of each.

        Returns:
            of each method whose trainings all ended well these, by seed; and what went wrong with
            each other one.
        """
        runs = {m.name: [self.of(m, seed + 1) for seed in range(seeds)] for m in methods}
        expected = [(run, costs[name]) for name, of_method in runs.items() for run in of_method]
        with Progress([(run, cost.seconds, cost.iterations) for run, cost in expected]) as progress:
            failed = self._make(methods, runs, jobs, progress)
        return {name: of_method for name, of_method in runs.items() if name not in failed}, failed

    def _make(
        self,
        methods: Sequence[Method],
        runs: Mapping[str, Sequence[Run]],
        jobs: int,
        progress: Progress,
    ) -> dict[str, str]:
        """Make runs, what others start from first; returns what went wrong, by method."""
        failed: dict[str, str] = {}
        for wave in waves(methods):
            method_of: dict[Run, str] = {}
            for method in wave:
                lost = [start for _, start in method.starts if start in failed]
                if lost:
                    failed[method.name] = f"{method.name} starts from {lost[0]}, which failed"
                    continue
                method_of |= dict.fromkeys(runs[method.name], method.name)
            ends = run_each(self._command, list(method_of), jobs, progress.say, progress.starts)
            for run, error in ends:
                if error:
                    failed.setdefault(method_of[run], error)
                    progress.say(error)
        return failed


def _evaluated(methods: Sequence[Method]) -> list[Method]:
    """Return the first method, and the one with the most different number of readings."""
    first = methods[0]
    other = max(methods, key=lambda method: abs(len(method.readings) - len(first.readings)))
    return [first] if len(other.readings) == len(first.readings) else [first, other]


def _beside(method: Method, measured: Mapping[Method, float]) -> float:
    """Return the seconds of a method's start and evaluation, by those of evaluated ones.

    Args:
        method: any.
        measured: of methods that were evaluated, the first of all among them.
    """
    if method in measured:
        return measured[method]
    (first, seconds), *others = measured.items()
    if not others:
        return seconds
    last, of_last = others[0]
    further = len(last.readings) - len(first.readings)
    # A further reading saves nothing, whatever else the machine did meanwhile.
    slope = max((of_last - seconds) / further, 0.0)
    return max(seconds + slope * (len(method.readings) - len(first.readings)), 0.0)


def _step(run: Run) -> float:
    """Return the seconds of an iteration of a run, by the last that it has written."""
    lines = (run.folder / "metrics.json").read_text(encoding="utf-8").splitlines()
    return float([json.loads(line)["time"] for line in lines if '"time"' in line][-1])
