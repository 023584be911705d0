"""A detector's run small enough for a test, and what must be the same however it came about."""

from detectron2.utils.env import seed_all_rng

from benchmarks.run_equality import differences
from lt_det.data import read_annotations
from lt_det.data.lvis.catalog import register_annotations
from lt_det.detection.trainer import LTTrainer

from ..data.helpers import valid, write
from ..detection.helpers import small_config


def register(folder, filled=range(1, 9), images=8):
    """Images in the sets "run_train" and "run_val"; of ``filled``, each has an instance."""
    data = valid()
    image, annotation = data["images"][0], data["annotations"][0]
    data["images"] = [{**image, "id": i, "file_name": f"{i}.jpg"} for i in range(1, images + 1)]
    data["annotations"] = [
        {**annotation, "id": i, "image_id": i, "category_id": 3 if i in (2, 5) else 7}
        for i in filled
        if i <= images
    ]
    found = read_annotations(write(folder, data), folder)
    for name in ("run_train", "run_val"):
        register_annotations(name, found)


def config(output, *overrides):
    options = ["DATASETS.TRAIN", "('run_train',)", "DATASETS.TEST", "('run_val',)", "SEED", 3]
    options += ["DATALOADER.NUM_WORKERS", 0, "SOLVER.IMS_PER_BATCH", 2, "SOLVER.MAX_ITER", 26]
    options += ["INPUT.MIN_SIZE_TRAIN", "(48, 56)", "INPUT.MIN_SIZE_TEST", 48]
    options += [
        "SOLVER.BASE_LR",
        1e-4,
        "SOLVER.CHECKPOINT_PERIOD",
        4,
        "TEST.EVAL_PERIOD",
        6,
        "OUTPUT_DIR",
        str(output),
    ]
    return small_config("Base-RCNN-FPN.yaml", *options, *overrides, num_classes=2)


def train(cfg, *, resume=False, trainer=LTTrainer):
    seed_all_rng(cfg.SEED)  # as default_setup does
    built = trainer(cfg)
    built.resume_or_load(resume)
    built.train()
    return built


def stopping_at(iteration, trainer=LTTrainer):
    """A trainer that is interrupted in the middle of an iteration."""

    class Stopping(trainer):
        def run_step(self):
            super().run_step()
            if self.iter == iteration:
                raise KeyboardInterrupt

    return Stopping


def assert_same_run(one, two):
    """Weights, directions, optimizer, scheduler, event log and results, to the bit."""
    assert differences(one, two) == []
