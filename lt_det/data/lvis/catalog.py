"""Data sets by name, in Detectron2's catalogs."""

import difflib
from functools import partial
from typing import Any

from detectron2.config import CfgNode
from detectron2.data import DatasetCatalog, MetadataCatalog

from lt_det.data.root import datasets_root
from lt_det.data.synthetic import EMBEDDED_SETS, SyntheticParameters, make_synthetic_set
from lt_det.errors import DataError

from .adapters import catalog_set
from .class_counts import image_counts, instance_counts
from .detectron2_dicts import to_detectron2_dicts
from .published import LVIS_SETS
from .reader import AnnotationSet, read_annotations, with_frequencies
from .unreadable_images import find_unreadable
from .vocabulary import Vocabulary

# By name: what lt_det trains and evaluates on.
_SETS: dict[str, AnnotationSet] = {}

CUSTOM_TRAIN, CUSTOM_VAL = "custom_train", "custom_val"


def register_annotations(name: str, annotation_set: AnnotationSet) -> None:
    """Put an annotation set under a name, in place of another that lt_det has put there.

    It is put into Detectron2's catalogs, too, unless somebody else has registered the name there:
    what is registered stays as it is, for whoever else reads it. (LVIS's names are lt_det's.)
    Metadata: ``thing_classes``, ``class_image_count``, ``json_file``, ``image_root``,
    ``evaluator_type``, ``annotation_set``.
    """
    _SETS[name] = annotation_set
    if _is_registered_by_others(name):
        return
    if name in DatasetCatalog.list():
        DatasetCatalog.remove(name)
    if name in MetadataCatalog.list():
        MetadataCatalog.remove(name)
    DatasetCatalog.register(name, partial(to_detectron2_dicts, annotation_set))
    MetadataCatalog.get(name).set(
        annotation_set=annotation_set,
        thing_classes=annotation_set.class_names,
        thing_dataset_id_to_contiguous_id=annotation_set.class_of,
        json_file=annotation_set.json_file,
        image_root=annotation_set.image_root,
        evaluator_type="lvis",
    )
    if annotation_set.has_frequency:
        MetadataCatalog.get(name).class_image_count = [
            {"id": category["id"], "image_count": category["image_count"]}
            for category in annotation_set.categories
        ]


def _fill_in_image_counts(name: str) -> None:
    """Say what Detectron2's federated loss reads where nobody has said it: images by class index.

    It is all that is ever added to what somebody else has registered.
    """
    metadata = MetadataCatalog.get(name)
    if metadata.get("class_image_count") is None:
        counts = [category["image_count"] for category in registered_set(name).categories]
        metadata.class_image_count = [{"id": i, "image_count": n} for i, n in enumerate(counts)]


def _is_registered_by_others(name: str) -> bool:
    if name in LVIS_SETS or embedded_prefix(name) or name in (CUSTOM_TRAIN, CUSTOM_VAL):
        return False
    function = DatasetCatalog.data.get(name)
    ours = isinstance(function, partial) and function.func is to_detectron2_dicts
    return function is not None and not ours


def registered_set(name: str) -> AnnotationSet:
    """Return the annotation set behind a registered name.

    Raises:
        DataError: the name was not registered by :func:`register_from_config`.
    """
    if name not in _SETS:
        raise DataError(f"{name}: no such data set is registered with lt_det")
    return _SETS[name]


def registered_training_sets(cfg: CfgNode) -> list[AnnotationSet] | None:
    """Return the sets of DATASETS.TRAIN, or ``None`` where one is not registered."""
    names = cfg.DATASETS.TRAIN
    return [_SETS[name] for name in names] if names and all(n in _SETS for n in names) else None


def training_instance_counts(cfg: CfgNode) -> list[int] | None:
    """Count the training instances of each class over DATASETS.TRAIN; ``None`` where unknown."""
    sets = registered_training_sets(cfg)
    return None if sets is None else instance_counts(sets)


def training_image_counts(cfg: CfgNode) -> list[int] | None:
    """Count the training images of each class over DATASETS.TRAIN; ``None`` where unknown."""
    sets = registered_training_sets(cfg)
    return None if sets is None else image_counts(sets)


