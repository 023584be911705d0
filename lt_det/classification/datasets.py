"""The image sets a config names: read, checked, cut to their long tail."""

import logging
from dataclasses import dataclass, replace

import torch
from detectron2.config import CfgNode
from torch import Tensor

from lt_det.core import long_tailed_counts, shot_groups
from lt_det.data.classification import (
    ImageSet,
    cut_to_counts,
    decode_all,
    hold_out,
    imbalance_counts,
    without_unreadable,
)
from lt_det.errors import ConfigError, DataError

from .image_sets import Sets, read_image_sets
from .methods.base import looks_at_val, method_name

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageData:
    """What a run trains and tests on.

    Attributes:
        train: long-tailed, as trained on.
        test: the balanced (or published) test set, TEST.CLASSIFICATION.SPLIT.
        train_images, test_images: (N, 3, S, S) uint8 under INPUT.CLASSIFICATION.IN_MEMORY;
            training's where they are needed.
        val, val_images: what a training chooses its epoch on, under KEEP_BEST "val", or what its
            method looks at.
        whole_counts: (C,) training images per class before all but a SHOT_GROUP were left out.
    """

    train: ImageSet
    test: ImageSet
    train_images: Tensor | None = None
    test_images: Tensor | None = None
    val: ImageSet | None = None
    val_images: Tensor | None = None
    whole_counts: Tensor | None = None

    def to_choose_on(self) -> "ImageData":
        """Return these data with the images that the epoch is chosen on as the test set."""
        assert self.val is not None  # load_image_data has read it
        return replace(self, test=self.val, test_images=self.val_images)

    @property
    def class_counts(self) -> Tensor:
        """(C,) training images per class."""
        return self.train.counts()

    @property
    def rank_order(self) -> Tensor:
        """(C,) classes from the most frequent in training to the least."""
        return rank_order_of(self.grouping_counts(self.class_counts))

    def grouping_counts(self, class_counts: Tensor) -> Tensor:
        """Return the counts (C,) that shot groups and test cuts are made of.

        Args:
            class_counts: (C,) that a model was trained on, which they are unless a SHOT_GROUP was
                cut out.
        """
        return class_counts if self.whole_counts is None else self.whole_counts


def rank_order_of(counts: Tensor) -> Tensor:
    """Return classes (C,) from the most images to the least; of equals, in their order."""
    return counts.sort(descending=True, stable=True).indices


def load_image_data(cfg: CfgNode, *, training: bool) -> ImageData:
    """Read the sets of DATASETS.CLASSIFICATION and cut the training set.

    Args:
        cfg: with lt_det's keys.
        training: whether training images will be needed (their labels always are).

    Raises:
        DataError, ConfigError: one line naming file and record, or key.
    """
    options = cfg.DATASETS.CLASSIFICATION
    sets = read_image_sets(cfg, training=training)
    train = sets["train"]
    train.check_classes()
    if train.num_classes < 2:
        raise DataError(f"{train.name}: {train.class_names[0]} is the only class")
    if options.HOLD_OUT:
        sets = _hold_out(sets, options)
    train = cut(sets["train"], options.IMBALANCE, options.SUBSET_SEED)
    split = cfg.TEST.CLASSIFICATION.SPLIT
    if split not in sets:
        raise ConfigError(
            f"TEST.CLASSIFICATION.SPLIT: {options.NAME} has no {split!r}, it has "
            f"{', '.join(s for s in sets if s != 'train')}; DATASETS.CLASSIFICATION.HOLD_OUT "
            "makes a val"
        )
    test = sets[split]
    # The test set, too: a broken image must not show up when training is over.
    train, train_images = _checked(train, cfg, needed=training)
    test, test_images = _checked(test, cfg, needed=True)
    train.check_classes()
    counts = train.counts()
    logger.info(
        "%s: %d training images, %d classes, %d to %d a class; %s: %d images",
        *(train.name, len(train), train.num_classes, counts.max(), counts.min()),
        *(test.name, len(test)),
    )
    val, val_images = None, None
    asking = _asks_for_val(cfg) if training else None
    if asking is not None:
        val, val_images = _checked(_val_of(sets, options, *asking), cfg, needed=True)
    data = ImageData(train, test, train_images, test_images, val, val_images)
    if options.SHOT_GROUP:
        data = with_shot_group_alone(data, options)
    _say_what_is_not_tested(data, cfg.TEST.CLASSIFICATION.IMBALANCES)
    return data


def _hold_out(sets: Sets, options: CfgNode) -> Sets:
    """Make HOLD_OUT training images a class the set "val"."""
    train = sets["train"]
    # A val/ that is the test set for want of another is no set to choose on.
    if "val" in sets and sets["val"] is not sets.get("test"):
        raise ConfigError(
            "DATASETS.CLASSIFICATION.HOLD_OUT: the data have a set to choose on, "
            f"{sets['val'].name}; "
            "HOLD_OUT 0 takes that"
        )
    try:
        kept, held = hold_out(
            train.labels, train.num_classes, options.HOLD_OUT, options.SUBSET_SEED
        )
    except ValueError as error:
        raise ConfigError(f"DATASETS.CLASSIFICATION.HOLD_OUT: {train.name}: {error}") from error
    val = train.select(held, f"{train.name}, held out")
    return {**sets, "train": train.select(kept), "val": val}


