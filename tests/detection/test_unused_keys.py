"""Keys that would do nothing in a detector are refused by name."""

import pytest
import yaml

from lt_det.config import LINEAR, default_config
from lt_det.detection.config_checks import check_config
from lt_det.engine import merge_config
from lt_det.errors import ConfigError

from .helpers import CONFIGS, small_config

CASCADE = "Base-Cascade-RCNN-FPN.yaml"
ONE_STAGE = "Base-RCNN-FPN.yaml"
PLAIN_CASCADE = ("MODEL.ROI_HEADS.NAME", "CascadeROIHeads")
PLAIN_BOXES = ("MODEL.LT.CLASSIFIER.NAME", LINEAR)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("TEST.AUG.ENABLED", True, "test-time augmentation is not done here"),
        ("TEST.AUG.MIN_SIZES", (400, 800), "test-time augmentation"),
        ("MODEL.KEYPOINT_ON", True, "keypoints"),
        ("MODEL.ROI_KEYPOINT_HEAD.NUM_KEYPOINTS", 4, "keypoints"),
        ("TEST.KEYPOINT_OKS_SIGMAS", [0.1], "keypoints"),
        ("MODEL.LOAD_PROPOSALS", True, "proposals are the RPN's"),
        ("DATASETS.PROPOSAL_FILES_TEST", ("x.pkl",), "proposals are the RPN's"),
        ("MODEL.PROPOSAL_GENERATOR.NAME", "PrecomputedProposals", "proposals are the RPN's"),
        ("MODEL.META_ARCHITECTURE", "RetinaNet", "heads are of GeneralizedRCNN"),
        ("MODEL.RETINANET.NUM_CLASSES", 3, "of another model"),
        ("MODEL.SEM_SEG_HEAD.LOSS_WEIGHT", 0.5, "of another model"),
        ("GLOBAL.HACK", 2.0, "nothing reads it"),
        ("TEST.PRECISE_BN.ENABLED", True, "would move the head direction"),
        ("MODEL.ROI_BOX_HEAD.TRAIN_ON_PRED_BOXES", True, "a cascade's later stages"),
        ("MODEL.ROI_BOX_HEAD.BBOX_REG_WEIGHTS", (1.0, 1.0, 1.0, 1.0), "MODEL.ROI_BOX_CASCADE_HEAD"),
        ("MODEL.ROI_BOX_HEAD.USE_FED_LOSS", True, "the federated loss is a sigmoid one"),
        ("MODEL.ROI_BOX_HEAD.CLS_AGNOSTIC_BBOX_REG", False, "class-agnostic"),
    ],
)
def test_a_cascade_has_no_use_for_it(key, value, reason):
    with pytest.raises(ConfigError) as caught:
        check_config(small_config(CASCADE, key, value))
    assert str(caught.value).startswith(f"{key}: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


CLASSIFICATION = {
    "MODEL.LT.HEAD_DIRECTION.FOLLOW_LR": True,
    "MODEL.LT.XERM.CONSTANT_WEIGHT": 0.5,
    "MODEL.CLASSIFICATION.BACKBONE": "resnet50",
    "DATASETS.CLASSIFICATION.PATH": "pictures.zip",
    "INPUT.CLASSIFICATION.SIZE": 64,
    "DATALOADER.IMAGE_SAMPLER": "square_root",
    "SOLVER.EPOCHS.MAX": 3,
    "SOLVER.BACKBONE_LR_FACTOR": 0.1,
    "TEST.CLASSIFICATION.SPLIT": "val",
}


@pytest.mark.parametrize("key", CLASSIFICATION)
def test_a_classifier_s_keys_are_none_of_a_detector_s(key, tmp_path):
    """On the command line whatever the value, in a file where it is another than the default."""
    message = rf"^{key}: classification only \(tools/train_cls\.py\)$"
    with pytest.raises(ConfigError, match=message):
        merge_config(default_config(classification=False), "", [key, str(CLASSIFICATION[key])])
    file, tree = tmp_path / "config.yaml", CLASSIFICATION[key]
    for part in reversed(key.split(".")):
        tree = {part: tree}
    file.write_text(yaml.safe_dump({"VERSION": 2, **tree}))
    with pytest.raises(ConfigError, match=rf"config\.yaml: {key}: classification only"):
        merge_config(default_config(classification=False), str(file), [])


def test_heads_of_one_stage_have_no_use_for_a_cascade_s_keys():
    ious = ("MODEL.ROI_BOX_CASCADE_HEAD.IOUS", (0.5, 0.6, 0.8))
    with pytest.raises(ConfigError, match=r"CASCADE_HEAD\.IOUS: these heads have one stage"):
        check_config(small_config(ONE_STAGE, *ious))
    check_config(small_config(CASCADE, *ious))
    check_config(small_config(ONE_STAGE, "MODEL.ROI_BOX_HEAD.TRAIN_ON_PRED_BOXES", True))


@pytest.mark.parametrize(
    ("options", "key"),
    [
        (PLAIN_CASCADE, "MODEL.LT.CLASSIFIER.NAME"),
        (
            ("MODEL.ROI_MASK_HEAD.NAME", "MaskRCNNConvUpsampleHead",
             "MODEL.LT.MASK.NORMALIZATION", "cosine"),
            "MODEL.LT.MASK.NORMALIZATION",
        ),
        (
            ("MODEL.MASK_ON", False, "MODEL.LT.MASK.NORMALIZATION", "cosine",
             "MODEL.LT.MASK.TDE", True),
            "MODEL.LT.MASK.TDE",
        ),
    ],
)  # fmt: skip
def test_detectron2_s_heads_have_no_use_for_a_normalization(options, key):
    with pytest.raises(ConfigError, match=f"^{key}: ".replace(".", r"\.")):
        check_config(small_config(CASCADE, *options))


@pytest.mark.parametrize(
    "options",
    [
        (*PLAIN_CASCADE, *PLAIN_BOXES),
        (*PLAIN_BOXES, "TEST.PRECISE_BN.ENABLED", True),
        ("MODEL.ROI_BOX_HEAD.USE_FED_LOSS", True, "MODEL.ROI_BOX_HEAD.USE_SIGMOID_CE", True,
         *PLAIN_BOXES),
        ("MODEL.ROI_MASK_HEAD.NAME", "MaskRCNNConvUpsampleHead"),
        # Of what is switched off.
        ("INPUT.CROP.SIZE", [0.5, 0.5], "MODEL.LT.XERM.EXPONENT", 2.0, "MODEL.TIMM.NAME", "x"),
    ],
)  # fmt: skip
def test_what_has_a_use_is_let_be(options):
    check_config(small_config(CASCADE, *options))


def test_the_project_s_own_configs_have_no_such_key():
    parts = ("classification", "losses")
    folders = [folder for folder in CONFIGS.iterdir() if folder.name not in parts]
    files = [file for folder in folders if folder.is_dir() for file in folder.glob("[!B]*.yaml")]
    assert len(files) > 30
    for file in files:
        check_config(small_config(file, num_classes=None))
