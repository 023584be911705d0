"""A convolutional network of one's own, for detectors (with a feature pyramid) and classifiers.

    tools/train_net.py --import examples/own_backbone.py \
        --config-file configs/synthetic/cascade_small_tde.yaml \
        MODEL.BACKBONE.NAME build_plain_fpn_backbone
    tools/train_cls.py --import examples/own_backbone.py \
        --config-file configs/classification/digits_lt/resnet32_tde.yaml \
        MODEL.CLASSIFICATION.BACKBONE plain
"""

from detectron2.layers import ShapeSpec
from detectron2.modeling import BACKBONE_REGISTRY, FPN, Backbone
from detectron2.modeling.backbone.fpn import LastLevelMaxPool
from torch import nn

from lt_det.classification.backbones import BACKBONES, ImageBackbone

WIDTHS = {"stage1": 16, "stage2": 16, "stage3": 32, "stage4": 64, "stage5": 64}


class PlainCNN(Backbone):
    """Stages of two convolutions, each at half the resolution of the one before it."""

    def __init__(self):
        super().__init__()
        self._out_features, channels = list(WIDTHS)[2:], 3
        for name, width in WIDTHS.items():
            layers = [nn.Conv2d(channels, width, 3, 2, 1), nn.BatchNorm2d(width), nn.ReLU()]
            layers += [nn.Conv2d(width, width, 3, 1, 1), nn.BatchNorm2d(width), nn.ReLU()]
            self.add_module(name, nn.Sequential(*layers))
            channels = width

    def forward(self, images):
        """Return the maps of the stages, by name."""
        maps = {}
        for name in WIDTHS:
            images = maps[name] = self.get_submodule(name)(images)
        return {name: maps[name] for name in self._out_features}

    def output_shape(self):
        """Return channels and stride of each map."""
        strides = {name: 2 ** (i + 1) for i, name in enumerate(WIDTHS)}
        return {n: ShapeSpec(channels=WIDTHS[n], stride=strides[n]) for n in self._out_features}


@BACKBONE_REGISTRY.register()
def build_plain_fpn_backbone(cfg, input_shape):
    """Build it for a detector: maps p3 to p5, and p6 pooled from the last."""
    body, width = PlainCNN(), cfg.MODEL.FPN.OUT_CHANNELS
    return FPN(body, list(WIDTHS)[2:], width, top_block=LastLevelMaxPool())


@BACKBONES.register("plain")
def plain():
    """Build it for small images: the third stage's map is averaged to features (N, 32)."""
    stages = list(PlainCNN().children())[:3]
    return ImageBackbone(nn.Sequential(*stages), num_features=WIDTHS["stage3"])
