"""Which classes each training image leaves out of the negatives, beside its ground truth."""

from typing import Any

import torch
from detectron2.structures import Instances
from torch import Tensor

from lt_det.errors import DataError

# Of the ground truth of an image, and then of its proposals.
LEFT_OUT = "left_out_classes"


class ImageClasses:
    """A value per class of an image, as a field of its n instances, of which there may be none.

    Detectron2 carries an image's ground truth from loader to RoI heads as fields of as many values
    as there are instances, and nothing besides.

    Args:
        values: (C + 1,).
        length: n.
    """

    def __init__(self, values: Tensor, length: int) -> None:
        self.values, self._length = values, length

    def __len__(self) -> int:
        return self._length

    def to(self, *args: Any, **kwargs: Any) -> "ImageClasses":
        """Return the same on a device, as :meth:`torch.Tensor.to`, without waiting for it."""
        moved = self.values.to(*args, **{"non_blocking": True, **kwargs})
        return ImageClasses(moved, self._length)

    def __getitem__(self, item: Any) -> "ImageClasses":
        device = item.device if isinstance(item, Tensor) else None
        return ImageClasses(self.values, len(torch.empty(self._length, device=device)[item]))


def set_left_out(mapped: dict[str, Any], left_out: Tensor) -> None:
    """Put left-out classes, (C + 1,) bool, on the ground truth of a model's input, in place.

    Raises:
        DataError: names the image whose mapper gave no ground truth.
    """
    instances = mapped.get("instances")
    if not isinstance(instances, Instances):
        raise DataError(
            f"image {mapped.get('image_id')}: its mapper gives no instances, on which "
            "MODEL.LT.LOSS.NEGATIVES is told"
        )
    instances.set(LEFT_OUT, ImageClasses(left_out, len(instances)))
