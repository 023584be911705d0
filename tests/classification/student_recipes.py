"""The recipes of students of frozen teachers, for :mod:`tests.classification.test_recipes`."""

from typing import Any

from .loss_recipes import LDAM_CIFAR, SMALL

# Method: its name in results, the loss on labels, the method's options.
METHODS: dict[str, tuple[str, str, dict[str, float]]] = {
    "dive": ("DiVE", "balanced_softmax", {"temperature": 2.0, "power": 0.5, "weight": 0.5}),
    "bkd": ("BKD", "cross_entropy", {"temperature": 2.0, "beta": 0.9999}),
}
# The experts of LFME, and LFME.
METHODS |= {
    f"lfme_{group}": (f"Expert, {group}-shot", "cross_entropy", {})
    for group in ("many", "medium", "few")
}
METHODS["lfme"] = ("LFME", "cross_entropy", {"temperature": 2.0, "threshold": 0.3})
HELD_OUT = {"cifar10_lt": 100, "cifar100_lt": 20, "digits_lt": 10, "folder_lt": 0}
LEAVES = {f"{data}/resnet32_{method}" for data in SMALL for method in METHODS}
LEAVES -= {"cifar10_lt/resnet32_lfme_few"}  # which has no few-shot class
_EXPERTS = ("lfme_many", "lfme_medium", "lfme_few")
_METHOD = "MODEL.CLASSIFICATION.TRAINING_METHOD."


def recipe(data: str, method: str) -> dict[str, Any]:
    """Return what a method's config says beside its data set's."""
    shown, loss, options = METHODS[method]
    keys: dict[str, Any] = {
        "MODEL.CLASSIFICATION.METHOD": shown,
        f"{_METHOD}NAME": "" if method in _EXPERTS else method,
        "MODEL.LT.LOSS.NAME": loss,
        **{f"{_METHOD}OPTIONS.{key}": value for key, value in options.items()},
    }
    if method == "lfme" or method in _EXPERTS:
        keys["DATASETS.CLASSIFICATION.HOLD_OUT"] = HELD_OUT[data]
    if method in _EXPERTS:
        keys["DATASETS.CLASSIFICATION.SHOT_GROUP"] = method.removeprefix("lfme_")
    if method == "bkd" and data != "digits_lt":
        keys |= LDAM_CIFAR
    return keys
