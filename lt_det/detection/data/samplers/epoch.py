"""What an epoch of a training means, in a line for its log."""

import numpy as np
from torch import Tensor

from lt_det.data.lvis.detectron2_dicts import TrainingDicts


def describe_epoch(repeats: Tensor, dicts: TrainingDicts, batch_size: int) -> str:
    """Say how long an epoch is, how often images come in it, and the rarest category's.

    Args:
        repeats: (I,) how often each image comes in an epoch, in expectation.
        dicts: I images.
        batch_size: images of an iteration, over all processes.
    """
    times = repeats.double().numpy()
    length = times.sum()
    said = f"an epoch is {length:.0f} images ({length / batch_size:.1f} iterations)"
    low, high = times.min(), times.max()
    spread = "" if low == high else f", from {low:.2f} to {high:.2f}"
    said += f": each of {len(times)} comes {times.mean():.2f} times on average{spread}"
    positions, classes = dicts.image_classes()
    if not len(classes):
        return said
    counts = np.bincount(classes, minlength=dicts.num_classes)
    rarest = int(np.where(counts > 0, counts, np.inf).argmin())
    seen = times[positions[classes == rarest]].sum()
    said += f"; the rarest category, {dicts.class_names[rarest]!r}, in {counts[rarest]} of them, "
    said += f"is seen in {seen:.1f}"
    absent = int((counts == 0).sum())
    return said + (f"; {absent} categories are in none" if absent else "")
