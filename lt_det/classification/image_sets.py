"""The table of image sets: where training and test images come from.

A person's own set is one function in a file of their own::

    @IMAGE_SETS.register("my_set")
    def my_set(cfg, training):
        names, labels = ["cat", "dog"], [0, 0, 1]
        train = ImageSet.of("my_set/train", names, labels, FileSource(paths))
        return {"train": train, "test": …}

and ``DATASETS.CLASSIFICATION.NAME my_set`` in a config.
"""

import logging
from collections.abc import Callable

from detectron2.config import CfgNode

from lt_det.core.name_table import NameTable
from lt_det.data.classification import (
    ImageSet,
    read_cifar,
    read_digits,
    read_folder,
    split_by_seed,
)
from lt_det.data.root import datasets_root
from lt_det.errors import ConfigError, DataError

from .list_sets import PUBLISHED_LISTS, read_own_lists, read_published_lists
from .unused_keys import is_default

logger = logging.getLogger(__name__)

Sets = dict[str, ImageSet]

# (config, whether training images are needed) → "train", "test" and, where there is one, "val". The
# labels of "train" are needed always: they are what priors and shot groups are made of.
IMAGE_SETS: NameTable[Callable[[CfgNode, bool], Sets]] = NameTable("image set")


def _published(name: str) -> Callable[[CfgNode, bool], Sets]:
    def read(cfg: CfgNode, training: bool) -> Sets:
        return read_published_lists(name, cfg.DATASETS.CLASSIFICATION.PATH, training=training)

    return read


for _name in PUBLISHED_LISTS:
    IMAGE_SETS.register(_name)(_published(_name))


@IMAGE_SETS.register("cifar10_lt")
def _cifar10(cfg: CfgNode, training: bool) -> Sets:
    return read_cifar(cfg.DATASETS.CLASSIFICATION.PATH or datasets_root(), 10)


@IMAGE_SETS.register("cifar100_lt")
def _cifar100(cfg: CfgNode, training: bool) -> Sets:
    return read_cifar(cfg.DATASETS.CLASSIFICATION.PATH or datasets_root(), 100)


@IMAGE_SETS.register("digits_lt")
def _digits(cfg: CfgNode, training: bool) -> Sets:
    return read_digits()


@IMAGE_SETS.register("list_lt")
def _lists(cfg: CfgNode, training: bool) -> Sets:
    return read_own_lists(cfg, training=training)


@IMAGE_SETS.register("folder_lt")
def _folder(cfg: CfgNode, training: bool) -> Sets:
    """Read training and test set at least; what the folder lacks is split off or stands in."""
    options = cfg.DATASETS.CLASSIFICATION
    if not options.PATH:
        raise ConfigError("DATASETS.CLASSIFICATION.PATH: name the images: --data FOLDER_OR_ZIP")
    sets = read_folder(options.PATH)
    if set(sets) <= {"all", "train"}:
        (whole,) = sets.values()
        logger.warning(
            "%s has no test/ or val/ with class folders: %g of each class "
            "(DATASETS.CLASSIFICATION.TEST_FRACTION), drawn by chance with "
            "DATASETS.CLASSIFICATION.SUBSET_SEED %d, "
            "is the test set",
            *(whole.name, options.TEST_FRACTION, options.SUBSET_SEED),
        )
        return split_by_seed(whole, options.TEST_FRACTION, options.SUBSET_SEED)
    if not is_default(cfg, "DATASETS.CLASSIFICATION.TEST_FRACTION"):
        raise ConfigError(
            f"DATASETS.CLASSIFICATION.TEST_FRACTION: does nothing for {options.PATH}, which has "
            f"{', '.join(sets)}"
        )
    if "train" not in sets:
        raise DataError(f"{options.PATH}: has {', '.join(sets)} but no train")
    if "test" not in sets:
        logger.info("%s is the test set: there is no test/", sets["val"].name)
        sets["test"] = sets["val"]
    return sets


def read_image_sets(cfg: CfgNode, *, training: bool) -> Sets:
    """Read the sets of DATASETS.CLASSIFICATION.NAME.

    Args:
        cfg: with lt_det's keys.
        training: whether training images will be needed.

    Returns:
        "train", "test" and perhaps "val", of the same classes.

    Raises:
        DataError, ConfigError: one line naming file and record, or key; or a reader that gives
            something else.
    """
    name = cfg.DATASETS.CLASSIFICATION.NAME
    sets = IMAGE_SETS.get(name)(cfg, training)
    key = f"DATASETS.CLASSIFICATION.NAME: {name}"
    if not isinstance(sets, dict) or not {"train", "test"} <= sets.keys():
        raise ConfigError(f"{key} gives no dict with 'train' and 'test'")
    for split, image_set in sets.items():
        if not isinstance(image_set, ImageSet):
            raise ConfigError(f"{key} gives {split!r} as {type(image_set).__name__}: no ImageSet")
        if image_set.class_names != sets["train"].class_names:
            raise DataError(f"{image_set.name}: its classes are not those of {sets['train'].name}")
    return sets
