"""Configuration keys of an image classifier's data."""

from detectron2.config import CfgNode as CN


def add_image_data(cfg: CN) -> None:
    """Add the keys and their defaults to a Detectron2 config, in place."""
    cfg.DATASETS.CLASSIFICATION = CN()
    # "imagenet_lt", "places_lt", "inat18" (lists), "cifar10_lt", "cifar100_lt", "digits_lt",
    # "folder_lt": a folder or zip with a folder per class, or "list_lt".
    cfg.DATASETS.CLASSIFICATION.NAME = "folder_lt"
    # Folder or zip; of the list sets, the folder of images. "": where datasets/README.md says.
    cfg.DATASETS.CLASSIFICATION.PATH = ""
    # "list_lt": one's own lists, lines "path label" or "path,label", paths below PATH or absolute;
    # VAL_LIST may be left out.
    cfg.DATASETS.CLASSIFICATION.TRAIN_LIST = ""
    cfg.DATASETS.CLASSIFICATION.VAL_LIST = ""
    cfg.DATASETS.CLASSIFICATION.TEST_LIST = ""
    # Cut the training set to this ratio of the first class's images to the last one's; 1: don't.
    cfg.DATASETS.CLASSIFICATION.IMBALANCE = 1.0
    # Of the cut and of what is held out: not of training (SEED).
    cfg.DATASETS.CLASSIFICATION.SUBSET_SEED = 0
    # So many training images a class become the set "val", before the cut; of data without one.
    cfg.DATASETS.CLASSIFICATION.HOLD_OUT = 0
    # Test share of a folder that has neither test/ nor val/.
    cfg.DATASETS.CLASSIFICATION.TEST_FRACTION = 0.2
    # Shot groups: many above the first, few below the second, in training images.
    cfg.DATASETS.CLASSIFICATION.MANY = 100
    cfg.DATASETS.CLASSIFICATION.FEW = 20
    # Train on the images of the "many", "medium" or "few" classes alone, as LFME's experts are; all
    # classes stay, and groups and test cuts are those of the whole set. "": on all images.
    cfg.DATASETS.CLASSIFICATION.SHOT_GROUP = ""

    cfg.INPUT.CLASSIFICATION = CN()
    # Side, in pixels.
    cfg.INPUT.CLASSIFICATION.SIZE = 32
    # Decode once and augment whole batches (crop of the padded image, flip), for small images;
    # else decode as needed: random resized crop, flip, colour jitter.
    cfg.INPUT.CLASSIFICATION.IN_MEMORY = True
    # Of the crop, in pixels; in memory only.
    cfg.INPUT.CLASSIFICATION.PADDING = 4
    cfg.INPUT.CLASSIFICATION.FLIP = True
    # Brightness, contrast and saturation; not in memory only.
    cfg.INPUT.CLASSIFICATION.COLOR_JITTER = 0.4

    # "instance", "class_balanced" or "square_root".
    cfg.DATALOADER.IMAGE_SAMPLER = "instance"
