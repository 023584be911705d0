"""What a checkpoint says of the model in it: its classes, and what it has seen of each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lt_det.data.lvis.vocabulary import Vocabulary
from lt_det.errors import DataError, WeightsError

from .safe_load import load_tensors

# Its entry in a checkpoint.
KEY = "model_record"


@dataclass
class ModelRecord:
    """The classes of a model, by class index in [0, C); a part of its checkpoints.

    Attributes:
        class_names: C names.
        class_ids: C ids in the annotation file; of image classes, their indices.
        instance_counts: C training instances (images, in classification), which priors are made of.
        image_counts: C training images.
        source: the training set, for messages.
    """

    class_names: list[str]
    class_ids: list[int]
    instance_counts: list[int]
    image_counts: list[int]
    source: str

    @property
    def vocabulary(self) -> Vocabulary:
        """Names and ids."""
        return Vocabulary(tuple(self.class_names), tuple(self.class_ids), self.source)

    def state_dict(self) -> dict[str, Any]:
        """Return what is saved: lists of text and integers."""
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Compare the run that is resumed with this one; nothing is taken over.

        Raises:
            WeightsError: it was trained on other classes.
        """
        ModelRecord(**state).check_same_classes(self.class_names, "--resume: the run")

    def check_same_classes(self, class_names: list[str], model: str) -> None:
        """Refuse to use a model where other classes are meant.

        Args:
            class_names: C names that are meant, by class index.
            model: what the message calls this record's model.

        Raises:
            WeightsError: names the first class that differs.
        """
        if self.class_names == class_names:
            return
        if len(self.class_names) != len(class_names):
            raise WeightsError(
                f"{model} has {len(self.class_names)} classes ({self.source}), {len(class_names)} "
                "are meant here"
            )
        pairs = enumerate(zip(self.class_names, class_names, strict=True))
        index, (recorded, meant) = next((i, pair) for i, pair in pairs if pair[0] != pair[1])
        raise WeightsError(
            f"{model} was trained on other classes ({self.source}): class {index} is "
            f"{recorded!r:.60} there, {meant!r:.60} here"
        )


def read_record(weights: str) -> ModelRecord | None:
    """Read what a checkpoint says of its model, without its tensors.

    Args:
        weights: a file; one of the model zoo's has no record.

    Returns:
        ``None`` where the file has none, or cannot be read, which loading it will say.
    """
    if not Path(weights).is_file() or not weights.endswith(".pth"):
        return None
    try:
        loaded = load_tensors(weights, mmap=True)
    except WeightsError:
        return None
    state = loaded.get(KEY) if isinstance(loaded, dict) else None
    if state is None:
        return None
    try:
        return ModelRecord(**state)
    except TypeError as error:
        raise DataError(f"{weights}: {KEY}: of another version of lt_det: {error}") from error


def weights_to_load(output_dir: str, weights: str, *, resume: bool) -> str:
    """Name the file a run will load: its last checkpoint where it resumes, else ``weights``."""
    tag = Path(output_dir, "last_checkpoint")
    if resume and tag.is_file():
        return str(tag.with_name(tag.read_text(encoding="utf-8").strip()))
    return weights
