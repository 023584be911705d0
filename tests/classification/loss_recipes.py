"""The recipes of losses, for :mod:`tests.classification.test_recipes` (METHODS, section 1)."""

from typing import Any

# CIFAR as LDAM-DRW's code has it.
LDAM_CIFAR: dict[str, Any] = {
    "SOLVER.IMS_PER_BATCH": 128,
    "SOLVER.BASE_LR": 0.1,
    "SOLVER.WEIGHT_DECAY": 2e-4,
    "SOLVER.WEIGHT_DECAY_NORM": 2e-4,
    "SOLVER.GAMMA": 0.01,
    "SOLVER.EPOCHS.MAX": 200,
    "SOLVER.EPOCHS.STEPS": [160, 180],
    "SOLVER.EPOCHS.WARMUP": 5,
}
_COSINE = {"MODEL.LT.CLASSIFIER.NUM_HEADS": 1, "MODEL.LT.CLASSIFIER.TEMPERATURE": 30.0}
# Method: its name in results, classifier, loss, the loss's options.
METHODS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "balanced_softmax": ("Balanced softmax", "linear", "balanced_softmax", {}),
    "focal": ("Focal", "linear", "focal", {"gamma": 1.0}),
    "class_balanced": ("Class-balanced", "linear", "class_balanced", {"beta": 0.9999}),
    "ldam": ("LDAM", "cosine", "ldam", {"max_margin": 0.5, "scale": 30.0}),
    "ldam_drw": (
        *("LDAM-DRW", "cosine", "ldam"),
        {"max_margin": 0.5, "scale": 30.0, "drw_after": 160, "beta": 0.9999},
    ),
    "lade": ("LADE", "linear", "lade", {"regularizer": 0.01, "weight": 0.1}),
    "softmax_equalization": (
        *("Softmax equalization", "linear", "softmax_equalization"),
        {"threshold": 0.003, "gamma": 0.95},
    ),
}
SMALL = ("cifar10_lt", "cifar100_lt", "folder_lt", "digits_lt")
# Of the large data sets: (λ, a) of LADE; epochs where its code has others.
LADE = {"imagenet_lt": (0.5, 0.05), "places_lt": (0.1, 0.005), "inat18": (0.5, 0.05)}
LARGE = {
    *(
        f"imagenet_lt/{n}_{m}"
        for n in ("resnet50", "resnext50")
        for m in ("balanced_softmax", "lade")
    ),
    *(f"places_lt/resnet152_{m}" for m in ("balanced_softmax", "lade")),
    *(f"inat18/resnet50_{m}" for m in ("balanced_softmax", "lade")),
}
LEAVES = {f"{data}/resnet32_{method}" for data in SMALL for method in METHODS} | LARGE


def recipe(data: str, method: str) -> dict[str, Any]:
    """Return what a loss's config says beside its data set's."""
    shown, classifier, loss, options = METHODS[method]
    options = dict(options)
    keys: dict[str, Any] = {
        "MODEL.CLASSIFICATION.METHOD": shown,
        "MODEL.LT.CLASSIFIER.NAME": classifier,
        "MODEL.LT.LOSS.NAME": loss,
    }
    if classifier == "cosine":
        keys |= _COSINE
    if (
        data not in LADE
        and data != "digits_lt"
        and method in ("focal", "class_balanced", "ldam", "ldam_drw")
    ):
        keys |= LDAM_CIFAR
    if data == "digits_lt" and method == "ldam_drw":
        options["drw_after"] = 16
    if data in LADE and method == "lade":
        options["regularizer"], options["weight"] = LADE[data]
    if data == "imagenet_lt":
        keys |= {"SOLVER.IMS_PER_BATCH": 256, "SOLVER.BASE_LR": 0.05}
        keys["SOLVER.EPOCHS.MAX"] = 180 if method == "lade" else 90
    if data == "places_lt":
        keys["SOLVER.BASE_LR"] = 0.05
    return keys | {f"MODEL.LT.LOSS.OPTIONS.{key}": value for key, value in options.items()}
