"""Networks that turn images (N, 3, H, W) into features (N, D).

A person's own network is one function in a file of their own::

    @BACKBONES.register("my_cnn")
    def my_cnn():
        return ImageBackbone(MyCNN(), num_features=256)

and ``MODEL.CLASSIFICATION.BACKBONE my_cnn`` in a config.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet

from lt_det.core.name_table import NameTable
from lt_det.engine.checkpoints.safe_load import load_tensors
from lt_det.errors import ConfigError, WeightsError
from lt_det.extras import require

from .resnet_branches import BBNResNet50, RIDEResNeXt50
from .resnet_cifar import BBNResNet, CifarResNet, RIDEResNet

# (blocks a stage, groups, width of a group)
_TORCHVISION: dict[str, tuple[list[int], int, int]] = {
    "resnet50": ([3, 4, 6, 3], 1, 64),
    "resnet101": ([3, 4, 23, 3], 1, 64),
    "resnet152": ([3, 8, 36, 3], 1, 64),
    "resnext50_32x4d": ([3, 4, 6, 3], 32, 4),
    # torchvision has no builder for this one, its class does.
    "resnext101_32x4d": ([3, 4, 23, 3], 32, 4),
}
_TIMM = "timm/"


class ImageBackbone(nn.Module):
    """A network without its classifier.

    Args:
        body: images (N, 3, H, W), normalized → the last feature map (N, D, h, w), which is
            averaged here, or features (N, D).
        num_features: D.
        map_layer: name of the part of ``body`` whose output is the last feature map, "" for
            ``body`` itself; class activation maps are taken there. ``None``: there is none.

    Attributes:
        num_features: D.
        map_layer: the module, or ``None``.
    """

    def __init__(self, body: nn.Module, num_features: int, map_layer: str | None = "") -> None:
        super().__init__()
        self.body = body
        self.num_features = num_features
        self._map_layer = map_layer

    @property
    def map_layer(self) -> nn.Module | None:
        """Gives the last feature map."""
        return None if self._map_layer is None else self.body.get_submodule(self._map_layer)

    def forward(self, images: Tensor) -> Tensor:
        """Turn images into features (N, D)."""
        features: Tensor = self.body(images)
        return features if features.ndim == 2 else features.mean(dim=(2, 3))


BACKBONES: NameTable[Callable[[], ImageBackbone]] = NameTable("backbone")


def build_backbone(name: str, weights: str = "") -> ImageBackbone:
    """Build a network by name.

    Args:
        name: in :data:`BACKBONES`, or ``timm/NAME`` for any timm model.
        weights: file of the classification model's state dict; its last layer is not used.

    Raises:
        ConfigError: unknown name, or timm is not installed.
        WeightsError: the file is absent or does not fit.
    """
    if name.startswith(_TIMM):
        backbone = _timm_backbone(name.removeprefix(_TIMM))
    else:
        try:
            backbone = BACKBONES.get(name)()
        except ValueError as error:
            raise ConfigError(f"MODEL.CLASSIFICATION.BACKBONE: {error}, {_TIMM}NAME") from error
    if weights:
        _load(backbone.body, weights, name)
    return backbone


@BACKBONES.register("resnet32")
def _resnet32() -> ImageBackbone:
    return ImageBackbone(CifarResNet(num_blocks=5), 64)


@BACKBONES.register("resnet32_bbn")
def _resnet32_bbn() -> ImageBackbone:
    return ImageBackbone(BBNResNet(num_blocks=5), 128)


@BACKBONES.register("resnet50_bbn")
def _resnet50_bbn() -> ImageBackbone:
    return ImageBackbone(BBNResNet50(), 4096)


def _ride(network: Callable[[int], nn.Module], width: int, num_experts: int) -> ImageBackbone:
    return ImageBackbone(network(num_experts), width * num_experts, map_layer=None)


for _experts in (2, 3):
    BACKBONES.register(f"resnet32_ride{_experts}")(partial(_ride, RIDEResNet, 48, _experts))
    BACKBONES.register(f"resnext50_ride{_experts}")(partial(_ride, RIDEResNeXt50, 1536, _experts))


def _torchvision(name: str) -> ImageBackbone:
    blocks, groups, width = _TORCHVISION[name]
    network = ResNet(Bottleneck, blocks, groups=groups, width_per_group=width)
    layers = [(n, m) for n, m in network.named_children() if n not in ("avgpool", "fc")]
    return ImageBackbone(nn.Sequential(OrderedDict(layers)), network.fc.in_features)


for _name in _TORCHVISION:
    BACKBONES.register(_name)(partial(_torchvision, _name))


def _timm_backbone(name: str) -> ImageBackbone:
    timm = require("timm", "timm", f"MODEL.CLASSIFICATION.BACKBONE: {_TIMM}{name}")
    try:
        network = timm.create_model(name, num_classes=0)
    except RuntimeError as error:
        raise ConfigError(f"MODEL.CLASSIFICATION.BACKBONE: timm: {error}") from error
    size = network.default_cfg["input_size"]
    with torch.no_grad():
        width = network.eval()(torch.zeros(1, *size)).shape[1]
        last = network.feature_info[-1]["module"] if hasattr(network, "feature_info") else None
        is_map = len(network.forward_features(torch.zeros(1, *size)).shape) == 4
    return ImageBackbone(network.train(), width, last if is_map else None)


def with_features(backbone: ImageBackbone, num_features: int) -> ImageBackbone:
    """Put a linear layer and ReLU behind a backbone, as the papers do for Places-LT.

    Args:
        backbone: images → features (N, D).
        num_features: the features there will be; 0 returns the backbone as it is.
    """
    return BackboneWithFeatures(backbone, num_features) if num_features else backbone


class BackboneWithFeatures(ImageBackbone):
    """A backbone, a linear layer, ReLU: features (N, F), not negative.

    Args:
        backbone: images → features (N, D); its body is this one's.
        num_features: F.
    """

    def __init__(self, backbone: ImageBackbone, num_features: int) -> None:
        super().__init__(backbone.body, num_features, backbone._map_layer)
        self.fc_add = nn.Linear(backbone.num_features, num_features)

    def forward(self, images: Tensor) -> Tensor:
        """Turn images into features (N, F)."""
        return self.fc_add(super().forward(images)).relu()


def _load(body: nn.Module, weights: str, name: str) -> None:
    if not Path(weights).is_file():
        raise WeightsError(f"MODEL.CLASSIFICATION.BACKBONE_WEIGHTS: no such file: {weights}")
    state = load_tensors(weights)
    needed = body.state_dict()
    missing = sorted(set(needed) - set(state))
    if missing:
        raise WeightsError(
            f"{weights}: lacks {missing[0]} and {len(missing) - 1} more of {name}'s tensors"
        )
    for key, tensor in needed.items():
        if state[key].shape != tensor.shape:
            raise WeightsError(
                f"{weights}: {key} has shape {tuple(state[key].shape)}, {name} needs "
                f"{tuple(tensor.shape)}"
            )
    body.load_state_dict({key: state[key] for key in needed})
