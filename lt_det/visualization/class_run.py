"""The images of one classification run, from what it has written."""

import json
import logging
from pathlib import Path

from detectron2.utils import comm

from .class_bias import draw_class_distribution, draw_weight_norms
from .drawing import said_if_not_drawn

logger = logging.getLogger(__name__)


def draw_class_run(output_dir: str) -> None:
    """Draw OUTPUT_DIR/pictures/class_distribution.png and weight_norms.png; main process alone.

    What cannot be drawn is said in the log.
    """
    if not comm.is_main_process():
        return
    folder, images = Path(output_dir), Path(output_dir, "pictures")
    with said_if_not_drawn("predicted classes"):
        results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        tests = list(next(iter(results.values())))
        # The strongest cut comes first; where nothing is cut, the whole set serves for both.
        cuts = [test for test in tests[1:] if not test.endswith("_reversed")]
        draw_class_distribution(
            results,
            images / "class_distribution.png",
            balanced=tests[0],
            imbalanced=cuts[0] if cuts else tests[0],
        )
    with said_if_not_drawn("weight norms"):
        norms = json.loads((folder / "weight_norms.json").read_text(encoding="utf-8"))
        draw_weight_norms(norms, images / "weight_norms.png")
    logger.info("images of predicted classes and weight norms: %s", images)
