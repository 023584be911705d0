#!/usr/bin/env python3
"""Show what the head direction of a trained detector favours, by frequency group.

tools/show_direction.py --config-file … MODEL.WEIGHTS FILE [--images 100]

With --images, also how much of it is in RoIs of the first of DATASETS.TEST: the authors of TDE
take the α at which α·cos(x, d) is about 1 where there is no validation set to choose it on.
"""

import argparse
import itertools

from lt_det.commands.command_line import parse, with_examples
from lt_det.core.post_hoc import TDE
from lt_det.data.lvis.catalog import registered_set
from lt_det.detection.evaluation.directions import (
    check_directions,
    cosine_table,
    direction_logits,
    direction_table,
    foreground_cosines,
)
from lt_det.detection.setup import argument_parser, setup
from lt_det.detection.trainer import LTTrainer
from lt_det.engine import LTCheckpointer, run


def main(args: argparse.Namespace) -> None:
    """Load the weights and print the table."""
    args.eval_only = True
    cfg = setup(args)
    model = LTTrainer.build_model(cfg)
    LTCheckpointer(model, complete=True).load(cfg.MODEL.WEIGHTS)
    check_directions(model, [TDE(1.0)], cfg.MODEL.WEIGHTS)
    categories = registered_set(cfg.DATASETS.TEST[0]).categories
    print(direction_table(direction_logits(model, [c["frequency"] for c in categories])))
    if args.images:
        loader = LTTrainer.build_test_loader(cfg, cfg.DATASETS.TEST[0])
        batches = itertools.islice(loader, args.images)
        print(f"\n{cosine_table(foreground_cosines(model.eval(), batches))}")


if __name__ == "__main__":
    parser = argument_parser()
    parser.add_argument(
        "--images", "--pictures", type=int, default=0, metavar="N", help="to detect in"
    )
    run(main, parse(with_examples(parser, __doc__)))
