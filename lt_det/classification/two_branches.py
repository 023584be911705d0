"""What BBN trains: a network with two last blocks side by side on one stem."""

import torch
from torch import Tensor, nn


class TwoBranches(nn.Module):
    """A network that shares all but its last block, which is there twice.

    Zhou et al., "BBN: Bilateral-Branch Network", CVPR 2020. A subclass sets ``cb_block`` and
    ``rb_block``, named as in their code, and says its ``stem``.
    """

    cb_block: nn.Module
    rb_block: nn.Module

    def stem(self, images: Tensor) -> Tensor:
        """Turn images (N, 3, H, W) into the maps (N, D / 2, h, w) that both branches share."""
        raise NotImplementedError

    def conventional(self, images: Tensor) -> Tensor:
        """Return features (N, D / 2) of the branch that learns from the data as they are."""
        features: Tensor = self.cb_block(self.stem(images)).mean(dim=(2, 3))
        return features

    def rebalancing(self, images: Tensor) -> Tensor:
        """Return features (N, D / 2) of the branch that learns from reversed sampling."""
        features: Tensor = self.rb_block(self.stem(images)).mean(dim=(2, 3))
        return features

    def forward(self, images: Tensor) -> Tensor:
        """Turn images (N, 3, H, W) into maps (N, D, h, w): conventional, then rebalancing."""
        shared = self.stem(images)
        return torch.cat([self.cb_block(shared), self.rb_block(shared)], dim=1)
