"""Data sets that come as lists of images: the published ones and one's own."""

from dataclasses import dataclass
from pathlib import Path

from detectron2.config import CfgNode

from lt_det.data.classification import ImageSet, read_list, warn_of_shared_images
from lt_det.data.root import datasets_root
from lt_det.errors import ConfigError, DataError


@dataclass(frozen=True)
class _PublishedLists:
    """Where list files and images lie under the data sets' folder, and how long the lists are."""

    folder: str
    images: str
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


def read_published_lists(name: str, path: str, *, training: bool) -> dict[str, ImageSet]:
    """Read the lists of one of :data:`PUBLISHED_LISTS`, each of its published length.

    Args:
        name: of the set.
        path: folder of images; "": where datasets/README.md says.
        training: whether training images are looked for (their labels are all that is needed
            otherwise).

    Raises:
        DataError: a list or an image is missing, or a list is not the published one.
    """
    published = PUBLISHED_LISTS[name]
    images = Path(path) if path else datasets_root() / published.images
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
            images,
            published.num_classes,
            check_images=training or split != "train",
        )
        if len(sets[split]) != length:
            raise DataError(
                f"{list_file}: has {len(sets[split])} lines, {name} as published has {length} "
                "(DATASETS.CLASSIFICATION.NAME list_lt takes lists of your own)"
            )
    warn_of_shared_images(sets)
    return sets


def read_own_lists(cfg: CfgNode, *, training: bool) -> dict[str, ImageSet]:
    """Read TRAIN_LIST, TEST_LIST and, where it is named, VAL_LIST of DATASETS.CLASSIFICATION.

    Args:
        cfg: with lt_det's keys.
        training: whether training images are looked for.

    Raises:
        ConfigError: a list or the number of classes is not named.
        DataError: names the file and the line.
    """
    options, classes = cfg.DATASETS.CLASSIFICATION, cfg.MODEL.CLASSIFICATION.NUM_CLASSES
    if not (options.TRAIN_LIST and options.TEST_LIST):
        raise ConfigError("DATASETS.CLASSIFICATION: list_lt needs TRAIN_LIST and TEST_LIST")
    if classes < 1:
        raise ConfigError("MODEL.CLASSIFICATION.NUM_CLASSES: list_lt needs the number of classes")
    files = {"train": options.TRAIN_LIST, "val": options.VAL_LIST, "test": options.TEST_LIST}
    sets = {
        split: read_list(file, options.PATH, classes, check_images=training or split != "train")
        for split, file in files.items()
        if file
    }
    warn_of_shared_images(sets)
    return sets
