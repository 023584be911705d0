"""The image sets a config names: read, checked, cut to their long tail."""

import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from detectron2.config import CfgNode
from torch import Tensor

from lt_det.data.catalog import datasets_root
from lt_det.data.images import (
    ImageSet,
    cut_to_counts,
    decode_all,
    hold_out,
    imbalance_counts,
    read_cifar,
    read_digits,
    read_folder,
    read_list,
    split_by_seed,
    without_unreadable,
)
from lt_det.errors import ConfigError, DataError

logger = logging.getLogger(__name__)

Sets = dict[str, ImageSet]


@dataclass(frozen=True)
class _PublishedLists:
    """Where list files and pictures lie under the data sets' folder, and how long the lists are."""

    folder: str
    pictures: str
    num_classes: int
    lists: dict[str, tuple[str, int]]


PUBLISHED_LISTS = {
    "imagenet_lt": _PublishedLists(
        "ImageNet_LT",
        "imagenet",
        1000,
        {
            "train": ("ImageNet_LT_train.txt", 115_846),
            "val": ("ImageNet_LT_val.txt", 20_000),
            "test": ("ImageNet_LT_test.txt", 50_000),
        },
    ),
    "places_lt": _PublishedLists(
        "Places_LT",
        "places365",
        365,
        {
            "train": ("Places_LT_train.txt", 62_500),
            "val": ("Places_LT_val.txt", 7_300),
            "test": ("Places_LT_test.txt", 36_500),
        },
    ),
    "inat18": _PublishedLists(
        "iNaturalist18",
        "inat18",
        8142,
        {
            "train": ("iNaturalist18_train.txt", 437_513),
            "test": ("iNaturalist18_val.txt", 24_426),
        },
    ),
}
DATASETS = (
    *PUBLISHED_LISTS,
    *("cifar10_lt", "cifar100_lt", "digits_lt", "folder_lt", "list_lt"),
)


@dataclass(frozen=True)
class ImageData:
    """What a run trains and tests on.

    Attributes:
        train: long-tailed, as trained on.
        test: the balanced (or published) test set, TEST.IMAGES.SPLIT.
        train_pictures, test_pictures: (N, 3, S, S) uint8 under INPUT.IMAGES.IN_MEMORY; training's
            where they are needed.
    """

    train: ImageSet
    test: ImageSet
    train_pictures: Tensor | None = None
    test_pictures: Tensor | None = None

    @property
    def class_counts(self) -> Tensor:
        """(C,) training pictures per class."""
        return self.train.counts()

    @property
    def rank_order(self) -> Tensor:
        """(C,) classes from the most frequent in training to the least."""
        return self.class_counts.sort(descending=True, stable=True).indices


def load_image_data(cfg: CfgNode, *, training: bool) -> ImageData:
    """Read the sets of DATASETS.IMAGES and cut the training set.

    Args:
        cfg: with lt_det's keys.
        training: whether training pictures will be needed (their labels always are).

    Raises:
        DataError, ConfigError: one line naming file and record, or key.
    """
    options = cfg.DATASETS.IMAGES
    sets = _read(cfg, training)
    train = sets["train"]
    train.check_classes()
    if options.HOLD_OUT:
        try:
            kept, held = hold_out(
                train.labels, train.num_classes, options.HOLD_OUT, options.SUBSET_SEED
            )
        except ValueError as error:
            raise ConfigError(f"DATASETS.IMAGES.HOLD_OUT: {train.name}: {error}") from error
        sets["val"] = train.select(held, f"{train.name}, held out")
        train = train.select(kept)
    train = cut(train, options.IMBALANCE, options.SUBSET_SEED)
    split = cfg.TEST.IMAGES.SPLIT
    if split not in sets:
        raise ConfigError(
            f"TEST.IMAGES.SPLIT: {options.NAME} has no {split!r}, it has "
            f"{', '.join(s for s in sets if s != 'train')}; DATASETS.IMAGES.HOLD_OUT makes a val"
        )
    test = sets[split]
    # The test set, too: a broken picture must not show up when training is over.
    train, train_pictures = _checked(train, cfg, needed=training)
    test, test_pictures = _checked(test, cfg, needed=True)
    train.check_classes()
    counts = train.counts()
    logger.info(
        "%s: %d training pictures, %d classes, %d to %d a class; %s: %d pictures",
        *(train.name, len(train), train.num_classes, counts.max(), counts.min()),
        *(test.name, len(test)),
    )
    return ImageData(train, test, train_pictures, test_pictures)


