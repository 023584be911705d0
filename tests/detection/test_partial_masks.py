"""Instances without a mask beside others that have one: their boxes train, and no mask of them."""

import logging

import numpy as np
import pytest
import torch
from detectron2.modeling import build_model
from detectron2.structures import Boxes
from detectron2.utils.events import EventStorage
from pycocotools import mask as mask_api

from lt_det.data import read_annotations
from lt_det.data.lvis.detectron2_dicts import to_detectron2_dicts
from lt_det.detection.data.mapper import LTDatasetMapper
from lt_det.detection.data.partial_masks import HAS_MASK, with_masks
from lt_det.detection.setup import argument_parser, fit_to_data, setup
from lt_det.errors import ConfigError, DataError

from ..data.helpers import valid, write
from .helpers import CONFIGS, batch, ground_truth, small_config

MASKS = ("MODEL.MASK_ON", True, "MODEL.ROI_MASK_HEAD.POOLER_RESOLUTION", 7)
HEADS = {
    "ours": ("MODEL.ROI_MASK_HEAD.NAME", "LTMaskHead"),
    "linear": ("MODEL.ROI_MASK_HEAD.NAME", "LTMaskHead", "MODEL.LT.MASK.NORMALIZATION", "linear"),
    "detectron2's": ("MODEL.ROI_MASK_HEAD.NAME", "MaskRCNNConvUpsampleHead"),
}


def mixed():
    """Image 1 has a rectangle, image 2 one of each."""
    data = valid()
    data["annotations"][0]["segmentation"] = []
    del data["annotations"][2]["segmentation"]
    return data


def model(head, name="Base-RCNN-FPN.yaml"):
    torch.manual_seed(0)
    return build_model(small_config(name, *MASKS, *HEADS[head])).train()


def losses(detector, inputs):
    torch.manual_seed(1)
    with EventStorage() as storage:
        found = detector(inputs)
    return found, storage


def marked(inputs, *has_mask):
    for one, own in zip(inputs, has_mask, strict=True):
        one["instances"].set(HAS_MASK, torch.tensor(own))
    return inputs


@pytest.mark.parametrize("head", HEADS)
def test_what_stands_for_a_missing_mask_does_not_matter(head):
    """Masks of marked instances may be anything: losses and gradients are the same."""
    detector, inputs = model(head), marked(batch(5), [True, False, True], [True, True, True])
    found, _ = losses(detector, inputs)
    found["loss_mask"].backward()
    assert found["loss_mask"] > 0
    gradients = [p.grad.clone() for p in detector.roi_heads.mask_head.parameters()]
    changed = ground_truth(5)  # of other masks
    masks = inputs[0]["instances"].gt_masks.polygons
    masks[1] = changed.gt_masks.polygons[0]
    detector.zero_grad()
    again, _ = losses(detector, inputs)
    again["loss_mask"].backward()
    for key, value in found.items():
        assert torch.equal(value, again[key]), key
    for gradient, p in zip(gradients, detector.roi_heads.mask_head.parameters(), strict=True):
        assert torch.equal(gradient, p.grad)
    # Unmarked, it does matter, and the boxes' losses are the same as ever.
    for one in inputs:
        one["instances"].remove(HAS_MASK)
    unmarked, _ = losses(detector, inputs)
    assert not torch.equal(unmarked["loss_mask"], found["loss_mask"])
    for key in found.keys() - {"loss_mask"}:
        assert torch.equal(unmarked[key], found[key]), key


