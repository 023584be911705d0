"""Draw a small long-tailed data set, train a detector on it, evaluate, show; minutes on a CPU.

lt-det demo --output output/demo
"""

import argparse
from pathlib import Path

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


# What to try with what the demo leaves.
_NEXT = """
{page} shows the run. What to try next:

  lt-det predict --weights {weights} \\
      --images 'datasets/synthetic_lvis/*/val/*7.*' --output {output}/predicted
  lt-det train --config-file synthetic/cascade_small_tde --eval-only MODEL.WEIGHTS {weights} \\
      OUTPUT_DIR {output}/readings TEST.POST_HOC '["none","tde(alpha=1.5)","norcal(gamma=0.6)"]'
  lt-det check-data --train-json train.json --train-images train/ --output checked   # your own data
"""


def run(words: list[str] | None = None) -> None:
    """Run the command."""
    args = parse(parser(), words)
    line = ["--config-file", "synthetic/cascade_small_tde", *args.opts, "OUTPUT_DIR", args.output]
    train_net.run(line)
    folder = Path(args.output)
    page = folder / "report.html"
    print(_NEXT.format(page=page, weights=folder / "model_final.pth", output=folder))


if __name__ == "__main__":
    run()
