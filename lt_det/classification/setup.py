"""From the command line to a checked config and its data."""

import argparse
import logging
from pathlib import Path

from detectron2.config import CfgNode
from detectron2.engine import default_argument_parser

from lt_det.config import default_config
from lt_det.engine import (
    add_import_flag,
    check_config_given,
    check_shared_evenly,
    check_teacher_given,
    check_weights_given,
    import_extensions,
    merge_config,
    read_record,
    start_job,
    weights_to_load,
)
from lt_det.engine.run_identity import LAST_CHECKPOINT
from lt_det.errors import ConfigError, DataError

from .class_order import with_classes_of
from .config_checks import check_config
from .datasets import ImageData, load_image_data
from .epochs import iterations_of
from .methods.base import has_group_experts, has_teacher
from .unused_keys import check_unused_keys

logger = logging.getLogger(__name__)

FROM_DATA = -1


def argument_parser() -> argparse.ArgumentParser:
    """Return Detectron2's flags, and those for one's own images."""
    parser = default_argument_parser()
    data_flags = parser.add_argument_group("your own images, and xERM")
    data_flags.add_argument(
        "--data", default="", metavar="PATH", help="folder or zip, a folder per class"
    )
    data_flags.add_argument(
        "--imbalance", type=float, metavar="R", help="cut the training set to it"
    )
    data_flags.add_argument("--teacher", default="", metavar="FILE", help="xERM's trained teacher")
    add_import_flag(parser)
    return parser


def load_config(args: argparse.Namespace) -> CfgNode:
    """Merge config file, flags and KEY VALUE pairs, in that order. Raises ConfigError."""
    cfg = default_config(classification=True)

    def apply_flags(cfg: CfgNode) -> None:
        if args.data:
            cfg.DATASETS.CLASSIFICATION.PATH = args.data
        if args.imbalance is not None:
            cfg.DATASETS.CLASSIFICATION.IMBALANCE = args.imbalance
        if args.teacher:
            cfg.MODEL.LT.XERM.TEACHER_WEIGHTS = args.teacher

    return merge_config(cfg, args.config_file, args.opts, apply_flags)


def setup(args: argparse.Namespace) -> tuple[CfgNode, ImageData]:
    """Set up config, data and logging of a run; all is checked before any work starts.

    Raises:
        ConfigError, DataError: one line each.
    """
    import_extensions(args)
    check_config_given(args.config_file)
    cfg = load_config(args)
    check_config(cfg, args.opts)
    check_unused_keys(cfg, args.opts, training=not args.eval_only)
    check_shared_evenly(cfg)
    _check_weights(cfg, args)
    start_job(cfg, args)
    data = load_image_data(cfg, training=not args.eval_only)
    if args.eval_only:
        weights = weights_to_load(cfg.OUTPUT_DIR, cfg.MODEL.WEIGHTS, resume=args.resume)
        data = with_classes_of(data, read_record(weights))
    fit_to_data(cfg, data)
    cfg.freeze()
    return cfg, data


def _check_weights(cfg: CfgNode, args: argparse.Namespace) -> None:
    options = cfg.MODEL.CLASSIFICATION
    # With --resume, but nothing to go on from, a run starts anew.
    goes_on = args.resume and Path(cfg.OUTPUT_DIR, LAST_CHECKPOINT).is_file()
    check_weights_given(cfg, eval_only=args.eval_only, resume=args.resume)
    if args.eval_only:
        # The student is tested without its teacher.
        cfg.MODEL.LT.XERM.ENABLED = False
        return
    if options.FREEZE_BACKBONE and not cfg.MODEL.WEIGHTS and not goes_on:
        raise ConfigError(
            "MODEL.WEIGHTS: a frozen backbone must be a trained one: name its checkpoint"
        )
    xerm = cfg.MODEL.LT.XERM
    from_teacher = xerm.ENABLED and xerm.INIT_FROM_TEACHER
    is_trained = options.BACKBONE_WEIGHTS or cfg.MODEL.WEIGHTS or goes_on or from_teacher
    if cfg.SOLVER.BACKBONE_LR_FACTOR < 1 and not is_trained:
        raise ConfigError(
            "MODEL.CLASSIFICATION.BACKBONE_WEIGHTS: a backbone that learns at "
            f"{cfg.SOLVER.BACKBONE_LR_FACTOR:g} of the learning rate must be a trained one: name "
            "its ImageNet weights (SOLVER.BACKBONE_LR_FACTOR 1 trains one from scratch)"
        )
    if has_teacher(cfg):
        check_teacher_given(cfg)
        balanced = cfg.MODEL.LT.XERM.BALANCED_WEIGHTS
        if balanced and not Path(balanced).is_file():
            raise ConfigError(f"MODEL.LT.XERM.BALANCED_WEIGHTS: no such file: {balanced}")
    if has_group_experts(cfg):
        for group, weights in options.GROUP_EXPERTS.items():
            if weights and not Path(weights).is_file():
                key = f"MODEL.CLASSIFICATION.GROUP_EXPERTS.{group}"
                raise ConfigError(f"{key}: no such file: {weights}")


def fit_to_data(cfg: CfgNode, data: ImageData) -> None:
    """Fill in or check the number of classes, and turn epochs into iterations.

    Raises:
        DataError: NUM_CLASSES disagrees with the data.
    """
    options = cfg.MODEL.CLASSIFICATION
    if options.NUM_CLASSES == FROM_DATA:
        options.NUM_CLASSES = data.train.num_classes
    elif data.train.num_classes != options.NUM_CLASSES:
        raise DataError(
            f"{data.train.name}: has {data.train.num_classes} classes, but "
            f"MODEL.CLASSIFICATION.NUM_CLASSES is {options.NUM_CLASSES} ({FROM_DATA} takes the "
            "data's)"
        )
    epochs = cfg.SOLVER.EPOCHS
    if not epochs.MAX:
        return

    def iterations(count: float) -> int:
        return iterations_of(count, len(data.train), cfg.SOLVER.IMS_PER_BATCH)

    cfg.SOLVER.MAX_ITER = iterations(epochs.MAX)
    cfg.SOLVER.STEPS = tuple(iterations(step) for step in epochs.STEPS)
    cfg.SOLVER.WARMUP_ITERS = iterations(epochs.WARMUP) if epochs.WARMUP else 0
    cfg.SOLVER.CHECKPOINT_PERIOD = iterations(epochs.CHECKPOINT)
    cfg.TEST.EVAL_PERIOD = iterations(epochs.EVAL) if epochs.EVAL else 0
