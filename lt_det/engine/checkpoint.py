"""Checkpoints that fit, or a clear error: nothing is loaded in part in silence."""

from typing import Any

from detectron2.checkpoint import DetectionCheckpointer

from lt_det.errors import WeightsError

# Modules whose sizes follow the number of classes.
_HEADS = ("roi_heads.", "classifier.")


class LTCheckpointer(DetectionCheckpointer):
    """Detectron2's checkpointer, which refuses tensors of another shape instead of skipping them.

    Args:
        complete: also refuse weights that lack some of the model's tensors, as evaluation must; a
            backbone's weights, from which training starts, do lack the heads'.
        model, save_dir, checkpointables: as Detectron2's.
    """

    def __init__(
        self, model: Any, save_dir: str = "", *, complete: bool = False, **checkpointables: Any
    ) -> None:
        super().__init__(model, save_dir, **checkpointables)
        self._complete = complete
        self._file = ""

    def _load_file(self, filename: str) -> Any:
        self._file = filename
        return super()._load_file(filename)

    def _load_model(self, checkpoint: Any) -> Any:
        incompatible = super()._load_model(checkpoint)
        for name, found, needed in incompatible.incorrect_shapes:
            hint = ""
            if name.startswith(_HEADS) and found[0] != needed[0]:
                hint = ": the weights were trained with another number of classes or head size"
            raise WeightsError(
                f"{self._file}: {name} has shape {tuple(found)}, the model needs "
                f"{tuple(needed)}{hint}"
            )
        if self._complete and incompatible.missing_keys:
            raise WeightsError(
                f"{self._file}: lacks {sorted(incompatible.missing_keys)[0]} and "
                f"{len(incompatible.missing_keys) - 1} more of the model's tensors: not a "
                "checkpoint of this model"
            )
        return incompatible
