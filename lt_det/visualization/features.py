"""Images of what a network sees: t-SNE of features, class activation maps."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from lt_det.extras import require

from .class_bias import save_figure

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FeaturePanel:
    """Features of one model, with the labels and names of the data it was trained on.

    Attributes:
        features: (N, D).
        labels: (N,) positions in ``names``.
        names: of the classes shown.
    """

    features: Tensor
    labels: Tensor
    names: Sequence[str]


def draw_tsne(panels: dict[str, FeaturePanel], path: Path, *, seed: int = 0) -> None:
    """Draw t-SNE of features, a panel a model (Zhu et al., AAAI 2022, Fig. 3).

    Models that show the same classes share a legend, beside the last of them.

    Args:
        panels: by model.
        path: PNG to write.
        seed: of t-SNE.

    Raises:
        ValueError: fewer than four samples of a model.
    """
    from sklearn.manifold import TSNE

    for model, panel in panels.items():
        if len(panel.labels) < 4:
            raise ValueError(f"{model}: t-SNE of {len(panel.labels)} samples says nothing")
    figure, axes = plt.subplots(1, len(panels), figsize=(5.2 * len(panels) + 1.5, 5), squeeze=False)
    shown = list(panels.values())
    for i, (axis, (model, panel)) in enumerate(zip(axes[0], panels.items(), strict=True)):
        number = len(panel.features)
        logger.info("t-SNE of %d features of %s", number, model)
        reduced = TSNE(
            perplexity=min(30.0, (number - 1) / 3), init="pca", random_state=seed
        ).fit_transform(panel.features.numpy())
        for label, name in enumerate(panel.names):
            of_class = reduced[(panel.labels == label).numpy()]
            color = plt.get_cmap("tab20")(label % 20)
            axis.scatter(of_class[:, 0], of_class[:, 1], s=9, color=color, label=name)
        axis.set_title(model, fontsize=10)
        axis.set_xticks([])
        axis.set_yticks([])
        if i == len(shown) - 1 or list(shown[i + 1].names) != list(panel.names):
            axis.legend(fontsize=7, bbox_to_anchor=(1.01, 1), loc="upper left", markerscale=2)
    save_figure(figure, path)


@dataclass(frozen=True)
class MappedModel:
    """A model whose answers are explained by Grad-CAM.

    Attributes:
        model: images (1, 3, H, W) → logits (1, C).
        layer: gives its last map.
        class_names: C names.
        as_input: an image as the model takes it: (3, H, W).
    """

    model: nn.Module
    layer: nn.Module
    class_names: Sequence[str]
    as_input: Callable[[Image.Image], Tensor]


def draw_activation_maps(
    models: dict[str, MappedModel], images: Sequence[tuple[str, Image.Image]], path: Path
) -> None:
    """Draw Grad-CAM heat maps of each model's answers (xERM, Fig. 4), by torchcam.

    Args:
        models: by name.
        images: (title, image) of each.
        path: PNG to write; a row an image, a column a model.
    """
    purpose = "a class activation map"
    grad_cam = require("torchcam.methods", "analysis", purpose).GradCAM
    overlay_mask = require("torchcam.utils", "analysis", purpose).overlay_mask
    from torchvision.transforms.functional import to_pil_image

    figure, axes = plt.subplots(
        len(images), len(models) + 1, squeeze=False,
        figsize=(2.5 * (len(models) + 1), 2.7 * len(images)),
    )  # fmt: skip
    for row, (title, image) in zip(axes, images, strict=True):
        shown = image.resize((224, 224), Image.Resampling.BICUBIC)
        _show(row[0], shown, title)
        for axis, (name, mapped) in zip(row[1:], models.items(), strict=True):
            with (
                grad_cam(mapped.model, target_layer=mapped.layer) as extractor,
                torch.enable_grad(),
            ):
                logits = mapped.model(mapped.as_input(image)[None])
                best = int(logits.argmax())
                heat = extractor(best, logits)[0].squeeze(0).detach().cpu()
            mask = to_pil_image(np.nan_to_num(heat.numpy()).astype(np.float32), mode="F")
            answer = f"{name}: {mapped.class_names[best]}"
            _show(axis, overlay_mask(shown, mask, alpha=0.5), answer)
    save_figure(figure, path)


def _show(axis: Any, image: Image.Image, title: str) -> None:
    axis.imshow(image)
    axis.set_title(title if len(title) < 34 else title[:32] + "…", fontsize=8)
    axis.axis("off")