def with_shot_group_alone(data: ImageData, options: CfgNode) -> ImageData:
    """Keep the training images of the classes of SHOT_GROUP alone; the classes stay.

    Args:
        data: its whole training set.
        options: DATASETS.CLASSIFICATION.

    Raises:
        ConfigError: the group has no classes.
    """
    counts, group = data.class_counts, options.SHOT_GROUP
    mask = shot_groups(counts, many=options.MANY, few=options.FEW)[group]
    if not mask.any():
        raise ConfigError(
            f"DATASETS.CLASSIFICATION.SHOT_GROUP: {data.train.name} has no {group}-shot class: "
            f"{counts.min()} to {counts.max()} images a class, MANY {options.MANY}, "
            f"FEW {options.FEW}"
        )
    at = mask[data.train.labels].nonzero().flatten()
    images = None if data.train_images is None else data.train_images[at]
    logger.info(
        "%s: the %d %s-shot classes alone, %d images", data.train.name, mask.sum(), group, len(at)
    )
    train = data.train.select(at, f"{data.train.name}, {group}-shot")
    return replace(data, train=train, train_images=images, whole_counts=counts)


def _asks_for_val(cfg: CfgNode) -> tuple[str, str] | None:
    """Return the key for which validation images are needed in training, and what for."""
    if cfg.TEST.CLASSIFICATION.KEEP_BEST == "val":
        return "TEST.CLASSIFICATION.KEEP_BEST", "to choose the epoch on"
    if looks_at_val(cfg):
        key = f"MODEL.CLASSIFICATION.TRAINING_METHOD.NAME: {method_name(cfg)}"
        return key, "to measure the student on"
    return None


def _val_of(sets: Sets, options: CfgNode, key: str, purpose: str) -> ImageSet:
    """Return the set "val", which must be another than the test set."""
    val, test = sets.get("val"), sets["test"]
    if val is None or val is test or val.name == test.name:
        lacks = f"{options.NAME} has no val" if val is None else f"{test.name} is the test set"
        raise ConfigError(
            f"{key}: {lacks}: there are no images {purpose}; "
            "DATASETS.CLASSIFICATION.HOLD_OUT keeps training images for it"
        )
    return val


def _say_what_is_not_tested(data: ImageData, imbalances: list[float]) -> None:
    """Warn of classes without a test image: they have no recall, and means leave them out."""
    counts = data.test.counts()
    absent = (counts == 0).nonzero().flatten().tolist()
    if absent:
        logger.warning(
            "%s: %d of %d classes have no image (%s, …): no recall, left out of means",
            *(data.test.name, len(absent), len(counts), data.test.class_names[absent[0]]),
        )
    for imbalance in imbalances:
        kept = torch.tensor(imbalance_counts(counts, imbalance, data.rank_order))
        lost = int(((kept == 0) & (counts > 0)).sum())
        if lost:
            logger.warning(
                "TEST.CLASSIFICATION.IMBALANCES: %g to one leaves %d of %d classes of %s "
                "without an image",
                *(imbalance, lost, len(counts), data.test.name),
            )


def _checked(image_set: ImageSet, cfg: CfgNode, *, needed: bool) -> tuple[ImageSet, Tensor | None]:
    """Decode what is kept in memory, look at the files of what is not; leave broken images out,
    where that is asked for.

    What is left out must count nowhere: not in the classes' counts, not in priors and groups.
    """
    options, on_invalid = cfg.INPUT.CLASSIFICATION, cfg.DATASETS.ON_INVALID
    if not needed and on_invalid == "error":
        return image_set, None
    if options.IN_MEMORY:
        image_set, images = decode_all(image_set, options.SIZE, on_invalid)
        return image_set, images if needed else None
    if cfg.DATASETS.CHECK_IMAGES:
        image_set = without_unreadable(image_set, on_invalid)
    return image_set, None


def cut(train: ImageSet, imbalance: float, seed: int) -> ImageSet:
    """Cut a set to an imbalance, classes ranked as they are numbered (CIFAR-LT's way).

    Raises:
        ConfigError: an imbalance below 1, or one that leaves a class without images.
    """
    if imbalance < 1:
        raise ConfigError(
            f"DATASETS.CLASSIFICATION.IMBALANCE: must be at least 1, got {imbalance:g}"
        )
    if imbalance == 1:
        return train
    available = train.counts()
    counts = imbalance_counts(available, imbalance, torch.arange(train.num_classes))
    if min(counts) < 1:
        raise ConfigError(
            f"DATASETS.CLASSIFICATION.IMBALANCE: {imbalance:g} leaves class "
            f"{counts.index(min(counts))} "
            f"of {train.name} without an image (the first class has {max(counts)})"
        )
    wanted = long_tailed_counts(train.num_classes, int(available.max()), imbalance)
    short = [label for label, count in enumerate(counts) if count < wanted[label]]
    if short:
        logger.warning(
            "%s: a cut to %g takes %d images of class %d (%s), which has %d; classes "
            "short of the cut: %d of %d; the imbalance is %.3g",
            *(train.name, imbalance, wanted[short[0]], short[0], train.class_names[short[0]]),
            *(counts[short[0]], len(short), len(counts), max(counts) / min(counts)),
        )
    return train.select(cut_to_counts(train.labels, counts, seed))
