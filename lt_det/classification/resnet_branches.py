"""ResNet-50 with BBN's two last blocks, and what a network of two branches gives its training."""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet

_CHANNELS = 2048  # of layer4


@runtime_checkable
class TwoBranches(Protocol):
    """A network that BBN can train: gives each branch's features alone, and both in ``forward``."""

    def conventional(self, images: Tensor) -> Tensor:
        """Return features (N, D / 2) of the branch that learns from the data as they are."""

    def rebalancing(self, images: Tensor) -> Tensor:
        """Return features (N, D / 2) of the branch that learns from reversed sampling."""


class BBNResNet50(nn.Module):
    """ResNet-50 whose last block is there twice, side by side.

    Zhou et al., "BBN", CVPR 2020, for iNaturalist. Parameters are named as in torchvision, and the
    two blocks as in their code: ``cb_block``, ``rb_block``.
    """

    def __init__(self) -> None:
        super().__init__()
        network = ResNet(Bottleneck, [3, 4, 6, 2])
        for name, module in network.named_children():
            if name not in ("avgpool", "fc"):
                self.add_module(name, module)
        # A ResNet draws its own weights; these blocks' convolutions likewise.
        self.cb_block, self.rb_block = (Bottleneck(_CHANNELS, _CHANNELS // 4) for _ in range(2))
        for block in (self.cb_block, self.rb_block):
            for module in block.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def stem(self, images: Tensor) -> Tensor:
        """Turn images (N, 3, H, W) into what both branches share, (N, 2048, H / 32, W / 32)."""
        maps = images
        for name, module in self.named_children():
            if name not in ("cb_block", "rb_block"):
                maps = module(maps)
        return maps

    def conventional(self, images: Tensor) -> Tensor:
        """Return features (N, 2048) of the branch that learns from the data as they are."""
        features: Tensor = self.cb_block(self.stem(images)).mean(dim=(2, 3))
        return features

    def rebalancing(self, images: Tensor) -> Tensor:
        """Return features (N, 2048) of the branch that learns from reversed sampling."""
        features: Tensor = self.rb_block(self.stem(images)).mean(dim=(2, 3))
        return features

    def forward(self, images: Tensor) -> Tensor:
        """Turn images into maps (N, 4096, H / 32, W / 32): conventional, then rebalancing."""
        shared = self.stem(images)
        return torch.cat([self.cb_block(shared), self.rb_block(shared)], dim=1)
