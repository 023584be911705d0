"""Every detection config against the recipe it stands for, written out here.

LVIS: DESIGN's recipe (Tang et al., NeurIPS 2020: K, τ, γ, μ, α, 20 epochs of 16 images, lr 0.02)
and the published configs' score thresholds and detections; docs/PUBLISHED_DIFFERENCES.md says where
theirs are otherwise.
"""

from typing import Any

import pytest

from tests.recipes import CONFIGS, changed, differences, keys_set_by, load

from . import loss_recipes, variant_recipes
from .embedded_recipes import EMBEDDED

LEAVES = sorted(
    str(path.relative_to(CONFIGS))
    for path in CONFIGS.rglob("*.yaml")
    if not path.name.startswith("Base-")
    and not {"classification", "losses", "samplers"} & set(path.parts)
)

# What all detectors share: FPN with lt_det's heads, their family's K, τ, γ, μ, and Detectron2's own
# defaults where a recipe rests on them.
SHARED: dict[str, Any] = {
    "MODEL.META_ARCHITECTURE": "GeneralizedRCNN",
    "MODEL.MASK_ON": True,
    "MODEL.BACKBONE.NAME": "build_resnet_fpn_backbone",
    "MODEL.BACKBONE.FREEZE_AT": 2,
    "MODEL.RESNETS.OUT_FEATURES": ["res2", "res3", "res4", "res5"],
    "MODEL.RESNETS.NORM": "FrozenBN",
    "MODEL.FPN.IN_FEATURES": ["res2", "res3", "res4", "res5"],
    "MODEL.FPN.OUT_CHANNELS": 256,
    "MODEL.ANCHOR_GENERATOR.SIZES": [[32], [64], [128], [256], [512]],
    "MODEL.ANCHOR_GENERATOR.ASPECT_RATIOS": [[0.5, 1.0, 2.0]],
    "MODEL.RPN.IN_FEATURES": ["p2", "p3", "p4", "p5", "p6"],
    "MODEL.RPN.PRE_NMS_TOPK_TRAIN": 2000,
    "MODEL.RPN.PRE_NMS_TOPK_TEST": 1000,
    "MODEL.RPN.POST_NMS_TOPK_TEST": 1000,
    "MODEL.RPN.NMS_THRESH": 0.7,
    "MODEL.ROI_HEADS.IN_FEATURES": ["p2", "p3", "p4", "p5"],
    "MODEL.ROI_HEADS.BATCH_SIZE_PER_IMAGE": 512,
    "MODEL.ROI_HEADS.POSITIVE_FRACTION": 0.25,
    "MODEL.ROI_HEADS.NMS_THRESH_TEST": 0.5,
    "MODEL.ROI_HEADS.SCORE_THRESH_TEST": 1e-4,
    "MODEL.ROI_BOX_HEAD.NAME": "FastRCNNConvFCHead",
    "MODEL.ROI_BOX_HEAD.NUM_FC": 2,
    "MODEL.ROI_BOX_HEAD.FC_DIM": 1024,
    "MODEL.ROI_BOX_HEAD.POOLER_RESOLUTION": 7,
    "MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE": False,
    "MODEL.ROI_MASK_HEAD.NAME": "LTMaskHead",
    "MODEL.ROI_MASK_HEAD.NUM_CONV": 4,
    "MODEL.ROI_MASK_HEAD.POOLER_RESOLUTION": 14,
    "MODEL.ROI_MASK_HEAD.CLS_AGNOSTIC_MASK": False,
    "MODEL.LT.LOSS.NEGATIVES": "all",
    "MODEL.LT.CLASSIFIER.NUM_HEADS": 2,
    "MODEL.LT.CLASSIFIER.TEMPERATURE": 16.0,
    "MODEL.LT.CLASSIFIER.WEIGHT_NORM_OFFSET": 1 / 32,
    "MODEL.LT.HEAD_DIRECTION.MOMENTUM": 0.9998,
    "MODEL.LT.MASK.NORMALIZATION": "linear",
    "MODEL.LT.MASK.TDE": False,
    "DATALOADER.SAMPLER_TRAIN": "TrainingSampler",  # no repeat-factor sampling
    "DATALOADER.REPEAT_THRESHOLD": 0.001,
    "SOLVER.MOMENTUM": 0.9,
    "SOLVER.WEIGHT_DECAY": 1e-4,
    "SOLVER.LR_SCHEDULER_NAME": "WarmupMultiStepLR",
    "SOLVER.GAMMA": 0.1,
    "SOLVER.WARMUP_FACTOR": 0.001,
    "SOLVER.CLIP_GRADIENTS.ENABLED": False,
    "SOLVER.AMP.ENABLED": False,
    "TEST.DETECTIONS_PER_IMAGE": 300,
    "TEST.TDE_ALPHAS": [],
    "TEST.TDE_BACKGROUND_EXEMPT": [],
}
HEADS = {
    "cascade": {
        "MODEL.ROI_HEADS.NAME": "LTCascadeROIHeads",
        "MODEL.ROI_BOX_HEAD.CLS_AGNOSTIC_BBOX_REG": True,
        "MODEL.RPN.POST_NMS_TOPK_TRAIN": 2000,
        "MODEL.ROI_BOX_CASCADE_HEAD.IOUS": [0.5, 0.6, 0.7],
    },
    "mask_rcnn": {
        "MODEL.ROI_HEADS.NAME": "LTStandardROIHeads",
        "MODEL.ROI_BOX_HEAD.CLS_AGNOSTIC_BBOX_REG": False,
        "MODEL.RPN.POST_NMS_TOPK_TRAIN": 1000,
    },
}
# Detectron2's MSRA weights have the stride in the 1x1 convolution, pixels BGR of unit scale.
MSRA = {
    "MODEL.RESNETS.STRIDE_IN_1X1": True,
    "MODEL.RESNETS.NUM_GROUPS": 1,
    "MODEL.RESNETS.WIDTH_PER_GROUP": 64,
    "MODEL.PIXEL_STD": [1.0, 1.0, 1.0],
    "INPUT.FORMAT": "BGR",
}
NETWORKS = {
    "r50": {
        **MSRA,
        "MODEL.RESNETS.DEPTH": 50,
        "MODEL.WEIGHTS": "detectron2://ImageNetPretrained/MSRA/R-50.pkl",
    },
    "r101": {
        **MSRA,
        "MODEL.RESNETS.DEPTH": 101,
        "MODEL.WEIGHTS": "detectron2://ImageNetPretrained/MSRA/R-101.pkl",
    },
    "x101_64x4d": {
        "MODEL.RESNETS.DEPTH": 101,
        "MODEL.RESNETS.NUM_GROUPS": 64,
        "MODEL.RESNETS.WIDTH_PER_GROUP": 4,
        "MODEL.RESNETS.STRIDE_IN_1X1": False,
        "MODEL.PIXEL_STD": [57.375, 57.12, 58.395],
        "INPUT.FORMAT": "BGR",
        "MODEL.WEIGHTS": "catalog://ImageNetPretrained/FAIR/X-101-64x4d",
    },
    # EfficientNet-lite0 on a CPU; the network of custom/ and synthetic/.
    "lite0": {
        "INPUT.FORMAT": "RGB",
        "MODEL.PIXEL_MEAN": [127.5, 127.5, 127.5],
        "MODEL.PIXEL_STD": [127.5, 127.5, 127.5],
        "MODEL.BACKBONE.NAME": "build_timm_fpn_backbone",
        "MODEL.TIMM.NAME": "tf_efficientnet_lite0",
        "MODEL.TIMM.WEIGHTS": "package:efficientnet_lite0",
        "MODEL.TIMM.OUT_LEVELS": [2, 3, 4],
        "MODEL.TIMM.NUM_FROZEN_LEVELS": 2,
        "MODEL.TIMM.FREEZE_BATCH_NORM": True,
        "MODEL.FPN.OUT_CHANNELS": 64,
        "MODEL.RPN.IN_FEATURES": ["p3", "p4", "p5", "p6"],
        "MODEL.RPN.BATCH_SIZE_PER_IMAGE": 64,
        "MODEL.ROI_HEADS.IN_FEATURES": ["p3", "p4", "p5"],
        "MODEL.ROI_HEADS.NUM_CLASSES": -1,
        "MODEL.ROI_BOX_HEAD.FC_DIM": 256,
        "MODEL.ROI_BOX_HEAD.POOLER_SAMPLING_RATIO": 1,
        "MODEL.ROI_MASK_HEAD.CONV_DIM": 64,
        "MODEL.ROI_MASK_HEAD.NUM_CONV": 2,
        "MODEL.ROI_MASK_HEAD.POOLER_SAMPLING_RATIO": 1,
        "SOLVER.CLIP_GRADIENTS.ENABLED": True,
        "SOLVER.CLIP_GRADIENTS.CLIP_TYPE": "norm",
        "SOLVER.CLIP_GRADIENTS.CLIP_VALUE": 5.0,
    },
}
# Method: N(x, w), TDE at inference, xERM and its balanced teacher.
METHODS = {
    "baseline": ("linear", False, None),
    "deconfound": ("deconfound", False, None),
    "tde": ("deconfound", True, None),
    "xerm": ("deconfound", False, "tde"),
    "xerm_pc": ("linear", False, "pc"),
}
# LVIS: categories, training images, score threshold by network (published: lvis_old's R-101 and
# X-101 configs, lvis1.0's for both; R-50 as R-101).
LVIS = {
    "lvis_v0.5": (1230, 57_263, {"r50": 0.0, "r101": 0.0, "x101_64x4d": 1e-5}),
    "lvis_v1": (1203, 100_170, {"r50": 1e-5, "r101": 1e-5, "x101_64x4d": 1e-5}),
}
SCALES = {
    "INPUT.MIN_SIZE_TRAIN": [640, 672, 704, 736, 768, 800],
    "INPUT.MAX_SIZE_TRAIN": 1333,
    "INPUT.MIN_SIZE_TEST": 800,
    "INPUT.MAX_SIZE_TEST": 1333,
}
SMALL_ROIS = {
    "MODEL.ANCHOR_GENERATOR.SIZES": [[24], [40], [64], [96]],
    "MODEL.RPN.PRE_NMS_TOPK_TRAIN": 300,
    "MODEL.RPN.PRE_NMS_TOPK_TEST": 200,
    "MODEL.RPN.POST_NMS_TOPK_TRAIN": 100,
    "MODEL.RPN.POST_NMS_TOPK_TEST": 60,
    "MODEL.ROI_HEADS.BATCH_SIZE_PER_IMAGE": 32,
}
OWN: dict[str, Any] = {
    "cascade_r50_tde": {
        **SCALES,
        "MODEL.ROI_HEADS.NUM_CLASSES": -1,
        **{"SOLVER.IMS_PER_BATCH": 16, "SOLVER.BASE_LR": 0.02, "SOLVER.WARMUP_ITERS": 500},
        **{"SOLVER.STEPS": [16_000, 19_000], "SOLVER.MAX_ITER": 20_000},
    },
    "cascade_lite0_tde": {
        **{"INPUT.MIN_SIZE_TRAIN": [256, 288, 320], "INPUT.MAX_SIZE_TRAIN": 448},
        **{"INPUT.MIN_SIZE_TEST": 320, "INPUT.MAX_SIZE_TEST": 448},
        "MODEL.ANCHOR_GENERATOR.SIZES": [[32], [64], [128], [256]],
        "MODEL.TIMM.NUM_FROZEN_LEVELS": 5,
        "MODEL.FPN.NORM": "GN",
        **{"MODEL.RPN.PRE_NMS_TOPK_TRAIN": 500, "MODEL.RPN.PRE_NMS_TOPK_TEST": 500},
        **{"MODEL.RPN.POST_NMS_TOPK_TRAIN": 300, "MODEL.RPN.POST_NMS_TOPK_TEST": 200},
        "MODEL.ROI_HEADS.BATCH_SIZE_PER_IMAGE": 64,
        **{"SOLVER.IMS_PER_BATCH": 4, "SOLVER.BASE_LR": 0.02, "SOLVER.WARMUP_ITERS": 100},
        **{"SOLVER.STEPS": [700, 900], "SOLVER.MAX_ITER": 1000, "SOLVER.CHECKPOINT_PERIOD": 500},
    },
}  # fmt: skip

