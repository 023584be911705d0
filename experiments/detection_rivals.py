"""Detectors of every loss and sampler on one set, each read in the ways that its loss permits."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lt_det.compare.runner import Run

from .detection_seeds import Study, collect

# Published strengths: nothing is chosen on the set that is reported on.
_SOFTMAX = (
    "none",
    "norcal(gamma=0.6)",
    "logit_adjustment(tau=1, exempt=True)",
    "fracal(strength=2)",
)
_SIGMOID = ("none", "norcal(gamma=0.6)")
# Method, as its config is called: what its name is in tables, and its readings.
METHODS: dict[str, tuple[str, tuple[str, ...]]] = {
    "baseline": ("Baseline", (*_SOFTMAX, "tau_norm(power=0.5)")),
    "tde": ("De-confound", (*_SOFTMAX[:3], "tde(alpha=1.5)", "tde(alpha=1.5, exempt=False)")),
    "balanced_softmax": ("balanced softmax", ("none",)),
    "federated": ("federated", _SIGMOID),
    "seesaw": ("Seesaw", _SIGMOID),
    "eql": ("EQL", _SIGMOID),
    "eqlv2": ("EQL v2", _SIGMOID),
    "ecm": ("ECM", _SIGMOID),
    "droploss": ("DropLoss", _SIGMOID),
    "gol": ("GOL", _SIGMOID),
}
_SAMPLER, _THRESHOLD = "DATALOADER.SAMPLER_TRAIN", "DATALOADER.REPEAT_THRESHOLD"
SAMPLERS: dict[str, tuple[str, ...]] = {
    "plain": (),
    "rfs": (_SAMPLER, "RepeatFactorTrainingSampler", _THRESHOLD, "0.05"),
    "irfs": (_SAMPLER, "InstanceAwareRepeatFactorTrainingSampler", _THRESHOLD, "0.05"),
}


@dataclass(frozen=True)
class Rival:
    """One training: a method, a sampler, a seed.

    Attributes:
        method: of :data:`METHODS`.
        sampler: of :data:`SAMPLERS`.
        seed: of the run.
    """

    method: str
    sampler: str
    seed: int

    def label(self, reading: str) -> str:
        """Return its name in tables.

        Args:
            reading: what the name of a post-hoc method's row adds to the plain row's.
        """
        sampler = "" if self.sampler == "plain" else f", {self.sampler.upper()}"
        return f"{METHODS[self.method][0]}{reading}{sampler}"

    def run(self, configs: Path, network: str, output: Path, options: Sequence[str]) -> Run:
        """Plan the training and its evaluation.

        Args:
            configs: folder with ``{network}_{method}.yaml``.
            network: how the configs' names begin.
            output: folder of the runs.
            options: KEY VALUE pairs of every run; they come last.
        """
        folder = output / f"{self.method}_{self.sampler}_seed{self.seed}"
        config = configs / f"{network}_{self.method}.yaml"
        keys = ("SEED", str(self.seed), "OUTPUT_DIR", str(folder), "TEST.NUM_DRAWN_IMAGES", "0")
        readings = ("TEST.POST_HOC", json.dumps(METHODS[self.method][1]))
        arguments = ("--config-file", str(config), *keys, *readings, *SAMPLERS[self.sampler])
        return Run(folder.name, folder, (*arguments, *options))


def collect_rivals(made: Iterable[tuple[Rival, Path]]) -> Study:
    """Gather the rows of every rival, named by rival and reading.

    Args:
        made: (rival, OUTPUT_DIR with a results.json).
    """
    study: Study = {}
    for rival, folder in made:
        rows = collect([(str(rival.seed), "", folder)])
        first = next(iter(rows))
        for row, by_seed in rows.items():
            name = rival.label(row.removeprefix(first))
            study.setdefault(name, {}).update(by_seed)
    return study


def merged(studies: Iterable[Study]) -> Study:
    """Make one study of several, of other seeds or methods; of one seed twice, the later holds."""
    whole: Study = {}
    for study in studies:
        for row, by_seed in study.items():
            whole.setdefault(row, {}).update(by_seed)
    return whole
