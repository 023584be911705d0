"""A detection job: training or evaluation, as the config says."""

import argparse

from detectron2.config import CfgNode
from detectron2.evaluation import verify_results
from detectron2.utils import comm

from lt_det.engine import LTCheckpointer, report_cost, write_config, write_missing_config

from .evaluation.directions import check_directions
from .evaluation.row_info import post_hoc_rows
from .setup import setup
from .trainer import LTTrainer


def train_or_evaluate(
    args: argparse.Namespace, trainer_class: type[LTTrainer] = LTTrainer
) -> CfgNode:
    """Train or evaluate in each process, as ``tools/train_net.py`` does.

    Args:
        args: of the command line.
        trainer_class: a subclass of one's own.

    Returns:
        the config of the run.
    """
    cfg = setup(args)
    with report_cost(cfg.OUTPUT_DIR):
        if args.eval_only:
            model = trainer_class.build_model(cfg)
            checkpointer = LTCheckpointer(model, save_dir=cfg.OUTPUT_DIR, complete=True)
            checkpointer.resume_or_load(cfg.MODEL.WEIGHTS, resume=args.resume)
            check_directions(model, post_hoc_rows(cfg), cfg.MODEL.WEIGHTS or cfg.OUTPUT_DIR)
            results = trainer_class.test(cfg, model)
            if comm.is_main_process():
                verify_results(cfg, results)
            write_missing_config(cfg)
        else:
            trainer = trainer_class(cfg)
            trainer.resume_or_load(resume=args.resume)
            # Now that they go together: what lies there may be another config's weights.
            write_config(cfg)
            trainer.train()
    return cfg