for leaf in ("baseline", "xerm"):
    OWN[f"cascade_lite0_{leaf}"] = OWN["cascade_lite0_tde"]


def recipe_of(name: str) -> dict[str, Any]:
    """Keys and values a config should have, by its folder and the parts of its name."""
    name, variant = variant_recipes.split_variant(name)
    name, loss = loss_recipes.split_loss(name)
    return {**_base_recipe(name), **loss, **variant}


def _base_recipe(name: str) -> dict[str, Any]:
    folder, leaf = name.removesuffix(".yaml").split("/")
    if folder in EMBEDDED:
        return {**_embedded(leaf), **EMBEDDED[folder]}
    kind = "mask_rcnn" if leaf.startswith("mask_rcnn") else "cascade"
    network, method = leaf.removeprefix(f"{kind}_").rsplit("_", 1)
    recipe = {**SHARED, **HEADS[kind], **NETWORKS[network], **_method(method)}
    if folder == "custom":
        data = {"DATASETS.TRAIN": ["custom_train"], "DATASETS.TEST": ["custom_val"]}
        shown = {"DATASETS.ON_INVALID": "error", "TEST.NUM_DRAWN_IMAGES": 6}
        return {**recipe, **OWN[leaf], **data, **shown}
    classes, images, thresholds = LVIS[folder]
    step, late, end = (round(epoch * images / 16) for epoch in (16, 19, 20))
    return {
        **recipe,
        **SCALES,
        "MODEL.ROI_HEADS.NUM_CLASSES": classes,
        "MODEL.ROI_HEADS.SCORE_THRESH_TEST": thresholds[network],
        "DATASETS.TRAIN": [f"{folder}_train"],
        "DATASETS.TEST": [f"{folder}_val"],
        "DATASETS.ON_INVALID": "skip",
        "SOLVER.IMS_PER_BATCH": 16,
        "SOLVER.BASE_LR": 0.02,
        "SOLVER.WARMUP_ITERS": 500,
        "SOLVER.STEPS": [step, late],
        "SOLVER.MAX_ITER": end,
    }


