"""CIFAR from its original pickles, and scikit-learn's digits."""

import os

import numpy as np
from torchvision import datasets

from lt_det.errors import DataError

from .image_set import ArraySource, ImageSet
from .long_tailed_subset import hold_out

_CIFAR = {10: datasets.CIFAR10, 100: datasets.CIFAR100}


def read_cifar(root: str | os.PathLike[str], num_classes: int) -> dict[str, ImageSet]:
    """Return ``train`` (50,000) and ``test`` (10,000) of CIFAR-10 or CIFAR-100.

    Args:
        root: folder that holds ``cifar-10-batches-py`` or ``cifar-100-python``.
        num_classes: 10 or 100.

    Raises:
        DataError: the pickles are absent or are not the published ones (their MD5 sums differ).
    """
    kind = _CIFAR[num_classes]
    try:
        parts = {
            "train": kind(str(root), train=True, download=False),
            "test": kind(str(root), train=False, download=False),
        }
    except RuntimeError as error:
        raise DataError(
            f"{os.path.join(root, kind.base_folder)}: missing, or not the published files; "
            f"datasets/README.md says where to get CIFAR-{num_classes}"
        ) from error
    return {
        split: ImageSet.of(
            f"cifar{num_classes}/{split}",
            part.classes,
            part.targets,
            ArraySource(part.data, f"cifar{num_classes}/{split}"),
        )
        for split, part in parts.items()
    }


def read_digits() -> dict[str, ImageSet]:
    """Read scikit-learn's 1,797 digits, 8 × 8: ``train`` and ``test`` (50 a class)."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = (digits.images * (255 / 16)).round().astype(np.uint8)
    names = [str(name) for name in digits.target_names]
    whole = ImageSet.of("digits", names, digits.target.tolist(), ArraySource(pixels, "digits"))
    train, test = hold_out(whole.labels, 10, 50, seed=0)
    return {"train": whole.select(train, "digits/train"), "test": whole.select(test, "digits/test")}
