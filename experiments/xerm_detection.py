"""xERM's students in detection, each different from today's in one thing, with their controls."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lt_det.compare.runner import Run, run_all

from .detection_seeds import Study, collect

_XERM = "MODEL.LT.XERM."
# Rows of a de-confounded detector; α = 0.5 and 1 are those that students are taught by, too.
_TDE_ROWS = (
    "TEST.POST_HOC",
    '["none", "tde(alpha=0.5)", "tde(alpha=1)", "tde(alpha=1.5)", "tde(alpha=1.5, exempt=False)"]',
)
_AS_TRAINED = ("MODEL.LT.TDE.ENABLED", "False", "TEST.POST_HOC", '["none"]')
_LINEAR = ("MODEL.LT.CLASSIFIER.NAME", "linear")
# What makes a method of the config that ends in tde, in a folder without a config of its own.
_FROM_TDE = {
    "baseline": (*_LINEAR, *_AS_TRAINED),
    "tde": (),
    "xerm": (f"{_XERM}ENABLED", "True", *_AS_TRAINED),
    "xerm_pc": (f"{_XERM}ENABLED", "True", f"{_XERM}BALANCED", "pc", *_LINEAR, *_AS_TRAINED),
}
TEACHERS = {"baseline": (), "tde": _TDE_ROWS}


@dataclass(frozen=True)
class Variant:
    """A student, or a control of students.

    Attributes:
        label: what is added to the name of its rows.
        options: KEY VALUE pairs beside its config.
        config: how its config ends.
        teacher: whose checkpoint teaches it, of :data:`TEACHERS`; "": none.
        starts_from: whose checkpoint it starts from, where that is no teacher's; "": from scratch.
    """

    label: str = ""
    options: tuple[str, ...] = ()
    config: str = "xerm"
    teacher: str = "tde"
    starts_from: str = ""


_SELF = (f"{_XERM}TEACHER", "self")
_COLUMNS = "xerm_foreground_columns"
VARIANTS = {
    "xerm": Variant(),
    "foreground_columns": Variant("foreground columns", (f"{_XERM}LOSS", _COLUMNS)),
    "foreground_columns_background_label": Variant(
        "foreground columns, background by label", (f"{_XERM}LOSS", f"{_COLUMNS}_background_label")
    ),
    "background_label": Variant("background by label", (f"{_XERM}LOSS", "xerm_background_label")),
    "g0": Variant("g=0", (f"{_XERM}EXPONENT", "0.0")),
    "g0.5": Variant("g=0.5", (f"{_XERM}EXPONENT", "0.5")),
    "alpha0.5": Variant("α=0.5", ("MODEL.LT.TDE.ALPHA", "0.5")),
    "alpha1": Variant("α=1", ("MODEL.LT.TDE.ALPHA", "1.0")),
    "ramp": Variant("ramp", (f"{_XERM}RAMP", "0.5")),
    "from_teacher": Variant("from its teacher", (f"{_XERM}INIT_FROM_TEACHER", "True")),
    # The control of the line above: the teacher, trained on for as long.
    "trained_on": Variant("trained on", _TDE_ROWS, "tde", teacher="", starts_from="tde"),
    "self": Variant("no teacher", _SELF, teacher=""),
    "self_ramp": Variant("no teacher, ramp", (*_SELF, f"{_XERM}RAMP", "0.5"), teacher=""),
    "pc": Variant("", (), "xerm_pc", teacher="baseline"),
}


@dataclass(frozen=True)
class DetectionStudy:
    """Where a study's runs go and what they share.

    Attributes:
        tools: folder of ``train_net.py`` and ``show_detection_teacher.py``.
        configs: folder with ``{network}_{baseline,tde,xerm,xerm_pc}.yaml``; what it lacks is made
            of ``{network}_tde.yaml``.
        network: how the configs' names begin.
        output: folder of the runs.
        options: KEY VALUE pairs of every run.
        jobs: runs at a time.
    """

    tools: Path
    configs: Path
    network: str
    output: Path
    options: tuple[str, ...] = ()
    jobs: int = 1

    def config_file(self, method: str) -> Path:
        """Return a method's config, or the one that it is made of."""
        file = self.configs / f"{self.network}_{method}.yaml"
        return file if file.is_file() else self.configs / f"{self.network}_tde.yaml"

    def run(
        self,
        name: str,
        method: str,
        seed: int,
        options: Sequence[str],
        flags: Sequence[str] = (),
        result: str = "results.json",
    ) -> Run:
        """Plan a run of a method's config.

        Args:
            name: of its folder, the seed aside.
            method: how its config ends.
            seed: of the run.
            options: KEY VALUE pairs of this run alone; they come last.
            flags: of the tool.
            result: file that it leaves.
        """
        file = self.config_file(method)
        made = () if file.stem.endswith(f"_{method}") else _FROM_TDE[method]
        folder = self.output / f"{name}_seed{seed}"
        keys = ("SEED", str(seed), "OUTPUT_DIR", str(folder), "TEST.NUM_DRAWN_IMAGES", "0")
        arguments = ("--config-file", str(file), *flags, *keys, *made, *self.options, *options)
        return Run(folder.name, folder, arguments, result)

    def teacher(self, method: str, seed: int) -> Run:
        """Plan the training of a teacher, which is a row of its own."""
        return self.run(method, method, seed, TEACHERS[method])

    def training(self, name: str, seed: int) -> Run:
        """Plan the training of a variant."""
        variant = VARIANTS[name]
        flags, options = [], list(variant.options)
        if variant.teacher:
            flags = ["--teacher", self._weights(variant.teacher, seed)]
        if variant.starts_from:
            options += ["MODEL.WEIGHTS", self._weights(variant.starts_from, seed)]
        return self.run(name, variant.config, seed, options, flags)

    def report(self, seed: int, images: int) -> Run:
        """Plan what the seed's TDE teacher says of training RoIs."""
        flags = ("--teacher", self._weights("tde", seed), "--images", str(images))
        return self.run("teacher_rois", "xerm", seed, (), flags, REPORT)

    def _weights(self, method: str, seed: int) -> str:
        return str(self.teacher(method, seed).folder / "model_final.pth")


