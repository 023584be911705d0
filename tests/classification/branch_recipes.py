"""The recipes of networks of several branches, for :mod:`tests.classification.test_recipes`."""

from typing import Any

from .loss_recipes import LDAM_CIFAR, SMALL

# Method: its name in results, training method, experts.
METHODS: dict[str, tuple[str, str, int]] = {
    "bbn": ("BBN", "bbn", 0),
    "ride": ("RIDE", "ride", 3),
    "ride2": ("RIDE, 2 experts", "ride", 2),
    "ride_ldam": ("RIDE (LDAM)", "ride", 3),
    "ride2_ldam": ("RIDE (LDAM), 2 experts", "ride", 2),
    "sade": ("SADE", "sade", 3),
    "xerm_ride": ("xERM_RIDE", "xerm_ride", 3),
    "xerm_ride2": ("xERM_RIDE, 2 experts", "xerm_ride", 2),
}
LEAVES = {f"{data}/resnet32_{method}" for data in SMALL for method in METHODS}
_METHOD, _CLASSIFIER = "MODEL.CLASSIFICATION.TRAINING_METHOD.", "MODEL.LT.CLASSIFIER."
_LDAM = "MODEL.LT.LOSS."


def recipe(data: str, method: str) -> dict[str, Any]:
    """Return what a method's config says beside its data set's."""
    shown, trained_by, experts = METHODS[method]
    keys: dict[str, Any] = {
        "MODEL.CLASSIFICATION.METHOD": shown,
        "MODEL.CLASSIFICATION.BACKBONE": f"resnet32_ride{experts}" if experts else "resnet32_bbn",
        f"{_METHOD}NAME": trained_by,
    }
    if experts:
        keys |= _experts(data, method, experts)
    if data == "digits_lt":
        return keys
    keys |= LDAM_CIFAR
    if method == "bbn":
        return keys | {"SOLVER.EPOCHS.STEPS": [120, 160]}
    decay = 2e-4 if trained_by == "xerm_ride" else 5e-4
    keys |= {"SOLVER.WEIGHT_DECAY": decay, "SOLVER.WEIGHT_DECAY_NORM": decay}
    if trained_by == "xerm_ride":
        keys["SOLVER.EPOCHS.STEPS"] = [120, 160]
    return keys | {"SOLVER.NESTEROV": True}


def _experts(data: str, method: str, experts: int) -> dict[str, Any]:
    keys: dict[str, Any] = {
        f"{_CLASSIFIER}NAME": "experts",
        f"{_CLASSIFIER}OPTIONS.num_experts": experts,
        f"{_CLASSIFIER}OPTIONS.kind": "cosine",
        f"{_CLASSIFIER}OPTIONS.num_heads": 1,
        f"{_CLASSIFIER}OPTIONS.temperature": 30.0,
    }
    if method == "sade":
        return keys | {f"{_METHOD}OPTIONS.tau": 2.0}
    keys |= {f"{_LDAM}NAME": "ldam", f"{_LDAM}OPTIONS.max_margin": 0.5}
    keys[f"{_LDAM}OPTIONS.scale"] = 30.0
    if method.startswith("xerm"):
        return keys | {f"{_METHOD}OPTIONS.exponent": 1.0, f"{_METHOD}OPTIONS.tau": 2.0}
    with_drw, drw = not method.endswith("_ldam"), 160
    if data == "digits_lt" and with_drw:
        drw = 16
    keys[f"{_METHOD}OPTIONS.diversity"] = 0.45 if with_drw else 0.0
    keys[f"{_METHOD}OPTIONS.drw_after"] = drw
    keys[f"{_LDAM}OPTIONS.drw_after"] = drw if with_drw else 0
    keys[f"{_LDAM}OPTIONS.beta"] = 0.9999
    return keys
