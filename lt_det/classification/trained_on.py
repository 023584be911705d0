"""What weights were trained on, by the config beside them: images seen, and images counted.

A figure is wrong without a word where the weights have seen images that it is measured on, or
where shot groups and priors are of another training set than the weights'.
"""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from detectron2.config import CfgNode
from torch import Tensor

from lt_det.engine import read_record, read_trained_config
from lt_det.errors import ConfigError, DataError, WeightsError

from .datasets import ImageData, load_image_data
from .methods.base import looks_at_val

logger = logging.getLogger(__name__)

_IMAGES = "DATASETS.CLASSIFICATION."
# What picks the training images, by the data set's name; all of them have the second tuple's.
_PICKED_BY = {"folder_lt": ("PATH", "TEST_FRACTION"), "list_lt": ("TRAIN_LIST",)}
_CUT_BY = ("SUBSET_SEED", "HOLD_OUT", "IMBALANCE", "SHOT_GROUP")
_FILES = ("PATH", "TRAIN_LIST")

# Classifiers of a second stage that keep their first stage's class weights.
_KEEP_CLASS_WEIGHTS = ("lws", "lws_linear", "disalign")


def check_start(cfg: CfgNode, data: ImageData) -> None:
    """Refuse to train from weights, or by a teacher, that do not fit the data.

    They must not have seen images the run is tested on, and a teacher, or a first stage whose
    class weights are kept, must have the classes of the data in their order.

    Args:
        cfg: of a training.
        data: its sets.

    Raises:
        ConfigError: names the key, both values and both files.
        WeightsError: other classes; names the first.
    """
    # Teachers that no method asks for are refused before.
    xerm = cfg.MODEL.LT.XERM
    starts = [
        ("MODEL.WEIGHTS", cfg.MODEL.WEIGHTS, ""),
        ("MODEL.LT.XERM.TEACHER_WEIGHTS", xerm.TEACHER_WEIGHTS, xerm.TEACHER_CONFIG),
        ("MODEL.LT.XERM.BALANCED_WEIGHTS", xerm.BALANCED_WEIGHTS, ""),
        *(
            (f"MODEL.CLASSIFICATION.GROUP_EXPERTS.{group}", weights, "")
            for group, weights in cfg.MODEL.CLASSIFICATION.GROUP_EXPERTS.items()
        ),
    ]
    for key, weights, config_file in starts:
        if weights:
            _check_classes(cfg, data, key, weights)
        if weights and _is_tested_on_training_images(cfg, data, training=True):
            trained = _trained_config(weights, config_file)
            if trained is None:
                logger.warning(
                    "%s: %s has no config.yaml beside it: whether it has seen the images of "
                    "%s is not known", key, weights, (data.val or data.test).name,
                )  # fmt: skip
            else:
                _check_unseen(cfg, trained, f"{key} {weights}", training=True)


def _check_classes(cfg: CfgNode, data: ImageData, key: str, weights: str) -> None:
    kept = cfg.MODEL.LT.CLASSIFIER.NAME in _KEEP_CLASS_WEIGHTS
    keeps_rows = cfg.MODEL.CLASSIFICATION.FREEZE_BACKBONE and kept
    # Elsewhere rows are taken over by name, or none is.
    if key == "MODEL.WEIGHTS" and not keeps_rows:
        return
    record, names = read_record(weights), list(data.train.class_names)
    # Another number of them is said where the weights are loaded.
    if record is not None and len(record.class_names) == len(names):
        record.check_same_classes(names, f"{key} {weights}")


def evaluated_class_counts(cfg: CfgNode, data: ImageData, weights: str) -> Tensor:
    """Count the training images per class (C,) of weights that are evaluated.

    Shot groups, test cuts and the priors of PC and logit adjustment are made of them. The
    checkpoint says them; one that does not must have been trained by this run's cut.

    Args:
        cfg: of the evaluation.
        data: its sets, with the checkpoint's classes.
        weights: that are evaluated.

    Raises:
        ConfigError: weights that have seen the images they are to be tested on, or that were
            trained by another cut and do not say their counts; names key, both values and file.
    """
    trained, record = _trained_config(weights), read_record(weights)
    if trained is not None and _is_tested_on_training_images(cfg, data):
        # A data set may have moved since; a start for training is asked for more.
        _check_unseen(cfg, trained, weights, leave_out=("PATH",))
    if trained is not None:
        _check_same_group(cfg, trained, weights)
    if record is not None:
        counts = torch.tensor(record.instance_counts)
        if not torch.equal(counts, data.class_counts):
            logger.warning(
                "%s was trained on %d images of %s, %s is cut to %d here: shot groups, test cuts "
                "and priors are made of the former", weights, counts.sum(), record.source,
                data.train.name, len(data.train),
            )  # fmt: skip
        return counts
    if trained is None:
        logger.warning(
            "%s does not say what it was trained on, nor has it a config.yaml beside it: shot "
            "groups, test cuts and priors are those of %s as it is cut here",
            weights, data.train.name,
        )  # fmt: skip
    elif trained.DATASETS.CLASSIFICATION.NAME != cfg.DATASETS.CLASSIFICATION.NAME:
        logger.warning(
            "%s was trained on %s; shot groups, test cuts and priors are those of %s",
            weights, trained.DATASETS.CLASSIFICATION.NAME, data.train.name,
        )  # fmt: skip
    else:
        here, other = cfg.DATASETS.CLASSIFICATION, trained.DATASETS.CLASSIFICATION
        for key in _differing(here, other, ("HOLD_OUT", "IMBALANCE")):
            raise ConfigError(
                f"{_IMAGES}{key}: {here[key]:g} here, {other[key]:g} in the training of {weights}: "
                "shot groups, test cuts and priors are of the set that was trained on; give the "
                "same"
            )
    return data.class_counts


