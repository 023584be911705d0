"""Where the data sets lie."""

import os
from pathlib import Path


def datasets_root() -> Path:
    """Return the folder of all data sets: the environment's DETECTRON2_DATASETS or ``datasets``."""
    return Path(os.environ.get("DETECTRON2_DATASETS", "datasets")).expanduser()
