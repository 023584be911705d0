"""What detectors and classifiers that predict are loaded by: config, classes, device, method."""

import os
from pathlib import Path

import torch
from detectron2.config import CfgNode

from lt_det.core import shot_groups
from lt_det.core.post_hoc import PostHocMethod, parse_post_hoc
from lt_det.data.lvis.class_counts import frequency_of
from lt_det.engine import ModelRecord, read_record, read_trained_config
from lt_det.errors import ConfigError, WeightsError
from lt_det.files import not_a_file

from .results import Categories

_FREQUENCIES = {"r": "rare", "c": "common", "f": "frequent"}


def trained_config(
    weights: str, config: str, device: str | None, *, classification: bool
) -> CfgNode:
    """Read the config of weights, to infer by.

    Args:
        weights: file of a training of lt_det's.
        config: file; "" is ``config.yaml`` beside the weights.
        device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``, …; ``None`` is a GPU where there is one.
        classification: which kind of model is meant.

    Raises:
        WeightsError: there is no such file, or it is a model of the other kind.
        ConfigError: no config, or no such device.
    """
    if problem := not_a_file(weights):
        raise WeightsError(f"{weights}: {problem}")
    file = _config_file(weights, config)
    if file.is_file() and is_classifier(weights, config) != classification:
        kinds = "an image classifier", "a detector"
        meant, other = kinds if classification else kinds[::-1]
        loader = "load_detector" if classification else "load_classifier"
        raise WeightsError(f"{weights}: {file} is of {other}, not {meant}: use {loader}")
    cfg = read_trained_config(weights, config, classification=classification)
    cfg.MODEL.WEIGHTS = weights
    available = "cuda" if torch.cuda.is_available() else "cpu"
    cfg.MODEL.DEVICE = str(device or available)
    try:
        torch.empty(0, device=cfg.MODEL.DEVICE)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"device: {device}: not on this machine") from error
    return cfg


def is_classifier(weights: str, config: str = "") -> bool:
    """Say by the config of weights whether they are an image classifier's; else a detector's.

    A config that is not there says nothing: loading the weights will say so.
    """
    file = _config_file(weights, config)
    if not file.is_file():
        return False
    settings = CfgNode.load_yaml_with_base(str(file), allow_unsafe=False)
    return "CLASSIFICATION" in settings.get("MODEL", {})


def _config_file(weights: str, config: str) -> Path:
    return Path(config or Path(os.path.dirname(weights), "config.yaml"))


def record_of(weights: str) -> ModelRecord:
    """Read what a checkpoint says of its classes.

    Raises:
        WeightsError: it does not say them.
    """
    record = read_record(weights)
    if record is None:
        raise WeightsError(
            f"{weights}: does not say its classes: trained by an earlier lt_det, or by another "
            "program; tools/convert_weights.py writes what is lacking"
        )
    return record


def detection_categories(record: ModelRecord) -> Categories:
    """Return names, ids and LVIS's frequency groups by training images."""
    groups = [_FREQUENCIES[frequency_of(count)] for count in record.image_counts]
    return Categories(tuple(record.class_names), tuple(record.class_ids), tuple(groups))


def image_categories(record: ModelRecord, many: int, few: int) -> Categories:
    """Return names, indices and shot groups."""
    masks = shot_groups(record.image_counts, many=many, few=few)
    groups = [
        next(name for name, mask in masks.items() if mask[index])
        for index in range(len(record.class_names))
    ]
    return Categories(tuple(record.class_names), tuple(record.class_ids), tuple(groups))


def called_method(call: str, *, has_background: bool) -> PostHocMethod:
    """Read a call such as ``"tde(alpha=1.5)"``, as TEST.POST_HOC has them.

    Raises:
        ConfigError: it is none.
    """
    try:
        return parse_post_hoc(call, has_background=has_background)
    except ValueError as error:
        raise ConfigError(f"post_hoc: {error}") from error
