"""Say which of several detectors, and of their readings, helps: chosen and told on other images.

lt-det compare output/baseline output/tde output/seesaw --output compared
"""

import argparse
from pathlib import Path

from tqdm import tqdm

from lt_det.compare.answer import answer
from lt_det.compare.candidates import read_candidates
from lt_det.compare.measuring import measure
from lt_det.compare.page import answer_page, answer_text
from lt_det.files import save_json
from lt_det.visualization.page import write_page

from .command_line import run_alone


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument(
        "runs",
        nargs="+",
        type=Path,
        metavar="RUN",
        help="OUTPUT_DIRs on the same data; the first row of the first is the baseline",
    )
    made.add_argument("--output", type=Path, required=True, metavar="DIR")
    made.add_argument("--resamples", type=int, default=200, help="of images; default: 200")
    return made


def main(args: argparse.Namespace) -> None:
    """Read the runs, compare, print, write."""
    candidates = read_candidates(args.runs)
    baseline = candidates[0].name
    with tqdm(total=2 * len(candidates), unit="evaluation", leave=False) as bar:
        directions = measure(candidates, baseline, args.resamples, bar.update)
    made = answer(directions, baseline)
    args.output.mkdir(parents=True, exist_ok=True)
    save_json(made.to_record(), args.output / "compare.json", indent=1)
    write_page(answer_page(made, "Which helps"), args.output / "compare.html")
    print(f"{answer_text(made)}\n\n* recommended, = not told from it")
    print(f"{args.output}: compare.html, compare.json")


def run(words: list[str] | None = None) -> None:
    """Run the command."""
    run_alone(main, parser(), words)


if __name__ == "__main__":
    run()
