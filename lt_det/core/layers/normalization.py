"""The norms N(x, w) of the normalized-classifier family, each split in a feature and weight part.

Every member of the family is z_c = (τ/K) Σ_k w_{c,k}ᵀ x_k / N(x_k, w_{c,k}) with N(x, w) =
N_x(x) · N_w(w), so normalizing features and weights apart leaves one matrix product for all heads.

==============  ===========  ==========  ====================================================
name            N_x(x)       N_w(w)      source
==============  ===========  ==========  ====================================================
``cosine``      ‖x‖          ‖w‖         Gidaris and Komodakis, CVPR 2018
``capsule``     ‖x‖ + 1      ‖w‖         Liu et al., CVPR 2019 (OLTR)
``deconfound``  ‖x‖          ‖w‖ + γ     Tang, Huang, Zhang, NeurIPS 2020
``tau_norm``    1            ‖w‖^p       Kang et al., ICLR 2020 (their τ is p here)
``lws``         1            1 / g_c     Kang et al., ICLR 2020 (learned g)
==============  ===========  ==========  ====================================================
"""

import torch
from torch import Tensor

NORMALIZATIONS = ("cosine", "capsule", "deconfound", "tau_norm", "lws")

# Below this norm a vector counts as zero and is mapped to itself.
_SMALLEST_NORM = 1e-12


def split_heads(vectors: Tensor, num_heads: int) -> Tensor:
    """View (..., D) as (..., K, D/K): head k owns the k-th contiguous chunk."""
    return vectors.reshape(*vectors.shape[:-1], num_heads, vectors.shape[-1] // num_heads)


def _divisors(vectors: Tensor, offset: float = 0.0) -> Tensor:
    """‖v‖ + offset, (..., 1); 1 where that counts as zero, which keeps gradients moderate there."""
    norms: Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True) + offset
    return torch.where(norms > _SMALLEST_NORM, norms, torch.ones_like(norms))


def unit(vectors: Tensor) -> Tensor:
    """Scale vectors (..., D) to length 1 along the last dimension; zero vectors stay zero."""
    return vectors / _divisors(vectors)


def project_heads(heads: Tensor, direction: Tensor) -> Tensor:
    """Return length of each head along its chunk of a direction: v_kᵀ d̂_k.

    Args:
        heads: (..., K, D/K).
        direction: (D,), of any length; a zero chunk gives 0.

    Returns:
        (..., K).
    """
    unit_direction = unit(split_heads(direction.to(heads.dtype), heads.shape[-2]))
    return torch.einsum("...kd,kd->...k", heads, unit_direction)


def direction_cosines(features: Tensor, direction: Tensor, num_heads: int) -> Tensor:
    """Return cos(x_k, d_k) of each head with its chunk of a direction.

    Args:
        features: (..., D).
        direction: (D,), of any length; a zero chunk gives 0.
        num_heads: K.

    Returns:
        (..., K), in [−1, 1].
    """
    return project_heads(unit(split_heads(features, num_heads)), direction)


def full_precision(values: Tensor) -> Tensor:
    """Return half and bfloat16 values as float32, any others as they are.

    Norms of 1,024 half-precision features overflow, and logits of up to τ=16 keep three digits
    in bfloat16, fewer than softmax needs to rank 1,230 classes.
    """
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values


def normalize_features(heads: Tensor, normalization: str) -> Tensor:
    """Return x_k / N_x(x_k) for features split into heads, shape (..., K, D/K)."""
    if normalization in ("cosine", "deconfound"):
        return unit(heads)
    if normalization == "capsule":
        return heads / _divisors(heads, 1.0)
    return heads


def normalize_weights(heads: Tensor, normalization: str, *, offset: float, power: float) -> Tensor:
    """Return w_{c,k} / N_w(w_{c,k}) for weights split into heads, shape (C, K, D/K).

    Args:
        heads: classifier weights by head.
        normalization: one of :data:`NORMALIZATIONS`.
        offset: γ of ``deconfound``.
        power: p of ``tau_norm``.
    """
    if normalization in ("cosine", "capsule"):
        return unit(heads)
    if normalization == "deconfound":
        return heads / _divisors(heads, offset)
    if normalization == "tau_norm":
        return heads / _divisors(heads) ** power
    return heads
