"""Show a finished run, or several beside each other, on one page that needs no network.

lt-det report output/mine                    # writes output/mine/report.html
lt-det report output/baseline output/tde --output compared.html
"""

import argparse
from pathlib import Path

from lt_det.inspection.run_report import run_report
from lt_det.visualization.page import write_page

from .command_line import run_alone


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="OUTPUT_DIR of a run")
    made.add_argument(
        "--output", type=Path, metavar="FILE", help="default: report.html in the first RUN"
    )
    return made


def main(args: argparse.Namespace) -> None:
    """Read the runs, write the page."""
    page = run_report(args.runs)
    output = args.output or args.runs[0] / "report.html"
    output.parent.mkdir(parents=True, exist_ok=True)
    write_page(page, output)
    print(output)


def run(words: list[str] | None = None) -> None:
    """Run the command."""
    run_alone(main, parser(), words)


if __name__ == "__main__":
    run()
