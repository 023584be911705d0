#!/usr/bin/env python3
"""Compare classifiers in pairs on the images that all of them were tested on.

tools/compare_predictions.py A/predictions.npz[:ROW] B/predictions.npz[:ROW] … [--test NAME]
                             [--json OUT] [--seed N]

Every model is compared with the first: differences in percent with 95 % bootstrap intervals
("none" where one holds 0) and the p of McNemar's exact test. p values are not corrected for their
number. ROW is a row of results.json ("XE-LA τ=1"); without it, the first.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from lt_det.errors import DataError, UserError
from lt_det.evaluation.classification.paired_rows import compare_models
from lt_det.evaluation.classification.paired_table import paired_table
from lt_det.evaluation.classification.predictions import (
    PREDICTIONS_FILE,
    Predictions,
    read_predictions,
)
from lt_det.files import save_json


def split_row(text: str) -> tuple[Path, str | None]:
    """Split FILE[:ROW]; a run's folder stands for its predictions.npz.

    Raises:
        DataError: there is no such file.
    """
    path, row = text, None
    if not Path(path).exists():
        # Names of files and rows may have colons of their own: the first that leaves a file.
        parts = text.split(":")
        heads = (":".join(parts[:number]) for number in range(1, len(parts)))
        path = next((head for head in heads if head and Path(head).exists()), text)
        row = text[len(path) + 1 :] or None
    file = Path(path)
    if file.is_dir():
        file = file / PREDICTIONS_FILE
    if not file.is_file():
        raise DataError(f"{file}: no such file")
    return file, row


def main(args: argparse.Namespace) -> None:
    """Read, compare with the first, show."""
    named = [split_row(text) for text in args.predictions]
    if len(named) < 2:
        raise DataError("two predictions at least are compared")
    read: dict[Path, Predictions] = {file: read_predictions(file) for file, _ in named}
    (first_file, first_row), others = named[0], named[1:]
    comparisons = []
    for file, row in others:
        try:
            rows = (first_row, row)
            compared = compare_models(
                read[first_file], read[file], rows, test=args.test, seed=args.seed
            )
        except DataError as error:
            raise DataError(f"{first_file}, {file}: {error}") from error
        comparisons.append({"files": [str(first_file), str(file)], **compared})
    shown = [_told_apart(comparison) for comparison in comparisons]
    if args.json:
        save_json(comparisons, args.json, indent=1)
    print(paired_table(shown))
    print(f"{comparisons[0]['images']} images, in percent; 95 % intervals; none: it holds 0")


def _told_apart(comparison: dict[str, Any]) -> dict[str, Any]:
    """Name the folders of runs, too, for rows of several are called the same."""
    names = {}
    for key, file in zip(("reference", "method"), comparison["files"], strict=True):
        names[key] = f"{Path(file).resolve().parent.name}: {comparison[key]}"
    return {**comparison, **names}


def parser() -> argparse.ArgumentParser:
    """Build the command line: what to compare, and on which test."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("predictions", nargs="+", metavar="FILE[:ROW]")
    made.add_argument("--test", metavar="NAME", help="distribution, of the first; default: all")
    made.add_argument("--json", type=Path, metavar="OUT")
    made.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    return made


if __name__ == "__main__":
    try:
        main(parser().parse_args())
    except UserError as error:
        print(f"error: {error.problem}", file=sys.stderr)
        sys.exit(2)
