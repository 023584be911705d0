"""One pass over the test images, and every way of reading it."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.utils import comm
from detectron2.utils.logger import log_every_n_seconds
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms.functional import pil_to_tensor

from lt_det.core.post_hoc import LogitAdjustment, NoPostHoc, PostHocMethod, TauNorm
from lt_det.data.classification import ImageSet, decode_all
from lt_det.data.classification.augment import (
    crop_and_flip,
    test_transform,
    training_transform,
)
from lt_det.data.classification.loaders import file_test_batches, in_memory_test_batches
from lt_det.data.workers import num_workers
from lt_det.engine.post_hoc import check_names, spelled_methods, swept_tde
from lt_det.engine.seeding import derived_seed
from lt_det.errors import ConfigError, WeightsError

from .model import ImageClassifier

logger = logging.getLogger(__name__)

_OLD_NAMES = (
    *("TEST.TDE_ALPHAS", "TEST.CLASSIFICATION.LA_TAUS"),
    "TEST.CLASSIFICATION.TAU_NORM_POWERS",
)


@torch.no_grad()
def collect_features(
    model: ImageClassifier,
    image_set: ImageSet,
    cfg: CfgNode,
    images: Tensor | None = None,
    view: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Return features and labels of a set, each image once, shared out among the processes.

    Args:
        model: trained; its mode is left as it is.
        image_set: N images.
        cfg: of the model.
        images: (N, 3, S, S) uint8, where they are decoded already.
        view: number of an augmented view of the images, as in training; ``None``: as in tests.

    Returns:
        (N, D) float32 and (N,) on the CPU, in the set's order; empty off the main process.
    """
    of_process = torch.arange(comm.get_rank(), len(image_set), comm.get_world_size())
    part, options = image_set.select(of_process), cfg.INPUT.CLASSIFICATION
    batches: Any
    if options.IN_MEMORY:
        if images is None:
            _, decoded = decode_all(part, options.SIZE, "error")
        else:
            decoded = images[of_process]
        if view is not None:
            generator = torch.Generator().manual_seed(derived_seed(view, comm.get_rank()))
            decoded = crop_and_flip(decoded, options.PADDING, options.FLIP, generator)
        batches = in_memory_test_batches(decoded, part.labels, cfg.TEST.CLASSIFICATION.BATCH_SIZE)
    else:
        augmented = training_transform(options.SIZE, options.COLOR_JITTER, flip=options.FLIP)
        batches = file_test_batches(
            part,
            test_transform(options.SIZE) if view is None else augmented,
            cfg.TEST.CLASSIFICATION.BATCH_SIZE,
            num_workers(cfg.DATALOADER.NUM_WORKERS),
            seed=0 if view is None else derived_seed(view, comm.get_rank()),
        )
    training = model.training
    model.eval()
    features, labels = [], []
    for number, batch in enumerate(batches, 1):
        features.append(model.features(batch["images"]).cpu())
        labels.append(batch["labels"])
        log_every_n_seconds(
            logging.INFO, f"{image_set.name}: features of batch {number}/{len(batches)}", n=5
        )
    model.train(training)
    width = model.backbone.num_features
    part_features = torch.cat(features) if features else torch.zeros(0, width)
    truth = torch.cat(labels) if labels else torch.zeros(0, dtype=torch.int64)
    if comm.get_world_size() == 1:
        return part_features, truth
    gathered = comm.gather((of_process, part_features, truth), dst=0)
    if not gathered:
        return torch.zeros(0, width), truth[:0]
    order = torch.cat([g[0] for g in gathered]).argsort()
    return torch.cat([g[1] for g in gathered])[order], torch.cat([g[2] for g in gathered])[order]


@dataclass(frozen=True)
class PostHocResult:
    """What a post-hoc method says of N images.

    Attributes:
        name: of the row, in results.
        params: ``{"name": …, "params": {…}}`` of the method.
        parameter: what ``params`` was before: ``{"alpha": …}``, ``{"tau": …}``, ``{"p": …}``.
        logits: (N, C), float32.
        probs: (N, C).
    """

    name: str
    params: dict[str, Any]
    parameter: dict[str, float]
    logits: Tensor
    probs: Tensor


def post_hoc_rows(cfg: CfgNode) -> list[PostHocMethod]:
    """Return the post-hoc method of each row.

    They are TEST.POST_HOC's; where that is empty, the classifier as it was trained, then TDE at
    TEST.TDE_ALPHAS (else MODEL.LT.TDE's where it is enabled), logit adjustment at
    TEST.CLASSIFICATION.LA_TAUS (1 is PC) and τ-norm at TEST.CLASSIFICATION.TAU_NORM_POWERS.

    Raises:
        ConfigError: a call of TEST.POST_HOC that is none, or two that results would not tell apart.
    """
    methods = spelled_methods(cfg, has_background=False, old_names=_OLD_NAMES)
    key = "TEST.POST_HOC" if methods else " and ".join(_OLD_NAMES)
    if not methods:
        options = cfg.TEST.CLASSIFICATION
        swept = [
            NoPostHoc(),
            *swept_tde(cfg, has_background=False),
            *[LogitAdjustment(float(tau)) for tau in options.LA_TAUS],
            *[TauNorm(float(power)) for power in options.TAU_NORM_POWERS],
        ]
        methods = list(dict.fromkeys(swept))
    check_names(methods, lambda method: [method.label], key)
    return methods


