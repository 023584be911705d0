"""What post-hoc methods know of the training set, wherever a model is evaluated."""

from collections.abc import Sequence

import torch
from detectron2.config import CfgNode
from torch import Tensor, nn

from lt_det.core.post_hoc import PostHocMethod, fractal_dimension
from lt_det.data.lvis.annotation_set import AnnotationSet
from lt_det.data.lvis.catalog import (
    read_training_sets,
    registered_set,
    registered_training_sets,
    training_image_counts,
    training_instance_counts,
)
from lt_det.detection.evaluation.row_info import post_hoc_rows
from lt_det.detection.modeling.box_predictor import LTFastRCNNOutputLayers
from lt_det.detection.modeling.cascade_inference import Counts
from lt_det.engine import read_record
from lt_det.errors import ConfigError, DataError


def training_counts(cfg: CfgNode, methods: Sequence[PostHocMethod]) -> Counts:
    """Count training instances and images per class, where a method asks for them.

    They are the registered training sets' in a training; in an evaluation the checkpoint's record,
    else what the test file says of its categories.
    """
    places = None
    if any(method.reads_fractal_dimensions for method in methods):
        places = fractal_dimensions_of(_training_sets(cfg))
    if not any(method.reads_class_counts for method in methods):
        return Counts(fractal_dimensions=places)
    instances, images = training_instance_counts(cfg), training_image_counts(cfg)
    if instances is None and (record := read_record(cfg.MODEL.WEIGHTS)) is not None:
        instances, images = record.instance_counts, record.image_counts
    if instances is None and cfg.DATASETS.TEST:
        categories = registered_set(cfg.DATASETS.TEST[0]).categories
        if all("instance_count" in c and "image_count" in c for c in categories):
            instances = [c["instance_count"] for c in categories]
            images = [c["image_count"] for c in categories]
    if instances is None or images is None:
        return Counts(fractal_dimensions=places)
    return Counts(torch.tensor(instances), torch.tensor(images), places)


def _training_sets(cfg: CfgNode) -> list[AnnotationSet]:
    """Return the training sets, read anew in an evaluation, in the model's order of classes.

    Raises:
        ConfigError: they cannot be read.
    """
    registered = registered_training_sets(cfg)
    if registered is not None:
        return registered
    try:
        sets = read_training_sets(cfg)
        if not sets:
            raise DataError("DATASETS.TRAIN names none")
        vocabulary = registered_set(cfg.DATASETS.TEST[0]).vocabulary
        return [training_set.in_order_of(vocabulary) for training_set in sets]
    except DataError as error:
        raise ConfigError(
            f"TEST.POST_HOC: fracal: needs the places of the training boxes: {error}"
        ) from error


def fractal_dimensions_of(sets: Sequence[AnnotationSet]) -> Tensor:
    """Return the fractal dimension of the centres of each class's training boxes, (C,).

    Args:
        sets: with the same classes; crowds and what is not trained on do not count.
    """
    centres: list[list[tuple[float, float]]] = [[] for _ in range(sets[0].num_classes)]
    for annotation_set in sets:
        store = annotation_set.store
        for position in range(len(store.image_ids)):
            image = annotation_set.image(position)
            trained = store.trained[store.starts[position] : store.starts[position + 1]]
            for annotation, is_trained in zip(image["annotations"], trained, strict=True):
                if is_trained:
                    x, y, width, height = annotation["bbox"]
                    place = ((x + width / 2) / image["width"], (y + height / 2) / image["height"])
                    centres[annotation_set.class_of[annotation["category_id"]]].append(place)
    points = [torch.tensor(of_class, dtype=torch.float64).reshape(-1, 2) for of_class in centres]
    return torch.tensor([fractal_dimension(of_class) for of_class in points])


def check_rows(model: nn.Module, cfg: CfgNode) -> None:
    """Check before a training that every row of its evaluations can be read.

    Raises:
        ConfigError: what one lacks.
    """
    methods = post_hoc_rows(cfg)
    counts = training_counts(cfg, [m for m in methods if not m.reads_fractal_dimensions])
    if any(method.reads_fractal_dimensions for method in methods):
        # That there are boxes is known; their places take a while to count.
        counts = counts._replace(fractal_dimensions=torch.ones(cfg.MODEL.ROI_HEADS.NUM_CLASSES))
    check_methods(model, methods, counts)


def check_methods(model: nn.Module, methods: Sequence[PostHocMethod], counts: Counts) -> None:
    """Check before any inference that every method can read the model.

    Raises:
        ConfigError: what it lacks.
    """
    for predictor in model.modules():
        if not isinstance(predictor, LTFastRCNNOutputLayers):
            continue
        context = predictor.context(*counts)
        for method in methods:
            try:
                method.check(context)
            except ValueError as error:
                raise ConfigError(f"TEST.POST_HOC: {error}") from error
