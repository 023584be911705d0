"""The classifier of OLTR: features enhanced by a memory of class centroids."""

import torch
from torch import Tensor, nn

from .classifiers import CLASSIFIERS
from .normalization import full_precision
from .normalized_classifier import MultiHeadNormalizedClassifier

# The reachability of a feature that lies a distance of 1 from the nearest centroid.
_REACH = 10.0
# Nearer than this to a centroid counts as this near.
_NEAREST = 1e-6


@CLASSIFIERS.register("oltr")
class MemoryClassifier(nn.Module):
    """Capsule logits of (10 / min_c ‖v − M_c‖) (v + tanh(W_e v) ⊙ softmax(W_h v) M).

    Liu et al., "Large-Scale Long-Tailed Recognition in an Open World", CVPR 2019, Eq. 2 to 4, and
    their code. No gradient reaches the memory through the logits: a loss of its own moves it.

    Args:
        in_features: D.
        num_classes: C.
        temperature: τ of the capsule classifier.

    Attributes:
        centroids: M, (C, D).
    """

    def __init__(self, in_features: int, num_classes: int, *, temperature: float = 16.0) -> None:
        super().__init__()
        self.hallucinator = nn.Linear(in_features, num_classes)
        self.selector = nn.Linear(in_features, in_features)
        self.capsule = MultiHeadNormalizedClassifier(
            in_features, num_classes, num_heads=1, temperature=temperature, normalization="capsule"
        )
        self.centroids = nn.Parameter(torch.randn(num_classes, in_features))

    @property
    def weight(self) -> Tensor:
        """Class weights (C, D) of the capsule classifier."""
        return self.capsule.weight

    def enhanced(self, features: Tensor) -> Tensor:
        """Turn features (N, D) into meta-embeddings (N, D), float32 at least."""
        features, memory = full_precision(features), full_precision(self.centroids.detach())
        nearest = torch.cdist(features, memory).amin(dim=1, keepdim=True).clamp_min(_NEAREST)
        from_memory = full_precision(self.hallucinator(features)).softmax(dim=1) @ memory
        selected = full_precision(self.selector(features)).tanh()
        return _REACH / nearest * (features + selected * from_memory)

    def forward(self, features: Tensor) -> Tensor:
        """Turn features (N, D) into logits (N, C), float32 at least."""
        logits: Tensor = self.capsule(self.enhanced(features))
        return logits
