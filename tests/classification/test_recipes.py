"""Every classification config against the recipe it stands for, written out here.

DESIGN's recipes: Tang et al. (NeurIPS 2020), Zhu et al. (xERM, AAAI 2022), Kang et al. (cRT, LWS,
ICLR 2020). The values are those of today; a line marked "published:" is where the published code
has another one (METHODS, section 7), to be taken over or offered beside ours.
"""

from typing import Any

import pytest

from tests.recipes import CONFIGS, changed, differences, keys_set_by, load

from . import branch_recipes, loss_recipes, stage_recipes, student_recipes
from .variant_recipes import VARIANTS

LEAVES = sorted(
    str(path.relative_to(CONFIGS / "classification"))
    for path in (CONFIGS / "classification").rglob("*.yaml")
    if not path.name.startswith("Base-")
    and path.parent.name not in ("datasets", "methods", "recipes")
)
IMAGENET_MEAN, IMAGENET_STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]

SHARED: dict[str, Any] = {
    "MODEL.PIXEL_MEAN": IMAGENET_MEAN,
    "MODEL.PIXEL_STD": IMAGENET_STD,
    "MODEL.CLASSIFICATION.NUM_CLASSES": -1,
    "MODEL.CLASSIFICATION.FREEZE_BACKBONE": False,
    "MODEL.CLASSIFICATION.FREEZE_BATCH_NORM": True,
    "MODEL.CLASSIFICATION.FC_DIM": 0,
    "MODEL.CLASSIFICATION.BACKBONE_WEIGHTS": "",
    "MODEL.LT.CLASSIFIER.NAME": "linear",
    "MODEL.LT.CLASSIFIER.NUM_HEADS": 2,
    "MODEL.LT.CLASSIFIER.TEMPERATURE": 16.0,
    "MODEL.LT.CLASSIFIER.WEIGHT_NORM_OFFSET": 1 / 32,
    "MODEL.CLASSIFICATION.TRAINING_METHOD.NAME": "",
    "MODEL.LT.LOSS.NAME": "cross_entropy",
    "MODEL.LT.TDE.ENABLED": False,
    "MODEL.LT.XERM.ENABLED": False,
    "MODEL.LT.XERM.CONSTANT_WEIGHT": -1.0,
    "MODEL.LT.XERM.INIT_FROM_TEACHER": False,  # published: True for xERM_PC on CIFAR, ImageNet-LT
    "INPUT.FORMAT": "RGB",
    "INPUT.CLASSIFICATION.FLIP": True,
    "DATASETS.TRAIN": [],
    "DATASETS.TEST": [],
    "DATASETS.CLASSIFICATION.IMBALANCE": 1.0,
    "DATASETS.CLASSIFICATION.MANY": 100,
    "DATASETS.CLASSIFICATION.FEW": 20,
    "DATASETS.CLASSIFICATION.HOLD_OUT": 0,
    "DATASETS.CLASSIFICATION.SHOT_GROUP": "",
    "DATALOADER.NUM_WORKERS": 4,
    "DATALOADER.IMAGE_SAMPLER": "instance",
    "SOLVER.MOMENTUM": 0.9,
    "SOLVER.NESTEROV": False,
    "SOLVER.GAMMA": 0.1,
    "SOLVER.BACKBONE_LR_FACTOR": 1.0,
    "SOLVER.EPOCHS.WARMUP": 0,
    "SOLVER.AMP.ENABLED": True,
    "SOLVER.CLIP_GRADIENTS.ENABLED": False,
    "SEED": 1,
    "TEST.CLASSIFICATION.SPLIT": "test",
    "TEST.CLASSIFICATION.IMBALANCES": [50.0, 10.0, 5.0],
    "TEST.CLASSIFICATION.REVERSED": True,
    "TEST.CLASSIFICATION.LA_TAUS": [],
    "TEST.CLASSIFICATION.TAU_NORM_POWERS": [],
    "TEST.TDE_ALPHAS": [],
}
# μ = 0.9 on CIFAR, 1 − 0.1 · min(50 · lr, 1) elsewhere.
FIXED_MU = {"MODEL.LT.HEAD_DIRECTION.MOMENTUM": 0.9, "MODEL.LT.HEAD_DIRECTION.FOLLOW_LR": False}
LARGE = {
    "MODEL.LT.HEAD_DIRECTION.MOMENTUM": 0.9,
    "MODEL.LT.HEAD_DIRECTION.FOLLOW_LR": True,
    "INPUT.CLASSIFICATION.SIZE": 224,
    "INPUT.CLASSIFICATION.IN_MEMORY": False,
    "INPUT.CLASSIFICATION.COLOR_JITTER": 0.4,
}


