"""A classification job: training or evaluation, as the config says."""

import argparse

from detectron2.config import CfgNode

from lt_det.engine import LTCheckpointer, report_cost

from .building import build_model
from .evaluate import evaluate
from .setup import setup
from .trained_on import check_evaluated
from .trainer import LTClassifierTrainer


def train_or_evaluate(args: argparse.Namespace) -> CfgNode:
    """What ``tools/train_cls.py`` does in each process; returns the config of the run."""
    cfg, data = setup(args)
    with report_cost(cfg.OUTPUT_DIR):
        if args.eval_only:
            model = build_model(cfg, data.class_counts)
            checkpointer = LTCheckpointer(model, save_dir=cfg.OUTPUT_DIR, complete=True)
            resumed = args.resume and checkpointer.has_checkpoint()
            weights = checkpointer.get_checkpoint_file() if resumed else cfg.MODEL.WEIGHTS
            check_evaluated(cfg, data, weights)
            checkpointer.resume_or_load(cfg.MODEL.WEIGHTS, resume=args.resume)
            evaluate(cfg, model, data)
        else:
            trainer = LTClassifierTrainer(cfg, data)
            trainer.resume_or_load(resume=args.resume)
            trainer.train()
    return cfg
