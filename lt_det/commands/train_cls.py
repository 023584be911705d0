"""Train or evaluate a long-tailed image classifier.

train_cls.py --config-file classification/imagenet_lt/resnext50_tde [--num-gpus N] [KEY VALUE]
train_cls.py --config-file … --eval-only MODEL.WEIGHTS FILE
train_cls.py --config-file classification/folder_lt/resnet32_tde --data FOLDER_OR_ZIP \
             --imbalance 100 [--teacher CHECKPOINT]
"""

import argparse

from lt_det.classification.run import train_or_evaluate
from lt_det.classification.setup import argument_parser
from lt_det.engine import run
from lt_det.visualization.class_run import draw_class_run


def main(args: argparse.Namespace) -> None:
    """Run one process of the job."""
    draw_class_run(train_or_evaluate(args).OUTPUT_DIR)


if __name__ == "__main__":
    run(main, argument_parser().parse_args())
