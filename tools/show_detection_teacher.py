#!/usr/bin/env python3
"""Show what a trained detector would teach under xERM: its weights and targets on training RoIs.

tools/show_detection_teacher.py --config-file configs/synthetic/cascade_small_xerm.yaml \
                                --teacher FILE [--images 200] OUTPUT_DIR DIR [KEY VALUE]

The RoIs are those of a student that has its teacher's weights. The table is by frequency group;
OUTPUT_DIR/teacher_rois.json has its figures.
"""

import argparse
from itertools import islice
from pathlib import Path

import torch

from lt_det.commands.command_line import parse, with_examples
from lt_det.data.lvis.catalog import registered_set
from lt_det.data.lvis.class_counts import instance_counts
from lt_det.detection.evaluation.teacher_report import teacher_report, teacher_table
from lt_det.detection.modeling.teacher import set_teacher
from lt_det.detection.setup import argument_parser, setup
from lt_det.detection.trainer import LTTrainer
from lt_det.engine import LTCheckpointer, run
from lt_det.errors import ConfigError
from lt_det.files import save_json


def main(args: argparse.Namespace) -> None:
    """Take RoIs from training images, augmented as in training."""
    if args.images < 1:
        raise ConfigError(f"--images: must be positive, got {args.images}")
    args.eval_only = False
    args.opts += ["MODEL.LT.XERM.ENABLED", "True", "MODEL.LT.XERM.INIT_FROM_TEACHER", "True"]
    cfg = setup(args)
    sets = [registered_set(name) for name in cfg.DATASETS.TRAIN]
    student = LTTrainer.build_model(cfg)
    set_teacher(student, cfg, torch.tensor(instance_counts(sets)), sets[0].class_names)
    LTCheckpointer(student, complete=True).load(cfg.MODEL.WEIGHTS)
    batches = islice(LTTrainer.build_train_loader(cfg), -(-args.images // cfg.SOLVER.IMS_PER_BATCH))
    frequencies = [category["frequency"] for category in sets[0].categories]
    report = teacher_report(student, batches, cfg.MODEL.LT.XERM.EXPONENT, frequencies)
    save_json(report, Path(cfg.OUTPUT_DIR, "teacher_rois.json"), indent=1)
    print(teacher_table(report))


if __name__ == "__main__":
    parser = argument_parser()
    parser.add_argument("--images", type=int, default=200, metavar="N", help="to take RoIs from")
    run(main, parse(with_examples(parser, __doc__)))