def checked_rows(
    model: ImageClassifier, cfg: CfgNode, test_counts: dict[str, Tensor] | None = None
) -> list[PostHocMethod]:
    """Return :func:`post_hoc_rows` where the model can be read by each of them.

    Args:
        model: with its weights.
        cfg: of the run.
        test_counts: (C,) images per class of each test distribution; ``None``: whether the tests
            that methods name are there is not looked at.

    Raises:
        WeightsError: TDE of a model that tracked no head direction: it would repeat the
            classifier's own row under TDE's name.
        ConfigError: a method that cannot read this classifier.
    """
    methods = post_hoc_rows(cfg)
    if test_counts is None:
        test_counts = {getattr(method, "test", ""): torch.ones(1) for method in methods}
    context = model.context(torch.ones(1), test_counts)
    for method in methods:
        if method.uses_counterfactual:
            row = f"{cfg.MODEL.CLASSIFICATION.METHOD}{method.label}"
            check_direction(model, f"{cfg.MODEL.WEIGHTS or cfg.OUTPUT_DIR}: {row}")
        try:
            method.check(context)
        except ValueError as error:
            raise ConfigError(f"TEST.POST_HOC: {error}") from error
    return methods


def check_direction(model: ImageClassifier, wanted: str) -> None:
    """Raise WeightsError where TDE is wanted of a model without a head direction.

    Args:
        model: with its weights.
        wanted: file and row, for the message.
    """
    if model.head_direction is None:
        raise WeightsError(f"{wanted}: a linear classifier tracks no head direction")
    if not model.head_direction.direction.any():
        raise WeightsError(
            f"{wanted}: the head direction is zero, none was tracked in training (a second stage "
            "has its first stage's, if that one's classifier is normalized): TDE would be TE; set "
            "TEST.TDE_ALPHAS [] and MODEL.LT.TDE.ENABLED False"
        )


@torch.no_grad()
def post_hoc_results(
    model: ImageClassifier,
    features: Tensor,
    class_counts: Tensor,
    cfg: CfgNode,
    test_counts: dict[str, Tensor] | None = None,
) -> Iterator[PostHocResult]:
    """Read features (N, D) by every post-hoc method that a config asks for.

    Rows are called by MODEL.CLASSIFICATION.METHOD and the method.

    Args:
        model: with its weights.
        features: (N, D) of the test set.
        class_counts: (C,) training images per class.
        cfg: of the run.
        test_counts: (C,) images per class of each test distribution.

    Raises:
        WeightsError, ConfigError: see :func:`checked_rows`.
    """
    outputs = model.outputs(features.to(model.device))
    context = model.context(class_counts, test_counts)
    for method in checked_rows(model, cfg, test_counts or {}):
        is_own = isinstance(method, NoPostHoc)
        logits = method.logits(outputs, context)
        probs = model.loss.probs(logits) if is_own else method.probs(outputs, context)
        # τ-norm's power was called p.
        parameter = {"p" if k == "power" else k: v for k, v in method.params.items()}
        yield PostHocResult(
            f"{cfg.MODEL.CLASSIFICATION.METHOD}{method.label}",
            {"name": method.name, "params": method.params},
            parameter,
            logits,
            probs,
        )


class ImageLogits(nn.Module):
    """Images (N, 3, H, W) in [0, 255] → logits (N, C), for tools that take one module.

    Where gradients are on, they reach the backbone's maps even of a frozen backbone: through the
    images, as Grad-CAM needs them.

    Args:
        model: trained, in eval mode.
        method: post-hoc; ``None`` gives the classifier's own logits.

    Raises:
        WeightsError: TDE of a model that tracked no head direction.
    """

    def __init__(self, model: ImageClassifier, method: PostHocMethod | None = None) -> None:
        super().__init__()
        self.method = method or NoPostHoc()
        if self.method.uses_counterfactual:
            check_direction(model, self.method.label.lstrip("-, "))
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        if torch.is_grad_enabled():
            # Parameters that take no gradient let none through; the images do.
            images = images.to(self.model.device, torch.float32).detach().requires_grad_()
        outputs = self.model.outputs(self.model.features(images))
        return self.method.logits(outputs, self.model.context())


def image_tensor(image: Image.Image, cfg: CfgNode) -> Tensor:
    """Return an image as the config's models take it: (3, S, S) uint8."""
    options = cfg.INPUT.CLASSIFICATION
    if not options.IN_MEMORY:
        cropped: Tensor = test_transform(options.SIZE)(image)
        return cropped
    resized = image.resize((options.SIZE, options.SIZE), Image.Resampling.BILINEAR)
    return pil_to_tensor(resized)


def weight_norms(classifier: nn.Module) -> Tensor:
    """Return the norms of the class weights (C,), on the CPU (Tang et al., supplement, Fig. 1).

    ‖w_c‖ of the learned weight; of LWS, which learns a scale g_c beside a frozen weight, ‖g_c w_c‖
    of the weight it classifies by. Cosine, capsule, τ-norm and de-confound classifiers divide by
    the norm (γ added to it, or to a power): what is given is ‖w_c‖ all the same, before that
    division, as the paper draws it.
    """
    norms = classifier.weight.detach().float().norm(dim=1)
    scale = getattr(classifier, "class_scale", None)
    if scale is not None:
        norms = norms * scale.detach().float().abs()
    return norms.cpu()
