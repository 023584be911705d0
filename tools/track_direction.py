#!/usr/bin/env python3
"""Compute the head direction of a detector that was trained without one, for TDE.

tools/track_direction.py --config-file CONFIG MODEL.WEIGHTS FILE OUTPUT_DIR DIR [--images 5000]

CONFIG and FILE are a trained detector's: one of lt_det's, or of Detectron2's model zoo with its
classes in the order of the training file. Looks at the training images twice, without learning, and
writes DIR/model_final.pth and DIR/config.yaml, which have TDE; prints what the direction favours,
and the α at which α·cos(x, d) is 1 on average: tde(alpha="auto").
"""

import argparse
import math

from detectron2.utils import comm

from lt_det.commands.command_line import parse, with_examples
from lt_det.data.lvis.catalog import registered_set
from lt_det.detection.evaluation.directions import direction_logits, direction_table
from lt_det.detection.setup import argument_parser, setup
from lt_det.detection.tracking import track_direction
from lt_det.detection.trainer import LTTrainer, record_of
from lt_det.engine import LTCheckpointer, run, write_config
from lt_det.engine.post_hoc import MEASURED_ALPHA
from lt_det.errors import ConfigError
from lt_det.evaluation.tables import markdown_table
from lt_det.files import save_json

_LINEAR = "linear"


def main(args: argparse.Namespace) -> None:
    """Track, measure, write, print.

    Raises:
        ConfigError, WeightsError: one line each.
    """
    if comm.get_world_size() > 1:
        raise ConfigError("--num-gpus: one process looks at the training set")
    cfg = setup(args).clone()
    if not cfg.MODEL.WEIGHTS:
        raise ConfigError("MODEL.WEIGHTS: name the trained detector")
    trained = LTTrainer.build_model(cfg)
    LTCheckpointer(trained, complete=True).load(cfg.MODEL.WEIGHTS)
    cfg.defrost()
    if cfg.MODEL.LT.CLASSIFIER.NAME == _LINEAR:
        cfg.MODEL.LT.CLASSIFIER.NAME = "linear_with_direction"
    model = LTTrainer.build_model(cfg)
    # The same parameters; the direction is what the trained one may lack.
    model.load_state_dict(trained.state_dict(), strict=False)
    loader = LTTrainer.build_train_loader(cfg)
    sets = [registered_set(name) for name in cfg.DATASETS.TRAIN]
    images = args.images or sum(len(training_set.paths) for training_set in sets)
    tracked = track_direction(model, loader, math.ceil(images / cfg.SOLVER.IMS_PER_BATCH))
    saver = LTCheckpointer(model, cfg.OUTPUT_DIR, record=record_of(sets))
    saver.save("model_final", **{MEASURED_ALPHA: tracked.alpha})
    write_config(cfg)
    figures = {"alpha": tracked.alpha, "cosines": tracked.cosines, "rois": tracked.rois}
    save_json(figures, f"{cfg.OUTPUT_DIR}/direction.json", indent=1)
    frequencies = [category["frequency"] for category in sets[0].categories]
    print(direction_table(direction_logits(model, frequencies)))
    rows = [
        [f"stage {i}", f"{c:.3f}", str(n)]
        for i, (c, n) in enumerate(zip(tracked.cosines, tracked.rois, strict=True))
    ]
    print(f"\n{markdown_table(['', 'mean cos(x, d)', 'foreground RoIs'], rows)}")
    print(f"\nα·cos(x, d) is 1 on average at α = {tracked.alpha:.2f}: {cfg.OUTPUT_DIR}")


if __name__ == "__main__":
    parser = argument_parser()
    parser.add_argument("--images", type=int, default=0, metavar="N", help="default: all of them")
    run(main, parse(with_examples(parser, __doc__)))
