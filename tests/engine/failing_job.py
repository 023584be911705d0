"""A job of two processes, one of which fails: ``python -m tests.engine.failing_job FOLDER``."""

import argparse
import sys
from pathlib import Path

from detectron2.utils import comm
from detectron2.utils.logger import setup_logger

from lt_det.detection.trainer import LTTrainer
from lt_det.engine import log_like_detectron2, run
from lt_det.errors import DataError

from .helpers import config, register, train

OPTIONS = ("SOLVER.MAX_ITER", 5, "TEST.EVAL_PERIOD", 0, "MODEL.MASK_ON", False,
           "SOLVER.IMS_PER_BATCH", 2)  # fmt: skip


class Failing(LTTrainer):
    """The last process meets a broken image in its third step; the others wait for it."""

    def run_step(self):
        if self.iter == 2 and comm.get_rank() == 1:
            raise DataError("7.jpg: image 7: broken image")
        super().run_step()


def main(args):
    """One process."""
    setup_logger(str(args.folder), distributed_rank=comm.get_rank())
    log_like_detectron2()
    register(args.folder / f"data{comm.get_rank()}")
    train(config(args.folder, *OPTIONS), trainer=Failing)


if __name__ == "__main__":
    run(
        main,
        argparse.Namespace(
            **{"folder": Path(sys.argv[1]), "num_gpus": 2, "num_machines": 1},
            **{"machine_rank": 0, "dist_url": "auto"},
        ),
    )