def _check_same_group(cfg: CfgNode, trained: CfgNode, weights: str) -> None:
    here, other = cfg.DATASETS.CLASSIFICATION, trained.DATASETS.CLASSIFICATION
    if here.NAME == other.NAME and here.SHOT_GROUP != other.SHOT_GROUP:
        raise ConfigError(
            f"{_IMAGES}SHOT_GROUP: {here.SHOT_GROUP!r} here, {other.SHOT_GROUP!r} in the training "
            f"of {weights}: shot groups are of the whole set that it was cut out of; give the same"
        )


def teacher_class_counts(
    cfg: CfgNode, teacher_cfg: CfgNode, class_counts: Tensor, weights: str
) -> Tensor:
    """Count the images per class (C,) a teacher was trained on: PC's prior.

    Its checkpoint says them; for one that does not, the labels of its training set are read again
    where that is not the student's.

    Args:
        cfg: the student's.
        teacher_cfg: the teacher's.
        class_counts: (C,) of the student's training set.
        weights: the teacher's checkpoint.

    Raises:
        ConfigError: the teacher's training set cannot be read, or no longer has its classes.
    """
    record = read_record(weights)
    if record is not None:
        return torch.tensor(record.instance_counts)
    here, other = cfg.DATASETS, teacher_cfg.DATASETS
    keys = (*_PICKED_BY.get(here.CLASSIFICATION.NAME, ()), *_CUT_BY)
    same = (
        here.CLASSIFICATION.NAME == other.CLASSIFICATION.NAME
        and here.ON_INVALID == other.ON_INVALID
    )
    if same and not _differing(here.CLASSIFICATION, other.CLASSIFICATION, keys):
        return class_counts
    labels_alone = teacher_cfg.clone()
    labels_alone.INPUT.CLASSIFICATION.IN_MEMORY = False
    try:
        train = load_image_data(labels_alone, training=False).train
    except (ConfigError, DataError) as error:
        raise ConfigError(
            f"{weights}: its prior is that of its own training set, which cannot be read: {error} "
            "(MODEL.LT.XERM.TEACHER_CONFIG names a config that says where it is)"
        ) from error
    if train.num_classes != len(class_counts):
        raise WeightsError(
            f"{weights}: the teacher's data have {train.num_classes} classes, the student's "
            f"{len(class_counts)}"
        )
    logger.info(
        "PC's prior is of the teacher's training set: %s, %d images", train.name, len(train)
    )
    return train.counts()


def check_chosen_on(cfg: CfgNode) -> None:
    """Refuse TEST.CLASSIFICATION.SPLIT val where that is the test set for want of another.

    Raises:
        ConfigError: it is, or there is none.
    """
    names = []
    for split in ("val", "test"):
        of_split = cfg.clone()
        of_split.TEST.CLASSIFICATION.SPLIT = split
        of_split.INPUT.CLASSIFICATION.IN_MEMORY = False
        names.append(load_image_data(of_split, training=False).test.name)
    if names[0] == names[1]:
        raise ConfigError(
            f"TEST.CLASSIFICATION.SPLIT: {names[0]} is the test set, there is no other val to "
            "choose on; "
            "hold training images out (DATASETS.CLASSIFICATION.HOLD_OUT)"
        )


def _trained_config(weights: str, config_file: str = "") -> CfgNode | None:
    file = Path(config_file or Path(weights).with_name("config.yaml"))
    if not file.is_file():
        return None
    return read_trained_config(weights, config_file, classification=True)


def _reads_val(cfg: CfgNode, *, training: bool) -> bool:
    tests = cfg.TEST.CLASSIFICATION
    in_training = tests.KEEP_BEST == "val" or looks_at_val(cfg)
    return bool(tests.SPLIT == "val" or (training and in_training))


def _is_tested_on_training_images(cfg: CfgNode, data: ImageData, *, training: bool = False) -> bool:
    """Whether keys, and not the data set itself, say which images are for testing."""
    options = cfg.DATASETS.CLASSIFICATION
    if options.HOLD_OUT and _reads_val(cfg, training=training):
        return True
    # A folder without splits is split by chance.
    return bool(options.NAME == "folder_lt" and data.test.source is data.train.source)


def _check_unseen(
    cfg: CfgNode,
    trained: CfgNode,
    weights: str,
    leave_out: tuple[str, ...] = (),
    *,
    training: bool = False,
) -> None:
    here, other = cfg.DATASETS.CLASSIFICATION, trained.DATASETS.CLASSIFICATION
    if here.NAME != other.NAME:
        return
    asked = [k for k in (*_PICKED_BY.get(here.NAME, ()), "SUBSET_SEED") if k not in leave_out]
    keys = _differing(here, other, asked)
    # A smaller number held out is the beginning of a larger one.
    if _reads_val(cfg, training=training) and other.HOLD_OUT < here.HOLD_OUT:
        keys.append("HOLD_OUT")
    if keys:
        key = keys[0]
        raise ConfigError(
            f"{_IMAGES}{key}: {here[key]} here, {other[key]} in the training of {weights}: it "
            "may have seen images that this run is tested on (TEST.CLASSIFICATION.SPLIT "
            f"{cfg.TEST.CLASSIFICATION.SPLIT}); train it with the same"
        )


def _differing(here: CfgNode, other: CfgNode, keys: Sequence[str]) -> list[str]:
    def value(node: CfgNode, key: str) -> Any:
        return os.path.realpath(node[key]) if key in _FILES else node[key]

    return [key for key in keys if value(here, key) != value(other, key)]
