"""A classification job: training or evaluation, as the config says."""

import argparse

from detectron2.config import CfgNode

from lt_det.engine import (
    LTCheckpointer,
    report_cost,
    weights_to_load,
    write_config,
    write_missing_config,
)

from .evaluate import evaluate
from .keep_best import choice_in
from .model import ImageClassifier
from .setup import setup
from .trained_on import evaluated_class_counts
from .trainer import LTClassifierTrainer


def train_or_evaluate(args: argparse.Namespace) -> CfgNode:
    """Train or evaluate in each process, as ``tools/train_cls.py``; return the run's config."""
    cfg, data = setup(args)
    with report_cost(cfg.OUTPUT_DIR):
        if args.eval_only:
            model = ImageClassifier(cfg).to(cfg.MODEL.DEVICE)
            checkpointer = LTCheckpointer(model, save_dir=cfg.OUTPUT_DIR, complete=True)
            weights = weights_to_load(cfg.OUTPUT_DIR, cfg.MODEL.WEIGHTS, resume=args.resume)
            class_counts = evaluated_class_counts(cfg, data, weights)
            checkpointer.resume_or_load(cfg.MODEL.WEIGHTS, resume=args.resume)
            choice = choice_in(weights)
            evaluate(cfg, model, data, class_counts, mark=choice.mark if choice else "")
            write_missing_config(cfg)
        else:
            trainer = LTClassifierTrainer(cfg, data)
            trainer.resume_or_load(resume=args.resume)
            # Now that they go together: what lies there may be another config's weights, or those
            # that this training starts from.
            write_config(cfg)
            trainer.train()
    return cfg