def _steps(epochs: int, lr: float, batch: int, decay: float, steps: list[int], gamma: float) -> Any:
    """A schedule of steps; [] and gamma 0.1 with a cosine."""
    return {
        "SOLVER.EPOCHS.MAX": epochs,
        "SOLVER.BASE_LR": lr,
        "SOLVER.IMS_PER_BATCH": batch,
        "SOLVER.WEIGHT_DECAY": decay,
        "SOLVER.WEIGHT_DECAY_NORM": decay,  # PyTorch's SGD makes no exception of norms
        "SOLVER.EPOCHS.STEPS": steps,
        "SOLVER.GAMMA": gamma,
        "SOLVER.LR_SCHEDULER_NAME": "WarmupMultiStepLR" if steps else "WarmupCosineLR",
    }


SMALL = {
    **{**FIXED_MU, "INPUT.CLASSIFICATION.SIZE": 32, "INPUT.CLASSIFICATION.IN_MEMORY": True},
    "INPUT.CLASSIFICATION.PADDING": 4,
    **_steps(200, 0.2, 256, 5e-4, [120, 160], 0.01),
    "SOLVER.EPOCHS.WARMUP": 5,
}
# xERM's Tables 4 and 5: a hundred test images a class can be cut to one, fifty can not.
WITH_100 = {"TEST.CLASSIFICATION.IMBALANCES": [100.0, 50.0, 25.0, 10.0, 5.0]}
WITH_25 = {"TEST.CLASSIFICATION.IMBALANCES": [50.0, 25.0, 10.0, 5.0]}
DATA: dict[str, dict[str, Any]] = {
    "cifar10_lt": {
        **SMALL,
        **WITH_100,
        "DATASETS.CLASSIFICATION.IMBALANCE": 100.0,
        "MODEL.PIXEL_MEAN": [125.3, 123.0, 113.9],
        "MODEL.PIXEL_STD": [63.0, 62.1, 66.7],
    },
    "cifar100_lt": {
        **SMALL,
        **WITH_100,
        "DATASETS.CLASSIFICATION.IMBALANCE": 100.0,
        "MODEL.PIXEL_MEAN": [129.3, 124.1, 112.4],
        "MODEL.PIXEL_STD": [68.2, 65.4, 70.4],
    },
    "folder_lt": SMALL,
    "digits_lt": {
        **{**SMALL, **_steps(20, 0.05, 32, 5e-4, [12, 16], 0.01), "SOLVER.EPOCHS.WARMUP": 1},
        **{
            "INPUT.CLASSIFICATION.SIZE": 8,
            "INPUT.CLASSIFICATION.PADDING": 1,
            "INPUT.CLASSIFICATION.FLIP": False,
        },
        **{"MODEL.PIXEL_MEAN": [77.9] * 3, "MODEL.PIXEL_STD": [95.9] * 3},
        **{"DATASETS.CLASSIFICATION.IMBALANCE": 25.0, "DATASETS.CLASSIFICATION.MANY": 60},
        **{"DATASETS.CLASSIFICATION.FEW": 15, "TEST.CLASSIFICATION.IMBALANCES": [10.0]},
    },
    "imagenet_lt": {**LARGE, **_steps(90, 0.2, 512, 5e-4, [], 0.1), **WITH_25},
    # published: lr 0.05 in LADE's reimplementation.
    "places_lt": {
        **LARGE,
        **_steps(30, 0.1, 256, 5e-4, [10, 20], 0.1),
        "SOLVER.BACKBONE_LR_FACTOR": 0.01,
        **WITH_25,
    },
    # published: 90 epochs in xERM's text.
    "inat18": {
        **LARGE,
        **_steps(200, 0.1, 256, 1e-4, [], 0.1),
        "INPUT.CLASSIFICATION.COLOR_JITTER": 0.0,
        "MODEL.PIXEL_MEAN": [118.83, 119.85, 97.155],
        "MODEL.PIXEL_STD": [49.725, 49.47, 48.96],
        "TEST.CLASSIFICATION.IMBALANCES": [],
    },
}
CIFAR = ("cifar10_lt", "cifar100_lt")
# Beside the papers' network.
F64 = ("xe", "deconfound", "tde", "xerm_tde", "xerm_pc")
# α (of digits_lt, this project's own); xERM's g (published: 1.5 for xERM_PC on CIFAR, 2 on
# ImageNet-LT and Places-LT in the code); epochs of a second stage (published: LWS 5 everywhere,
# cRT on Places-LT 10, cosine).
PAPER = {
    "cifar10_lt": (1.0, 2.0, 10),
    "cifar100_lt": (1.5, 2.0, 10),
    "folder_lt": (1.5, 2.0, 10),
    "digits_lt": (0.25, 2.0, 10),
    "imagenet_lt": (3.0, 1.5, 10),
    "places_lt": (3.0, 5.0, 30),
    "inat18": (3.0, 1.5, 30),
}
BACKBONES = {
    "resnet32": "resnet32",
    "resnet32f64": "resnet32",
    "resnet50": "resnet50",
    "resnet152": "resnet152",
    "resnext50": "resnext50_32x4d",
    "resnext101": "resnext101_32x4d",
}
# Method: its name in results, N(x, w).
METHODS = {
    "xe": ("XE", "linear"),
    "pc": ("XE", "linear"),
    "tau_norm": ("XE", "linear"),
    "cosine": ("Cosine", "cosine"),  # published: K = 1 is the supplement's first row
    "capsule": ("Capsule", "capsule"),  # likewise
    "deconfound": ("De-confound", "deconfound"),
    "tde": ("De-confound", "deconfound"),
    "crt": ("cRT", "linear"),
    "lws": ("LWS", "lws"),
    "xerm_tde": ("xERM_TDE", "deconfound"),
    "xerm_pc": ("xERM_PC", "linear"),
}
NETWORKS = {
    **{data: ["resnet32"] for data in ("cifar10_lt", "cifar100_lt", "folder_lt", "digits_lt")},
    "imagenet_lt": ["resnet50", "resnext50"],
    "places_lt": ["resnet50", "resnet152"],
    "inat18": ["resnet50"],
}


