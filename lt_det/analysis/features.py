"""Pictures of what a network sees: t-SNE of features, class activation maps."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from .class_pictures import save_figure

logger = logging.getLogger(__name__)


def draw_tsne(
    features: dict[str, Tensor],
    labels: Tensor,
    names: Sequence[str],
    path: Path,
    *,
    seed: int = 0,
) -> None:
    """t-SNE of features, a panel a model (Zhu et al., AAAI 2022, Fig. 3).

    Args:
        features: ``{model: (N, D)}``.
        labels: (N,) positions in ``names``.
        names: of the classes shown.
        path: PNG to write.
        seed: of t-SNE.

    Raises:
        ValueError: fewer than four samples.
    """
    from sklearn.manifold import TSNE

    if len(labels) < 4:
        raise ValueError(f"t-SNE of {len(labels)} samples says nothing")
    figure, axes = plt.subplots(
        1, len(features), figsize=(5.2 * len(features) + 1.5, 5), squeeze=False
    )
    for axis, (model, values) in zip(axes[0], features.items(), strict=True):
        logger.info("t-SNE of %d features of %s", len(values), model)
        reduced = TSNE(
            perplexity=min(30.0, (len(values) - 1) / 3), init="pca", random_state=seed
        ).fit_transform(values.numpy())
        for label, name in enumerate(names):
            of_class = reduced[(labels == label).numpy()]
            color = plt.get_cmap("tab20")(label % 20)
            axis.scatter(of_class[:, 0], of_class[:, 1], s=9, color=color, label=name)
        axis.set_title(model, fontsize=10)
        axis.set_xticks([])
        axis.set_yticks([])
    axes[0][-1].legend(fontsize=7, bbox_to_anchor=(1.01, 1), loc="upper left", markerscale=2)
    save_figure(figure, path)


def draw_activation_maps(
    models: dict[str, tuple[nn.Module, nn.Module]],
    pictures: Sequence[tuple[str, Image.Image, Tensor]],
    class_names: Sequence[str],
    path: Path,
) -> None:
    """Grad-CAM heat maps of each model's answer to given pictures (xERM, Fig. 4), by torchcam.

    Args:
        models: ``{name: (pictures (1, 3, H, W) → logits (1, C), layer that gives its last map)}``.
        pictures: (title, picture, the (3, H, W) tensor the models take) of each.
        class_names: C names.
        path: PNG to write; a row a picture, a column a model.
    """
    from torchcam.methods import GradCAM
    from torchcam.utils import overlay_mask
    from torchvision.transforms.functional import to_pil_image

    figure, axes = plt.subplots(
        len(pictures), len(models) + 1, squeeze=False,
        figsize=(2.5 * (len(models) + 1), 2.7 * len(pictures)),
    )  # fmt: skip
    for row, (title, picture, tensor) in zip(axes, pictures, strict=True):
        shown = picture.resize((224, 224), Image.Resampling.BICUBIC)
        _show(row[0], shown, title)
        for axis, (name, (model, layer)) in zip(row[1:], models.items(), strict=True):
            with GradCAM(model, target_layer=layer) as extractor, torch.enable_grad():
                logits = model(tensor[None])
                best = int(logits.argmax())
                heat = extractor(best, logits)[0].squeeze(0).detach().cpu()
            mask = to_pil_image(np.nan_to_num(heat.numpy()).astype(np.float32), mode="F")
            answer = f"{name}: {class_names[best]}"
            _show(axis, overlay_mask(shown, mask, alpha=0.5), answer)
    save_figure(figure, path)


def _show(axis: Any, picture: Image.Image, title: str) -> None:
    axis.imshow(picture)
    axis.set_title(title if len(title) < 34 else title[:32] + "…", fontsize=8)
    axis.axis("off")