REPORT = "teacher_rois.json"
Report = dict[str, dict[str, float]]


def run_study(study: DetectionStudy, variants: Iterable[str], seeds: Sequence[int]) -> Study:
    """Make what is missing, teachers first, and gather the rows.

    Args:
        study: where and how.
        variants: of :data:`VARIANTS`.
        seeds: of teachers and students alike.

    Raises:
        RuntimeError: a run failed; names its log.
    """
    variants = list(variants)
    teachers = [(s, study.teacher(method, s)) for s in seeds for method in TEACHERS]
    students = [(s, VARIANTS[n].label, study.training(n, s)) for s in seeds for n in variants]
    for runs in ([run for _, run in teachers], [run for *_, run in students]):
        run_all(study.tools / "train_net.py", runs, study.jobs)
    rows = [(str(seed), "", run.folder) for seed, run in teachers]
    return collect(rows + [(str(seed), label, run.folder) for seed, label, run in students])


def run_reports(study: DetectionStudy, seeds: Sequence[int], images: int) -> dict[str, Report]:
    """Make the report of each seed's TDE teacher; returns them by seed."""
    runs = {str(seed): study.report(seed, images) for seed in seeds}
    run_all(study.tools / "show_detection_teacher.py", list(runs.values()), study.jobs)
    return {
        seed: json.loads((run.folder / REPORT).read_text(encoding="utf-8"))
        for seed, run in runs.items()
    }


def mean_report(reports: dict[str, Report]) -> Report:
    """Return the mean over the seeds of each figure."""
    first, *_ = reports.values()
    return {
        group: {
            name: sum(report[group][name] for report in reports.values()) / len(reports)
            for name in metrics
        }
        for group, metrics in first.items()
    }


def differences(metrics: Study, reference: str) -> Study:
    """Return every row less a reference row, seed by seed.

    Args:
        metrics: of :func:`run_study`.
        reference: the row that is subtracted; seeds that it lacks are left out.
    """
    of_reference = metrics[reference]
    return {
        row: {
            seed: {
                task: {
                    name: value - of_reference[seed][task][name]
                    for name, value in of_task.items()
                    if isinstance(value, int | float)
                }
                for task, of_task in by_task.items()
            }
            for seed, by_task in by_seed.items()
            if seed in of_reference
        }
        for row, by_seed in metrics.items()
        if row != reference
    }