OTHERS = (loss_recipes, branch_recipes, student_recipes, stage_recipes)


def recipe_of(name: str) -> dict[str, Any]:
    """Keys and values a config should have, by its folder and the parts of its name."""
    name = name.removesuffix(".yaml")
    if name in VARIANTS:
        base, differs = VARIANTS[name]
        return recipe_of(base) | differs
    data, leaf = name.split("/")
    network, method = leaf.split("_", 1)
    alpha, exponent, second_stage = PAPER[data]
    shown, normalization = METHODS.get(method, ("", "linear"))
    recipe = {
        **SHARED,
        **DATA[data],
        "DATASETS.CLASSIFICATION.NAME": data,
        "MODEL.CLASSIFICATION.BACKBONE": BACKBONES[network],
        "MODEL.CLASSIFICATION.METHOD": shown,
        "MODEL.LT.CLASSIFIER.NAME": normalization,
        "MODEL.LT.TDE.ALPHA": alpha,
        "MODEL.LT.XERM.EXPONENT": exponent,
    }
    if network == "resnet32" and data in CIFAR:  # BBN's, with 128 features
        recipe["MODEL.CLASSIFICATION.BACKBONE"] = "resnet32_bbn"
    if network == "resnet152":
        recipe["SOLVER.IMS_PER_BATCH"] = 128
    if network == "resnext101":
        recipe["SOLVER.EPOCHS.MAX"] = 120
        if normalization == "deconfound":
            recipe["MODEL.LT.CLASSIFIER.NUM_HEADS"] = 4
            recipe["MODEL.LT.CLASSIFIER.WEIGHT_NORM_OFFSET"] = 1 / 64
    recipe["MODEL.LT.TDE.ENABLED"] = method == "tde"
    if method == "pc":
        recipe["TEST.CLASSIFICATION.LA_TAUS"] = [1.0]
    if method == "tau_norm":
        recipe["TEST.CLASSIFICATION.TAU_NORM_POWERS"] = [0.5, 0.75, 1.0, 1.25, 1.5]
        if data in ("imagenet_lt", "places_lt"):  # p is swept where there is a set to choose on
            recipe["TEST.CLASSIFICATION.SPLIT"] = "val"
    if method in ("xerm_tde", "xerm_pc"):
        recipe["MODEL.LT.XERM.ENABLED"] = True
        recipe["MODEL.LT.XERM.BALANCED"] = method.removeprefix("xerm_")
    for others in OTHERS:
        if method in others.METHODS:
            recipe |= others.recipe(data, method)
    if method in ("crt", "lws"):
        recipe |= _second_stage(data, method, second_stage)
    return recipe


