"""Configuration keys of an image classifier's evaluation."""

from detectron2.config import CfgNode as CN


def add_image_tests(cfg: CN) -> None:
    """Add the keys and their defaults to a Detectron2 config, in place."""
    cfg.TEST.CLASSIFICATION = CN()
    # "test", or "val": the images held out, to choose α, τ, p and g on.
    cfg.TEST.CLASSIFICATION.SPLIT = "test"
    # Keep the weights of a training's best evaluation (SOLVER.EPOCHS.EVAL) as model_best.pth and
    # report them beside the last ones. Best is top-1 of the first row on "val", the images held out
    # (DATASETS.CLASSIFICATION.HOLD_OUT) or the data set's val; or on "test", as some papers choose:
    # its rows are marked "best on test". "": the last weights alone.
    cfg.TEST.CLASSIFICATION.KEEP_BEST = ""
    # Long-tailed cuts of it at these imbalances, and the same reversed.
    cfg.TEST.CLASSIFICATION.IMBALANCES = [50.0, 10.0, 5.0]
    cfg.TEST.CLASSIFICATION.REVERSED = True
    # τ of logit adjustment (1: PC), swept from one pass. A linear classifier's.
    cfg.TEST.CLASSIFICATION.LA_TAUS = []
    # p of τ-norm, likewise.
    cfg.TEST.CLASSIFICATION.TAU_NORM_POWERS = []
    # Learn weights of the experts on each test's images, without labels (SADE): a row for each
    # test distribution.
    cfg.TEST.CLASSIFICATION.TEST_TIME_WEIGHTS = False
    cfg.TEST.CLASSIFICATION.BATCH_SIZE = 256
