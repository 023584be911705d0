"""The recipes of students of frozen teachers, for :mod:`tests.classification.test_recipes`."""

from typing import Any

from .loss_recipes import LDAM_CIFAR, SMALL

# Method: its name in results, the loss on labels, the method's options.
METHODS: dict[str, tuple[str, str, dict[str, float]]] = {
    "dive": ("DiVE", "balanced_softmax", {"temperature": 2.0, "power": 0.5, "weight": 0.5}),
    "bkd": ("BKD", "cross_entropy", {"temperature": 2.0, "beta": 0.9999}),
}
LEAVES = {f"{data}/resnet32_{method}" for data in SMALL for method in METHODS}
_METHOD = "MODEL.CLASSIFICATION.TRAINING_METHOD."


def recipe(data: str, method: str) -> dict[str, Any]:
    """Return what a method's config says beside its data set's."""
    shown, loss, options = METHODS[method]
    keys: dict[str, Any] = {
        "MODEL.CLASSIFICATION.METHOD": shown,
        f"{_METHOD}NAME": method,
        "MODEL.LT.LOSS.NAME": loss,
        **{f"{_METHOD}OPTIONS.{key}": value for key, value in options.items()},
    }
    if method == "bkd" and data != "digits_lt":
        keys |= LDAM_CIFAR
    return keys
