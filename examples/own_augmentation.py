"""Augmentation of one's own, for detectors: contrast and brightness besides flips.

    tools/train_net.py --import examples/own_augmentation.py \
        --config-file configs/synthetic/cascade_small_tde.yaml INPUT.MAPPER bright
"""

from detectron2.data import detection_utils
from detectron2.data import transforms as T

from lt_det.detection.data.mapper import MAPPERS, LTDatasetMapper


@MAPPERS.register("bright")
def bright(cfg, is_train):
    """Return the mapper of a config; images that are tested on are left as they are."""
    if not is_train:
        return LTDatasetMapper(cfg, is_train=False)
    augmentations = [
        *detection_utils.build_augmentation(cfg, is_train=True),
        T.RandomContrast(0.6, 1.4),
        T.RandomBrightness(0.6, 1.4),
    ]
    return LTDatasetMapper(cfg, is_train=True, augmentations=augmentations)
