"""LFME's experts: trained on a shot group's classes alone, and what they know of their group."""

import torch
from detectron2.config import CfgNode
from detectron2.utils import comm
from torch import Tensor

from lt_det.core import shot_groups
from lt_det.data.classification import ImageSet
from lt_det.engine import read_record
from lt_det.errors import ConfigError, DataError, WeightsError

from .datasets import ImageData
from .inference import collect_features
from .model import ImageClassifier
from .teacher import load_frozen

Masks = dict[str, Tensor]

_KEY = "MODEL.CLASSIFICATION.GROUP_EXPERTS"


def groups_of(cfg: CfgNode, class_counts: Tensor) -> Masks:
    """Return the shot groups that have classes, (C,) bool masks by name."""
    limits = cfg.DATASETS.CLASSIFICATION
    groups = shot_groups(class_counts, many=limits.MANY, few=limits.FEW)
    return {name: mask for name, mask in groups.items() if mask.any()}


def load_group_experts(cfg: CfgNode, groups: Masks) -> dict[str, ImageClassifier]:
    """Load the frozen expert of each group.

    Args:
        cfg: of the student.
        groups: those that have classes.

    Raises:
        ConfigError: a group without an expert, an expert without a group, or no config beside it.
        WeightsError: weights that do not fit, or were trained on other classes than the group's.
    """
    experts = {}
    for key, weights in cfg.MODEL.CLASSIFICATION.GROUP_EXPERTS.items():
        group = key.lower()
        if group not in groups and weights:
            raise ConfigError(f"{_KEY}.{key}: the data have no {group}-shot class; leave it out")
        if group not in groups:
            continue
        if not weights:
            raise ConfigError(
                f"{_KEY}.{key}: name the expert of the {group}-shot classes, trained under "
                f"DATASETS.CLASSIFICATION.SHOT_GROUP {group}"
            )
        _check_trained_on(groups[group], f"{_KEY}.{key} {weights}", weights)
        experts[group] = load_frozen(cfg, weights)
    return experts


def _check_trained_on(mask: Tensor, called: str, weights: str) -> None:
    record = read_record(weights)
    if record is None or len(record.instance_counts) != len(mask):
        return  # which loading it will say
    trained = torch.tensor(record.instance_counts) > 0
    differing = (trained != mask).nonzero().flatten().tolist()
    if differing:
        name = record.class_names[differing[0]]
        has = "has" if trained[differing[0]] else "has not"
        raise WeightsError(
            f"{called}: {has} been trained on class {differing[0]} ({name}), which is "
            f"{'' if mask[differing[0]] else 'not '}in the group"
        )


@torch.no_grad()
def collect_logits(
    model: ImageClassifier, image_set: ImageSet, cfg: CfgNode, images: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return logits (N, C) and labels (N,) on the CPU; all processes call it, and all get them.

    Args:
        model: its mode is left as it is.
        image_set: N images, shared out among the processes.
        cfg: of the run.
        images: (N, 3, S, S) uint8, where they are decoded already.
    """
    features, _ = collect_features(model, image_set, cfg, images)
    logits = None
    if comm.is_main_process():
        parts = features.split(cfg.TEST.CLASSIFICATION.BATCH_SIZE)
        logits = torch.cat(
            [model.classifier(part.to(model.device)).float().cpu() for part in parts]
        )
    gathered: Tensor = comm.all_gather(logits)[0]
    return gathered, image_set.labels


def label_probs(
    experts: dict[str, ImageClassifier], groups: Masks, cfg: CfgNode, data: ImageData
) -> Tensor:
    """Return what each training image's label is given by its group's expert, in the group.

    All processes call it.

    Returns:
        (N,) float32, softmax over the group's classes.
    """
    probs = torch.zeros(len(data.train))
    for name, expert in experts.items():
        at = groups[name][data.train.labels].nonzero().flatten()
        images = None if data.train_images is None else data.train_images[at]
        logits, labels = collect_logits(expert, data.train.select(at), cfg, images)
        in_group = logits.masked_fill(~groups[name], -torch.inf).softmax(dim=1)
        probs[at] = in_group.gather(1, labels[:, None])[:, 0]
    return probs


def expert_accuracies(
    experts: dict[str, ImageClassifier], groups: Masks, cfg: CfgNode, data: ImageData
) -> dict[str, float]:
    """Measure each expert on its group's validation images, where it knows its classes alone.

    All processes call it.

    Raises:
        DataError: a group without validation images.
    """
    accuracies = {}
    for name, expert in experts.items():
        assert data.val is not None  # the method needs_val
        at = groups[name][data.val.labels].nonzero().flatten()
        if not len(at):
            raise DataError(f"{data.val.name}: has no image of a {name}-shot class")
        images = None if data.val_images is None else data.val_images[at]
        logits, labels = collect_logits(expert, data.val.select(at), cfg, images)
        logits = logits.masked_fill(~groups[name], -torch.inf)
        accuracies[name] = mean_recall(logits, labels, groups[name])
    return accuracies


def group_accuracies(
    model: ImageClassifier, groups: Masks, cfg: CfgNode, data: ImageData
) -> dict[str, float]:
    """Measure a student of all classes on each group's validation images; all processes call it."""
    assert data.val is not None  # the method needs_val
    logits, labels = collect_logits(model, data.val, cfg, data.val_images)
    return {name: mean_recall(logits, labels, mask) for name, mask in groups.items()}


def mean_recall(logits: Tensor, labels: Tensor, classes: Tensor) -> float:
    """Return the mean of the classes' recall, of those that have images.

    Args:
        logits: (N, C).
        labels: (N,) in [0, C).
        classes: (C,) bool mask.

    Returns:
        in [0, 1]; NaN without an image.
    """
    hits = (logits.argmax(dim=1) == labels).double()
    totals = torch.bincount(labels, minlength=len(classes)).double()
    recalls = torch.bincount(labels, weights=hits, minlength=len(classes)) / totals
    return float(recalls[classes].nanmean())
