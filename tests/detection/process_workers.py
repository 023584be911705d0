"""What the processes of a test do; they are spawned, so it has a file of its own."""

from detectron2.utils import comm

from ..engine.helpers import config, register, train
from ..processes import differing_state
from .helpers import CONFIGS

LOSSES = sorted(file.stem for file in (CONFIGS / "losses").glob("*.yaml"))
SAMPLERS = (
    "RepeatFactorTrainingSampler",
    "InstanceAwareRepeatFactorTrainingSampler",
    "ClassAwareTrainingSampler",
)
_QUICK = (
    *("SOLVER.MAX_ITER", 2, "TEST.EVAL_PERIOD", 0, "SOLVER.IMS_PER_BATCH", 4),
    *("SOLVER.BASE_LR", 1e-5, "SOLVER.CHECKPOINT_PERIOD", 5, "DATASETS.TEST", "()"),
)


def train_each(folder):
    """Train two steps by every loss and sampler; a file says what differs between processes."""
    register(folder / f"data{comm.get_rank()}")
    for name in (*LOSSES, *SAMPLERS):
        cfg = config(folder / name, *_QUICK)
        if name in LOSSES:
            cfg.merge_from_file(str(CONFIGS / "losses" / f"{name}.yaml"))
            cfg.MODEL.ROI_BOX_HEAD.FED_LOSS_NUM_CLASSES = 1
        else:
            cfg.DATALOADER.SAMPLER_TRAIN = name
        trained = train(cfg)
        differing = differing_state(trained.checkpointer.model)
        if comm.is_main_process():
            with open(folder / "differing.txt", "a", encoding="utf-8") as file:
                print(name, *differing, file=file)
