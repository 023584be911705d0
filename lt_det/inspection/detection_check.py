"""A look at annotation files and their images, as a training would read them."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import hotcoco
import numpy as np
from detectron2.config import CfgNode
from PIL import Image

import lt_det.detection  # noqa: F401  (registers the modules)
from lt_det.data.classification.image_set import FileSource
from lt_det.data.lvis.annotation_set import AnnotationSet
from lt_det.data.lvis.catalog import register_from_config, registered_set
from lt_det.detection.data.train_loader import training_dicts
from lt_det.errors import UserError, one_line

from .charts import counts_chart, histogram
from .detection_data import SetFigures, joined, set_figures
from .duplicates import across_parts, in_a_line, prints_of, same_pictures
from .findings import Findings
from .tail import advice, group_figures, imbalance

_NAMED = 10
_GROUPS = {"f": "frequent", "c": "common", "r": "rare"}


def check_detection_data(
    cfg: CfgNode, *, fit: Callable[[CfgNode, AnnotationSet], None], compare_images: bool = True
) -> Findings:
    """Look at the training and test sets of a config.

    Training sets are described together, as they are trained on, and of the test sets the first;
    images of all are compared.

    Args:
        cfg: its DATASETS name them, as in a training.
        fit: what a training checks of the data beside reading them; raises DataError.
        compare_images: decode every image to find those that are there twice.
    """
    custom = cfg.DATASETS.CUSTOM
    files = [file for file in (custom.TRAIN_JSON, custom.VAL_JSON) if file]
    findings = Findings(" and ".join(files) or ", ".join(cfg.DATASETS.TRAIN))
    for file in files:
        findings.tool_notes += _health(file)
    try:
        reference = register_from_config(cfg, training=True)
        fit(cfg, reference)
        training_dicts(cfg)
    except UserError as error:
        findings.refused = error.problem
        return findings
    sets = {"train": [registered_set(name) for name in cfg.DATASETS.TRAIN]}
    if cfg.DATASETS.TEST:
        sets["validation"] = [registered_set(name) for name in cfg.DATASETS.TEST]
    figures = {"train": joined([set_figures(trained_on) for trained_on in sets["train"]])}
    if cfg.DATASETS.TEST:
        # Each is evaluated for itself.
        figures["validation"] = set_figures(sets["validation"][0])
    _describe(findings, sets["train"][0], figures)
    if len(cfg.DATASETS.TEST) > 1:
        first, number = sets["validation"][0].json_file, len(cfg.DATASETS.TEST)
        findings.facts["validation figures"] = f"of {first}, the first of {number} test sets"
    if compare_images:
        errors = _compare_images(findings, sets)
        # A training stops where it comes upon the first. Under "skip", some of them are left out.
        if errors and cfg.DATASETS.ON_INVALID == "error":
            findings.refused = in_a_line(errors)
    return findings


def _health(file: str) -> list[str]:
    """Return what hotcoco's health check says of a file; nothing of one that it cannot read."""
    try:
        health: dict[str, Any] = hotcoco.COCO(file).healthcheck()
    except Exception as error:
        return [f"{file}: not read by hotcoco: {one_line(error)}"]
    notes = [*health.get("errors", []), *health.get("warnings", [])]
    return [f"{file}: {note['message']}" for note in notes]


def _describe(findings: Findings, reference: AnnotationSet, figures: dict[str, SetFigures]) -> None:
    train, val = figures["train"], figures.get("validation")
    names = reference.class_names
    groups = [_GROUPS[category["frequency"]] for category in reference.categories]
    val_counts = val.instance_counts if val else [0] * len(names)
    findings.facts = _facts(reference, train, val)
    findings.groups = group_figures(list(_GROUPS.values()), groups, train.image_counts, val_counts)
    findings.advice = advice(
        train.image_counts,
        findings.groups if val else [],
        detection=True,
        num_images=train.num_images,
    )
    order = np.argsort(-np.asarray(train.image_counts), kind="stable").tolist()
    findings.class_columns = ["class", "group", "training images", "training instances"]
    findings.class_columns += ["validation images", "validation instances"] if val else []
    for index in order:
        row = [names[index], groups[index], train.image_counts[index], train.instance_counts[index]]
        row += [val.image_counts[index], val.instance_counts[index]] if val else []
        findings.classes.append(row)
    shared = [name for name, number in Counter(names).items() if number > 1]
    if shared:
        what = "name of several categories, which are learned apart"
        findings.oddities[what] = (len(shared), shared[:_NAMED])
    for part, measured in figures.items():
        for what, entry in measured.suspicious.items():
            findings.oddities[f"{part}: {what}"] = entry
    shown = val.instance_counts if val else None
    findings.figures = [
        counts_chart(names, groups, train.image_counts, shown, "instances"),
        histogram(train.sizes, "√(box area / image area), training", logarithmic=True),
        histogram(train.per_image, "instances in an image, training"),
    ]


def _facts(reference: AnnotationSet, train: SetFigures, val: SetFigures | None) -> dict[str, Any]:
    facts: dict[str, Any] = {"categories": reference.num_classes}
    for part, measured in (("training", train), ("validation", val)):
        if measured is None:
            continue
        facts[f"{part} images"] = measured.num_images
        facts[f"{part} images without an instance"] = len(measured.empty_images)
        facts[f"{part} instances"] = len(measured.sizes)
        facts[f"{part} instances without a mask"] = measured.without_mask
        facts[f"{part} crowd regions"] = measured.crowds
    unseen = [
        name
        for name, count in zip(reference.class_names, train.image_counts, strict=True)
        if count == 0
    ]
    facts["categories without a training image"] = len(unseen)
    if unseen:
        more = f" and {len(unseen) - _NAMED} more" if unseen[_NAMED:] else ""
        facts["categories never trained on"] = f"{', '.join(unseen[:_NAMED])}{more}"
    facts["imbalance (images, most frequent over rarest)"] = round(imbalance(train.image_counts), 1)
    if len(train.sizes):
        facts["median √(box area / image area)"] = round(float(np.median(train.sizes)), 3)
    return facts


def _compare_images(findings: Findings, sets: dict[str, list[AnnotationSet]]) -> list[str]:
    """Return what is wrong with the images that cannot be decoded."""
    prints, broken = [], []
    for part, of_part in sets.items():
        paths = [path for annotation_set in of_part for path in annotation_set.paths]
        source = FileSource(paths)

        def decode(index: int, source: FileSource = source) -> Image.Image:
            return source.image(index)

        seen, errors = prints_of(paths, decode, part)
        prints += seen
        broken += errors
        if errors:
            findings.oddities[f"{part}: image cannot be decoded"] = (len(errors), errors[:5])
    findings.duplicates = same_pictures(prints)
    findings.leaks = across_parts(findings.duplicates)
    return broken
