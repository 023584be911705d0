#!/usr/bin/env python3
"""Images of what trained classifiers see, each by the config.yaml beside its weights.

tools/show_features.py tsne --models XE=FILE xERM_TDE=FILE --output tsne.png [--classes 4]
tools/show_features.py cam --models XE=FILE TDE=FILE --images A.jpg B.jpg --output cam.png
"""

import argparse
from functools import partial
from pathlib import Path

import torch

# First: it leaves out what Detectron2 warns of when it is imported.
from lt_det.commands.command_line import parse

# isort: split
from lt_det.classification.datasets import load_image_data
from lt_det.classification.inference import (
    ImageLogits,
    check_direction,
    collect_features,
    image_tensor,
)
from lt_det.classification.teacher import load_trained, read_classifier_config
from lt_det.core import shot_groups
from lt_det.core.post_hoc import TDE
from lt_det.data.classification.image_set import FileSource
from lt_det.engine import run
from lt_det.engine.named_files import by_name, named_file
from lt_det.errors import ConfigError
from lt_det.visualization.features import FeaturePanel, MappedModel, draw_activation_maps, draw_tsne


def tsne(args: argparse.Namespace) -> None:
    """Test features of the first classes of each shot group, of each model's own data."""
    draw_tsne(
        {name: _panel(file, args.classes) for name, file in by_name(args.models).items()},
        args.output,
    )
    print(args.output)


def _panel(file: str, classes: int) -> FeaturePanel:
    cfg = read_classifier_config(file)
    data = load_image_data(cfg, training=False)
    counts = data.grouping_counts(data.class_counts)
    limits = cfg.DATASETS.CLASSIFICATION
    groups = shot_groups(counts, limits.MANY, limits.FEW)
    shown = {
        label: f"{group}: {data.train.class_names[label]}"
        for group, mask in groups.items()
        for label in mask.nonzero().flatten()[:classes].tolist()
    }
    at = torch.isin(data.test.labels, torch.tensor(list(shown))).nonzero().flatten()
    images = None if data.test_images is None else data.test_images[at]
    features, labels = collect_features(load_trained(cfg, file), data.test.select(at), cfg, images)
    positions = {label: position for position, label in enumerate(shown)}
    places = torch.tensor([positions[label] for label in labels.tolist()])
    return FeaturePanel(features, places, list(shown.values()))


def cam(args: argparse.Namespace) -> None:
    """Heat maps of each model's answer on each image, at the model's own size."""
    models = {name: _mapped(file, args.alpha) for name, file in by_name(args.models).items()}
    source = FileSource(args.images)
    images = [(Path(file).name, source.image(i)) for i, file in enumerate(args.images)]
    draw_activation_maps(models, images, args.output)
    print(args.output)


def _mapped(file: str, alpha: float | None) -> MappedModel:
    cfg = read_classifier_config(file)
    tde = cfg.MODEL.LT.TDE
    used = (tde.ALPHA if alpha is None else alpha) if tde.ENABLED else 0.0
    model = load_trained(cfg, file)
    if model.backbone.map_layer is None:
        raise ConfigError(f"{file}: its network has no feature map to show")
    if used:
        check_direction(model, f"{file}: TDE α={used:g}")
    return MappedModel(
        ImageLogits(model, TDE(used)),
        model.backbone.map_layer,
        load_image_data(cfg, training=False).train.class_names,
        partial(image_tensor, cfg=cfg),
    )


def parser() -> argparse.ArgumentParser:
    """Build the command line of the two pictures."""
    top = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = top.add_subparsers(required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--models", nargs="+", type=named_file, required=True, metavar="NAME=FILE")
    shared.add_argument("--output", type=Path, required=True, metavar="PNG")
    command = commands.add_parser("tsne", parents=[shared])
    command.add_argument("--classes", type=int, default=4, help="of each shot group")
    command.set_defaults(main=tsne)
    command = commands.add_parser("cam", parents=[shared])
    command.add_argument("--images", "--pictures", nargs="+", required=True, metavar="FILE")
    command.add_argument(
        "--alpha", type=float, help="of TDE, where the config enables it; left out: the config's"
    )
    command.set_defaults(main=cam)
    return top


if __name__ == "__main__":
    arguments = parse(parser())
    # One process; errors of the input are one line, as everywhere.
    arguments.num_gpus = arguments.num_machines = 1
    arguments.machine_rank, arguments.dist_url = 0, "auto"
    run(arguments.main, arguments)
