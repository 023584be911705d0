"""Augmentation: whole batches of small images at once, larger ones each on its own."""

import torch
from torch import Tensor
from torchvision.transforms import v2


def crop_and_flip(
    images: Tensor,
    padding: int,
    flip: bool,
    generator: torch.Generator,
    *,
    first: int = 0,
    total: int | None = None,
) -> Tensor:
    """Crop the zero-padded image and flip it, both at random (CIFAR's augmentation).

    Args:
        images: (N, 3, H, W).
        padding: pixels of zeros on each side.
        flip: flip each image with probability ½.
        generator: where the randomness comes from.
        first, total: the images are those from number ``first`` on of a batch of ``total``, whose
            other images are another process's; what is drawn for each depends on that alone.

    Returns:
        (N, 3, H, W), channels last in memory.
    """
    n, channels, height, width = images.shape
    total = n if total is None else total
    of_process = slice(first, first + n)
    offsets = torch.randint(2 * padding + 1, (2, total, 1), generator=generator)[:, of_process]
    rows = offsets[0] + torch.arange(height)
    columns = torch.arange(width).expand(n, width)
    if flip:
        flipped = torch.rand(total, 1, generator=generator)[of_process] < 0.5
        columns = torch.where(flipped, columns.flip(1), columns)
    columns = offsets[1] + columns
    # Channels last, and whole pixels at a time: a third of the time of gathering each value.
    padded = images.new_zeros(n, height + 2 * padding, width + 2 * padding, channels)
    of_image = slice(padding, padding + height), slice(padding, padding + width)
    padded[:, of_image[0], of_image[1]] = images.permute(0, 2, 3, 1)
    lines = torch.arange(n)[:, None] * padded.shape[1] + rows
    pixels = lines[:, :, None] * padded.shape[2] + columns[:, None]
    cropped = padded.view(-1, channels).index_select(0, pixels.flatten())
    return cropped.view(n, height, width, channels).permute(0, 3, 1, 2)


def training_transform(size: int, color_jitter: float, *, flip: bool = True) -> v2.Compose:
    """Return ImageNet-LT's transform: random resized crop, flip, colour jitter; PIL → uint8."""
    steps = [v2.RandomResizedCrop(size)]
    if flip:
        steps.append(v2.RandomHorizontalFlip())
    if color_jitter:
        steps.append(v2.ColorJitter(color_jitter, color_jitter, color_jitter, 0.0))
    return v2.Compose([*steps, v2.PILToTensor()])


def test_transform(size: int) -> v2.Compose:
    """Return the test transform: shorter side to 256/224 of ``size``, central crop; PIL → uint8."""
    return v2.Compose([v2.Resize(round(size * 256 / 224)), v2.CenterCrop(size), v2.PILToTensor()])


# pytest would collect it.
test_transform.__test__ = False  # type: ignore[attr-defined]
