"""Train or evaluate a long-tailed image classifier.

lt-det train-cls --config-file classification/imagenet_lt/resnext50_tde [--num-gpus N] [KEY VALUE]
lt-det train-cls --config-file … --eval-only MODEL.WEIGHTS FILE
lt-det train-cls --config-file classification/folder_lt/resnet32_tde --data FOLDER_OR_ZIP
                 --imbalance 100 [--teacher CHECKPOINT]
"""

import argparse

from lt_det.classification.run import train_or_evaluate
from lt_det.classification.setup import argument_parser
from lt_det.engine import run as launch
from lt_det.visualization.class_run import draw_class_run

from .command_line import parse, with_examples
from .finished import write_report


def main(args: argparse.Namespace) -> None:
    """Run one process of the job."""
    folder = train_or_evaluate(args).OUTPUT_DIR
    draw_class_run(folder)
    write_report(folder)


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    return with_examples(argument_parser(), __doc__)


def run(words: list[str] | None = None) -> None:
    """Run the command, in as many processes as it says."""
    launch(main, parse(parser(), words))


if __name__ == "__main__":
    run()
