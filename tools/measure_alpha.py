#!/usr/bin/env python3
"""Measure the α of TDE that needs no validation set: α·cos(x, d) is 1 on average in training.

tools/measure_alpha.py --config-file configs/classification/folder_lt/resnet32_tde.yaml \
                       --data FOLDER_OR_ZIP --imbalance 100 MODEL.WEIGHTS FILE [KEY VALUE]

FILE is a classifier with a head direction; its training images are looked at once, as tests are.
Prints cos(x, d) by shot group, and how to read the classifier by the α. A detector's:
tools/track_direction.py.
"""

import argparse

# First: it leaves out what Detectron2 warns of when it is imported.
from lt_det.commands.command_line import parse, with_examples

# isort: split
from detectron2.utils import comm

from lt_det.classification.alpha import alpha_of, cosines_to_direction
from lt_det.classification.evaluate import shot_limits
from lt_det.classification.inference import collect_features
from lt_det.classification.model import ImageClassifier
from lt_det.classification.setup import argument_parser, setup
from lt_det.core.long_tail import shot_groups
from lt_det.engine import LTCheckpointer, run
from lt_det.errors import ConfigError
from lt_det.evaluation.tables import markdown_table


def main(args: argparse.Namespace) -> None:
    """Look at the training images once, and print.

    Raises:
        ConfigError, WeightsError: one line each.
    """
    if comm.get_world_size() > 1:
        raise ConfigError("--num-gpus: one process looks at the training set")
    cfg, data = setup(args)
    if not cfg.MODEL.WEIGHTS:
        raise ConfigError("MODEL.WEIGHTS: name the trained classifier")
    model = ImageClassifier(cfg).to(cfg.MODEL.DEVICE).eval()
    LTCheckpointer(model, complete=True).load(cfg.MODEL.WEIGHTS)
    features, labels = collect_features(model, data.train, cfg, data.train_images)
    cosines = cosines_to_direction(model, features).cpu()
    alpha = alpha_of(cosines)
    rows = []
    for name, classes in shot_groups(data.class_counts, **shot_limits(cfg)).items():
        of_group = cosines[classes.cpu()[labels]]
        if len(of_group):
            rows.append([name, f"{of_group.mean():.3f}", f"{len(of_group):,}"])
    rows.append(["all", f"{cosines.mean():.3f}", f"{len(cosines):,}"])
    print(markdown_table(["", "mean cos(x, d)", "training images"], rows))
    print(f"\nα·cos(x, d) is 1 on average at α = {alpha:.2f}: ", end="")
    print(f'TEST.POST_HOC \'["none", "tde(alpha={alpha:.2f})"]\'')


if __name__ == "__main__":
    run(main, parse(with_examples(argument_parser(), __doc__)))
