"""A look at labelled images, as a training would read them."""

from typing import Any

import numpy as np
from detectron2.config import CfgNode
from PIL import Image

from lt_det.classification.datasets import load_image_data
from lt_det.core import shot_groups
from lt_det.data.classification import ImageSet
from lt_det.errors import UserError

from .charts import counts_chart, histogram
from .duplicates import across_parts, in_a_line, prints_of, same_pictures
from .findings import Findings
from .tail import advice, group_figures, imbalance

_GROUPS = ("many", "medium", "few")
_SMALLEST = 8


def check_image_data(cfg: CfgNode, *, compare_images: bool = True) -> Findings:
    """Look at the training and test images of a config.

    Args:
        cfg: its DATASETS.CLASSIFICATION names them, as in a training.
        compare_images: decode every image to find those that are there twice, and broken ones.
    """
    options = cfg.DATASETS.CLASSIFICATION
    findings = Findings(options.PATH or options.NAME)
    # Files are looked at, and decoded below, once; all shot groups are described.
    undecoded = cfg.clone()
    undecoded.INPUT.CLASSIFICATION.IN_MEMORY = False
    undecoded.DATASETS.CLASSIFICATION.SHOT_GROUP = ""
    try:
        data = load_image_data(undecoded, training=True)
    except UserError as error:
        findings.refused = error.problem
        return findings
    parts = {"train": data.train}
    if cfg.TEST.CLASSIFICATION.SPLIT != "train":
        parts["test"] = data.test
    _describe(findings, parts, options)
    if compare_images:
        errors = _compare_images(findings, parts)
        if errors:
            findings.refused = _refusal(cfg, errors)
    return findings


def _refusal(cfg: CfgNode, errors: list[str]) -> str:
    """Return what a training says of images that only decoding shows to be broken."""
    if not cfg.INPUT.CLASSIFICATION.IN_MEMORY:
        return in_a_line(errors)  # it stops where it comes upon the first
    try:
        load_image_data(cfg, training=True)
    except UserError as error:
        return error.problem
    return ""


def _describe(findings: Findings, parts: dict[str, ImageSet], options: Any) -> None:
    train, test = parts["train"], parts.get("test")
    names, counts = list(train.class_names), train.counts().tolist()
    test_counts = test.counts().tolist() if test else [0] * len(names)
    masks = shot_groups(counts, many=options.MANY, few=options.FEW)
    groups = [next(g for g in _GROUPS if masks[g][index]) for index in range(len(names))]
    findings.facts = {"classes": len(names), "training images": len(train)}
    if test:
        findings.facts["test images"] = len(test)
    findings.facts["imbalance (images, most frequent over rarest)"] = round(imbalance(counts), 1)
    findings.groups = group_figures(_GROUPS, groups, counts, test_counts)
    findings.advice = advice(
        counts, findings.groups if test else [], detection=False, num_images=len(train)
    )
    order = np.argsort(-np.asarray(counts), kind="stable").tolist()
    findings.class_columns = [
        "class",
        "group",
        "training images",
        *(["test images"] if test else []),
    ]
    findings.classes = [
        [names[i], groups[i], counts[i], *([test_counts[i]] if test else [])] for i in order
    ]
    shown = test_counts if test else None
    findings.figures = [counts_chart(names, groups, counts, shown, "images")]


def _compare_images(findings: Findings, parts: dict[str, ImageSet]) -> list[str]:
    """Return what is wrong with the images that cannot be decoded."""
    prints, sides, broken = [], [], []
    for part, image_set in parts.items():
        small: list[str] = []

        def decode(
            index: int, part_set: ImageSet = image_set, part_small: list[str] = small
        ) -> Any:
            image: Image.Image = part_set.image(index)
            sides.append(max(image.size))
            if min(image.size) < _SMALLEST:
                part_small.append(part_set.image_name(index))
            return image

        names = [image_set.image_name(index) for index in range(len(image_set))]
        seen, errors = prints_of(names, decode, part)
        prints += seen
        broken += errors
        if errors:
            findings.oddities[f"{part}: image cannot be decoded"] = (len(errors), errors[:5])
        if small:
            what = f"{part}: a side below {_SMALLEST} pixels"
            findings.oddities[what] = (len(small), sorted(small)[:5])
    findings.duplicates = same_pictures(prints)
    findings.leaks = across_parts(findings.duplicates)
    if sides and len(set(sides)) > 1:
        findings.figures.append(histogram(sides, "longer side in pixels", logarithmic=True))
    return broken
