"""What a job leaves to look at when it is done."""

import logging
from pathlib import Path

from detectron2.utils import comm

from lt_det.engine import leave_together
from lt_det.inspection.run_report import run_report
from lt_det.visualization.drawing import said_if_not_drawn
from lt_det.visualization.page import write_page

logger = logging.getLogger(__name__)


def write_report(output_dir: str) -> None:
    """Write OUTPUT_DIR/report.html, on the main process; what prevents it is said in the log.

    The last a job of several processes does: they part here.
    """
    folder, is_main = Path(output_dir), comm.is_main_process()
    # Reading the run's data waits for all processes, and the others for nothing more.
    leave_together()
    if not is_main or not (folder / "results.json").is_file():
        return
    with said_if_not_drawn("report"):
        write_page(run_report([folder]), folder / "report.html")
        logger.info("report: %s", folder / "report.html")
