"""What the processes of a test do; they are spawned, so it has a file of its own."""

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from detectron2.modeling import sampling
from detectron2.modeling.proposal_generator import rpn
from detectron2.modeling.roi_heads import roi_heads
from detectron2.utils import comm
from detectron2.utils.env import seed_all_rng

from lt_det.detection.trainer import LTTrainer
from lt_det.engine import run

from .helpers import config, register, train

OPTIONS = ("SOLVER.MAX_ITER", 5, "TEST.EVAL_PERIOD", 0, "MODEL.MASK_ON", False,
           "SOLVER.IMS_PER_BATCH", 4, "SOLVER.BASE_LR", 1e-5, "SOLVER.WARMUP_ITERS", 0,
           # Of one size, for a batch is padded to its largest, and each process has its own.
           "INPUT.MIN_SIZE_TRAIN", "(48,)")  # fmt: skip


def first_ones(labels, num_samples, positive_fraction, bg_label):
    """In the place of Detectron2's random choice, which is each process's own."""
    positive = ((labels != -1) & (labels != bg_label)).nonzero().flatten()
    negative = (labels == bg_label).nonzero().flatten()
    count = min(len(positive), int(num_samples * positive_fraction))
    return positive[:count], negative[: num_samples - count]


def train_detector(folder, *options):
    """Train; every rank leaves its state."""
    with (
        mock.patch.object(sampling, "subsample_labels", first_ones),
        mock.patch.object(rpn, "subsample_labels", first_ones),
        mock.patch.object(roi_heads, "subsample_labels", first_ones),
    ):
        register(folder / f"data{comm.get_rank()}")
        output = folder / f"out{comm.get_world_size()}"
        cfg = config(output, *OPTIONS, *options)
        trainer = train(cfg)
    state = trainer.checkpointer.model.state_dict()
    torch.save(state, output / f"rank{comm.get_rank()}.pth")
    seed_all_rng(cfg.SEED)
    torch.save(LTTrainer.build_model(cfg).state_dict(), output / "initial.pth")


def train_with_empty_images(folder):
    """Six of the eight images are empty, so that in every batch some process has no instance."""
    register(folder / f"data{comm.get_rank()}", filled=(2, 5))
    output = folder / "out2"
    keep = ("DATALOADER.FILTER_EMPTY_ANNOTATIONS", False, "SOLVER.IMS_PER_BATCH", 2)
    trainer = train(config(output, *OPTIONS, *keep, "MODEL.MASK_ON", True, "DATASETS.TEST", "()"))
    torch.save(trainer.checkpointer.model.state_dict(), output / f"rank{comm.get_rank()}.pth")


def evaluate(folder):
    """Seven images, which two processes cannot share evenly."""
    output = folder / f"out{comm.get_world_size()}"
    register(folder / "data" / str(comm.get_rank()), images=7)
    cfg = config(output, "MODEL.ROI_HEADS.SCORE_THRESH_TEST", 0.0)
    seed_all_rng(cfg.SEED)
    model: Any = LTTrainer.build_model(cfg)
    if comm.get_world_size() > 1:
        model = torch.nn.parallel.DistributedDataParallel(model)
    LTTrainer.test(cfg, model)


def die_in_a_step(folder):
    """The last rank is killed in its third step."""

    class Dying(LTTrainer):
        def run_step(self):
            if self.iter == 2 and comm.get_rank() == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            super().run_step()

    register(folder / f"data{comm.get_rank()}")
    train(config(folder / "out", *OPTIONS), trainer=Dying)


def lose_numbers(folder, *options):
    """A loss of one step, in the last rank alone, is not finite."""

    class Losing(LTTrainer):
        def run_step(self):
            handle = self.model.register_forward_hook(self._lose, prepend=True)
            super().run_step()
            handle.remove()

        def _lose(self, _, inputs, losses):
            lost = self.iter == 2 and comm.get_rank() == 1
            return {**losses, "loss_cls": losses["loss_cls"] * (float("nan") if lost else 1)}

    register(folder / f"data{comm.get_rank()}")
    output = folder / "out2"
    trainer = train(config(output, *OPTIONS, *options), trainer=Losing)
    assert trainer._guard.skipped == 1
    torch.save(trainer.checkpointer.model.state_dict(), output / f"rank{comm.get_rank()}.pth")


def diverge(folder, *options):
    """RPN's predictions of one step, in the last rank alone, are infinite."""

    class Diverging(LTTrainer):
        def run_step(self):
            head = self.checkpointer.model.proposal_generator.rpn_head
            handle = head.register_forward_hook(self._diverge)
            super().run_step()
            handle.remove()

        def _diverge(self, _, inputs, outputs):
            if self.iter == 2 and comm.get_rank() == 1:
                return outputs[0], [deltas * float("inf") for deltas in outputs[1]]
            return outputs

    register(folder / f"data{comm.get_rank()}")
    output = folder / "out2"
    trainer = train(config(output, *OPTIONS, *options), trainer=Diverging)
    assert trainer._guard.skipped == 1
    torch.save(trainer.checkpointer.model.state_dict(), output / f"rank{comm.get_rank()}.pth")


def main(args):
    """Under torchrun, by the commands' own way of starting."""
    train_detector(args.folder)


if __name__ == "__main__":
    run(main, argparse.Namespace(folder=Path(sys.argv[1]), num_gpus=0))
