"""What the processes of tests on evaluation do; they are spawned, so it has a file of its own."""

import torch
from detectron2.utils import comm

from lt_det.classification.run import train_or_evaluate
from lt_det.detection.trainer import LTTrainer
from lt_det.engine import LTCheckpointer

from ..classification.helpers import arguments
from .helpers import config, register, train

BATCH_NORMS = ("MODEL.FPN.NORM", "BN", "MODEL.MASK_ON", False, "SOLVER.IMS_PER_BATCH", 4,
               "SOLVER.WARMUP_ITERS", 0, "MODEL.ROI_HEADS.SCORE_THRESH_TEST", 0.0)  # fmt: skip


def detector(folder):
    """Train for six steps with an evaluation in between, and evaluate its checkpoint."""
    register(folder / "data" / str(comm.get_rank()))
    options = (*BATCH_NORMS, "SOLVER.MAX_ITER", 6, "TEST.EVAL_PERIOD", 3)
    cfg = config(folder / "trained", *options)
    trainer = train(cfg)
    model = trainer.checkpointer.model
    torch.save(model.state_dict(), folder / f"rank{comm.get_rank()}.pth")
    again = config(folder / "again", *options)
    model = LTTrainer.build_model(again)
    LTCheckpointer(model, complete=True).load(str(folder / "trained" / "model_final.pth"))
    LTTrainer.test(again, model)


def classifier(folder):
    """As the command does: two epochs, and --eval-only of what they leave."""
    schedule = ("SOLVER.EPOCHS.MAX", 2, "SOLVER.EPOCHS.STEPS", [], "SOLVER.EPOCHS.WARMUP", 0)
    shared = ("MODEL.DEVICE", "cpu", *schedule, "OUTPUT_DIR")
    name = "digits_lt/resnet32_tde.yaml"
    train_or_evaluate(arguments(name, *shared, folder / "trained"))
    weights = ("MODEL.WEIGHTS", folder / "trained" / "model_final.pth")
    train_or_evaluate(arguments(name, "--eval-only", *shared, folder / "again", *weights))


def both(folder):
    """One after the other: starting processes takes longer than what they do."""
    detector(folder / "detector")
    classifier(folder / "classifier")
