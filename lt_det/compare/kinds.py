"""What differs between comparisons of detectors and of classifiers: commands, methods, data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fvcore.common.config import CfgNode

from lt_det.classification.datasets import cut
from lt_det.classification.epochs import iterations_of
from lt_det.classification.image_sets import read_image_sets
from lt_det.classification.setup import argument_parser as classification_parser
from lt_det.classification.setup import load_config as load_classification_config
from lt_det.data.lvis.catalog import register_from_config, registered_set
from lt_det.detection.setup import argument_parser as detection_parser
from lt_det.detection.setup import load_config
from lt_det.errors import DataError

from .methods import CLASSIFIERS, DETECTORS, Method
from .schedule import classifier_schedule, detector_schedule

# Iterations of a training that is measured: Detectron2 writes its first times after as many.
MEASURED = 20


@dataclass(frozen=True)
class TrainingSet:
    """What a plan asks of the data.

    Attributes:
        counts: (C,) training images of each class.
        num_images: of all.
    """

    counts: list[int]
    num_images: int


@dataclass(frozen=True)
class Kind:
    """Detectors, or classifiers.

    Attributes:
        command: of lt-det, that trains one.
        methods: in the order in which they are tried.
        configs: folder of their configs, below the project's.
        network: how the configs' names begin.
        keys: KEY VALUE pairs of every training.
        short: KEY VALUE pairs of one of :data:`MEASURED` iterations.
        tested_on: flags of the data that a training can go without.
        look: (config file, data flags, KEY VALUE pairs) → the training set; raises DataError.
        iterations: (config file, data flags, KEY VALUE pairs, training images) → of a training.
        schedule: (config file, another, length) → KEY VALUE pairs that give it the other's schedule
            in that length.
        length: what that is counted in, as a flag has it.
    """

    command: str
    methods: tuple[Method, ...]
    configs: str
    network: str
    keys: tuple[str, ...]
    short: tuple[str, ...]
    tested_on: tuple[str, ...]
    look: Callable[[str, Sequence[str], Sequence[str]], TrainingSet]
    iterations: Callable[[str, Sequence[str], Sequence[str], int], int]
    schedule: Callable[[Path, Path, int], list[str]]
    length: str


def _detection_config(file: str, flags: Sequence[str], options: Sequence[str]) -> CfgNode:
    return load_config(file, list(options), detection_parser().parse_args(list(flags)))


def _detection_set(file: str, flags: Sequence[str], options: Sequence[str]) -> TrainingSet:
    cfg = _detection_config(file, flags, options)
    reference = register_from_config(cfg, training=True)
    for name in cfg.DATASETS.TEST:
        if not (tested := registered_set(name)).has_annotations:
            raise DataError(
                f"{tested.json_file}: has no annotations: nothing to compare methods by"
            )
    return TrainingSet(reference.counts[0], len(reference.paths))


def _detection_iterations(
    file: str, flags: Sequence[str], options: Sequence[str], num_images: int
) -> int:
    return int(_detection_config(file, flags, options).SOLVER.MAX_ITER)


def _classification_config(file: str, flags: Sequence[str], options: Sequence[str]) -> CfgNode:
    words = ["--config-file", file, *flags, *options]
    return load_classification_config(classification_parser().parse_args(words))


def _classification_set(file: str, flags: Sequence[str], options: Sequence[str]) -> TrainingSet:
    cfg = _classification_config(file, flags, options)
    given = cfg.DATASETS.CLASSIFICATION
    train = cut(read_image_sets(cfg, training=True)["train"], given.IMBALANCE, given.SUBSET_SEED)
    return TrainingSet(train.counts().tolist(), len(train))


def _classification_iterations(
    file: str, flags: Sequence[str], options: Sequence[str], num_images: int
) -> int:
    solver = _classification_config(file, flags, options).SOLVER
    if not solver.EPOCHS.MAX:
        return int(solver.MAX_ITER)
    return iterations_of(solver.EPOCHS.MAX, num_images, solver.IMS_PER_BATCH)


_SHORT = (
    *("SOLVER.MAX_ITER", str(MEASURED), "SOLVER.STEPS", "()"),
    *("SOLVER.LR_SCHEDULER_NAME", "WarmupMultiStepLR"),  # whose steps these are
    *("SOLVER.CHECKPOINT_PERIOD", "1000"),
)
DETECTION = Kind(
    command="train",
    methods=DETECTORS,
    configs="custom",
    network="cascade_lite0",
    # The comparison has its own intervals, on halves.
    keys=("TEST.NUM_DRAWN_IMAGES", "0", "TEST.BOOTSTRAP.RESAMPLES", "0"),
    short=_SHORT,
    tested_on=("--val-json", "--val-images"),
    look=_detection_set,
    iterations=_detection_iterations,
    schedule=detector_schedule,
    length="iterations",
)
CLASSIFICATION = Kind(
    command="train-cls",
    methods=CLASSIFIERS,
    configs="classification/folder_lt",
    network="resnet32",
    keys=(),
    short=(*_SHORT, "SOLVER.EPOCHS.MAX", "0"),
    tested_on=(),
    look=_classification_set,
    iterations=_classification_iterations,
    schedule=classifier_schedule,
    length="epochs",
)
