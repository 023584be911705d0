"""A trained image classifier that takes images and gives classes."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from detectron2.config import CfgNode
from PIL import Image
from torch import Tensor

from lt_det.classification.inference import check_direction, image_tensor
from lt_det.classification.model import ImageClassifier
from lt_det.core.post_hoc import PostHocMethod
from lt_det.engine import LTCheckpointer
from lt_det.engine.post_hoc import model_post_hoc
from lt_det.errors import ConfigError, DataError

from .images import InputImage, Source, batches, named_images
from .loading import called_method, image_categories, record_of, trained_config
from .results import Categories, ClassificationResult


class Classifier:
    """A trained image classifier; safe to be used by several threads at once.

    Attributes:
        categories: names and shot groups by class index.
    """

    def __init__(
        self,
        model: ImageClassifier,
        method: PostHocMethod,
        class_counts: Tensor,
        categories: Categories,
        cfg: CfgNode,
    ) -> None:
        """
        Args:
            model: in eval mode.
            method: post-hoc, that its logits are read by.
            class_counts: (C,) training images per class.
            categories: its C classes.
            cfg: of the model, which says how images are brought to its size.

        Raises:
            ConfigError: a method that cannot read this classifier.
        """
        self.categories = categories
        self._model, self._method, self._cfg = model, method, cfg
        self._context = model.context(class_counts)
        try:
            method.check(self._context)
        except ValueError as error:
            raise ConfigError(f"post_hoc: {error}") from error

    @property
    def post_hoc(self) -> str:
        """What class probabilities are made by."""
        return self._method.label.lstrip("-, ") or "none"

    def predict(
        self, images: Source | Sequence[Source], batch_size: int = 32
    ) -> list[ClassificationResult]:
        """Classify images.

        Args:
            images: paths, folders, patterns, (H, W, 3) uint8 RGB arrays or Pillow's images, one or
                a list of them.
            batch_size: images that the model sees at a time.

        Returns:
            a result for each image, in order; of one that cannot be read, the reason.

        Raises:
            DataError: a folder without images, or a pattern that fits nothing.
        """
        return list(self.stream(named_images(images), batch_size))

    def stream(
        self, images: Sequence[InputImage], batch_size: int = 32
    ) -> Iterator[ClassificationResult]:
        """Classify images one batch after another: many hold no more memory than few."""
        for batch in batches(images, batch_size):
            decoded, errors = {}, {}
            for number, image in enumerate(batch):
                try:
                    pixels = Image.fromarray(image.pixels())
                    decoded[number] = image_tensor(pixels, self._cfg)
                except DataError as error:
                    errors[number] = str(error)
            probs = dict(zip(decoded, self.probs(list(decoded.values())), strict=True))
            for number, image in enumerate(batch):
                of_image = probs.get(number, torch.zeros(0)).numpy().astype(np.float32)
                yield ClassificationResult(image, of_image, self.categories, errors.get(number, ""))

    def probs(self, images: Sequence[Tensor]) -> Tensor:
        """Return probabilities (N, C) on the CPU of N images (3, S, S) uint8."""
        if not images:
            return torch.zeros(0, len(self.categories.names))
        with torch.inference_mode():
            outputs = self._model.outputs(self._model.features(torch.stack(list(images))))
            return self._method.probs(outputs, self._context).cpu()


class ClassifierParts(NamedTuple):
    """A trained classifier's parts.

    Attributes:
        model: in eval mode.
        method: post-hoc, that its logits are read by.
        class_counts: (C,) training images per class.
        categories: its C classes.
        cfg: of the model.
    """

    model: ImageClassifier
    method: PostHocMethod
    class_counts: Tensor
    categories: Categories
    cfg: CfgNode


def classifier_parts(
    weights: str, *, config: str = "", device: str | None = None, post_hoc: str = ""
) -> ClassifierParts:
    """Load a classifier's parts; arguments and errors are :func:`load_classifier`'s."""
    cfg = trained_config(str(weights), str(config), device, classification=True)
    record = record_of(cfg.MODEL.WEIGHTS)
    configured = model_post_hoc(cfg, has_background=False)
    method = called_method(post_hoc, has_background=False) if post_hoc else configured
    cfg.MODEL.CLASSIFICATION.NUM_CLASSES = len(record.class_names)
    cfg.MODEL.CLASSIFICATION.BACKBONE_WEIGHTS = ""
    model = ImageClassifier(cfg).to(cfg.MODEL.DEVICE).eval()
    LTCheckpointer(model, complete=True).load(cfg.MODEL.WEIGHTS)
    if method.uses_counterfactual:
        check_direction(model, f"{cfg.MODEL.WEIGHTS}: {method.label.lstrip(', ')}")
    limits = cfg.DATASETS.CLASSIFICATION
    categories = image_categories(record, limits.MANY, limits.FEW)
    return ClassifierParts(model, method, torch.tensor(record.image_counts), categories, cfg)


def load_classifier(
    weights: str, *, config: str = "", device: str | None = None, post_hoc: str = ""
) -> Classifier:
    """Load an image classifier that lt_det has trained.

    Args:
        weights: its ``.pth`` file.
        config: file; "" is ``config.yaml`` beside the weights.
        device: ``"cpu"``, ``"cuda"``, …; ``None`` is a GPU where there is one.
        post_hoc: a call as in TEST.POST_HOC, ``"logit_adjustment(tau=1)"`` say; "" is as it was
            configured (MODEL.LT.TDE).

    Raises:
        WeightsError: no such file, of another kind, or that does not say its classes, or TDE of a
            classifier that tracked no head direction.
        ConfigError: no config, device or method of that name.
    """
    parts = classifier_parts(weights, config=config, device=device, post_hoc=post_hoc)
    return Classifier(*parts)
