"""How many processes read images."""

import os


def num_workers(wanted: int) -> int:
    """Return ``wanted`` (DATALOADER.NUM_WORKERS), or the number of cores where these are fewer.

    More than cores only wait for each other, and torch warns of them. What is read, and in which
    order, does not depend on it.
    """
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(wanted, available or wanted)
