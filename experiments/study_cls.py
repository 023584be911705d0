#!/usr/bin/env python3
"""Studies of long-tailed classification: the tables of RESULTS.md.

experiments/study_cls.py compare --data FOLDER_OR_ZIP --output DIR [--seeds 1] [--epochs 100]
                                 [--jobs 2]
experiments/study_cls.py merge    --parts DIR/part OTHER/part --output DIR
experiments/study_cls.py grid     --data … --output DIR [--heads 1 2 4] [--temperatures 8 16 32]
experiments/study_cls.py weighting --data … --output DIR --teacher FILE --alpha 1 [--exponents …]
experiments/study_cls.py features --data … --output DIR --checkpoints XE=FILE xERM_TDE=FILE …
experiments/study_cls.py grid     --config imagenet_lt/resnext50_tde.yaml --hold-out 0 --output …
experiments/study_cls.py features --config imagenet_lt/resnext50_crt.yaml --output … --checkpoints …

grid and features take any backbone and data set's config in place of --data: its schedule, its cut
and its γ, unless --tuning-epochs, --imbalance and --offsets say others.

Choices (α, p, xERM's exponent and weight decay) are made on training images held out before the
long-tailed cut, or on the validation set of a data set that has one (--hold-out 0), by trainings of
their own; the test set is used once they are made. α = 0 (no TDE) is a choice, too.

A run is made once: again where its arguments, data, weights or config have changed since (the
earlier one is kept as NAME.old-1), from its last checkpoint where it was stopped.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from experiments.ablations import grid, weighting  # noqa: E402
from experiments.comparison import XERM_VARIANTS, compare, tune  # noqa: E402
from experiments.comparison_report import report  # noqa: E402
from experiments.parts import read_chosen, read_parts, save_part, study_identity  # noqa: E402
from experiments.promises import promises_table  # noqa: E402
from experiments.representations import representations  # noqa: E402
from experiments.study import Study  # noqa: E402
from experiments.systems import COMPARED, SYSTEMS, XERM_STUDENTS  # noqa: E402
from lt_det.classification.setup import argument_parser, load_config  # noqa: E402
from lt_det.classification.trained_on import check_chosen_on  # noqa: E402
from lt_det.engine.named_files import by_name, named_file  # noqa: E402
from lt_det.errors import UserError  # noqa: E402
from lt_det.files import save_json  # noqa: E402
from lt_det.visualization.class_bias import draw_class_distribution  # noqa: E402


def run_compare(study: Study, args: argparse.Namespace) -> None:
    """Run all methods, all seeds."""
    chosen = read_chosen(args.chosen) if args.chosen else tune(study, args.variants)
    print(f"chosen on the held-out images: {chosen}", flush=True)
    names = ["XE", "De-confound", *XERM_STUDENTS] if args.students else args.systems
    comparison = compare(study, names, args.seeds, chosen)
    print(report(comparison, chosen, study.output))
    if args.students:
        print(f"\n{promises_table(comparison, args.seeds[0])}")
    raw = comparison.results[args.seeds[0]]
    balanced, imbalanced = list(next(iter(raw.values())))[:2]
    picture = study.output / "class_distribution.png"
    draw_class_distribution(raw, picture, balanced=balanced, imbalanced=imbalanced)
    files = "figures, by_seed, spreads, paired and order.json, class_distribution.png"
    print(f"{study.output}: {files}")
    save_part(comparison, chosen, study_identity(study), study.output / "part")
    print(f"{study.output / 'part'}: what merge takes, without weights")


def run_merge(args: argparse.Namespace) -> None:
    """Make one comparison of several, of other systems or seeds."""
    comparison, chosen = read_parts(args.parts)
    print(report(comparison, chosen, args.output))
    print(f"{args.output}: figures.json, by_seed.json, spreads.json, paired.json, order.json")


def run_grid(study: Study, args: argparse.Namespace) -> None:
    """K × τ × γ × α."""
    _write(study, "grid", *grid(study, args.heads, args.temperatures, args.offsets))


def run_weighting(study: Study, args: argparse.Namespace) -> None:
    """xERM's exponent and constant weights."""
    results = weighting(study, args.teacher, args.alpha, args.exponents, args.weights)
    _write(study, "weighting", *results)


def run_features(study: Study, args: argparse.Namespace) -> None:
    """Frozen backbones under a classifier of balanced data."""
    _write(study, "features", *representations(study, by_name(args.checkpoints)))


def _write(study: Study, name: str, results: Any, table: str) -> None:
    save_json(results, study.output / f"{name}.json", indent=1)
    print(f"{table}\n{study.output / name}.json")


