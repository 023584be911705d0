"""What draws features to their class's centroid and away from others (OLTR)."""

import torch
from torch import Tensor

from lt_det.core.layers.normalization import full_precision


def centroid_loss(
    features: Tensor,
    labels: Tensor,
    centroids: Tensor,
    margin: float = 10.0,
    repelling: float = 0.01,
) -> Tensor:
    """Compute the mean of ½ ‖v − m_y‖², and what is missing of a mean distance to other centroids.

    ½ Σ_i ‖v_i − m_{y_i}‖² / N + r · max(0, margin − Σ_i Σ_{c ≠ y_i} ‖v_i − m_c‖² / (N C)). Liu et
    al., CVPR 2019, as their code has it: the attraction moves a centroid by the mean over 1 + n_c
    of its n_c features in the batch, as in the center loss (Wen et al., ECCV 2016).

    Args:
        features: (N, D).
        labels: (N,) in [0, C).
        centroids: (C, D).
        margin: that is wanted.
        repelling: r.

    Returns:
        a scalar; 0 for no sample.
    """
    features, centroids = full_precision(features), full_precision(centroids)
    count, num_classes = len(features), len(centroids)
    if not count:
        return features.sum() * 0.0 + centroids.sum() * 0.0
    to_own = (features - centroids.detach()[labels]).square().sum(dim=1)
    attraction = to_own.sum() / (2 * count)
    # Of the same value 0, for the gradient of the centroids alone.
    is_own = torch.nn.functional.one_hot(labels, num_classes).bool()
    of_class = is_own.sum(dim=0)[labels] + 1
    moved = ((features.detach() - centroids[labels]).square().sum(dim=1) / of_class).sum()
    moved = moved / (2 * count)
    attraction = attraction + moved - moved.detach()
    distances = torch.cdist(features, centroids).square()
    to_others = distances.masked_fill(is_own, 0.0).sum() / (count * num_classes)
    return attraction + repelling * (margin - to_others).clamp_min(0.0)
