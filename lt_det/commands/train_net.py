"""Train or evaluate a long-tailed detector.

lt-det train --config-file lvis_v0.5/cascade_r101_tde [--num-gpus N] [KEY VALUE]
lt-det train --config-file … --eval-only MODEL.WEIGHTS FILE
lt-det train --config-file … --train-json FILE --train-images DIR --val-json FILE --val-images DIR
"""

import argparse

from lt_det.detection.run import train_or_evaluate
from lt_det.detection.setup import argument_parser
from lt_det.engine import run as launch
from lt_det.visualization.detections import draw_run

from .command_line import parse, with_examples
from .finished import write_report


def main(args: argparse.Namespace) -> None:
    """Run one process of the job."""
    cfg = train_or_evaluate(args)
    if cfg.TEST.NUM_DRAWN_IMAGES:
        draw_run(cfg)
        write_report(cfg.OUTPUT_DIR)


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    return with_examples(argument_parser(), __doc__)


def run(words: list[str] | None = None) -> None:
    """Run the command, in as many processes as it says."""
    launch(main, parse(parser(), words))


if __name__ == "__main__":
    run()
