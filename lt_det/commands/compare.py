"""Say which model, and which reading of it, helps: chosen and told on other images.

lt-det compare --train-json FILE --train-images DIR --val-json FILE --val-images DIR --output DIR
               [--plan] [--budget 3h] [--jobs 2] [--seeds 2] [--iterations N] [--methods M …]
lt-det compare --data FOLDER_OR_ZIP [--imbalance R] --output DIR [--epochs N] [--plan] …
lt-det compare output/baseline output/tde --output DIR

The first trains detectors, the second classifiers: what the data call for and the budget holds; it
goes on where it was stopped. The third takes runs that are there, of either.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lt_det.compare.answer import Answer, answer
from lt_det.compare.candidates import read_seeds
from lt_det.compare.chart import save_gain_chart
from lt_det.compare.classifiers import measure_classifiers, read_classifier_seeds
from lt_det.compare.durations import seconds_of
from lt_det.compare.figures import BY_AP, BY_TOP1
from lt_det.compare.given_runs import schedule_notes
from lt_det.compare.kinds import CLASSIFICATION, DETECTION
from lt_det.compare.measuring import measure
from lt_det.compare.methods import Method, startable
from lt_det.compare.page import answer_page, answer_text, costs_of
from lt_det.compare.plan import (
    Planned,
    Room,
    make_plan,
    plan_text,
    sensible,
    shared_text,
)
from lt_det.compare.reproduce import how_to
from lt_det.compare.trainings import Cost, Trainings
from lt_det.engine import add_import_flag, import_extensions
from lt_det.errors import ConfigError, DataError
from lt_det.evaluation.classification.predictions import PREDICTIONS_FILE
from lt_det.files import save_json
from lt_det.inspection.tail import imbalance, suggested_threshold
from lt_det.model_zoo import config_folder
from lt_det.visualization.page import write_page

from .command_line import run_alone
from .data_flags import ANNOTATIONS, IMAGES, add_data_flags, data_words

_FIGURES = "to choose by: AP, APr, instances; top1, recall, few; …"


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    made = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [RUN ...] [options] --output DIR",  # all of them would fill the screen
    )
    made.add_argument(
        "runs",
        nargs="*",
        type=Path,
        metavar="RUN",
        help="NAME_seed1 …: one method; the first is the baseline",
    )
    add_data_flags(made)
    add_import_flag(made)
    made.add_argument("--output", type=Path, required=True, metavar="DIR")
    made.add_argument("--resamples", type=int, default=200, metavar="N", help="of images")
    made.add_argument("--by", default="", metavar="FIGURE", help=_FIGURES)
    made.add_argument("--plan", action="store_true", help="say what would be trained, and stop")
    made.add_argument("--budget", metavar="TIME", help="for all trainings: 90m, 3h, 1.5d")
    made.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    made.add_argument("--seeds", type=int, default=1, metavar="N", help="trainings of each method")
    for length, of_what in (("iterations", "of each detector"), ("epochs", "of each classifier")):
        made.add_argument(f"--{length}", type=int, default=0, metavar="N", help=of_what)
    made.add_argument(
        "--own-schedules", action="store_true", help="of each config; not the first's"
    )
    made.add_argument("--methods", nargs="+", metavar="M", help="default: as the budget has it")
    made.add_argument("--configs", type=Path, metavar="DIR", help="of your own")
    made.add_argument("--network", metavar="NAME", help="how the configs' names begin")
    made.add_argument("--options", nargs=argparse.REMAINDER, default=[], metavar="KEY VALUE")
    return made


def main(args: argparse.Namespace) -> None:
    """Read or make the runs, compare, print, write. Raises ConfigError or DataError."""
    if [bool(args.runs), bool(args.train_json), bool(args.data)].count(True) != 1:
        raise ConfigError("name one of runs, --train-json FILE (with the others) and --data PATH")
    for name in ("jobs", "seeds", "resamples"):
        if getattr(args, name) < 1:
            raise ConfigError(f"--{name} {getattr(args, name)}: at least 1")
    if args.runs:
        compare_runs(by_seed(args.runs), args.output, args.resamples, by=args.by)
        return
    (BY_TOP1 if args.data else BY_AP).by(args.by)  # a wrong one ends here
    room = Room(seconds_of(args.budget) if args.budget else None, args.jobs, args.seeds)
    trainings, planned, costs = plan(args, room)
    kept = [each.method for each in planned if not each.left_out]
    changed = {method.name: trainings.changed(method) for method in kept}
    schedule = shared_text(changed, planned[0].method.name)
    print("\n".join(filter(None, [plan_text(planned, room), schedule])))
    if args.plan:
        return
    made, failed = trainings.make(kept, costs, args.jobs, args.seeds)
    if kept[0].name in failed:
        # There is nothing to compare the others with.
        raise DataError(failed[kept[0].name])
    compare_runs(
        {name: [run.folder for run in of_method] for name, of_method in made.items()},
        args.output,
        args.resamples,
        Made(failed, {run.name: run.seconds for of_method in made.values() for run in of_method},
             {name: trainings.words(of_method[0]) for name, of_method in made.items()}, schedule),
        args.by,
    )  # fmt: skip


def plan(args: argparse.Namespace, room: Room) -> tuple[Trainings, list[Planned], dict[str, Cost]]:
    """Look at the data, measure short trainings, and say what is trained.

    Raises:
        ConfigError: the budget holds nothing, or is no time.
        DataError: the data cannot be trained on, or the first short training failed.
    """
    kind = CLASSIFICATION if args.data else DETECTION
    import_extensions(args)
    flags = data_words(args, IMAGES if args.data else ANNOTATIONS)
    flags += [word for named in args.imports for word in ("--import", named)]
    if args.train_json and not args.val_json:
        raise ConfigError("--val-json FILE: the images that methods are compared on")
    other = "iterations" if args.data else "epochs"
    if getattr(args, other):
        raise ConfigError(f"--{other}: of the other kind of training; --{kind.length} N")
    if room.seeds > 1 and "SEED" in args.options[::2]:
        raise ConfigError("--options SEED: --seeds gives each training its own")
    trainings = Trainings(
        kind, args.configs or config_folder() / kind.configs, args.network or kind.network,
        tuple(flags), tuple(args.options), None, args.output, getattr(args, kind.length),
    )  # fmt: skip
    methods = _methods(args.methods, trainings)
    if not args.own_schedules:
        trainings = replace(trainings, like=trainings.config_file(methods[0]))
    given = kind.look(str(trainings.config_file(methods[0])), flags, args.options)
    trainings = replace(trainings, threshold=suggested_threshold(given.counts, given.num_images))
    idle = sensible(methods, imbalance(given.counts), trainings.threshold)
    measured = startable([method for method in methods if not idle[method.name]])
    if not measured:
        return trainings, make_plan(methods, {}, idle, room), {}  # which says why
    print("trainings of 20 iterations say what each takes:", flush=True)
    costs, failed = trainings.measure(measured, given.num_images, args.jobs)
    seconds = {name: cost.seconds for name, cost in costs.items()}
    lost = dict.fromkeys(failed, "its 20 iterations failed, as said above")
    return trainings, make_plan(methods, seconds, {**idle, **lost}, room), costs


def _methods(names: Sequence[str] | None, trainings: Trainings) -> list[Method]:
    """Return the methods named; of no names, those known that have a config.

    A name that is not known is one's own: what its config is called after the network's name.
    """
    known = {method.name: method for method in trainings.kind.methods}
    for name in names or []:
        mine = Method(name, name, ("none",), for_tails=False)
        if name not in known and trainings.config_file(mine).is_file():
            known[name] = mine
        if name not in known:
            place = trainings.config_file(mine)
            raise ConfigError(f"--methods {name}: of {', '.join(known)}; there is no {place}")
    there = {m.name: m for m in known.values() if trainings.config_file(m).is_file()}
    for name in names or list(known)[:1]:
        if name not in there:
            raise ConfigError(f"{trainings.config_file(known[name])}: no such config")
    return [there[name] for name in names or there]


def by_seed(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """Put trainings of a method with several seeds together: ``NAME``, ``NAME_seed2``, ….

    Args:
        folders: of runs. Where some methods have more of them than others, and where names are the
            same, each folder is a method of its own, and called by its path.

    Returns:
        folders by what they are called, in the order of the first of each.
    """
    groups: dict[str, list[Path]] = {}
    for folder in folders:
        groups.setdefault(re.sub(r"_seed\d+$", "", folder.name), []).append(folder)
    names_are_unique = len({folder.name for folder in folders}) == len(folders)
    numbers = {len(group) for group in groups.values()}
    # Trainings with the same seed are compared with each other, in whatever order they were named.
    groups = {name: sorted(group, key=_seed) for name, group in groups.items()}
    if names_are_unique and len(numbers) == 1:
        only = numbers == {1}
        return {group[0].name if only else name: group for name, group in groups.items()}
    if names_are_unique:
        counts = ", ".join(f"{name} {len(group)}" for name, group in groups.items())
        print(f"numbers of seeds differ ({counts}): each run is compared by itself")
    return {f.name if names_are_unique else str(f): [f] for f in folders}


def _seed(folder: Path) -> int:
    numbered = re.search(r"_seed(\d+)$", folder.name)
    return int(numbered[1]) if numbered else 1


@dataclass(frozen=True)
class Made:
    """Of trainings that were made for a comparison.

    Attributes:
        failed: what went wrong with each method that is not compared.
        seconds: of each run, trained and evaluated.
        commands: the words that trained a method.
        schedule: of whom the others have theirs, in words; empty where each has its config's.
    """

    failed: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    commands: dict[str, list[str]] = field(default_factory=dict)
    schedule: str = ""


def compare_runs(
    runs: Mapping[str, Sequence[Path]],
    output: Path,
    resamples: int,
    made: Made | None = None,
    by: str = "",
) -> None:
    """Compare finished runs, print the answer, and write it.

    Args:
        runs: folders by seed, of as many seeds each, by what they are called; the first row of the
            first is the baseline.
        output: folder for compare.html and compare.json.
        resamples: of images, for each interval.
        made: of trainings that were made for it.
        by: what to choose by, as ``--by`` has it.
    """
    folders = next(iter(runs.values()))
    are_classifiers = (folders[0] / PREDICTIONS_FILE).is_file()
    of_seeds = [
        {called: of_run[seed] for called, of_run in runs.items()} for seed in range(len(folders))
    ]
    told = (_of_classifiers if are_classifiers else _of_detectors)(of_seeds, resamples, by)
    notes = [made.schedule] if made else schedule_notes(of_seeds[0])
    made = made or Made()
    further = how_to(told, of_seeds[0], made.commands)
    costs = costs_of(of_seeds[0], made.seconds)
    output.mkdir(parents=True, exist_ok=True)
    record = {**told.to_record(), "how_to": further.to_record(), "costs": costs}
    record |= {"failed": made.failed, "seconds": made.seconds, "notes": list(filter(None, notes))}
    save_json(record, output / "compare.json", indent=1)
    lost = [f"not compared: {why}" for why in made.failed.values()]
    lines = [*further.lines, *lost, *record["notes"]]
    page = answer_page(told, "Which helps", lines, costs)
    write_page(page, output / "compare.html")
    save_gain_chart(told, output / "compare.png")
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    print(f"{answer_text(told, costs, columns)}\n\n* recommended, = not told from it")
    print("\n".join(lines))
    print(f"{output}: compare.html, compare.json, compare.png")


def _of_detectors(of_seeds: Sequence[Mapping[str, Path]], resamples: int, by: str) -> Answer:
    chosen_by = BY_AP.by(by)
    candidates = read_seeds(of_seeds)
    baseline = candidates[0][0].name
    return answer(measure(candidates, baseline, resamples, chosen_by), baseline, chosen_by)


def _of_classifiers(of_seeds: Sequence[Mapping[str, Path]], resamples: int, by: str) -> Answer:
    chosen_by = BY_TOP1.by(by)
    readings, tested = read_classifier_seeds(of_seeds)
    baseline = readings[0][0].name
    measured = measure_classifiers(readings, tested, baseline, resamples, chosen_by)
    return answer(measured, baseline, chosen_by)


def run(words: list[str] | None = None) -> None:
    """Run the command."""
    run_alone(main, parser(), words)


if __name__ == "__main__":
    run()