@pytest.mark.parametrize("head", HEADS)
def test_the_mask_loss_is_that_of_the_others_alone(head):
    """Sampled RoIs are the same; those of marked instances are as if they were background."""
    detector = model(head)
    inputs = marked(batch(5), [False, True, True], [True, False, True])
    seen = []
    detector.roi_heads.mask_head.register_forward_pre_hook(lambda _, args: seen.append(args[1]))
    losses(detector, inputs)
    for one in inputs:
        one["instances"].set(HAS_MASK, torch.ones(3, dtype=torch.bool))
    losses(detector, inputs)
    for own, all_of_them, left_out in zip(*seen, (0, 1), strict=True):
        instances = inputs[left_out]["instances"]
        kept = (all_of_them.gt_boxes.tensor != instances.gt_boxes.tensor[left_out]).any(dim=1)
        assert 0 < len(own) < len(all_of_them)
        assert torch.equal(own.proposal_boxes.tensor, all_of_them.proposal_boxes.tensor[kept])


@pytest.mark.parametrize("config", ["Base-RCNN-FPN.yaml", "synthetic/Base-synthetic.yaml"])
@pytest.mark.parametrize("head", HEADS)
def test_a_batch_without_any_mask_has_a_loss_of_0_with_a_graph(head, config):
    detector = model(head, config)
    called = []
    predictor = detector.roi_heads.mask_head.predictor
    if hasattr(predictor, "head_direction"):
        update = predictor.head_direction.update_from_sum
        predictor.head_direction.update_from_sum = lambda *args: called.append(update(*args))
    inputs = batch(detector.roi_heads.num_classes)
    found, _ = losses(detector, marked(inputs, [False] * 3, [False] * 3))
    assert found["loss_mask"].item() == 0
    assert found["loss_cls" if "loss_cls" in found else "loss_cls_stage0"] > 0
    sum(found.values()).backward()
    for name, parameter in detector.roi_heads.mask_head.named_parameters():
        assert parameter.grad is not None, name
        assert not parameter.grad.any(), name
    # Every process takes part in the all-reduce, whatever its images have.
    assert len(called) == hasattr(predictor, "head_direction")
    if called:
        assert not predictor.head_direction.direction.any()


def test_nothing_is_asked_of_the_device_where_every_instance_has_a_mask():
    proposals = [ground_truth(5), ground_truth(5, count=0)]
    for given, kept in zip(proposals, with_masks(proposals), strict=True):
        assert kept is given


def rle_of(box):
    mask = np.zeros((48, 64), dtype=np.uint8, order="F")
    mask[box[1] : box[3], box[0] : box[2]] = 1
    found = mask_api.encode(mask)
    return {**found, "counts": found["counts"].decode()}


@pytest.mark.parametrize("crop", [False, True])
@pytest.mark.parametrize("mask_format", ["polygon", "bitmask"])
def test_the_mapper_marks_what_has_no_mask(mask_format, crop, tmp_path):
    data = mixed()
    # RLE, for which no cropping of polygons is needed; and 22 pixels below the image.
    if mask_format == "bitmask":
        data["annotations"][1]["segmentation"] = rle_of([10, 10, 30, 30])
    elif crop:
        pytest.importorskip("shapely")
    data["annotations"][2]["bbox"] = [2.0, 30.0, 30.0, 40.0]
    dicts = to_detectron2_dicts(read_annotations(write(tmp_path, data), tmp_path))
    keys = ("INPUT.MASK_FORMAT", mask_format, "INPUT.MIN_SIZE_TRAIN", (48,), *MASKS)
    keys += ("INPUT.CROP.ENABLED", crop, "INPUT.CROP.SIZE", [1.0, 1.0], "INPUT.RANDOM_FLIP", "none")
    mapper = LTDatasetMapper(
        small_config("Base-RCNN-FPN.yaml", *keys, num_classes=2), is_train=True
    )
    one, two = (mapper(d)["instances"] for d in dicts)
    assert one.get(HAS_MASK).tolist() == [False]
    assert two.get(HAS_MASK).tolist() == [True, False]
    expected = torch.tensor([[10.0, 10, 30, 30], [2, 30, 32, 48]])
    assert torch.allclose(two.gt_boxes.tensor, expected)
    assert torch.allclose(two.gt_masks.get_bounding_boxes().tensor, expected)
    del data["annotations"][2]
    dicts = to_detectron2_dicts(read_annotations(write(tmp_path / "b", data), tmp_path / "b"))
    assert not mapper(dicts[1])["instances"].has(HAS_MASK)
    # Masks off: nothing is marked, and no mask is there.
    off = small_config("Base-RCNN-FPN.yaml", *keys, "MODEL.MASK_ON", False, num_classes=2)
    unmasked = LTDatasetMapper(off, is_train=True)(dicts[0])["instances"]
    assert not unmasked.has(HAS_MASK)
    assert not unmasked.has("gt_masks")
    assert isinstance(unmasked.gt_boxes, Boxes)


