"""One pass over the test images, and every way of reading it: TE, TDE, PC, τ-norm."""

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

from lt_det.core import MultiHeadNormalizedClassifier, adjust_logits
from lt_det.data.classification import ImageSet, decode_all
from lt_det.data.classification.augment import test_transform
from lt_det.data.classification.loaders import file_test_batches, in_memory_test_batches
from lt_det.errors import WeightsError

from .model import ImageClassifier

logger = logging.getLogger(__name__)


@torch.no_grad()
def collect_features(
    model: ImageClassifier, image_set: ImageSet, cfg: CfgNode, images: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Features and labels of a set, each image once, shared out among the processes.

    Args:
        model: trained; its mode is left as it is.
        image_set: N images.
        cfg: of the model.
        images: (N, 3, S, S) uint8, where they are decoded already.

    Returns:
        (N, D) float32 and (N,) on the CPU, in the set's order; empty off the main process.
    """
    own = torch.arange(comm.get_rank(), len(image_set), comm.get_world_size())
    part, options = image_set.select(own), cfg.INPUT.CLASSIFICATION
    batches: Any
    if options.IN_MEMORY:
        if images is None:
            _, decoded = decode_all(part, options.SIZE, "error")
        else:
            decoded = images[own]
        batches = in_memory_test_batches(decoded, part.labels, cfg.TEST.CLASSIFICATION.BATCH_SIZE)
    else:
        batches = file_test_batches(
            part,
            test_transform(options.SIZE),
            cfg.TEST.CLASSIFICATION.BATCH_SIZE,
            cfg.DATALOADER.NUM_WORKERS,
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
    found = torch.cat(features) if features else torch.zeros(0, width)
    truth = torch.cat(labels) if labels else torch.zeros(0, dtype=torch.int64)
    if comm.get_world_size() == 1:
        return found, truth
    gathered = comm.gather((own, found, truth), dst=0)
    if not gathered:
        return torch.zeros(0, width), truth[:0]
    order = torch.cat([g[0] for g in gathered]).argsort()
    return torch.cat([g[1] for g in gathered])[order], torch.cat([g[2] for g in gathered])[order]


@dataclass(frozen=True)
class PostHocResult:
    """One way of turning features into logits.

    Attributes:
        name: of the method, in results.
        parameter: ``{"alpha": …}``, ``{"tau": …}``, ``{"p": …}`` or ``{}``.
        logits: (N, C), float32.
    """

    name: str
    parameter: dict[str, float]
    logits: Tensor


def tde_alphas(model: ImageClassifier, cfg: CfgNode) -> list[float]:
    """α of each TDE row a config asks for: TEST.TDE_ALPHAS, or MODEL.LT.TDE's where it is enabled.

    α = 0 is the classifier's own row, which is there without being asked for.

    Raises:
        WeightsError: there are such rows, and the model tracked no head direction: each would
            repeat the classifier's own row under TDE's name.
    """
    alphas = list(cfg.TEST.TDE_ALPHAS)
    if not alphas and cfg.MODEL.LT.TDE.ENABLED:
        alphas = [cfg.MODEL.LT.TDE.ALPHA]
    alphas = [alpha for alpha in alphas if alpha]
    if alphas:
        method = cfg.MODEL.CLASSIFICATION.METHOD
        row = f"{method}-TDE α={alphas[0]:g}"
        check_direction(model, f"{cfg.MODEL.WEIGHTS or cfg.OUTPUT_DIR}: {row}")
    return alphas


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
def readings(
    model: ImageClassifier, features: Tensor, class_counts: Tensor, cfg: CfgNode
) -> Iterator[PostHocResult]:
    """Every reading a config asks for, of features (N, D).

    The classifier's own logits first, under MODEL.CLASSIFICATION.METHOD; then TDE at
    :func:`tde_alphas`, logit adjustment at TEST.CLASSIFICATION.LA_TAUS (1 is PC) and τ-norm at
    TEST.CLASSIFICATION.TAU_NORM_POWERS.

    Raises:
        WeightsError: see :func:`tde_alphas`.
    """
    method, classifier = cfg.MODEL.CLASSIFICATION.METHOD, model.classifier
    features = features.to(model.device)
    te_logits = classifier(features).float()
    yield PostHocResult(method, {}, te_logits)
    alphas = tde_alphas(model, cfg)
    if alphas:
        assert model.head_direction is not None
        _, share = classifier.effects(features, model.head_direction.direction)
        for alpha in alphas:
            name = f"{method}-TDE α={alpha:g}"
            yield PostHocResult(name, {"alpha": alpha}, te_logits - alpha * share)
    for tau in cfg.TEST.CLASSIFICATION.LA_TAUS:
        name = f"{method}, PC" if tau == 1 else f"{method}, LA τ={tau:g}"
        yield PostHocResult(name, {"tau": tau}, adjust_logits(te_logits, class_counts, tau))
    for power in cfg.TEST.CLASSIFICATION.TAU_NORM_POWERS:
        rescaled = tau_normalized(classifier, power)
        yield PostHocResult(f"{method}, τ-norm p={power:g}", {"p": power}, rescaled(features))


class ImageLogits(nn.Module):
    """Images (N, 3, H, W) in [0, 255] → logits (N, C), for tools that take one module.

    Where gradients are on, they reach the backbone's maps even of a frozen backbone: through the
    images, as Grad-CAM needs them.

    Args:
        model: trained, in eval mode.
        alpha: α of TDE; 0 gives the classifier's own logits.

    Raises:
        WeightsError: TDE of a model that tracked no head direction.
    """

    def __init__(self, model: ImageClassifier, alpha: float = 0.0) -> None:
        super().__init__()
        if alpha:
            check_direction(model, f"TDE α={alpha:g}")
        self.model = model
        self.alpha = alpha

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        if torch.is_grad_enabled():
            # Parameters that take no gradient let none through; the images do.
            images = images.to(self.model.device, torch.float32).detach().requires_grad_()
        features = self.model.features(images)
        direction = self.model.head_direction
        found: Tensor
        if direction is None or not self.alpha:
            found = self.model.classifier(features)
        else:
            found = self.model.classifier.tde(features, direction.direction, self.alpha)
        return found


def image_tensor(image: Image.Image, cfg: CfgNode) -> Tensor:
    """An image as the config's models take it: (3, S, S) uint8."""
    options = cfg.INPUT.CLASSIFICATION
    if not options.IN_MEMORY:
        cropped: Tensor = test_transform(options.SIZE)(image)
        return cropped
    resized = image.resize((options.SIZE, options.SIZE), Image.Resampling.BILINEAR)
    return pil_to_tensor(resized)


def weight_norms(classifier: nn.Module) -> Tensor:
    """Norms of the class weights (C,), float32, on the CPU (Tang et al., supplement, Fig. 1).

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


def tau_normalized(classifier: nn.Module, power: float) -> MultiHeadNormalizedClassifier:
    """A linear classifier's weights over their norms to a power, without its bias.

    Kang et al., "Decoupling Representation and Classifier", ICLR 2020 (their τ is p here).
    """
    num_classes, width = classifier.weight.shape
    rescaled = MultiHeadNormalizedClassifier(
        width,
        num_classes,
        num_heads=1,
        temperature=1.0,
        normalization="tau_norm",
        weight_norm_power=power,
    )
    rescaled.to(classifier.weight).load_state_dict({"weight": classifier.weight})
    return rescaled
