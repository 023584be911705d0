"""Draw a small long-tailed data set, train a detector on it, evaluate, show; minutes on a CPU.

lt-det demo --output output/demo
"""

import argparse

from . import train_net
from .command_line import parse


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--output", default="output/demo", metavar="DIR", help="default: output/demo")
    made.add_argument("opts", nargs="*", metavar="KEY VALUE", help="of the config, changed")
    return made


def run(words: list[str] | None = None) -> None:
    """Run the command."""
    args = parse(parser(), words)
    line = ["--config-file", "synthetic/cascade_small_tde", *args.opts, "OUTPUT_DIR", args.output]
    train_net.run(line)


if __name__ == "__main__":
    run()
