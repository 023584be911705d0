"""What differs between comparisons of detectors and of classifiers: commands, methods, data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lt_det.classification.datasets import cut
from lt_det.classification.epochs import iterations_of
from lt_det.classification.image_sets import read_image_sets
from lt_det.classification.setup import argument_parser as classification_parser
from lt_det.classification.setup import load_config as load_classification_config
from lt_det.data.lvis.catalog import register_from_config
from lt_det.detection.setup import argument_parser as detection_parser
from lt_det.detection.setup import load_config

from .methods import CLASSIFIERS, DETECTORS, Method

# Iterations of a training that is measured: Detectron2 writes its first times after as many.
MEASURED = 20


@dataclass(frozen=True)
class TrainingSet:
    """What a plan asks of the data.

    Attributes:
        counts: (C,) training images of each class.
        num_images: of all.
        iterations: of a training.
    """

    counts: list[int]
    num_images: int
    iterations: int


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
        look: (config file, data flags, KEY VALUE pairs) → the training set; raises DataError.
    """

    command: str
    methods: tuple[Method, ...]
    configs: str
    network: str
    keys: tuple[str, ...]
    short: tuple[str, ...]
    look: Callable[[str, Sequence[str], Sequence[str]], TrainingSet]


def _detection_set(file: str, flags: Sequence[str], options: Sequence[str]) -> TrainingSet:
    cfg = load_config(file, list(options), detection_parser().parse_args(list(flags)))
    reference = register_from_config(cfg, training=True)
    return TrainingSet(reference.counts[0], len(reference.paths), cfg.SOLVER.MAX_ITER)


def _classification_set(file: str, flags: Sequence[str], options: Sequence[str]) -> TrainingSet:
    words = ["--config-file", file, *flags, *options]
    cfg = load_classification_config(classification_parser().parse_args(words))
    given, epochs = cfg.DATASETS.CLASSIFICATION, cfg.SOLVER.EPOCHS.MAX
    train = cut(read_image_sets(cfg, training=True)["train"], given.IMBALANCE, given.SUBSET_SEED)
    iterations = cfg.SOLVER.MAX_ITER
    if epochs:
        iterations = iterations_of(epochs, len(train), cfg.SOLVER.IMS_PER_BATCH)
    return TrainingSet(train.counts().tolist(), len(train), iterations)


_SHORT = (
    *("SOLVER.MAX_ITER", str(MEASURED), "SOLVER.STEPS", "()"),
    *("SOLVER.CHECKPOINT_PERIOD", "1000"),
)
DETECTION = Kind(
    "train",
    DETECTORS,
    "custom",
    "cascade_lite0",
    # The comparison has its own intervals, on halves.
    ("TEST.NUM_DRAWN_IMAGES", "0", "TEST.BOOTSTRAP.RESAMPLES", "0"),
    _SHORT,
    _detection_set,
)
CLASSIFICATION = Kind(
    "train-cls",
    CLASSIFIERS,
    "classification/folder_lt",
    "resnet32",
    (),
    (*_SHORT, "SOLVER.EPOCHS.MAX", "0"),
    _classification_set,
)
