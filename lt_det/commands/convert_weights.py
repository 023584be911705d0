"""Turn a checkpoint of the published TDE code into lt_det's; says what became of each tensor.

lt-det convert-weights PUBLISHED.pth OURS.pth --config-file configs/….yaml [KEY VALUE …]

The config says which model the weights are for; what fits it in name or shape in part only is an
error, as are other pixel statistics, another order of the channels, or ResNets that take their
strides elsewhere: the error says which KEY VALUE pairs to give, here and wherever the weights are
used. OURS.pth goes where MODEL.WEIGHTS is asked for.
"""

import argparse
from pathlib import Path

import torch
from detectron2.modeling import build_model as build_detector

import lt_det.detection  # noqa: F401  (registers the modules)
from lt_det.classification.building import build_model as build_classifier
from lt_det.config import default_config
from lt_det.engine import LTCheckpointer, merge_config
from lt_det.engine.checkpoints.published_weights import convert_published
from lt_det.errors import UserError
from lt_det.files import whole_file

from .command_line import run_alone


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("published", metavar="PUBLISHED.pth")
    made.add_argument("ours", type=Path, metavar="OURS.pth")
    made.add_argument("--config-file", required=True)
    made.add_argument("opts", nargs="*", metavar="KEY VALUE")
    return made


def main(args: argparse.Namespace) -> None:
    """Convert, list, check against the model, write."""
    classification = "classification" in Path(args.config_file).resolve().parts
    cfg = default_config(classification=classification)
    merge_config(cfg, args.config_file, args.opts)
    published = convert_published(args.published)
    published.check_config(cfg)
    for theirs, ours in published.renamed:
        print(f"{theirs} -> {ours}")
    for theirs, why in published.left_out:
        print(f"{theirs} left out: {why}")
    if classification:
        cfg.MODEL.LT.XERM.ENABLED = False
        model = build_classifier(cfg, torch.ones(cfg.MODEL.CLASSIFICATION.NUM_CLASSES))
    else:
        cfg.MODEL.WEIGHTS = ""
        model = build_detector(cfg)
    with whole_file(args.ours, "wb") as file:
        torch.save({"model": published.weights, "__author__": args.published}, file)
    try:
        LTCheckpointer(model, complete=True).load(str(args.ours))
    except UserError:
        args.ours.unlink()
        raise
    print(f"{len(published.renamed)} tensors, {len(published.left_out)} left out: {args.ours}")


def run(words: list[str] | None = None) -> None:
    """Run the command; flags may come anywhere."""
    run_alone(main, parser(), words, intermixed=True)


if __name__ == "__main__":
    run()
