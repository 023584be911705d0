"""How good features are: a classifier of balanced data on frozen backbones (xERM, Table 6)."""

from typing import Any

import torch
from torch import Tensor

from lt_det.classification.list_sets import PUBLISHED_LISTS
from lt_det.classification.setup import argument_parser, load_config
from lt_det.compare.runner import Run
from lt_det.core import shot_groups
from lt_det.data.classification import imbalance_counts
from lt_det.engine import ModelRecord, read_record
from lt_det.errors import ConfigError
from lt_det.evaluation.classification.tables import metric_cell
from lt_det.evaluation.tables import markdown_table

from .study import Study, on_all_images, read_results, weights


def representations(study: Study, checkpoints: dict[str, str]) -> tuple[dict[str, Any], str]:
    """Measure how good the features are: a new linear classifier on balanced data (xERM, Table 6).

    The backbone is frozen, the classifier is trained on the data set before its long-tailed cut,
    as often on every image. A set that is long-tailed as published has no such images: its config
    must name a balanced list (list_lt), or it is sampled class-balanced, which the config says.

    Args:
        study: its config, or the data set's cRT, must freeze the backbone.
        checkpoints: ``{method: first-stage checkpoint}``, whose training images make the groups.

    Returns:
        ``{method: {"top1", "many", "medium", "few"}}`` and a Markdown table.

    Raises:
        ConfigError: the config's backbone learns.
    """
    balanced = _balanced(study)
    runs = {
        name: study.run(
            "crt",
            f"representation_{name.replace(' ', '_')}",
            *(*balanced, "MODEL.WEIGHTS", checkpoint),
        )
        for name, checkpoint in checkpoints.items()
    }
    study.finish(list(runs.values()))
    groups: dict[str, Tensor] = {}
    results: dict[str, Any] = {}
    for name, run in runs.items():
        # The classifier's own row comes first, whatever the method is called.
        metrics = next(iter(on_all_images(read_results(run)).values()))
        recall = torch.tensor(metrics["per_class"]["recall"], dtype=torch.float64)
        available = torch.tensor(metrics["bias"]["train"])
        counts = _first_stage_counts(checkpoints[name], run)
        if counts is None:
            order = torch.arange(len(available))
            counts = torch.tensor(imbalance_counts(available, study.imbalance or 1.0, order))
        groups = shot_groups(counts, **_limits(study))
        of_groups = {group: float(recall[mask].nanmean()) for group, mask in groups.items()}
        results[name] = {"top1": metrics["top1"], **of_groups}
    heading = ["balanced classifier", "top-1", *groups]
    rows = [[name, *(metric_cell(v) for v in values.values())] for name, values in results.items()]
    return results, markdown_table(heading, rows)


def _config(study: Study) -> Any:
    run = study.run("crt", "unused")
    return load_config(argument_parser().parse_args(list(run.arguments)))


def _limits(study: Study) -> dict[str, int]:
    options = _config(study).DATASETS.CLASSIFICATION
    return {"many": options.MANY, "few": options.FEW}


def _balanced(study: Study) -> list[str]:
    """Return the options that train on balanced data. Raises ConfigError."""
    cfg = _config(study)
    if not cfg.MODEL.CLASSIFICATION.FREEZE_BACKBONE:
        raise ConfigError(
            "MODEL.CLASSIFICATION.FREEZE_BACKBONE: features are measured on a frozen backbone: "
            "name a config that ends in crt"
        )
    if cfg.DATASETS.CLASSIFICATION.NAME in PUBLISHED_LISTS:
        return []
    whole = ("DATASETS.CLASSIFICATION.IMBALANCE", "1.0")
    return [*whole, "DATALOADER.IMAGE_SAMPLER", "instance"]


def _first_stage_counts(checkpoint: str, run: Run) -> Tensor | None:
    """Return the images (C,) that a first stage was trained on, in the class order of the run."""
    first, second = read_record(checkpoint), read_record(weights(run))
    if first is None or second is None:
        return None
    return counts_in_order(first, second)


def counts_in_order(first: ModelRecord, second: ModelRecord) -> Tensor:
    """Return the first model's training images (C,) by class index of the second.

    Raises:
        WeightsError: they have other classes.
    """
    named = sorted(first.class_names) == sorted(second.class_names)
    if not named or len(set(first.class_names)) < len(first.class_names):
        first.check_same_classes(second.class_names, "the first stage")
    position = {name: index for index, name in enumerate(first.class_names)}
    order = [position[name] for name in second.class_names]
    if len(position) < len(order):
        order = list(range(len(order)))
    return torch.tensor(first.instance_counts)[order]
