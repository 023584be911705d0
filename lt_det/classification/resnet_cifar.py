"""ResNets for images of 32 × 32 pixels."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .two_branches import TwoBranches


class CifarResNet(nn.Sequential):
    """ResNet for 32 × 32 images (He et al., 2016, section 4.2): 6n + 2 layers, 64 features.

    Shortcuts without parameters (option A), as there.

    Args:
        num_blocks: n; 5 gives ResNet-32.
    """

    def __init__(self, num_blocks: int) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(3, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
        ]
        channels = 16
        for width in (16, 32, 64):
            for _ in range(num_blocks):
                layers.append(BasicBlock(channels, width))
                channels = width
        super().__init__(*layers)
        init_convolutions(self)


class BasicBlock(nn.Module):
    """Two 3 × 3 convolutions and a shortcut; halves the map where it widens."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.stride = 1 if channels == width else 2
        self.added = width - channels
        self.conv1 = nn.Conv2d(channels, width, 3, self.stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Turn maps (N, C, h, w) into maps, at half the resolution where they widen."""
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)), inplace=True)))
        if self.added:
            x = x[:, :, ::2, ::2]
            x = F.pad(x, (0, 0, 0, 0, self.added // 2, self.added - self.added // 2))
        return F.relu(y + x, inplace=True)


class BBNResNet(TwoBranches):
    """The ResNet-32 of long-tailed CIFAR's tables: two last blocks side by side, 128 features.

    Zhou et al., "BBN: Bilateral-Branch Network", CVPR 2020, and since then the published code of
    TDE, xERM and LADE. Parameters are named as there.

    Args:
        num_blocks: of each stage, the last one's last block counted once; 5 gives ResNet-32.
    """

    def __init__(self, num_blocks: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(16, 16, num_blocks)
        self.layer2 = _stage(16, 32, num_blocks)
        self.layer3 = _stage(32, 64, num_blocks - 1)
        self.cb_block = BasicBlock(64, 64)
        self.rb_block = BasicBlock(64, 64)
        init_convolutions(self)

    def stem(self, images: Tensor) -> Tensor:
        """Turn images (N, 3, H, W) into what both branches share, (N, 64, H / 4, W / 4)."""
        maps = F.relu(self.bn1(self.conv1(images)), inplace=True)
        maps = self.layer3(self.layer2(self.layer1(maps)))
        return maps


class RIDEResNet(nn.Module):
    """ResNet-32 whose last two stages are there once for each expert, narrower.

    Wang et al., "RIDE", ICLR 2021, for CIFAR: 24 and 48 channels. Parameters are named as in their
    code.

    Args:
        num_experts: E.
        num_blocks: of each stage; 5 gives ResNet-32.
    """

    def __init__(self, num_experts: int, num_blocks: int = 5) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(16, 16, num_blocks)
        experts = range(num_experts)
        self.layer2s = nn.ModuleList(_stage(16, 24, num_blocks) for _ in experts)
        self.layer3s = nn.ModuleList(_stage(24, 48, num_blocks) for _ in experts)
        init_convolutions(self)

    def forward(self, images: Tensor) -> Tensor:
        """Turn images (N, 3, H, W) into features (N, E · 48), the experts' side by side."""
        shared = self.layer1(F.relu(self.bn1(self.conv1(images)), inplace=True))
        stages = zip(self.layer2s, self.layer3s, strict=True)
        maps = [third(second(shared)) for second, third in stages]
        return torch.cat([of_expert.mean(dim=(2, 3)) for of_expert in maps], dim=1)


def _stage(channels: int, width: int, num_blocks: int) -> nn.Sequential:
    first = BasicBlock(channels, width)
    return nn.Sequential(first, *(BasicBlock(width, width) for _ in range(num_blocks - 1)))


def init_convolutions(network: nn.Module) -> None:
    """Draw the weights of convolutions as He et al. (ICCV 2015) do."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