def parser() -> argparse.ArgumentParser:
    """Build the command line of the four studies."""
    top = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = _shared_options()
    any_config = argparse.ArgumentParser(add_help=False)
    any_config.add_argument(
        "--config", type=_config_file, help="of any backbone and data set; in place of --data"
    )
    commands = top.add_subparsers(required=True)
    _add_compare(commands.add_parser("compare", parents=[shared]))
    command = commands.add_parser("merge")
    command.add_argument("--parts", type=Path, nargs="+", required=True, metavar="FOLDER")
    command.add_argument("--output", type=Path, required=True)
    command.set_defaults(study=run_merge)
    command = commands.add_parser("grid", parents=[shared, any_config])
    command.add_argument("--heads", type=int, nargs="+", default=[1, 2, 4])
    command.add_argument("--temperatures", type=float, nargs="+", default=[8, 16, 32])
    command.add_argument(
        "--offsets",
        type=float,
        nargs="*",
        help="γ; default: 1/64 1/32 1/16; with --config, its own alone",
    )
    command.set_defaults(study=run_grid)
    command = commands.add_parser("weighting", parents=[shared])
    command.add_argument("--teacher", required=True)
    command.add_argument("--alpha", type=float, default=1.0)
    command.add_argument("--exponents", type=float, nargs="*", default=[-2, -1, 0, 1, 2, 4])
    command.add_argument("--weights", type=float, nargs="*", default=[0, 0.25, 0.5, 0.75, 1])
    command.set_defaults(study=run_weighting)
    command = commands.add_parser("features", parents=[shared, any_config])
    command.add_argument(
        "--checkpoints", nargs="+", type=named_file, required=True, metavar="NAME=FILE"
    )
    command.set_defaults(study=run_features)
    return top


def _add_compare(command: argparse.ArgumentParser) -> None:
    command.add_argument("--seeds", type=int, nargs="+", default=[1])
    command.add_argument(
        "--variants", nargs="+", choices=XERM_VARIANTS, default=list(XERM_VARIANTS), help="of xERM"
    )
    command.add_argument(
        "--chosen",
        type=Path,
        metavar="FILE",
        help="part.json or by_seed.json of an earlier comparison: its α and p, not chosen again",
    )
    command.add_argument("--systems", nargs="+", choices=SYSTEMS, default=COMPARED)
    command.add_argument(
        "--students", action="store_true", help="xERM by start, decay and g, beside its controls"
    )
    command.set_defaults(study=run_compare)


def _shared_options() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--data", help='folder or zip; "": where the configs say')
    shared.add_argument("--output", type=Path, required=True)
    shared.add_argument("--configs", type=Path, default=ROOT / "configs/classification/folder_lt")
    shared.add_argument("--imbalance", type=float, help="default: 100; with --config, its own")
    shared.add_argument("--epochs", type=int, default=100)
    shared.add_argument(
        "--tuning-epochs",
        type=int,
        help="where α, p, K and τ are chosen; default: 100; with --config, its own schedule",
    )
    shared.add_argument("--variant-epochs", type=int, default=100, help="of xERM's variants")
    shared.add_argument(
        "--hold-out",
        type=int,
        default=50,
        help="training images a class to choose on; 0: the data set's own validation set",
    )
    shared.add_argument("--jobs", type=int, default=1, help="runs at a time; they share the cores")
    shared.add_argument("--compile", action="store_true", help="needs a C++ compiler on the CPU")
    shared.add_argument(
        "--options", nargs="+", default=[], metavar="KEY VALUE", help="of every run: its backbone"
    )
    return shared


def _config_file(text: str) -> Path:
    """A file, or one below configs/classification."""
    for path in (Path(text), ROOT / "configs/classification" / text):
        if path.is_file():
            return path.resolve()
    raise argparse.ArgumentTypeError(f"no such file: {text}")


def parsed(words: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line; what is not given depends on whether a config is."""
    made = parser()
    args = made.parse_args(words)
    if args.study is run_merge:
        return args
    args.config = getattr(args, "config", None)
    if not args.config and args.data is None:
        made.error("--data FOLDER_OR_ZIP is needed, or of grid and features --config FILE")
    defaults: dict[str, Any] = {
        "imbalance": 100.0,
        "tuning_epochs": 100,
        "offsets": [1 / 64, 1 / 32, 1 / 16],
    }
    if args.config:
        defaults = {"imbalance": None, "tuning_epochs": 0, "offsets": []}
    defaults["data"] = ""
    for name, value in defaults.items():
        if getattr(args, name, None) is None:
            setattr(args, name, value)
    return args


def _check_validation_set(study: Study) -> None:
    """The data's own validation set must be another than the test set."""
    arguments = study.training("xe", "unused", 0, 1).arguments
    check_chosen_on(load_config(argument_parser().parse_args(arguments)))


def _study(args: argparse.Namespace) -> Study:
    return Study(
        ROOT / "tools" / "train_cls.py",
        args.configs,
        args.data,
        args.output,
        args.imbalance,
        args.epochs,
        args.tuning_epochs,
        args.variant_epochs,
        args.hold_out,
        args.jobs,
        args.compile,
        tuple(args.options),
        args.config,
    )


def main() -> None:
    """Run what is missing of a study, then print its tables and write its metrics."""
    args = parsed()
    try:
        if args.study is run_merge:
            run_merge(args)
            return
        study = _study(args)
        if not study.hold_out and args.study is not run_features:
            _check_validation_set(study)
        args.study(study, args)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    except RuntimeError as error:
        # A run's own log says what went wrong in it.
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
