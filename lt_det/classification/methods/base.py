"""What a training method is, and the table of those that there are.

A person's own method is one class in a file of their own::

    @TRAINING_METHODS.register("my_method")
    class MyMethod(TrainingMethod):
        def losses(self, model, batch):
            ...

and ``MODEL.CLASSIFICATION.TRAINING_METHOD.NAME my_method`` in a config.
"""

from typing import TYPE_CHECKING, Any

from detectron2.config import CfgNode
from torch import Tensor

from lt_det.core.name_table import NameTable
from lt_det.errors import ConfigError

if TYPE_CHECKING:
    from lt_det.classification.datasets import ImageData
    from lt_det.classification.model import ImageClassifier

# What from_config gives a method, beside its options.
_GIVEN = ("class_counts", "teacher", "experts", "groups")
# What a loader gives: "images" (B, 3, H, W) uint8, "labels" (B,), "positions" (B,), and "second", a
# batch of the second stream, where the method asks for one.
Batch = dict[str, Any]


class TrainingMethod:
    """What a training step computes, what a second stage keeps, and what it asks of the data.

    Attributes:
        second_sampler: of a second stream of batches, a name of
            :data:`~lt_det.data.classification.SAMPLERS`; ``None``: there is none.
        needs_teacher: whether MODEL.LT.XERM.TEACHER_WEIGHTS (``--teacher``) names a trained model
            that it learns from.
        needs_first_features: whether :meth:`prepare` is to be called.
        needs_group_experts: whether MODEL.CLASSIFICATION.GROUP_EXPERTS name trained models that it
            learns from.
        needs_val: whether it looks at validation images, ``data.val``.
    """

    second_sampler: str | None = None
    needs_teacher: bool = False
    needs_first_features: bool = False
    needs_group_experts: bool = False
    needs_val: bool = False

    @classmethod
    def from_config(cls, cfg: CfgNode, class_counts: Tensor) -> "TrainingMethod":
        """Build the method of a config.

        Args:
            cfg: of the run.
            class_counts: (C,) training images per class.
        """
        return cls(**cfg.MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS)

    def losses(self, model: "ImageClassifier", batch: Batch) -> dict[str, Tensor]:
        """Compute the losses of a step, by name; their sum is minimized.

        Args:
            model: in training mode; ``model.loss`` is the config's loss.
            batch: of this process.
        """
        raise NotImplementedError

    def freeze(self, model: "ImageClassifier") -> None:
        """Stop the gradient of what a second stage does not train.

        That is the backbone, and the classifier's ``frozen_parameters`` where it has any.
        """
        if not model.freeze_backbone:
            return
        model.backbone.requires_grad_(False)
        for name in getattr(model.classifier, "frozen_parameters", ()):
            model.classifier.get_parameter(name).requires_grad_(False)

    def kept_tensors(self, model: "ImageClassifier") -> list[str]:
        """Name the tensors that a second stage must find in its first stage's weights.

        They are the backbone's, and the classifier's ``kept_parameters`` where it has any.
        """
        kept = [key for key in model.state_dict() if key.startswith("backbone.")]
        names = getattr(model.classifier, "kept_parameters", ())
        return kept + [f"classifier.{name}" for name in names]

    def prepare(self, model: "ImageClassifier", features: Tensor, labels: Tensor) -> None:
        """Make ready before the first step, with the weights that training starts from.

        Args:
            model: with them.
            features: (N, D) of the training images, as in a test, on the CPU.
            labels: (N,).
        """

    def start_epoch(self, epoch: int) -> None:
        """Hear that an epoch begins (from 1), or that a run is resumed within it."""

    def start_training(self, cfg: CfgNode, data: "ImageData") -> None:
        """Look at the data before the first step; all processes call it.

        Not in a run that is resumed with this method's ``training_state``.

        Args:
            cfg: of the run.
            data: its sets; ``val`` is there where the method ``needs_val``.
        """

    def finish_epoch(self, model: "ImageClassifier", cfg: CfgNode, data: "ImageData") -> None:
        """Hear that an epoch has ended; all processes call it.

        Args:
            model: as trained by now.
            cfg: of the run.
            data: its sets.
        """

    def training_state(self) -> dict[str, Any]:
        """Return what changes in training and is no function of the epoch, for checkpoints."""
        return {}

    def load_training_state(self, state: dict[str, Any]) -> None:
        """Take it over in a run that is resumed."""


TRAINING_METHODS: NameTable[type[TrainingMethod]] = NameTable("training method")


def method_name(cfg: CfgNode) -> str:
    """Return MODEL.CLASSIFICATION.TRAINING_METHOD.NAME, or what stands for ""."""
    named: str = cfg.MODEL.CLASSIFICATION.TRAINING_METHOD.NAME
    return named or ("xerm" if cfg.MODEL.LT.XERM.ENABLED else "supervised")


def has_teacher(cfg: CfgNode) -> bool:
    """Whether the method of a config learns from a trained model; of an unknown one, not."""
    return _class_of(cfg).needs_teacher


def has_group_experts(cfg: CfgNode) -> bool:
    """Whether the method of a config learns from experts of shot groups; of an unknown one, not."""
    return _class_of(cfg).needs_group_experts


def looks_at_val(cfg: CfgNode) -> bool:
    """Whether the method of a config looks at validation images; of an unknown one, not."""
    return _class_of(cfg).needs_val


def _class_of(cfg: CfgNode) -> type[TrainingMethod]:
    name = method_name(cfg)
    return TRAINING_METHODS.get(name) if name in TRAINING_METHODS else TrainingMethod


def check_method(cfg: CfgNode) -> None:
    """Refuse an unknown method, or options that it does not take.

    Raises:
        ConfigError: names the key.
    """
    name, options = method_name(cfg), cfg.MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS
    if (name == "xerm") != cfg.MODEL.LT.XERM.ENABLED:
        raise ConfigError(
            f"MODEL.CLASSIFICATION.TRAINING_METHOD.NAME: {name!r} beside MODEL.LT.XERM.ENABLED "
            f"{cfg.MODEL.LT.XERM.ENABLED}; leave it empty"
        )
    try:
        TRAINING_METHODS.check_options(name, dict(options), reserved=_GIVEN)
    except ValueError as error:
        raise ConfigError(f"MODEL.CLASSIFICATION.TRAINING_METHOD: {error}") from error


def build_method(cfg: CfgNode, class_counts: Tensor) -> TrainingMethod:
    """Build the training method of a config.

    Args:
        cfg: of the run.
        class_counts: (C,) training images per class.

    Raises:
        ConfigError, WeightsError: an unknown method, or a teacher that is absent or does not fit.
    """
    check_method(cfg)
    return TRAINING_METHODS.get(method_name(cfg)).from_config(cfg, class_counts)
