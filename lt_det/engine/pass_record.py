"""What a pass of a model over the test images takes, beside its results."""

import time
from pathlib import Path

from detectron2.utils import comm

from lt_det.files import load_json, save_json

FILE = "pass.json"


class PassClock:
    """Times a pass from its making on."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def seconds_per_image(self, num_images: int) -> float:
        """Return the seconds that a process spends on one image, all readings of it included.

        Args:
            num_images: of all processes, which share them.
        """
        return (time.monotonic() - self._start) * comm.get_world_size() / max(num_images, 1)


def save_pass(folder: Path, num_images: int, seconds_per_image: float) -> None:
    """Write ``pass.json``: not among the results, which are the same to the bit in every run."""
    record = {"images": num_images, "seconds_per_image": seconds_per_image}
    save_json(record, folder / FILE, indent=1)


def read_pass(run: Path) -> float | None:
    """Return the seconds an image of a run's last evaluation; ``None`` where it left none.

    Args:
        run: OUTPUT_DIR of a classifier, or of a detector: of its first test set then.
    """
    for file in (run / FILE, *sorted(run.glob(f"inference/*/{FILE}"))):
        if file.is_file():
            return float(load_json(file)["seconds_per_image"])
    return None