CONFIG = str(CONFIGS / "custom" / "cascade_r50_tde.yaml")


@pytest.fixture
def own(tmp_path):
    for split, data in (("train", mixed()), ("val", valid())):
        write(tmp_path / split, data, "own.json")
    return tmp_path


def configured(own, *keys):
    given = ["--config-file", CONFIG]
    for split in ("train", "val"):
        given += [f"--{split}-json", str(own / split / "own.json")]
        given += [f"--{split}-images", str(own / split)]
    given += [*keys, "OUTPUT_DIR", str(own / "out"), "MODEL.WEIGHTS", ""]
    return setup(argument_parser().parse_args(given))


def test_a_mixed_file_stops_and_says_both_ways_out(own):
    message = (
        r"train/own\.json: annotation 1: has no segmentation, as 2 of 3 instances; .*"
        r"MODEL\.MASK_ON False; .*DATASETS\.ON_MISSING_MASK box_only"
    )
    with pytest.raises(DataError, match=message):
        configured(own)
    with pytest.raises(ConfigError, match="ON_MISSING_MASK: unknown 'no'; known: error, box_only"):
        configured(own, "DATASETS.ON_MISSING_MASK", "no")
    assert not configured(own, "MODEL.MASK_ON", "False").MODEL.MASK_ON


def test_a_mixed_file_trains_as_it_is_told(own, caplog):
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        assert configured(own, "DATASETS.ON_MISSING_MASK", "box_only").MODEL.MASK_ON
    assert "2 of 3 instances have no mask: they train their box alone" in caplog.text


@pytest.mark.parametrize("on_missing", ["error", "box_only"])
def test_a_file_of_boxes_alone_says_the_one_way_out(own, on_missing):
    data = mixed()
    data["annotations"][1]["segmentation"] = []
    write(own / "train", data, "own.json")
    message = "as all 3 instances; to train on boxes alone, set MODEL.MASK_ON False$"
    with pytest.raises(DataError, match=message):
        configured(own, "DATASETS.ON_MISSING_MASK", on_missing)


def test_test_sets_without_masks_are_said_before_the_work(own, caplog):
    write(own / "train", valid(), "own.json")
    data = valid()
    for annotation in data["annotations"]:
        annotation["segmentation"] = []
    write(own / "val", data, "own.json")
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        assert configured(own).MODEL.MASK_ON
    assert "val/own.json: no instance has a mask: there will be no mask AP" in caplog.text


def test_every_training_set_is_looked_at(tmp_path):
    good = read_annotations(write(tmp_path / "good", valid()), tmp_path / "good")
    rle = valid()
    rle["annotations"][0]["segmentation"] = {"size": [48, 64], "counts": [0, 3072]}
    second = read_annotations(write(tmp_path / "rle", rle), tmp_path / "rle")
    cfg = small_config("Base-RCNN-FPN.yaml", *MASKS, num_classes=2)
    fit_to_data(cfg, good, [good])
    assert cfg.INPUT.MASK_FORMAT == "polygon"
    fit_to_data(cfg, good, [good, second])
    assert cfg.INPUT.MASK_FORMAT == "bitmask"
    third = read_annotations(write(tmp_path / "mixed", mixed()), tmp_path / "mixed")
    with pytest.raises(DataError, match=r"mixed/data\.json: annotation 1: has no segmentation"):
        fit_to_data(cfg, good, [good, third])
