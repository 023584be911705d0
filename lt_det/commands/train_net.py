"""Train or evaluate a long-tailed detector.

train_net.py --config-file lvis_v0.5/cascade_r101_tde [--num-gpus N] [KEY VALUE]
train_net.py --config-file … --eval-only MODEL.WEIGHTS FILE
train_net.py --config-file … --train-json FILE --train-images DIR --val-json FILE --val-images DIR
"""

import argparse

from lt_det.detection.run import train_or_evaluate
from lt_det.detection.setup import argument_parser
from lt_det.engine import run
from lt_det.visualization.detections import draw_run


def main(args: argparse.Namespace) -> None:
    """Run one process of the job."""
    draw_run(train_or_evaluate(args))


if __name__ == "__main__":
    run(main, argument_parser().parse_args())
