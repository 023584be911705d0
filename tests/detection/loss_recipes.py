"""What leaves named after a loss change of the baseline's leaf."""

from typing import Any

LINEAR = {"MODEL.LT.CLASSIFIER.NAME": "linear", "MODEL.LT.TDE.ENABLED": False}
COSINE = {
    "MODEL.LT.CLASSIFIER.NAME": "cosine",
    "MODEL.LT.CLASSIFIER.NUM_HEADS": 1,
    "MODEL.LT.CLASSIFIER.TEMPERATURE": 20.0,
    "MODEL.LT.TDE.ENABLED": False,
}
LOSSES: dict[str, dict[str, Any]] = {
    "federated": {
        **LINEAR,
        "MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE": True,
        "MODEL.ROI_BOX_HEAD.USE_FED_LOSS": True,
        "MODEL.ROI_BOX_HEAD.FED_LOSS_NUM_CLASSES": 50,
        "MODEL.ROI_BOX_HEAD.FED_LOSS_FREQ_WEIGHT_POWER": 0.5,
        "MODEL.LT.LOSS.PRIOR_PROB": 0.01,
    },
    "eql": {
        **LINEAR,
        "MODEL.LT.LOSS.NAME": "equalization",
        "MODEL.LT.LOSS.OPTIONS.threshold": 0.00177,
        "MODEL.LT.LOSS.PRIOR_PROB": 0.001,
    },
    "droploss": {
        **LINEAR,
        "MODEL.LT.LOSS.NAME": "drop_loss",
        "MODEL.LT.LOSS.OPTIONS.threshold": 0.00177,
        "MODEL.LT.LOSS.PRIOR_PROB": 0.001,
    },
    "gol": {
        **COSINE,
        **LINEAR,
        "MODEL.LT.LOSS.NAME": "gumbel_optimized",
        "MODEL.LT.LOSS.OPTIONS.threshold": 0.00177,
        "MODEL.LT.LOSS.PRIOR_PROB": 0.0601,
        "MODEL.LT.MASK.NORMALIZATION": "cosine",
        "MODEL.ROI_HEADS.SCORE_THRESH_TEST": 1e-4,
    },
    "eqlv2": {
        **LINEAR,
        "MODEL.LT.LOSS.NAME": "equalization_v2",
        "MODEL.LT.LOSS.PRIOR_PROB": 0.001,
    },
    "ecm": {
        **COSINE,
        "MODEL.LT.LOSS.NAME": "effective_class_margin",
        "SOLVER.CLIP_GRADIENTS.ENABLED": True,
        "SOLVER.CLIP_GRADIENTS.CLIP_TYPE": "norm",
        "SOLVER.CLIP_GRADIENTS.CLIP_VALUE": 5.0,
        "MODEL.LT.MASK.NORMALIZATION": "cosine",
        "MODEL.ROI_HEADS.SCORE_THRESH_TEST": 1e-4,
    },
    "seesaw": {
        **COSINE,
        "MODEL.LT.LOSS.NAME": "seesaw",
        "MODEL.LT.MASK.NORMALIZATION": "cosine",
        "MODEL.ROI_HEADS.SCORE_THRESH_TEST": 1e-4,
    },
    "balanced_softmax": {**LINEAR, "MODEL.LT.LOSS.NAME": "balanced_softmax"},
}
# Of ECM's published code, for LVIS.
ECM_WARMUP = {"SOLVER.WARMUP_ITERS": 10_000, "SOLVER.WARMUP_FACTOR": 1e-4}
_RARE = "MODEL.LT.LOSS.OPTIONS.threshold"
_SPARING = ("eql", "droploss", "gol")
_THRESHOLDS = {"lvis_v1": 0.0011, "custom": 0.01, "synthetic": 0.0275, "glyph": 0.01375}
# Of a data set's own: a batch of few categories, and up to how many images a category is rare.
CHANGED = {
    **{(d, name): {_RARE: t} for d, t in _THRESHOLDS.items() for name in _SPARING},
    ("lvis_v0.5", "ecm"): ECM_WARMUP,
    ("lvis_v1", "ecm"): ECM_WARMUP,
    ("synthetic", "federated"): {"MODEL.ROI_BOX_HEAD.FED_LOSS_NUM_CLASSES": 20},
    ("custom", "federated"): {"MODEL.ROI_BOX_HEAD.FED_LOSS_NUM_CLASSES": 20},
}
STEMS = {
    "lvis_v0.5": ("cascade_r50", "baseline"),
    "lvis_v1": ("cascade_r50", "baseline"),
    "synthetic": ("cascade_small", "baseline"),
    "glyph": ("cascade_small", "baseline"),
    "custom": ("cascade_lite0", "tde"),
}
LEAVES = {f"{folder}/{stem}_{loss}" for folder, (stem, _) in STEMS.items() for loss in LOSSES}
LEAVES |= {
    f"{folder}/{stem}_{loss}_rfs"
    for folder, (stem, _) in STEMS.items()
    for loss in ("federated", "seesaw")
}
LEAVES |= {
    f"{folder}/cascade_r50_{name}_rfs"
    for folder in ("lvis_v0.5", "lvis_v1")
    for name in ("ecm", "gol")
}


def split_loss(name: str) -> tuple[str, dict[str, Any]]:
    """Return the name of the leaf that a loss's leaf builds on, and what the loss sets."""
    folder, leaf = name.removesuffix(".yaml").split("/")
    if folder not in STEMS:
        return name, {}
    stem, base = STEMS[folder]
    loss = leaf.removeprefix(f"{stem}_")
    if loss not in LOSSES:
        return name, {}
    return f"{folder}/{stem}_{base}.yaml", {**LOSSES[loss], **CHANGED.get((folder, loss), {})}