def _method(method: str) -> dict[str, Any]:
    normalization, tde, balanced = METHODS[method]
    return {
        "MODEL.LT.CLASSIFIER.NAME": normalization,
        "MODEL.LT.TDE.ENABLED": tde,
        "MODEL.LT.TDE.ALPHA": 1.5,
        "MODEL.LT.TDE.BACKGROUND_EXEMPT": True,
        "MODEL.LT.XERM.ENABLED": balanced is not None,
        "MODEL.LT.XERM.BALANCED": balanced or "tde",
        "MODEL.LT.XERM.EXPONENT": 1.5,
        "MODEL.LT.XERM.LOSS": "xerm",
        "MODEL.LT.XERM.RAMP": 0.0,
        "MODEL.LT.XERM.TEACHER": "checkpoint",
        "MODEL.LT.XERM.INIT_FROM_TEACHER": False,
    }


def _embedded(leaf: str) -> dict[str, Any]:
    method = leaf.removeprefix("cascade_small_").removesuffix("_masks")
    recipe = {
        **{**SHARED, **HEADS["cascade"], **NETWORKS["lite0"], **SMALL_ROIS, **_method(method)},
        **{"INPUT.MIN_SIZE_TRAIN": [192], "INPUT.MAX_SIZE_TRAIN": 192},
        **{"INPUT.MIN_SIZE_TEST": 192, "INPUT.MAX_SIZE_TEST": 192},
        "DATALOADER.NUM_WORKERS": 0,
        **{"SOLVER.IMS_PER_BATCH": 8, "SOLVER.BASE_LR": 0.01, "SOLVER.WARMUP_ITERS": 100},
        "TEST.DETECTIONS_PER_IMAGE": 100,
    }
    if method == "tde":
        recipe["TEST.TDE_ALPHAS"] = [0.0, 1.5]
        recipe["TEST.TDE_BACKGROUND_EXEMPT"] = [False, True]
        recipe["TEST.NUM_DRAWN_IMAGES"] = 6
    if leaf.endswith("_masks"):
        recipe["MODEL.LT.MASK.NORMALIZATION"] = "deconfound"
    return recipe


