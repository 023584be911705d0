"""Small configs and models for tests of classification."""

from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from lt_det.classification import LTClassifierTrainer
from lt_det.classification.setup import argument_parser
from lt_det.config import default_config

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "classification"


def small_config(name="digits_lt/resnet32_tde.yaml", *overrides, num_classes=10):
    cfg = default_config(classification=True)
    cfg.merge_from_file(str(CONFIGS / name))
    cfg.MODEL.DEVICE = "cpu"
    cfg.MODEL.CLASSIFICATION.NUM_CLASSES = num_classes
    cfg.merge_from_list(list(overrides))
    return cfg


def arguments(name, *options):
    """Parsed command line of tools/train_cls.py."""
    return argument_parser().parse_args(["--config-file", str(CONFIGS / name), *map(str, options)])


def batch(num_classes=10, size=8, count=6):
    generator = torch.Generator().manual_seed(3)
    images = torch.randint(256, (count, 3, size, size), dtype=torch.uint8, generator=generator)
    return {"images": images, "labels": torch.arange(count) % num_classes}


class Stopped(Exception):
    """A training that was stopped before its end."""


@contextmanager
def stopped_at(iteration, monkeypatch):
    """Expect a training, inside, to be stopped before an iteration."""
    original = LTClassifierTrainer.run_step

    def stopping(self):
        if self.iter == iteration:
            raise Stopped
        original(self)

    with monkeypatch.context() as patched:
        patched.setattr(LTClassifierTrainer, "run_step", stopping)
        with pytest.raises(Stopped):
            yield
