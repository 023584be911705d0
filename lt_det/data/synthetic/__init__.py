"""The embedded synthetic long-tailed detection set."""

from .dataset import SyntheticParameters, make_synthetic_set, zipf_counts

__all__ = ["SyntheticParameters", "make_synthetic_set", "zipf_counts"]
