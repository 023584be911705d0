"""ImageNet's ResNets of several branches: BBN's two last blocks, RIDE's experts."""

import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet

from .two_branches import TwoBranches

_CHANNELS = 2048  # of layer4


class BBNResNet50(TwoBranches):
    """ResNet-50 whose last block is there twice, side by side.

    Zhou et al., "BBN", CVPR 2020, for iNaturalist. Parameters are named as in torchvision.
    """

    def __init__(self) -> None:
        super().__init__()
        network = ResNet(Bottleneck, [3, 4, 6, 2])
        for name, module in network.named_children():
            if name not in ("avgpool", "fc"):
                self.add_module(name, module)
        self.cb_block, self.rb_block = (Bottleneck(_CHANNELS, _CHANNELS // 4) for _ in range(2))
        _init_convolutions(self.cb_block, self.rb_block)

    def stem(self, images: Tensor) -> Tensor:
        """Turn images (N, 3, H, W) into what both branches share, (N, 2048, H / 32, W / 32)."""
        maps = images
        for name, module in self.named_children():
            if name not in ("cb_block", "rb_block"):
                maps = module(maps)
        return maps


class RIDEResNeXt50(nn.Module):
    """ResNeXt-50 (32 × 4d) whose last two stages are there once for each expert, narrower.

    Wang et al., "RIDE", ICLR 2021, for ImageNet-LT: three quarters of the channels, so that an
    expert has 1,536 features. Parameters are named as in their code.

    Args:
        num_experts: E.
    """

    def __init__(self, num_experts: int) -> None:
        super().__init__()
        network = ResNet(Bottleneck, [3, 4, 6, 3], groups=32, width_per_group=4)
        for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2"):
            self.add_module(name, network.get_submodule(name))
        experts = range(num_experts)
        self.layer3s = nn.ModuleList(_narrow_stage(512, 192, 6) for _ in experts)
        self.layer4s = nn.ModuleList(_narrow_stage(768, 384, 3) for _ in experts)
        _init_convolutions(self.layer3s, self.layer4s)

    def forward(self, images: Tensor) -> Tensor:
        """Turn images (N, 3, H, W) into features (N, E · 1536), the experts' side by side."""
        shared = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        shared = self.layer2(self.layer1(shared))
        stages = zip(self.layer3s, self.layer4s, strict=True)
        maps = [fourth(third(shared)) for third, fourth in stages]
        return torch.cat([of_expert.mean(dim=(2, 3)) for of_expert in maps], dim=1)


def _narrow_stage(channels: int, planes: int, num_blocks: int) -> nn.Sequential:
    width = 4 * planes
    shortcut = nn.Sequential(
        nn.Conv2d(channels, width, 1, stride=2, bias=False), nn.BatchNorm2d(width)
    )
    first = Bottleneck(channels, planes, 2, shortcut, groups=32, base_width=4)
    others = (Bottleneck(width, planes, groups=32, base_width=4) for _ in range(num_blocks - 1))
    return nn.Sequential(first, *others)


def _init_convolutions(*parts: nn.Module) -> None:
    """Draw weights as torchvision's ResNet draws its own."""
    for part in parts:
        for module in part.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
