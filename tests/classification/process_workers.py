"""What the processes of a test do; they are spawned, so it has a file of its own."""

from unittest import mock

from detectron2.utils import comm

from experiments.systems import COMPARED, SYSTEMS, waves
from lt_det.classification import LTClassifierTrainer
from lt_det.classification.run import train_or_evaluate

from ..processes import differing_state
from .helpers import arguments

QUICK = (
    *("MODEL.DEVICE", "cpu", "SEED", 2, "SOLVER.EPOCHS.MAX", 1, "SOLVER.EPOCHS.STEPS", "()"),
    *("SOLVER.EPOCHS.WARMUP", 0, "SOLVER.IMS_PER_BATCH", 128, "DATALOADER.NUM_WORKERS", 0),
    *("TEST.CLASSIFICATION.IMBALANCES", "[]", "DATASETS.CLASSIFICATION.HOLD_OUT", 5),
)


def train_each(folder):
    """Train every system that a comparison has for an epoch, what others start from first."""
    with mock.patch.object(LTClassifierTrainer, "after_train", _compared(folder)):
        for system in (system for wave in waves(COMPARED) for system in wave):
            starts = [
                word
                for key, start in system.starts.items()
                for word in (key, _folder(folder, SYSTEMS[start]) / "model_final.pth")
            ]
            options = [word.format(alpha=1) for word in system.options]
            output = ("OUTPUT_DIR", _folder(folder, system))
            leaf = f"digits_lt/resnet32_{system.leaf}.yaml"
            train_or_evaluate(arguments(leaf, *options, *starts, *QUICK, *output))


def keep_the_best(folder):
    """Train, each epoch evaluated on held-out images."""
    best = ("TEST.CLASSIFICATION.KEEP_BEST", "val", "SOLVER.EPOCHS.EVAL", 1)
    options = (*QUICK, "SOLVER.EPOCHS.MAX", 3, *best, "OUTPUT_DIR", folder)
    train_or_evaluate(arguments("digits_lt/resnet32_xe.yaml", *options))


def _folder(folder, system):
    return folder / (system.folder or system.leaf)


def _compared(folder, original=LTClassifierTrainer.after_train):
    """After a training, a file says what of its state differs between processes."""

    def after_train(trainer):
        original(trainer)
        differing = differing_state(trainer.checkpointer.model)
        if comm.is_main_process():
            with open(folder / "differing.txt", "a", encoding="utf-8") as file:
                print(trainer.cfg.OUTPUT_DIR, *differing, file=file)

    return after_train
