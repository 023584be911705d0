"""How long a data set's tail is, what its validation can measure, and what it suggests."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Half a 95 % interval of a share of ½, times √n, in points: what one figure of n instances leaves
# open.
_POINTS = 196.0 * 0.5
# Below this imbalance every method for long tails has little to do.
NEARLY_BALANCED = 3.0
# Thresholds of repeat-factor sampling, the smallest first (LVIS's own is 0.001).
THRESHOLDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
# Repeats of the rarest categories that a suggestion aims at.
_AIM = 2.0


@dataclass(frozen=True)
class Group:
    """A frequency group.

    Attributes:
        name: rare, common, frequent; few, medium, many.
        classes: in it.
        train: training images, added up over its classes.
        tested: classes of it with a validation instance.
        instances: validation instances (images, in classification).
    """

    name: str
    classes: int
    train: int
    tested: int
    instances: int

    @property
    def uncertainty(self) -> float:
        """Points by which a share measured on its instances is open (95 %, at ½); NaN of none."""
        return _POINTS / math.sqrt(self.instances) if self.instances else math.nan


def group_figures(
    names: Sequence[str],
    groups: Sequence[str],
    train_counts: Sequence[int],
    val_counts: Sequence[int],
) -> list[Group]:
    """Add up classes by group.

    Args:
        names: of the groups, in the order wanted.
        groups: (C,) of each class.
        train_counts, val_counts: (C,) training images, validation instances.
    """
    made = []
    for name in names:
        at = [index for index, group in enumerate(groups) if group == name]
        tested = sum(val_counts[index] > 0 for index in at)
        train, val = (sum(counts[i] for i in at) for counts in (train_counts, val_counts))
        made.append(Group(name, len(at), train, tested, val))
    return made


def imbalance(counts: Sequence[int]) -> float:
    """Return the largest count over the smallest that is not 0; 1 where there is none."""
    present = [count for count in counts if count]
    return max(present) / min(present) if present else 1.0


def repeat_factors(image_counts: Sequence[int], num_images: int, threshold: float) -> list[float]:
    """Return r_c = max(1, √(t / f_c)) of each class, f_c its share of the images.

    Gupta, Dollár, Girshick, CVPR 2019 (LVIS), as Detectron2's RepeatFactorTrainingSampler; 1 for a
    class without an image.
    """
    return [
        max(1.0, math.sqrt(threshold * num_images / count)) if count else 1.0
        for count in image_counts
    ]


def suggested_threshold(image_counts: Sequence[int], num_images: int) -> float | None:
    """Return the smallest of :data:`THRESHOLDS` at which the rarest class is seen twice as often.

    ``None`` where none does, or there is nothing to repeat.
    """
    present = [count for count in image_counts if count]
    if not present:
        return None
    for threshold in THRESHOLDS:
        if repeat_factors([min(present)], num_images, threshold)[0] >= _AIM:
            return threshold
    return None


def advice(
    image_counts: Sequence[int], groups: Sequence[Group], *, detection: bool, num_images: int
) -> list[str]:
    """Say in sentences what the counts suggest: method, sampling, what cannot be measured.

    Args:
        image_counts: (C,) training images per class.
        groups: of :func:`group_figures`.
        detection: repeat-factor sampling is a detector's.
        num_images: of the training set.
    """
    ratio = imbalance(image_counts)
    said = []
    if ratio < NEARLY_BALANCED:
        said.append(
            f"The most frequent class has {ratio:.1f} times the images of the rarest: nearly "
            "balanced. Plain cross-entropy is the method to beat; methods for long tails have "
            "little to do here."
        )
    else:
        said.append(
            f"The most frequent class has {ratio:.0f} times the images of the rarest: a long tail. "
            "Compare the baseline with De-confound-TDE and, where the head must be kept, xERM."
        )
    threshold = suggested_threshold(image_counts, num_images) if detection else None
    if threshold is not None and ratio >= NEARLY_BALANCED:
        rarest = max(repeat_factors(image_counts, num_images, threshold))
        said.append(
            "Repeat-factor sampling: DATALOADER.SAMPLER_TRAIN RepeatFactorTrainingSampler "
            f"DATALOADER.REPEAT_THRESHOLD {threshold:g} shows images of the rarest class "
            f"{rarest:.1f} times as often."
        )
    for group in groups:
        if not group.classes:
            continue
        untested = group.classes - group.tested
        if untested:
            said.append(
                f"{untested} of {group.classes} {group.name} classes have no validation instance: "
                "nothing will be said of them."
            )
        if group.instances and group.uncertainty > 5:
            wanted = math.ceil((_POINTS / 5) ** 2)
            said.append(
                f"The {group.name} classes have {group.instances} validation instances: a share "
                f"measured on them (recall, say) is open by ±{group.uncertainty:.0f} points; "
                f"{wanted} instances would make that ±5. Smaller differences between methods are "
                "not to be seen there."
            )
    return said
