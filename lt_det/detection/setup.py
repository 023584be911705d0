"""From the command line to a checked config with its data sets registered."""

import argparse
import logging
from collections.abc import Sequence

from detectron2.config import CfgNode
from detectron2.engine import default_argument_parser

from lt_det.config import default_config
from lt_det.data.lvis.catalog import CUSTOM_TRAIN, CUSTOM_VAL, register_from_config, registered_set
from lt_det.data.lvis.reader import AnnotationSet
from lt_det.engine import (
    add_import_flag,
    check_config_given,
    check_teacher_given,
    check_weights_given,
    import_extensions,
    merge_config,
    read_record,
    start_job,
    weights_to_load,
)
from lt_det.errors import ConfigError, DataError

from .config_checks import check_config
from .modeling.teacher import CHECKPOINT

logger = logging.getLogger(__name__)

# ROI_HEADS.NUM_CLASSES of this value is filled in from the data.
FROM_DATA = -1


def argument_parser() -> argparse.ArgumentParser:
    """Return Detectron2's flags, and those for one's own data."""
    parser = default_argument_parser()
    data_flags = parser.add_argument_group("your own LVIS- or COCO-style data")
    for split, use in (("train", "train on"), ("val", "evaluate on")):
        data_flags.add_argument(
            f"--{split}-json", default="", metavar="FILE", help=f"file to {use}"
        )
        data_flags.add_argument(f"--{split}-images", default="", metavar="DIR", help="its images")
    parser.add_argument("--teacher", default="", metavar="FILE", help="xERM's trained teacher")
    add_import_flag(parser)
    return parser


def load_config(config_file: str, overrides: list[str], args: argparse.Namespace) -> CfgNode:
    """Read a config file, apply the flags for own data and the overrides, in that order.

    Raises:
        ConfigError: file or key that does not exist, or a value that does not fit.
    """
    cfg = default_config(classification=False)
    return merge_config(cfg, config_file, overrides, lambda cfg: _apply_flags(cfg, args))


def _apply_flags(cfg: CfgNode, args: argparse.Namespace) -> None:
    custom = cfg.DATASETS.CUSTOM
    for split in ("train", "val"):
        if getattr(args, f"{split}_images") and not getattr(args, f"{split}_json"):
            raise ConfigError(f"--{split}-images: of which file? Give --{split}-json FILE, too")
    if args.teacher:
        cfg.MODEL.LT.XERM.TEACHER_WEIGHTS = args.teacher
    if args.train_json:
        custom.TRAIN_JSON, custom.TRAIN_IMAGES = args.train_json, args.train_images
        cfg.DATASETS.TRAIN = (CUSTOM_TRAIN,)
    if args.val_json:
        custom.VAL_JSON, custom.VAL_IMAGES = args.val_json, args.val_images
        cfg.DATASETS.TEST = (CUSTOM_VAL,)
    elif args.train_json:
        cfg.DATASETS.TEST = ()
    if args.train_json or args.val_json:
        if not args.train_json:
            cfg.DATASETS.TRAIN = ()
        # The config's own data set is not used, so neither is its number of classes.
        cfg.MODEL.ROI_HEADS.NUM_CLASSES = FROM_DATA


def setup(args: argparse.Namespace) -> CfgNode:
    """Set up config, data sets and logging of a run; all is checked before any work starts.

    Raises:
        ConfigError, DataError: one line each.
    """
    import_extensions(args)
    check_config_given(args.config_file)
    cfg = load_config(args.config_file, args.opts, args)
    if args.eval_only:
        # Whatever is said of the model is said of the checkpoint that is evaluated.
        cfg.MODEL.WEIGHTS = weights_to_load(cfg.OUTPUT_DIR, cfg.MODEL.WEIGHTS, resume=args.resume)
    check_config(cfg)
    replaced = _check_weights(cfg, args)
    start_job(cfg, args)
    if replaced:
        logger.info(
            "MODEL.LT.XERM.INIT_FROM_TEACHER: the student starts from its teacher's weights, %s, "
            "not from MODEL.WEIGHTS %s",
            *(cfg.MODEL.WEIGHTS, replaced),
        )
    if cfg.SOLVER.AMP.ENABLED and cfg.MODEL.DEVICE == "cpu":
        logger.warning("SOLVER.AMP.ENABLED: mixed precision is Detectron2's on CUDA alone; off")
        cfg.SOLVER.AMP.ENABLED = False
    record = None
    if args.eval_only:
        record = read_record(cfg.MODEL.WEIGHTS)
    reference = register_from_config(
        cfg, training=not args.eval_only, vocabulary=record.vocabulary if record else None
    )
    fit_to_data(cfg, reference, () if args.eval_only else _registered(cfg.DATASETS.TRAIN))
    _say_what_has_no_masks(cfg)
    cfg.freeze()
    return cfg