def register_from_config(
    cfg: CfgNode, *, training: bool, vocabulary: Vocabulary | None = None
) -> AnnotationSet:
    """Read, check and register every data set a config names; makes the synthetic one if needed.

    The training annotations are read in evaluation, too, where the test set's frequency groups are
    derived from them; their images are not looked for then. Every set is given the same class
    indices, whatever ids its file has.

    Args:
        cfg: with lt_det's keys.
        training: whether DATASETS.TRAIN will be trained on.
        vocabulary: of the model to be evaluated, where its checkpoint says it; else the first
            training set's, or test set's where none is read.

    Returns:
        the set that defines the classes.

    Raises:
        DataError: names the file and the record.
    """
    train_names, test_names = tuple(cfg.DATASETS.TRAIN), tuple(cfg.DATASETS.TEST)
    read = {name: _read(name, cfg) for name in test_names}
    # A test server's set has nothing to group.
    needs_train = training or any(s.has_annotations and not s.has_frequency for s in read.values())
    # A checkpoint that does not name its classes: one's own training file does.
    needs_train |= vocabulary is None and bool(cfg.DATASETS.CUSTOM.TRAIN_JSON)
    if needs_train:
        if not train_names or (CUSTOM_TRAIN in train_names and not cfg.DATASETS.CUSTOM.TRAIN_JSON):
            file = next((s.json_file for s in read.values()), "DATASETS.TRAIN")
            raise DataError(
                f"{file}: training annotations are needed (to train, or because categories lack "
                "frequency): give --train-json FILE"
            )
        for name in train_names:
            if name not in read:
                read[name] = _read(name, cfg, check_images=training)
    if not read:
        raise DataError("DATASETS.TEST: no data set named")
    reference = read[train_names[0]] if needs_train else next(iter(read.values()))
    ordered = {
        name: annotation_set.in_order_of(vocabulary or reference.vocabulary)
        for name, annotation_set in read.items()
    }
    reference = ordered[train_names[0]] if needs_train else next(iter(ordered.values()))
    limits = cfg.DATASETS.RARE_MAX_IMAGES, cfg.DATASETS.COMMON_MAX_IMAGES
    counted = [ordered[name] for name in train_names] if needs_train else [reference]
    for name, annotation_set in ordered.items():
        register_annotations(name, with_frequencies(annotation_set, counted, *limits))
    if training and cfg.MODEL.ROI_BOX_HEAD.USE_FED_LOSS:
        for name in train_names:
            _fill_in_image_counts(name)
    return reference


def read_training_sets(cfg: CfgNode) -> list[AnnotationSet]:
    """Read the sets of DATASETS.TRAIN without registering them; images are not looked for.

    Returns:
        the sets, each with the first one's class indices.

    Raises:
        DataError: names the file and the record.
    """
    sets = [_read(name, cfg, check_images=False) for name in cfg.DATASETS.TRAIN]
    return [training_set.in_order_of(sets[0].vocabulary) for training_set in sets]


def _read(name: str, cfg: CfgNode, check_images: bool = True) -> AnnotationSet:
    on_invalid = cfg.DATASETS.ON_INVALID
    treatment: dict[str, Any] = {
        "on_invalid": on_invalid,
        "check_images": check_images,
        "derive_area": cfg.DATASETS.DERIVE_AREA,
    }
    if _is_registered_by_others(name):
        annotation_set = catalog_set(name, **treatment)
    else:
        annotation_set = read_annotations(*_locate(name, cfg), **treatment)
    if check_images and cfg.DATASETS.CHECK_IMAGES:
        return find_unreadable(annotation_set, on_invalid)
    return annotation_set


def embedded_prefix(name: str) -> str:
    """Return the beginning of an embedded set's name; empty of any other."""
    return next((prefix for prefix in EMBEDDED_SETS if name.startswith(prefix)), "")


def _locate(name: str, cfg: CfgNode) -> tuple[Any, Any]:
    custom = cfg.DATASETS.CUSTOM
    if name == CUSTOM_TRAIN:
        return _custom(custom.TRAIN_JSON, custom.TRAIN_IMAGES, "train")
    if name == CUSTOM_VAL:
        return _custom(custom.VAL_JSON, custom.VAL_IMAGES, "val")
    prefix = embedded_prefix(name)
    if prefix:
        painter = EMBEDDED_SETS[prefix]
        node = cfg.DATASETS[painter.config_section]
        parameters = SyntheticParameters(
            num_categories=node.NUM_CATEGORIES,
            num_train=node.NUM_TRAIN,
            num_val=node.NUM_VAL,
            image_size=node.IMAGE_SIZE,
            max_count=node.MAX_COUNT,
            min_count=node.MIN_COUNT,
            seed=node.SEED,
        )
        folder = make_synthetic_set(datasets_root() / prefix.rstrip("_"), parameters, painter)
        split = name.removeprefix(prefix)
        return folder / f"{split}.json", folder / split
    if name in LVIS_SETS:
        json_file, image_root = (datasets_root() / part for part in LVIS_SETS[name])
        if not json_file.is_file():
            raise DataError(
                f"{json_file}: missing; datasets/README.md says where to get {name}, "
                "DETECTRON2_DATASETS where it lies"
            )
        return json_file, image_root
    known = [*LVIS_SETS, *(p + split for p in EMBEDDED_SETS for split in ("train", "val"))]
    known += [CUSTOM_TRAIN, CUSTOM_VAL]
    near = difflib.get_close_matches(name, [*known, *DatasetCatalog.list()], n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise DataError(
        f"DATASETS: unknown data set {name!r}{hint}; known: {', '.join(known)}, and whatever is "
        "registered with Detectron2's DatasetCatalog (--import FILE runs what registers it)"
    )


def _custom(json_file: str, image_root: str, split: str) -> tuple[str, str]:
    if not json_file or not image_root:
        raise DataError(
            f"DATASETS.CUSTOM: custom_{split} needs --{split}-json FILE and --{split}-images DIR"
        )
    return json_file, image_root