def _checked(image_set: ImageSet, cfg: CfgNode, *, needed: bool) -> tuple[ImageSet, Tensor | None]:
    """Decode what is kept in memory, look at the files of what is not; leave broken pictures out,
    where that is asked for.

    What is left out must count nowhere: not in the classes' counts, not in priors and groups.
    """
    options, on_invalid = cfg.INPUT.IMAGES, cfg.DATASETS.ON_INVALID
    if not needed and on_invalid == "error":
        return image_set, None
    if options.IN_MEMORY:
        image_set, pictures = decode_all(image_set, options.SIZE, on_invalid)
        return image_set, pictures if needed else None
    if cfg.DATASETS.CHECK_PICTURES:
        image_set = without_unreadable(image_set, on_invalid)
    return image_set, None


def cut(train: ImageSet, imbalance: float, seed: int) -> ImageSet:
    """Cut a set to an imbalance, classes ranked as they are numbered (CIFAR-LT's way).

    Raises:
        ConfigError: an imbalance below 1, or one that leaves a class without pictures.
    """
    if imbalance < 1:
        raise ConfigError(f"DATASETS.IMAGES.IMBALANCE: must be at least 1, got {imbalance:g}")
    if imbalance == 1:
        return train
    counts = imbalance_counts(train.counts(), imbalance, torch.arange(train.num_classes))
    if min(counts) < 1:
        raise ConfigError(
            f"DATASETS.IMAGES.IMBALANCE: {imbalance:g} leaves class {counts.index(min(counts))} "
            f"of {train.name} without a picture (the first class has {max(counts)})"
        )
    return train.select(cut_to_counts(train.labels, counts, seed))


def _read(cfg: CfgNode, training: bool) -> Sets:
    options = cfg.DATASETS.IMAGES
    name, path = options.NAME, options.PATH
    if name in PUBLISHED_LISTS:
        return _read_published(name, path, training)
    if name == "list_lt":
        return _read_own_lists(cfg, training)
    if name.startswith("cifar"):
        return read_cifar(path or datasets_root(), 10 if name == "cifar10_lt" else 100)
    if name == "digits_lt":
        return read_digits()
    if name != "folder_lt":
        raise ConfigError(f"DATASETS.IMAGES.NAME: unknown {name!r}; known: {', '.join(DATASETS)}")
    if not path:
        raise ConfigError("DATASETS.IMAGES.PATH: name the pictures: --data FOLDER_OR_ZIP")
    sets = read_folder(path)
    if set(sets) == {"all"}:
        return split_by_seed(sets["all"], options.TEST_FRACTION, options.SUBSET_SEED)
    if "train" not in sets:
        raise DataError(f"{path}: has {', '.join(sets)} but no train")
    # With one set beside training, that is the test set.
    if "test" not in sets:
        if "val" not in sets:
            return split_by_seed(sets["train"], options.TEST_FRACTION, options.SUBSET_SEED)
        sets["test"] = sets.pop("val")
    return sets


def _read_published(name: str, path: str, training: bool) -> Sets:
    published = PUBLISHED_LISTS[name]
    pictures = Path(path) if path else datasets_root() / published.pictures
    sets = {}
    for split, (file, length) in published.lists.items():
        list_file = datasets_root() / published.folder / file
        if not list_file.is_file():
            raise DataError(
                f"{list_file}: missing; datasets/README.md says where to get {name}, "
                "DETECTRON2_DATASETS where it lies"
            )
        sets[split] = read_list(
            list_file,
            pictures,
            published.num_classes,
            check_pictures=training or split != "train",
        )
        if len(sets[split]) != length:
            raise DataError(
                f"{list_file}: has {len(sets[split])} lines, {name} as published has {length} "
                "(DATASETS.IMAGES.NAME list_lt takes lists of your own)"
            )
    return sets


def _read_own_lists(cfg: CfgNode, training: bool) -> Sets:
    options, classes = cfg.DATASETS.IMAGES, cfg.MODEL.CLASSIFICATION.NUM_CLASSES
    if not (options.TRAIN_LIST and options.TEST_LIST and options.PATH):
        raise ConfigError("DATASETS.IMAGES: list_lt needs TRAIN_LIST, TEST_LIST and PATH")
    if classes < 1:
        raise ConfigError("MODEL.CLASSIFICATION.NUM_CLASSES: list_lt needs the number of classes")
    files = {"train": options.TRAIN_LIST, "val": options.VAL_LIST, "test": options.TEST_LIST}
    return {
        split: read_list(file, options.PATH, classes, check_pictures=training or split != "train")
        for split, file in files.items()
        if file
    }
