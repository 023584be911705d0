"""Image sets whose classes are numbered as a trained classifier's are."""

from dataclasses import replace

import torch

from lt_det.data.classification import ImageSet
from lt_det.engine import ModelRecord

from .datasets import ImageData


def with_classes_of(data: ImageData, record: ModelRecord | None) -> ImageData:
    """Number the classes of a data set as a checkpoint has them: by name, where names are unique.

    Args:
        data: to be evaluated on.
        record: of the checkpoint; ``None`` where it has none: classes stay in their order.

    Returns:
        the data, with labels in [0, C) of the checkpoint's classes.

    Raises:
        DataError: it has other classes.
    """
    if record is None:
        return data
    named = [{"id": i, "name": name} for i, name in enumerate(data.train.class_names)]
    positions = record.vocabulary.positions_in(named, data.train.name)
    if positions == list(range(len(positions))):
        return data
    whole = data.whole_counts
    return replace(
        data,
        train=_renumbered(data.train, positions),
        test=_renumbered(data.test, positions),
        whole_counts=None if whole is None else whole[torch.tensor(positions)],
    )


def _renumbered(image_set: ImageSet, positions: list[int]) -> ImageSet:
    new_label = torch.empty(len(positions), dtype=torch.int64)
    new_label[torch.tensor(positions)] = torch.arange(len(positions))
    return replace(
        image_set,
        labels=new_label[image_set.labels],
        class_names=tuple(image_set.class_names[position] for position in positions),
    )
