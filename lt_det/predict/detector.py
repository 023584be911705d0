"""A trained detector that takes images and gives detections."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.data import transforms as T
from detectron2.modeling import build_model
from detectron2.structures import Instances
from numpy.typing import NDArray
from torch import Tensor

import lt_det.detection  # noqa: F401  (registers the modules)
from lt_det.core.post_hoc import NoPostHoc, PostHocMethod
from lt_det.detection.evaluation.directions import check_directions
from lt_det.detection.evaluation.post_hoc_sweep import PostHocSweep
from lt_det.detection.evaluation.training_counts import check_methods
from lt_det.detection.modeling.cascade_inference import Counts
from lt_det.detection.modeling.memory_format import in_memory_format
from lt_det.engine import LTCheckpointer
from lt_det.engine.post_hoc import model_post_hoc
from lt_det.errors import ConfigError, DataError

from .images import InputImage, Source, batches, named_images
from .loading import called_method, detection_categories, record_of, trained_config
from .results import Categories, DetectionResult


class Detector:
    """A trained detector; safe to be used by several threads at once, for it holds no state.

    Attributes:
        categories: names, ids and frequency groups by class index.
        post_hoc: what class probabilities are made by, in words.
    """

    def __init__(
        self,
        model: PostHocSweep,
        categories: Categories,
        resize: T.Augmentation,
        image_format: str,
    ) -> None:
        """
        Args:
            model: of one post-hoc method, in eval mode.
            categories: its C classes.
            resize: test images' augmentation.
            image_format: ``"RGB"`` or ``"BGR"``, of the model's input.

        Raises:
            ConfigError: another image format.
        """
        if image_format not in ("RGB", "BGR"):
            raise ConfigError(f"INPUT.FORMAT: {image_format}: prediction knows RGB and BGR")
        self.categories = categories
        self._model, self._resize, self._is_bgr = model, resize, image_format == "BGR"

    @property
    def post_hoc(self) -> str:
        """What class probabilities are made by."""
        return self._model.methods[0].label.lstrip("-, ") or "none"

    def predict(
        self, images: Source | Sequence[Source], batch_size: int = 1
    ) -> list[DetectionResult]:
        """Detect in images.

        Args:
            images: paths, folders, patterns, (H, W, 3) uint8 RGB arrays or Pillow's images, one or
                a list of them.
            batch_size: images that the model sees at a time; they are padded to one size.

        Returns:
            a result for each image, in order; of one that cannot be read, the reason.

        Raises:
            DataError: a folder without images, or a pattern that fits nothing.
        """
        return list(self.stream(named_images(images), batch_size))

    def stream(
        self, images: Sequence[InputImage], batch_size: int = 1
    ) -> Iterator[DetectionResult]:
        """Detect in images one batch after another: many hold no more memory than few."""
        for batch in batches(images, batch_size):
            decoded, results = [], {}
            for number, image in enumerate(batch):
                try:
                    decoded.append((number, image.pixels()))
                except DataError as error:
                    reason = str(error)
                    results[number] = DetectionResult.unreadable(image, self.categories, reason)
            for (number, pixels), detected in zip(
                decoded, self.detect([pixels for _, pixels in decoded]), strict=True
            ):
                results[number] = self._result(batch[number], pixels.shape[:2], detected)
            yield from (results[number] for number in range(len(batch)))

    def detect(self, images: Sequence[NDArray[np.uint8]]) -> list[Instances]:
        """Detect in (H, W, 3) RGB arrays.

        Returns:
            Detectron2's instances of each image, on the CPU, best first.
        """
        if not images:
            return []
        inputs = [self._input(pixels) for pixels in images]
        with torch.inference_mode():
            answers = self._model(inputs)
        return [answer["instances"].of(0).to("cpu") for answer in answers]

    def _input(self, pixels: NDArray[np.uint8]) -> dict[str, Any]:
        height, width = pixels.shape[:2]
        ordered = pixels[:, :, ::-1] if self._is_bgr else pixels
        resized = self._resize.get_transform(ordered).apply_image(ordered)
        image: Tensor = torch.from_numpy(np.ascontiguousarray(resized.transpose(2, 0, 1)))
        return {"image": image, "height": height, "width": width}

    def _result(
        self, image: InputImage, size: tuple[int, ...], detected: Instances
    ) -> DetectionResult:
        masks = detected.pred_masks.numpy() if detected.has("pred_masks") else None
        return DetectionResult(
            image,
            (size[0], size[1]),
            detected.pred_boxes.tensor.float().numpy(),
            detected.scores.float().numpy(),
            detected.pred_classes.numpy(),
            masks,
            self.categories,
        )


class DetectorParts(NamedTuple):
    """A trained detector's parts.

    Attributes:
        model: a GeneralizedRCNN in eval mode.
        method: post-hoc, that its classes are read by.
        counts: of the training set.
        categories: its C classes.
        cfg: of the model.
    """

    model: Any
    method: PostHocMethod
    counts: Counts
    categories: Categories
    cfg: CfgNode


def detector_parts(
    weights: str,
    *,
    config: str = "",
    device: str | None = None,
    post_hoc: str = "",
    score_threshold: float = 0.3,
    max_detections: int = 0,
) -> DetectorParts:
    """Load a detector's parts; arguments and errors are :func:`load_detector`'s."""
    cfg = trained_config(str(weights), str(config), device, classification=False)
    cfg.MODEL.ROI_HEADS.SCORE_THRESH_TEST = score_threshold
    if max_detections:
        cfg.TEST.DETECTIONS_PER_IMAGE = max_detections
    record = record_of(cfg.MODEL.WEIGHTS)
    configured = model_post_hoc(cfg, has_background=True)
    method = called_method(post_hoc, has_background=True) if post_hoc else configured
    model = in_memory_format(build_model(cfg), cfg).eval()
    LTCheckpointer(model, complete=True).load(cfg.MODEL.WEIGHTS)
    counts = Counts(torch.tensor(record.instance_counts), torch.tensor(record.image_counts))
    if not isinstance(method, NoPostHoc):
        check_methods(model, [method], counts)
        check_directions(model, [method], cfg.MODEL.WEIGHTS)
    return DetectorParts(model, method, counts, detection_categories(record), cfg)


def load_detector(
    weights: str,
    *,
    config: str = "",
    device: str | None = None,
    post_hoc: str = "",
    score_threshold: float = 0.3,
    max_detections: int = 0,
) -> Detector:
    """Load a detector that lt_det has trained.

    Args:
        weights: its ``.pth`` file.
        config: file; "" is ``config.yaml`` beside the weights.
        device: ``"cpu"``, ``"cuda"``, …; ``None`` is a GPU where there is one.
        post_hoc: a call as in TEST.POST_HOC, ``"tde(alpha=1.5)"`` say; "" is as it was configured
            (MODEL.LT.TDE).
        score_threshold: detections below are left out.
        max_detections: in an image; 0 is as it was configured.

    Raises:
        WeightsError: no such file, of another kind, or that does not say its classes, or TDE of a
            detector that tracked no head direction.
        ConfigError: no config, device or method of that name.
    """
    model, method, counts, categories, cfg = detector_parts(
        weights,
        config=config,
        device=device,
        post_hoc=post_hoc,
        score_threshold=score_threshold,
        max_detections=max_detections,
    )
    resize = T.ResizeShortestEdge(
        [cfg.INPUT.MIN_SIZE_TEST, cfg.INPUT.MIN_SIZE_TEST], cfg.INPUT.MAX_SIZE_TEST
    )
    sweep = PostHocSweep(model, [method], counts).eval()
    return Detector(sweep, categories, resize, cfg.INPUT.FORMAT)
