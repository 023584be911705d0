"""Leaves that differ from another in what is written here: as published, both ways (METHODS 7)."""

from typing import Any

from . import branch_recipes
from .loss_recipes import SMALL

Recipe = dict[str, Any]

_NAME, _EXPONENT = "MODEL.CLASSIFICATION.METHOD", "MODEL.LT.XERM.EXPONENT"
_HEADS = "MODEL.LT.CLASSIFIER.NUM_HEADS"
_PUBLISHED_PC: Recipe = {
    _NAME: "xERM_PC (published)",
    _EXPONENT: 1.5,
    "MODEL.LT.XERM.INIT_FROM_TEACHER": True,
    "SOLVER.WEIGHT_DECAY": 1e-4,
    "SOLVER.WEIGHT_DECAY_NORM": 1e-4,
}
_ON_IMAGENET: Recipe = {
    **_PUBLISHED_PC,
    _EXPONENT: 2.0,
    "SOLVER.WEIGHT_DECAY": 5e-4,
    "SOLVER.WEIGHT_DECAY_NORM": 5e-4,
    "SOLVER.IMS_PER_BATCH": 256,
    "SOLVER.BASE_LR": 0.05,
}
_FC512: Recipe = {"MODEL.CLASSIFICATION.FC_DIM": 512, _HEADS: 1, "MODEL.LT.TDE.ALPHA": 2.0}


def _ride(method: str) -> Recipe:
    of_cifar = branch_recipes.recipe("cifar100_lt", method)
    network = of_cifar["MODEL.CLASSIFICATION.BACKBONE"].replace("resnet32", "resnext50")
    return {
        **of_cifar,
        "MODEL.CLASSIFICATION.BACKBONE": network,
        "MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS.diversity": 0.2,
        "MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS.spread": 0.02,
        "MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS.drw_after": 80,
        "MODEL.LT.LOSS.OPTIONS.drw_after": 80,
        "SOLVER.WEIGHT_DECAY": 2e-4,
        "SOLVER.WEIGHT_DECAY_NORM": 2e-4,
        "SOLVER.GAMMA": 0.1,
        "SOLVER.LR_SCHEDULER_NAME": "WarmupMultiStepLR",
        "SOLVER.IMS_PER_BATCH": 256,
        "SOLVER.BASE_LR": 0.1,
        "SOLVER.EPOCHS.MAX": 100,
        "SOLVER.EPOCHS.STEPS": [60, 80],
        "SOLVER.EPOCHS.WARMUP": 5,
    }


# leaf: (the leaf it differs from, in what)
VARIANTS: dict[str, tuple[str, Recipe]] = {
    **{
        f"{data}/resnet32_xerm_pc_published": (f"{data}/resnet32_xerm_pc", _PUBLISHED_PC)
        for data in SMALL
    },
    **{
        f"imagenet_lt/{network}_xerm_pc_published": (f"imagenet_lt/{network}_xerm_pc", _ON_IMAGENET)
        for network in ("resnet50", "resnext50")
    },
    "places_lt/resnet152_tde_fc512": ("places_lt/resnet152_tde", _FC512),
    "places_lt/resnet152_xerm_tde_published": (
        "places_lt/resnet152_xerm_tde",
        {
            **_FC512,
            _NAME: "xERM_TDE (published)",
            _EXPONENT: 2.0,
            "SOLVER.BACKBONE_LR_FACTOR": 0.1,
        },
    ),
    "places_lt/resnet152_tde_lr005": ("places_lt/resnet152_tde", {"SOLVER.BASE_LR": 0.05}),
    **{
        f"inat18/resnet50_{method}_90": (f"inat18/resnet50_{method}", {"SOLVER.EPOCHS.MAX": 90})
        for method in ("xe", "tde", "xerm_tde", "xerm_pc")
    },
    **{
        f"imagenet_lt/resnext50_{method}": ("imagenet_lt/resnext50_xe", _ride(method))
        for method in ("ride", "ride2")
    },
    "inat18/resnet50_bbn": (
        "inat18/resnet50_xe",
        {
            _NAME: "BBN",
            "MODEL.CLASSIFICATION.BACKBONE": "resnet50_bbn",
            "MODEL.CLASSIFICATION.TRAINING_METHOD.NAME": "bbn",
            "MODEL.CLASSIFICATION.TRAINING_METHOD.OPTIONS.epochs": 200,
            "SOLVER.IMS_PER_BATCH": 128,
            "SOLVER.BASE_LR": 0.05,
            "SOLVER.LR_SCHEDULER_NAME": "WarmupMultiStepLR",
            "SOLVER.EPOCHS.MAX": 180,
            "SOLVER.EPOCHS.STEPS": [120, 160],
        },
    ),
    **{
        f"{leaf}_{method}_k1": (f"{leaf}_{method}", {_HEADS: 1})
        for leaf in ("cifar100_lt/resnet32", "cifar10_lt/resnet32", "imagenet_lt/resnext50")
        for method in ("cosine", "capsule")
    },
}