def test_the_tree_has_what_is_promised():
    promised = {"synthetic/cascade_small_tde_masks", *(f"custom/{leaf}" for leaf in OWN)}
    promised |= {f"{folder}/cascade_small_{method}" for method in METHODS for folder in EMBEDDED}
    promised |= variant_recipes.LEAVES | loss_recipes.LEAVES
    for version in LVIS:
        promised |= {f"{version}/mask_rcnn_r50_{method}" for method in ("baseline", "tde")}
        for network in ("r50", "r101", "x101_64x4d"):
            methods = ("baseline", "deconfound", "tde", "xerm")
            promised |= {f"{version}/cascade_{network}_{method}" for method in methods}
    assert {f"{name}.yaml" for name in promised} == set(LEAVES)


@pytest.mark.parametrize("name", LEAVES)
def test_a_config_is_its_recipe(name):
    cfg, recipe = load(name), recipe_of(name)
    assert differences(cfg, recipe) == []
    # Nothing that the tree sets is left to chance.
    assert keys_set_by(name) - recipe.keys() == set()
    for key in recipe:
        with changed(cfg, key):
            assert differences(cfg, recipe) == [key]


def test_the_recipe_s_epochs():
    """Of the images of each LVIS, written out: 20 epochs, ×0.1 at 16 and 19."""
    for version, steps, end in (
        ("lvis_v0.5", [57_263, 68_000], 71_579),
        ("lvis_v1", [100_170, 118_952], 125_212),
    ):
        recipe = recipe_of(f"{version}/cascade_r101_tde.yaml")
        assert (recipe["SOLVER.STEPS"], recipe["SOLVER.MAX_ITER"]) == (steps, end)
