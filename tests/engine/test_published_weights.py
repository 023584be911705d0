"""Checkpoints of the published code: every tensor goes to its place, or is left out by name."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from detectron2.modeling import build_model

from lt_det.classification import ImageClassifier as build_classifier_of
from lt_det.classification.backbones import build_backbone
from lt_det.engine.checkpoints.published_weights import convert_published
from lt_det.errors import ConfigError, WeightsError

from ..classification.helpers import small_config as classifier_config
from ..detection.helpers import small_config

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


def published_classifier(path, *, classes=7, **more):
    """As ``run_networks.py`` saves it, on several GPUs: torchvision's names in DataParallel."""
    features = {f"module.{k}": v for k, v in build_backbone("resnet50").body.state_dict().items()}
    networks = {
        "feat_model": features,
        "classifier": {"module.weight": torch.rand(classes, 2048)},
    }
    embed = np.random.default_rng(0).random(2048).astype(np.float32)
    torch.save({"state_dict_best": networks, "epoch": 3, "embed": embed, **more}, path)
    return networks, embed


def mmdet_names():
    """Of HTC with ResNet-50, as mmdetection 2 registers its modules."""
    names = ["backbone.conv1.weight", *(f"backbone.bn1.{n}" for n in NORM)]
    for layer, blocks in enumerate((3, 4, 6, 3), 1):
        for block in range(blocks):
            prefix = f"backbone.layer{layer}.{block}"
            for conv in (1, 2, 3):
                names += [f"{prefix}.conv{conv}.weight", *(f"{prefix}.bn{conv}.{n}" for n in NORM)]
        prefix = f"backbone.layer{layer}.0.downsample"
        names += [f"{prefix}.0.weight", *(f"{prefix}.1.{n}" for n in NORM)]
    pairs = [f"neck.{kind}_convs.{i}.conv" for kind in ("lateral", "fpn") for i in range(4)]
    pairs += [f"rpn_head.{part}" for part in ("rpn_conv", "rpn_cls", "rpn_reg")]
    for stage in range(3):
        head, masks = f"roi_head.bbox_head.{stage}", f"roi_head.mask_head.{stage}"
        names += [f"{head}.fc_cls", f"{head}.causal_embed"]
        pairs += [f"{head}.shared_fcs.0", f"{head}.shared_fcs.1", f"{head}.fc_reg"]
        pairs += [f"{masks}.convs.{i}.conv" for i in range(4)]
        pairs += [f"{masks}.{part}" for part in ("upsample", "conv_logits", "conv_res.conv")]
    pairs += ["roi_head.semantic_head.convs.0.conv", "something.else"]
    return names + [f"{pair}.{kind}" for pair in pairs for kind in ("weight", "bias")]


def test_classifier(tmp_path):
    networks, embed = published_classifier(tmp_path / "final.pth")
    found = convert_published(str(tmp_path / "final.pth"))
    assert found.left_out == []
    assert torch.equal(found.weights["head_direction.direction"], torch.from_numpy(embed))
    assert torch.equal(found.weights["classifier.weight"], networks["classifier"]["module.weight"])
    for name, tensor in networks["feat_model"].items():
        ours = found.weights["backbone.body." + name.removeprefix("module.")]
        assert torch.equal(ours, tensor)


def test_detector(tmp_path):
    """All of a cascade's tensors, and nothing twice; what HTC has besides is named."""
    options = ("MODEL.ROI_MASK_HEAD.NUM_CONV", 4, "MODEL.LT.MASK.NORMALIZATION", "linear")
    model = build_model(small_config("lvis_v1/cascade_r50_tde.yaml", *options, num_classes=None))
    state = {name: torch.rand(1, 3) for name in mmdet_names()}
    torch.save({"meta": {"epoch": 20}, "state_dict": state}, tmp_path / "epoch_20.pth")
    found = convert_published(str(tmp_path / "epoch_20.pth"))
    assert found.weights.keys() == model.state_dict().keys()
    assert len(found.renamed) == len(found.weights)
    assert len(found.renamed) + len(found.left_out) == len(state)
    renamed, why = dict(found.renamed), dict(found.left_out)
    res3 = "backbone.bottom_up.res3.0.shortcut.norm.bias"
    assert renamed["backbone.layer2.0.downsample.1.bias"] == res3
    assert renamed["neck.lateral_convs.3.conv.bias"] == "backbone.fpn_lateral5.bias"
    direction = found.weights["roi_heads.box_predictor.2.head_direction.direction"]
    assert torch.equal(direction, state["roi_head.bbox_head.2.causal_embed"][0])
    assert why["something.else.bias"] == "unknown"
    assert why["roi_head.mask_head.2.conv_res.conv.bias"] == "HTC's mask information flow"


