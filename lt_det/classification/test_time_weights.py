"""Test-time weights of experts, learned on unlabelled test images (SADE)."""

import logging
from collections.abc import Iterator

import torch
from detectron2.config import CfgNode
from torch import Tensor

from lt_det.core.layers import Experts
from lt_det.errors import ConfigError

from .datasets import ImageData
from .inference import PostHocResult, collect_features
from .model import ImageClassifier

logger = logging.getLogger(__name__)

_KEY = "TEST.CLASSIFICATION.TEST_TIME_WEIGHTS"
# SADE's, for CIFAR: epochs, images a step, SGD's learning rate, momentum and weight decay, and the
# weight below which an expert is given up and learning ends.
EPOCHS, BATCH_SIZE, LEARNING_RATE, MOMENTUM, WEIGHT_DECAY, LEAST = 5, 128, 0.025, 0.9, 5e-4, 0.05


def agreement(weights: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Compute how alike two views of each image are predicted, the mean over images.

    The cosine of softmax(Σ_e w_e z_e) of the one and of the other (Zhang et al., NeurIPS 2022,
    Eq. 5).

    Args:
        weights: (E,) of the experts, of sum 1.
        first, second: (N, E, C) logits of two views.

    Returns:
        a scalar in [0, 1].
    """
    probs = [torch.einsum("e,nec->nc", weights, z).softmax(dim=1) for z in (first, second)]
    return torch.nn.functional.cosine_similarity(*probs, dim=1, eps=1e-6).mean()


def learn_weights(views: list[tuple[Tensor, Tensor]], seed: int = 0) -> Tensor:
    """Learn the experts' weights by which two views of an image agree most.

    Args:
        views: for each epoch, logits (N, E, C) of two views of the test images; no labels.
        seed: of the order of images.

    Returns:
        (E,) weights of sum 1.
    """
    scores = torch.full(views[0][0].shape[1:2], 1 / views[0][0].shape[1], requires_grad=True)
    optimizer = torch.optim.SGD(
        [scores], LEARNING_RATE, MOMENTUM, weight_decay=WEIGHT_DECAY, nesterov=True
    )
    generator = torch.Generator().manual_seed(seed)
    with torch.enable_grad():
        for first, second in views:
            for part in torch.randperm(len(first), generator=generator).split(BATCH_SIZE):
                loss = -agreement(scores.softmax(dim=0), first[part], second[part])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            if scores.softmax(dim=0).min() < LEAST:
                break
    return scores.detach().softmax(dim=0)


def check_experts(model: ImageClassifier, cfg: CfgNode) -> None:
    """Refuse test-time weights of a classifier that has nothing to weigh.

    Raises:
        ConfigError: it has no experts.
    """
    if cfg.TEST.CLASSIFICATION.TEST_TIME_WEIGHTS and not isinstance(model.classifier, Experts):
        raise ConfigError(f"{_KEY}: weighs experts, this classifier has none")


def expert_views(
    model: ImageClassifier, cfg: CfgNode, data: ImageData
) -> list[tuple[Tensor, Tensor]]:
    """Return logits (N, E, C) of two augmented views of the test images, for each epoch.

    All processes call it; empty off the main process.
    """
    experts = model.classifier
    assert isinstance(experts, Experts), "checked"
    logits = []
    for view in range(2 * EPOCHS):
        features, _ = collect_features(model, data.test, cfg, data.test_images, view=view)
        with torch.no_grad():
            logits.append(experts.expert_logits(features.to(model.device)).float().cpu())
    return list(zip(logits[::2], logits[1::2], strict=True)) if len(logits[0]) else []


@torch.no_grad()
def weighted_results(
    model: ImageClassifier,
    cfg: CfgNode,
    features: Tensor,
    views: list[tuple[Tensor, Tensor]],
    tests: dict[str, Tensor],
) -> Iterator[PostHocResult]:
    """Read features by the weights that are learned on the images of each test distribution.

    Args:
        model: with experts.
        cfg: of the run.
        features: (N, D) of the test set.
        views: of :func:`expert_views`.
        tests: positions of each distribution in the test set.
    """
    experts = model.classifier
    assert isinstance(experts, Experts), "checked"
    logits = experts.expert_logits(features.to(model.device)).float()
    for test, at in tests.items():
        weights = learn_weights([(first[at], second[at]) for first, second in views])
        logger.info("test-time weights on %s: %s", test, [round(w, 3) for w in weights.tolist()])
        weighted = torch.einsum("e,nec->nc", weights.to(logits.device), logits)
        params = {"test": test, "weights": weights.tolist()}
        yield PostHocResult(
            f"{cfg.MODEL.CLASSIFICATION.METHOD}, weights of {test}",
            {"name": "test_time_weights", "params": params},
            {},
            weighted,
            weighted.softmax(dim=1),
        )
