"""Image ids as a file has them, and the integers that stand for them inside lt_det."""

from collections.abc import Iterable, Sequence
from typing import Any

from lt_det.records import LARGEST_EXACT, as_id

ImageId = int | str


def image_key(value: Any) -> ImageId | None:
    """Return what an image id means, whether it is written 7, 7.0 or "7": 7. Other texts are names.

    Returns:
        ``None`` for what is no id.
    """
    number = as_id(value)
    return value if number is None and isinstance(value, str) else number


def assign_ids(given: Sequence[Any]) -> tuple[list[int], list[ImageId] | None]:
    """Choose the internal ids of a file's images.

    Args:
        given: the file's ids, all of which have an :func:`image_key`, no two the same.

    Returns:
        (internal ids, in the order given; the file's own by ascending internal id, or ``None``
        where they are the same).
    """
    keys: list[Any] = [image_key(value) for value in given]
    if all(isinstance(key, int) and 0 <= key < LARGEST_EXACT for key in keys):
        internal = keys
    else:
        # In the order of their own ids, in which evaluators break ties between images.
        ranked = sorted(range(len(keys)), key=lambda i: (isinstance(keys[i], str), keys[i]))
        internal = [0] * len(keys)
        for rank, position in enumerate(ranked):
            internal[position] = rank + 1
    if internal is keys and not any(isinstance(value, str) for value in given):
        return internal, None
    order = sorted(range(len(keys)), key=internal.__getitem__)
    return internal, [given[i] if isinstance(given[i], str) else keys[i] for i in order]


class ImageIds:
    """The ids of a set's images, in its file and inside lt_det.

    Evaluators hold ids as doubles, or without a sign. Where a file has ids that cannot be held so
    (64-bit hashes, names, negative numbers), its images are numbered from 1 instead, and what is
    written for others has the file's own again.

    Args:
        internal: of the I images, ascending.
        originals: the file's own, likewise; ``None`` where they are the same.

    Attributes:
        originals: as given.
    """

    def __init__(self, internal: Iterable[int], originals: Sequence[ImageId] | None) -> None:
        self._internal, self.originals = list(internal), originals
        keys: Iterable[Any] = self._internal if originals is None else map(image_key, originals)
        self._internal_of = dict(zip(keys, self._internal, strict=True))
        self._original_of = dict(zip(self._internal, originals or (), strict=False))

    def internal(self, original: Any) -> int | None:
        """Return the internal id an id of the file means, or ``None``: no such image."""
        if type(original) is int and original in self._internal_of:  # by far the most
            return self._internal_of[original]
        key = image_key(original)
        return None if key is None else self._internal_of.get(key)

    def original(self, internal: int) -> ImageId:
        """Return the file's own id of an image, as the file writes it.

        Raises:
            KeyError: no such image.
        """
        return internal if self.originals is None else self._original_of[internal]
