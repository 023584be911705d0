"""Models small enough for a test, and inputs for them."""

from pathlib import Path

import torch
from detectron2.config import get_cfg
from detectron2.structures import BitMasks, Boxes, Instances, PolygonMasks

import lt_det.detection  # noqa: F401  (registers the modules)
from lt_det.config import add_lt_config
from lt_det.detection.data.negatives import set_left_out

CONFIGS = Path(__file__).resolve().parents[2] / "configs"

# Shrinks any config of the tree; the number of classes stays.
SHRUNK = [
    "MODEL.DEVICE", "cpu", "MODEL.WEIGHTS", "",
    "MODEL.RESNETS.STEM_OUT_CHANNELS", 8, "MODEL.RESNETS.RES2_OUT_CHANNELS", 16,
    "MODEL.RESNETS.WIDTH_PER_GROUP", 1, "MODEL.RESNETS.DEPTH", 50,
    "MODEL.FPN.OUT_CHANNELS", 32, "MODEL.ROI_BOX_HEAD.FC_DIM", 16,
    "MODEL.ROI_MASK_HEAD.CONV_DIM", 8, "MODEL.ROI_MASK_HEAD.NUM_CONV", 1,
    "MODEL.RPN.POST_NMS_TOPK_TRAIN", 30, "MODEL.RPN.POST_NMS_TOPK_TEST", 10,
    "MODEL.RPN.PRE_NMS_TOPK_TRAIN", 60, "MODEL.RPN.PRE_NMS_TOPK_TEST", 30,
    "MODEL.ROI_HEADS.BATCH_SIZE_PER_IMAGE", 16, "TEST.DETECTIONS_PER_IMAGE", 10,
]  # fmt: skip


def small_config(name: str = "Base-RCNN-FPN.yaml", *overrides, num_classes: int | None = 5):
    """A shrunk config; ``num_classes`` ``None`` leaves the config's own."""
    cfg = get_cfg()
    add_lt_config(cfg)
    cfg.merge_from_file(str(CONFIGS / name))
    cfg.merge_from_list(SHRUNK)
    if num_classes is not None:
        cfg.MODEL.ROI_HEADS.NUM_CLASSES = num_classes
    cfg.merge_from_list(list(overrides))
    return cfg


def rectangle(box):
    x0, y0, x1, y1 = (float(v) for v in box)
    return [x0, y0, x1, y0, x1, y1, x0, y1]


def ground_truth(num_classes: int, side: int = 96, count: int = 3, bitmasks: bool = False):
    """Instances with boxes, classes and masks for one image."""
    corners = torch.rand(count, 2) * side / 2
    boxes = torch.cat([corners, corners + 12 + torch.rand(count, 2) * side / 3], dim=1)
    instances = Instances((side, side))
    instances.gt_boxes = Boxes(boxes)
    instances.gt_classes = torch.randint(num_classes, (count,))
    polygons = PolygonMasks([[rectangle(box)] for box in boxes.tolist()])
    instances.gt_masks = BitMasks.from_polygon_masks(polygons, side, side) if bitmasks else polygons
    return instances


def batch(num_classes: int, side: int = 96, images: int = 2, count: int = 3):
    """Inputs of GeneralizedRCNN with ground truth."""
    return [
        {
            "image": torch.randint(0, 256, (3, side, side), dtype=torch.uint8),
            "height": side,
            "width": side,
            "instances": ground_truth(num_classes, side, count),
        }
        for _ in range(images)
    ]


def say_left_out(inputs, num_classes: int):
    """The inputs, an image of which leaves out a class by its number: 1, 2, …, never 0."""
    for number, of_image in enumerate(inputs):
        set_left_out(of_image, torch.arange(num_classes + 1) == 1 + number % (num_classes - 1))
    return inputs


@torch.no_grad()
def calm(model):
    """The model with features of about unit size; a random one's explode, and boxes with them."""
    stem = model.backbone.bottom_up.stem.conv1.weight
    # Identity batch norms, no biases: the features scale as the stem does.
    image = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    size = model.backbone(image.to(model.device))
    stem /= 100 * size["p2"].std()
    return model
