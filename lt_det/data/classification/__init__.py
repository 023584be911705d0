"""Labelled images for classification: reading, long-tailed cuts, samplers, batches."""

from .decoding import decode_all, without_unreadable
from .folder import read_folder, split_by_seed
from .image_set import ImageSet
from .lists import read_list, warn_of_shared_images
from .long_tailed_subset import cut_to_counts, hold_out, imbalance_counts
from .published import read_cifar, read_digits
from .samplers import SAMPLERS, ResumableSampler

__all__ = [
    "SAMPLERS",
    "ImageSet",
    "ResumableSampler",
    "cut_to_counts",
    "decode_all",
    "hold_out",
    "imbalance_counts",
    "read_cifar",
    "read_digits",
    "read_folder",
    "read_list",
    "split_by_seed",
    "warn_of_shared_images",
    "without_unreadable",
]