def test_cifar_s_network_with_two_last_blocks(tmp_path):
    """As classification/run_networks.py saves it: several GPUs' names, a head direction."""
    cfg = classifier_config("cifar100_lt/resnet32_tde.yaml", num_classes=100)
    model = build_classifier_of(cfg)
    body = model.backbone.body.state_dict()
    networks = {
        "feat_model": {f"module.{name}": torch.rand_like(t.float()) for name, t in body.items()},
        "classifier": {"module.weight": torch.rand(100, 128)},
    }
    direction = np.random.default_rng(1).random(128, dtype=np.float32)
    saved = {"state_dict_best": networks, "embed_mean": direction, "embed": direction}
    torch.save(saved, tmp_path / "final_model_checkpoint.pth")
    converted = convert_published(str(tmp_path / "final_model_checkpoint.pth"))
    assert converted.weights.keys() == model.state_dict().keys()
    assert torch.equal(
        converted.weights["backbone.body.rb_block.conv2.weight"],
        networks["feat_model"]["module.rb_block.conv2.weight"],
    )
    # Its images are normalized otherwise than CIFAR's configs do.
    with pytest.raises(ConfigError, match=r"MODEL.PIXEL_MEAN \[125.307,122.961,113.8575\]"):
        converted.check_config(cfg)
    narrow = classifier_config("cifar100_lt/resnet32f64_tde.yaml", num_classes=100)
    with pytest.raises(ConfigError, match=r"MODEL.CLASSIFICATION.BACKBONE resnet32_bbn"):
        converted.check_config(narrow)
    given = [x for key, value in converted.needs.items() for x in (key, value)]
    narrow.merge_from_list(given)
    converted.check_config(narrow)


def test_features_behind_a_layer_as_on_places(tmp_path):
    networks = {
        "feat_model": {"fc_add.weight": torch.rand(512, 2048), "fc_add.bias": torch.rand(512)},
        "classifier": {"weight": torch.rand(365, 512)},
    }
    torch.save({"state_dict_best": networks, "embed": np.ones(512)}, tmp_path / "places.pth")
    converted = convert_published(str(tmp_path / "places.pth"))
    key = "backbone.fc_add.weight"
    assert torch.equal(converted.weights[key], networks["feat_model"]["fc_add.weight"])
    with pytest.raises(ConfigError, match=r"give, .*: MODEL.CLASSIFICATION.FC_DIM 512$"):
        converted.check_config(classifier_config("places_lt/resnet152_tde.yaml"))
    converted.check_config(classifier_config("places_lt/resnet152_tde_fc512.yaml"))


@pytest.mark.parametrize(
    ("save", "message"),
    [
        (lambda path: torch.save({"bbox_head.0.fc_cls": torch.ones(1)}, path), "mmdetection 1"),
        (
            lambda path: torch.save({"weight": torch.ones(1)}, path),
            "no checkpoint of the published",
        ),
        (lambda path: torch.save([1], path), "no dict at the top"),
        (lambda path: torch.save({"embed": pytest.raises}, path), "refused: it would run _pytest"),
        (lambda path: path.write_bytes(b"PK"), "not a checkpoint"),
        (lambda path: None, "not a checkpoint.*No such file"),
    ],
)
def test_what_cannot_be_converted_is_one_line(tmp_path, save, message):
    save(tmp_path / "odd.pth")
    with pytest.raises(WeightsError, match=rf"odd\.pth: .*{message}") as caught:
        convert_published(str(tmp_path / "odd.pth"))
    assert "\n" not in str(caught.value)


def test_a_config_of_other_images_is_refused_with_what_to_give(tmp_path):
    torch.save({"state_dict": {n: torch.rand(1, 3) for n in mmdet_names()}}, tmp_path / "20.pth")
    found = convert_published(str(tmp_path / "20.pth"))
    cfg = small_config("lvis_v1/cascade_r50_tde.yaml", num_classes=None)
    assert (cfg.INPUT.FORMAT, cfg.MODEL.RESNETS.STRIDE_IN_1X1) == ("BGR", True)
    with pytest.raises(ConfigError, match="wherever the weights are used: ") as caught:
        found.check_config(cfg)
    pairs = str(caught.value).partition("are used: ")[2]
    assert pairs == (
        "MODEL.PIXEL_MEAN [123.675,116.28,103.53] MODEL.PIXEL_STD [58.395,57.12,57.375] "
        "INPUT.FORMAT RGB MODEL.RESNETS.STRIDE_IN_1X1 False"
    )
    cfg.merge_from_list(pairs.split())
    found.check_config(cfg)


@pytest.mark.parametrize(("classes", "config"), [(8142, "inat18"), (365, "places_lt")])
def test_a_classifier_s_statistics_are_its_data_set_s(tmp_path, classes, config):
    published_classifier(tmp_path / "final.pth", classes=classes)
    found = convert_published(str(tmp_path / "final.pth"))
    for name in ("inat18", "places_lt"):
        cfg = classifier_config(f"{name}/resnet50_tde.yaml")
        if name == config:
            found.check_config(cfg)
        else:
            with pytest.raises(ConfigError, match=r"MODEL\.PIXEL_MEAN, MODEL\.PIXEL_STD: "):
                found.check_config(cfg)


@pytest.mark.parametrize("fits", [True, False])
@pytest.mark.slow
def test_the_tool_checks_the_weights_against_the_model(root, tmp_path, fits):
    published_classifier(tmp_path / "final.pth", classes=7)
    config = root / "configs/classification/imagenet_lt/resnext50_tde.yaml"
    line = [sys.executable, root / "tools/convert_weights.py", tmp_path / "final.pth"]
    line += [tmp_path / "ours.pth", "--config-file", config, "MODEL.DEVICE", "cpu"]
    line += ["MODEL.CLASSIFICATION.BACKBONE", "resnet50"]
    line += ["MODEL.CLASSIFICATION.NUM_CLASSES", 7 if fits else 8]
    done = subprocess.run(list(map(str, line)), capture_output=True, text=True, check=False)
    assert done.returncode == (0 if fits else 2), done.stderr
    assert "embed -> head_direction.direction" in done.stdout
    assert (tmp_path / "ours.pth").exists() == fits
    if not fits:
        assert "classifier.weight has shape (7, 2048), the model needs (8, 2048)" in done.stderr