def _check_weights(cfg: CfgNode, args: argparse.Namespace) -> str:
    """Return the config's MODEL.WEIGHTS where a teacher's take their place; else ""."""
    xerm, weights = cfg.MODEL.LT.XERM, cfg.MODEL.WEIGHTS
    learns = xerm.ENABLED and not args.eval_only
    if learns and xerm.TEACHER == CHECKPOINT:
        check_teacher_given(cfg)
    starts_from_teacher = learns and xerm.INIT_FROM_TEACHER
    if starts_from_teacher:
        if weights and "MODEL.WEIGHTS" in args.opts[::2]:
            raise ConfigError(
                "MODEL.LT.XERM.INIT_FROM_TEACHER: the student starts from its teacher's weights, "
                f"but MODEL.WEIGHTS names {weights}; leave one of them out"
            )
        cfg.MODEL.WEIGHTS = xerm.TEACHER_WEIGHTS
    check_weights_given(cfg, eval_only=args.eval_only, resume=args.resume)
    return weights if starts_from_teacher and weights != cfg.MODEL.WEIGHTS else ""


def fit_to_data(
    cfg: CfgNode, reference: AnnotationSet, training_sets: Sequence[AnnotationSet] = ()
) -> None:
    """Fill in or check the number of classes; pick the mask format the annotations need.

    Args:
        cfg: changed in place.
        reference: the set that defines the classes.
        training_sets: every one that is trained on.

    Raises:
        DataError: NUM_CLASSES disagrees with the data, or masks are asked for and instances have
            none.
    """
    heads = cfg.MODEL.ROI_HEADS
    if heads.NUM_CLASSES == FROM_DATA:
        heads.NUM_CLASSES = reference.num_classes
        logger.info("MODEL.ROI_HEADS.NUM_CLASSES %d, from the data", reference.num_classes)
    elif reference.num_classes != heads.NUM_CLASSES:
        raise DataError(
            f"{reference.json_file}: has {reference.num_classes} categories, but "
            f"MODEL.ROI_HEADS.NUM_CLASSES is {heads.NUM_CLASSES} ({FROM_DATA} takes the data's)"
        )
    if not cfg.MODEL.MASK_ON:
        return
    _check_masks(training_sets, cfg.DATASETS.ON_MISSING_MASK)
    for training_set in training_sets:
        if training_set.has_rle and cfg.INPUT.MASK_FORMAT == "polygon":
            logger.info("%s holds RLE masks: INPUT.MASK_FORMAT bitmask", training_set.json_file)
            cfg.INPUT.MASK_FORMAT = "bitmask"


def _check_masks(training_sets: Sequence[AnnotationSet], on_missing: str) -> None:
    any_mask = any(training_set.mask_counts[0] for training_set in training_sets)
    for training_set in training_sets:
        masked, maskless = training_set.mask_counts
        if not maskless:
            continue
        if not any_mask or (not masked and on_missing == "error"):
            raise DataError(
                f"{training_set.json_file}: annotation {training_set.annotation_without_mask}: has "
                f"no segmentation, as all {maskless} instances; to train on boxes alone, set "
                "MODEL.MASK_ON False"
            )
        if on_missing == "error":
            raise DataError(
                f"{training_set.json_file}: annotation {training_set.annotation_without_mask}: has "
                f"no segmentation, as {maskless} of {masked + maskless} instances; to train on "
                "boxes alone, set "
                "MODEL.MASK_ON False; to train the others' masks, DATASETS.ON_MISSING_MASK box_only"
            )
        logger.warning(
            "%s: %d of %d instances have no mask: they train their box alone",
            training_set.json_file,
            maskless,
            masked + maskless,
        )


def _registered(names: Sequence[str]) -> list[AnnotationSet]:
    return [registered_set(name) for name in names]


def _say_what_has_no_masks(cfg: CfgNode) -> None:
    """Warn before the work that mask AP of a test set will be of nothing."""
    for test_set in _registered(cfg.DATASETS.TEST if cfg.MODEL.MASK_ON else ()):
        masked, maskless = test_set.mask_counts
        if maskless and not masked:
            logger.warning(
                "%s: no instance has a mask: there will be no mask AP; MODEL.MASK_ON False "
                "evaluates boxes alone",
                test_set.json_file,
            )
