"""The recipes of second stages as published, for :mod:`tests.classification.test_recipes`."""

from typing import Any

from .loss_recipes import SMALL

# Method: its name in results, classifier, the classifier's options, loss, the loss's options.
_SMOOTHED = ("label_aware_smoothing", {"head": 0.4, "tail": 0.1})
METHODS: dict[str, tuple[str, str, dict[str, Any], str, dict[str, Any]]] = {
    "crt_published": ("cRT (published)", "linear", {}, "cross_entropy", {}),
    "lws_published": ("LWS (published)", "lws_linear", {}, "cross_entropy", {}),
    "disalign": ("DisAlign", "disalign", {}, "reweighted", {"rho": 1.2}),
    "mixup": ("XE, mixup", "linear", {}, "cross_entropy", {}),
    "oltr": ("OLTR", "oltr", {"temperature": 16.0}, "cross_entropy", {}),
    "decouple_oltr": ("Decouple-OLTR", "oltr", {"temperature": 16.0}, "cross_entropy", {}),
    "mislas": ("MiSLAS", "lws_linear", {"trains_weight": True}, *_SMOOTHED),
}
_LARGE = [("imagenet_lt", "resnet50"), ("imagenet_lt", "resnext50")]
_LARGE += [("places_lt", "resnet152"), ("inat18", "resnet50")]
LEAVES = {f"{data}/resnet32_{method}" for data in SMALL for method in METHODS}
LEAVES |= {
    f"{d}/{n}_{m}" for d, n in _LARGE for m in ("crt_published", "lws_published", "disalign")
}
LEAVES |= {f"imagenet_lt/resnext50_{method}" for method in ("oltr", "decouple_oltr")}
_OLTR: dict[str, Any] = {
    "SOLVER.IMS_PER_BATCH": 128,
    "SOLVER.BASE_LR": 0.1,
    "SOLVER.BACKBONE_LR_FACTOR": 0.1,
    "SOLVER.WEIGHT_DECAY": 5e-4,
    "SOLVER.WEIGHT_DECAY_NORM": 5e-4,
    "SOLVER.GAMMA": 0.1,
    "SOLVER.LR_SCHEDULER_NAME": "WarmupMultiStepLR",
    "SOLVER.EPOCHS.MAX": 60,
    "SOLVER.EPOCHS.STEPS": [20, 40],
    "SOLVER.EPOCHS.WARMUP": 0,
}
_SECOND_STAGE: dict[str, Any] = {
    "MODEL.CLASSIFICATION.FREEZE_BACKBONE": True,
    "SOLVER.EPOCHS.MAX": 10,
    "SOLVER.EPOCHS.STEPS": [],
    "SOLVER.EPOCHS.WARMUP": 0,
    "SOLVER.LR_SCHEDULER_NAME": "WarmupCosineLR",
}
_MIXUP = {
    "MODEL.CLASSIFICATION.TRAINING_METHOD.NAME": "mixup",
    "MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS.alpha": 1.0,
}


def recipe(data: str, method: str) -> dict[str, Any]:
    """Return what a method's config says beside its data set's."""
    shown, classifier, layer_options, loss, loss_options = METHODS[method]
    keys: dict[str, Any] = {
        "MODEL.CLASSIFICATION.METHOD": shown,
        "MODEL.LT.CLASSIFIER.NAME": classifier,
        "MODEL.LT.LOSS.NAME": loss,
        **{f"MODEL.LT.CLASSIFIER.OPTIONS.{key}": value for key, value in layer_options.items()},
        **{f"MODEL.LT.LOSS.OPTIONS.{key}": value for key, value in loss_options.items()},
    }
    if method in ("oltr", "decouple_oltr"):
        return keys | _oltr(data, method)
    if method in ("mixup", "mislas"):
        keys |= _MIXUP
    if method == "mixup":
        return keys
    keys |= _SECOND_STAGE
    if method != "disalign":
        keys["DATALOADER.IMAGE_SAMPLER"] = "class_balanced"
    if method in ("crt_published", "mislas"):
        keys["MODEL.CLASSIFICATION.FREEZE_BATCH_NORM"] = False
    if method == "lws_published":
        keys["SOLVER.EPOCHS.MAX"] = 5
    if method == "disalign" and data == "imagenet_lt":
        keys |= {"SOLVER.IMS_PER_BATCH": 256, "SOLVER.BASE_LR": 0.1}
    return keys


def _oltr(data: str, method: str) -> dict[str, Any]:
    keys: dict[str, Any] = {
        "MODEL.CLASSIFICATION.TRAINING_METHOD.NAME": "oltr",
        "MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS.weight": 0.01,
        "MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS.margin": 10.0,
        "MODEL.CLASSIFICATION.FREEZE_BACKBONE": method == "decouple_oltr",
        "DATALOADER.IMAGE_SAMPLER": "class_balanced",
    }
    return keys if data == "digits_lt" else keys | _OLTR
