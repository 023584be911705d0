"""The multi-head normalized classifier and its Total Direct Effect."""

import math

import torch
from torch import Tensor, nn

from .normalization import (
    NORMALIZATIONS,
    full_precision,
    normalize_features,
    normalize_weights,
    project_heads,
    split_heads,
)

Alpha = float | Tensor


class MultiHeadNormalizedClassifier(nn.Module):
    """z_c = (τ/K) Σ_k w_{c,k}ᵀ x_k / N(x_k, w_{c,k}), without a bias.

    The heads are contiguous chunks of the feature vector. De-confounded training is this classifier
    under cross-entropy (Tang, Huang, Zhang, "Long-Tailed Classification by Keeping the Good and
    Removing the Bad Momentum Causal Effect", NeurIPS 2020); :meth:`tde` is their inference.
    Computes in float32 at least, whatever autocast says: see
    :func:`~lt_det.core.layers.normalization.full_precision`.

    Args:
        in_features: D.
        num_classes: C, the background class included where there is one.
        num_heads: K; D must be divisible by it.
        temperature: τ.
        normalization: one of :data:`~lt_det.core.layers.normalization.NORMALIZATIONS`.
        weight_norm_offset: γ, used by ``deconfound`` alone.
        weight_norm_power: p, used by ``tau_norm`` alone.

    Attributes:
        weight: (C, D), initialised U(−1/√D, 1/√D).
        class_scale: g, (C,), initialised to 1; ``None`` except for ``lws``.
        kept_parameters: what a second stage takes from its first: the weight of ``lws``.
        frozen_parameters: what of it does not learn.

    Raises:
        ValueError: D not divisible by K, unknown normalization, or a size or τ not positive.
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        num_heads: int = 2,
        temperature: float = 16.0,
        normalization: str = "deconfound",
        weight_norm_offset: float = 1 / 32,
        weight_norm_power: float = 1.0,
    ) -> None:
        super().__init__()
        if min(in_features, num_classes, num_heads) < 1 or not temperature > 0:
            raise ValueError(
                "in_features, num_classes, num_heads and temperature must be positive, got "
                f"{in_features}, {num_classes}, {num_heads} and {temperature}"
            )
        if in_features % num_heads:
            raise ValueError(f"{in_features} features cannot be split into {num_heads} equal heads")
        if normalization not in NORMALIZATIONS:
            raise ValueError(
                f"unknown normalization {normalization!r}; known: {', '.join(NORMALIZATIONS)}"
            )
        if weight_norm_offset < 0:
            raise ValueError(f"weight_norm_offset must not be negative, got {weight_norm_offset}")
        self.in_features = in_features
        self.num_classes = num_classes
        self.num_heads = num_heads
        self.temperature = temperature
        self.normalization = normalization
        self.weight_norm_offset = weight_norm_offset
        self.weight_norm_power = weight_norm_power
        self.weight = nn.Parameter(torch.empty(num_classes, in_features))
        self.class_scale = nn.Parameter(torch.ones(num_classes)) if normalization == "lws" else None
        # What LWS learns is the scale alone.
        self.kept_parameters = ("weight",) if normalization == "lws" else ()
        self.frozen_parameters = self.kept_parameters
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weight from U(−1/√D, 1/√D), as the published code does."""
        bound = 1 / math.sqrt(self.in_features)
        nn.init.uniform_(self.weight, -bound, bound)
        if self.class_scale is not None:
            nn.init.ones_(self.class_scale)

    def normalized_features(self, x: Tensor) -> Tensor:
        """Return x_k / N_x(x_k): (..., D) → (..., K, D/K), float32 at least."""
        return normalize_features(
            split_heads(full_precision(x), self.num_heads), self.normalization
        )

    def normalized_weight(self) -> Tensor:
        """Return (τ/K) w_{c,k} / N_w(w_{c,k}): (C, K, D/K), float32 at least."""
        heads = normalize_weights(
            split_heads(full_precision(self.weight), self.num_heads),
            self.normalization,
            offset=self.weight_norm_offset,
            power=self.weight_norm_power,
        )
        if self.class_scale is not None:
            heads = heads * full_precision(self.class_scale)[:, None, None]
        return heads * (self.temperature / self.num_heads)

    def forward(self, x: Tensor) -> Tensor:
        """Return total-effect (TE) logits.

        Args:
            x: features (N, D); N may be 0.

        Returns:
            (N, C) logits.
        """
        with torch.autocast(x.device.type, enabled=False):
            return self._te_logits(self.normalized_features(x), self.normalized_weight())

    def effects(self, x: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
        """Return TE logits and the head direction's part of them; TDE = TE − α · part for any α.

        The share is s bᵀ with s_{n,k} = x̂_kᵀ d̂_k (the cosine, for unit features) and the (C, K)
        table b_{c,k} = (τ/K) d̂_kᵀ ŵ_{c,k}: an (N, K)·(K, C) product beside the one of TE.

        Args:
            x: features (N, D).
            direction: head direction d (D,); its length does not matter, zero gives a zero share.

        Returns:
            two (N, C) tensors.

        Raises:
            ValueError: ``direction`` is not (D,).
        """
        self._check_direction(direction)
        with torch.autocast(x.device.type, enabled=False):
            features, weight = self.normalized_features(x), self.normalized_weight()
            return self._te_logits(features, weight), _share(features, weight, direction)

    def counterfactual_logits(self, x: Tensor, direction: Tensor) -> Tensor:
        """Return the second result of :meth:`effects` alone, without the product of all D features.

        Args:
            x: features (N, D).
            direction: head direction (D,).

        Returns:
            (N, C).

        Raises:
            ValueError: ``direction`` is not (D,).
        """
        self._check_direction(direction)
        with torch.autocast(x.device.type, enabled=False):
            return _share(self.normalized_features(x), self.normalized_weight(), direction)

    def tde(self, x: Tensor, direction: Tensor, alpha: Alpha) -> Tensor:
        """Return total-direct-effect logits z − α (τ/K) Σ_k cos(x_k, d_k) d̂_kᵀ ŵ_{c,k}.

        For feature norms other than ‖x‖ the projection of the normalized feature on d̂_k takes the
        cosine's place, so that α = 1 always leaves each head orthogonal to its direction.

        Args:
            x: features (N, D).
            direction: head direction (D,); zero (nothing tracked yet) gives the TE logits.
            alpha: α, a number or a 1-D tensor of A values; 0 gives the TE logits.

        Returns:
            (N, C) logits, or (A, N, C) for a 1-D ``alpha``.
        """
        te_logits, share = self.effects(x, direction)
        return tde_logits(te_logits, share, alpha)

    def extra_repr(self) -> str:
        """Return what ``print`` shows."""
        return (
            f"in_features={self.in_features}, num_classes={self.num_classes}, "
            f"num_heads={self.num_heads}, temperature={self.temperature:g}, "
            f"normalization={self.normalization!r}"
        )

    def _check_direction(self, direction: Tensor) -> None:
        if direction.shape != (self.in_features,):
            raise ValueError(
                f"direction must have shape ({self.in_features},), got {tuple(direction.shape)}"
            )

    @staticmethod
    def _te_logits(features: Tensor, weight: Tensor) -> Tensor:
        return nn.functional.linear(features.flatten(1), weight.flatten(1))


def _share(features: Tensor, weight: Tensor, direction: Tensor) -> Tensor:
    """Return (N, C) from (N, K, D/K) and (C, K, D/K)."""
    return project_heads(features, direction) @ project_heads(weight, direction).T


def tde_logits(te_logits: Tensor, share: Tensor, alpha: Alpha) -> Tensor:
    """Return TDE logits from the two results of :meth:`MultiHeadNormalizedClassifier.effects`.

    Args:
        te_logits: (N, C) logits.
        share: (N, C), the head direction's share at α = 1.
        alpha: a number, or a 1-D tensor of A values.

    Returns:
        (N, C) logits, or (A, N, C) for a 1-D ``alpha``.

    Raises:
        ValueError: ``alpha`` has more than one dimension.
    """
    if isinstance(alpha, Tensor) and alpha.ndim > 0:
        if alpha.ndim > 1:
            raise ValueError(f"alpha must be a number or 1-D, got shape {tuple(alpha.shape)}")
        return te_logits - alpha.to(te_logits)[:, None, None] * share
    return te_logits.sub(share, alpha=float(alpha))