def _second_stage(data: str, method: str, epochs: int) -> dict[str, Any]:
    """A classifier, or scales of its weights, on a frozen backbone, classes balanced."""
    keys: dict[str, Any] = {
        "MODEL.CLASSIFICATION.FREEZE_BACKBONE": True,
        "DATALOADER.IMAGE_SAMPLER": "class_balanced",
        "SOLVER.EPOCHS.MAX": epochs,
    }
    if data != "places_lt":  # which keeps its steps
        keys["SOLVER.EPOCHS.STEPS"] = []
        keys["SOLVER.EPOCHS.WARMUP"] = 0
        keys["SOLVER.LR_SCHEDULER_NAME"] = "WarmupCosineLR"
    if method == "lws":  # of the plain linear layer
        keys["MODEL.LT.CLASSIFIER.NUM_HEADS"] = 1
        keys["MODEL.LT.CLASSIFIER.TEMPERATURE"] = 1.0
    return keys


def test_the_tree_has_what_is_promised():
    promised = {f"{data}/{n}_{m}" for data, own in NETWORKS.items() for n in own for m in METHODS}
    promised |= {
        f"imagenet_lt/resnext101_{m}" for m in ("xe", "deconfound", "tde", "xerm_tde", "xerm_pc")
    }
    promised |= {f"{data}/resnet32f64_{m}" for data in CIFAR for m in F64}
    promised = promised.union(VARIANTS, *(others.LEAVES for others in OTHERS))
    assert {f"{name}.yaml" for name in promised} == set(LEAVES)


@pytest.mark.parametrize("name", LEAVES)
def test_a_config_is_its_recipe(name):
    cfg, recipe = load(f"classification/{name}"), recipe_of(name)
    assert differences(cfg, recipe) == []
    # Nothing that the tree sets is left to chance.
    assert keys_set_by(f"classification/{name}") - recipe.keys() == set()
    for key in recipe:
        with changed(cfg, key):
            assert differences(cfg, recipe) == [key]
