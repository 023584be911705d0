"""lt_det's mapper against Detectron2's own."""

import copy

import cv2
import numpy as np
import pytest
import torch
from detectron2.data import DatasetMapper
from detectron2.structures import BoxMode
from PIL import Image

from lt_det.data import read_annotations
from lt_det.data.lvis.detectron2_dicts import to_detectron2_dicts
from lt_det.detection.data.mapper import LTDatasetMapper
from lt_det.engine.seeding import seeded
from lt_det.errors import DataError

from .helpers import rectangle, small_config


def record(path, height, width):
    boxes = [[5, 6, 30, 20], [20, 10, 44, 30]]
    annotations = [
        {"bbox": box, "bbox_mode": BoxMode.XYXY_ABS, "category_id": i, "iscrowd": crowd,
         "segmentation": [rectangle(box)]}
        for i, (box, crowd) in enumerate(zip([*boxes, boxes[0]], (0, 0, 1), strict=True))
    ]  # fmt: skip
    return {"file_name": str(path), "image_id": 5, "height": height, "width": width,
            "annotations": annotations}  # fmt: skip


@pytest.mark.parametrize("is_train", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("INPUT.FORMAT", "RGB", "INPUT.MASK_FORMAT", "bitmask"),
        ("INPUT.FORMAT", "L", "MODEL.MASK_ON", False),
        ("INPUT.FORMAT", "YUV-BT.601", "INPUT.CROP.ENABLED", True, "MODEL.MASK_ON", False),
    ],
)
def test_the_same_as_detectron2s(is_train, options, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 3
    path = tmp_path / "image.jpg"
    Image.fromarray(pixels).save(path, exif=exif)
    cfg = small_config("Base-RCNN-FPN.yaml", "INPUT.MIN_SIZE_TRAIN", (60, 80), *options)
    own, given = record(path, 40, 50), record(path, 40, 50)
    with seeded(3):
        found = LTDatasetMapper(cfg, is_train=is_train)(own)
    with seeded(3):
        expected = DatasetMapper(cfg, is_train)(copy.deepcopy(given))
    assert own == given
    assert found.keys() == expected.keys()
    assert torch.equal(found["image"], expected["image"])
    if is_train:
        ours, theirs = found["instances"], expected["instances"]
        assert len(ours) == 2
        assert torch.equal(ours.gt_boxes.tensor, theirs.gt_boxes.tensor)
        assert torch.equal(ours.gt_classes, theirs.gt_classes)
        assert ours.has("gt_masks") == theirs.has("gt_masks") == cfg.MODEL.MASK_ON
        if cfg.MODEL.MASK_ON:
            assert torch.equal(
                ours.gt_masks.crop_and_resize(ours.gt_boxes.tensor, 14),
                theirs.gt_masks.crop_and_resize(theirs.gt_boxes.tensor, 14),
            )


def test_16_bits(tmp_path):
    """An image of 8 bits times 257 is the image."""
    gray = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "8.png"), gray)
    cv2.imwrite(str(tmp_path / "16.png"), gray.astype(np.uint16) * 257)
    mapper = LTDatasetMapper(small_config("Base-RCNN-FPN.yaml"), is_train=False)
    shallow, deep = (mapper(record(tmp_path / name, 40, 50)) for name in ("8.png", "16.png"))
    assert torch.equal(deep["image"], shallow["image"])


def test_floats_are_named(tmp_path):
    Image.new("F", (50, 40)).save(tmp_path / "a.tif")
    mapper = LTDatasetMapper(small_config("Base-RCNN-FPN.yaml"), is_train=True)
    with pytest.raises(DataError, match=r"a\.tif: image 5: .*its pixels are floats"):
        mapper(record(tmp_path / "a.tif", 40, 50))


def test_shared_case(shared_cases):
    case = shared_cases / "35-16bit-det"
    dicts = to_detectron2_dicts(read_annotations(case / "train.json", case / "train"))
    options = ("INPUT.MIN_SIZE_TEST", 0)
    mapper = LTDatasetMapper(small_config("Base-RCNN-FPN.yaml", *options), is_train=False)
    for one in dicts:
        stored = cv2.imread(one["file_name"], cv2.IMREAD_UNCHANGED)
        expected = torch.from_numpy(np.round(stored / 257))
        for channel in mapper(one)["image"]:
            assert torch.equal(channel.double(), expected)
