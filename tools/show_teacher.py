#!/usr/bin/env python3
"""Show how a teacher fits the training images and how xERM would weight them, by shot group.

tools/show_teacher.py --config-file configs/classification/folder_lt/resnet32_xerm_tde.yaml \
                      --data FOLDER_OR_ZIP --imbalance 100 --teacher FILE [KEY VALUE]
"""

import argparse
from itertools import islice

# First: it leaves out what Detectron2 warns of when it is imported.
from lt_det.commands.command_line import parse, with_examples

# isort: split
from lt_det.classification.evaluate import shot_limits
from lt_det.classification.setup import argument_parser, setup
from lt_det.classification.teacher import load_teacher
from lt_det.classification.teacher_report import teacher_report, teacher_table
from lt_det.classification.trainer import training_batches
from lt_det.engine import run


def main(args: argparse.Namespace) -> None:
    """One epoch of training images, augmented as in training."""
    cfg, data = setup(args)
    teacher = load_teacher(cfg, data.class_counts)
    batches = training_batches(cfg, data)
    epoch = islice(batches, -(-len(data.train) // cfg.SOLVER.IMS_PER_BATCH))
    limits = shot_limits(cfg)
    exponent = cfg.MODEL.LT.XERM.EXPONENT
    counts = data.class_counts
    report = teacher_report(teacher, epoch, exponent, class_counts=counts, **limits)
    print(teacher_table(report))


if __name__ == "__main__":
    run(main, parse(with_examples(argument_parser(), __doc__)))
