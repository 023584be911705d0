"""Networks: shapes, sizes, weights by path."""

import pytest
import torch
import torchvision

from lt_det.classification.backbones import build_backbone
from lt_det.errors import ConfigError, WeightsError


def test_resnet32_is_the_papers():
    """He et al., 2016, table 6: ResNet-32 has 0.46 M parameters, its classifier of 10 included."""
    built = build_backbone("resnet32")
    parameters = sum(p.numel() for p in built.parameters()) + 64 * 10 + 10
    assert round(parameters / 1e6, 2) == 0.46
    assert len([m for m in built.modules() if isinstance(m, torch.nn.Conv2d)]) == 31
    assert built.body(torch.zeros(1, 3, 32, 32)).shape == (1, 64, 8, 8)
    assert built(torch.zeros(2, 3, 32, 32)).shape == (2, 64)


def test_bbns_resnet50_is_torchvisions_with_a_second_last_block():
    """Each branch alone, with the weights of a ResNet-50, is that ResNet-50."""
    body = build_backbone("resnet50_bbn").eval().body
    whole = torchvision.models.resnet50().eval()
    state = {key: value for key, value in whole.state_dict().items() if not key.startswith("fc")}
    last = {key: value for key, value in state.items() if key.startswith("layer4.2.")}
    shared = {key: value for key, value in state.items() if key not in last}
    for block in ("cb_block", "rb_block"):
        shared |= {key.replace("layer4.2", block): value for key, value in last.items()}
    body.load_state_dict(shared)
    whole.fc = torch.nn.Identity()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = whole(images)
        torch.testing.assert_close(body.conventional(images), expected)
        torch.testing.assert_close(body.rebalancing(images), expected)
        assert body(images).shape == (2, 4096, 2, 2)
        torch.testing.assert_close(body(images).mean(dim=(2, 3)), expected.repeat(1, 2))
        body.rb_block.conv1.weight.zero_()
        torch.testing.assert_close(body.conventional(images), expected)
        assert not torch.allclose(body.rebalancing(images), expected)


def test_rides_resnext50_has_narrower_experts():
    body = build_backbone("resnext50_ride2").eval().body
    whole = torchvision.models.resnext50_32x4d()
    for name in ("conv1", "layer1", "layer2"):
        theirs = {k: v.shape for k, v in whole.get_submodule(name).state_dict().items()}
        assert {k: v.shape for k, v in body.get_submodule(name).state_dict().items()} == theirs
    for mine, name in ((body.layer3s, "layer3"), (body.layer4s, "layer4")):
        theirs = whole.get_submodule(name)
        for stage in mine:
            assert len(stage) == len(theirs)
            for block, wide in zip(stage, theirs, strict=True):
                for conv in ("conv1", "conv2", "conv3"):
                    ours, other = (getattr(b, conv) for b in (block, wide))
                    assert (ours.stride, ours.groups) == (other.stride, other.groups)
                    assert ours.out_channels == 3 * other.out_channels // 4
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        shared = body.maxpool(torch.relu(body.bn1(body.conv1(images))))
        shared = body.layer2(body.layer1(shared))
        expected = [
            fourth(third(shared)).flatten(2).mean(2)
            for third, fourth in zip(body.layer3s, body.layer4s, strict=True)
        ]
        assert expected[0].shape == (2, 1536)
        torch.testing.assert_close(body(images), torch.cat(expected, dim=1))
    assert build_backbone("resnext50_ride3").num_features == 3 * 1536


def test_the_papers_resnet32_has_two_last_blocks():
    built = build_backbone("resnet32_bbn").eval()
    body = built.body
    narrow = sum(p.numel() for p in build_backbone("resnet32").parameters())
    block = sum(p.numel() for p in body.cb_block.parameters())
    assert sum(p.numel() for p in built.parameters()) == narrow + block
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        features = built(images)
        stem = torch.relu(body.bn1(body.conv1(images)))
        for layer in (*body.layer1, *body.layer2, *body.layer3):
            stem = layer(stem)
        branches = [block(stem).flatten(2).mean(2) for block in (body.cb_block, body.rb_block)]
        torch.testing.assert_close(features, torch.cat(branches, dim=1))
        torch.testing.assert_close(body.conventional(images), branches[0])
        torch.testing.assert_close(body.rebalancing(images), branches[1])
    assert [len(layer) for layer in (body.layer1, body.layer2, body.layer3)] == [5, 5, 4]
    assert (features.shape, stem.shape) == ((2, 128), (2, 64, 8, 8))


@pytest.mark.parametrize("name", ["resnet50", "resnext50_32x4d"])
def test_torchvisions_networks_give_torchvisions_features(name, tmp_path):
    theirs = torchvision.models.get_model(name, weights=None).eval()
    torch.save(theirs.state_dict(), tmp_path / "weights.pth")
    ours = build_backbone(name, str(tmp_path / "weights.pth")).eval()
    assert ours.num_features == 2048
    images = torch.randn(1, 3, 64, 64)
    theirs.fc = torch.nn.Identity()
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images))


@pytest.mark.parametrize(
    ("name", "millions"), [("resnet101", 42.5), ("resnet152", 58.1), ("resnext101_32x4d", 42.1)]
)
def test_larger_networks_have_their_published_size(name, millions):
    with torch.device("meta"):
        built = build_backbone(name)
    assert sum(p.numel() for p in built.parameters()) / 1e6 == pytest.approx(millions, abs=0.1)


def test_timm_by_name(tmp_path):
    timm = pytest.importorskip("timm")
    theirs = timm.create_model("resnet10t", num_classes=7).eval()
    torch.save(theirs.state_dict(), tmp_path / "weights.pth")
    ours = build_backbone("timm/resnet10t", str(tmp_path / "weights.pth")).eval()
    images = torch.randn(1, 3, 64, 64)
    theirs.reset_classifier(0)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images))
    shapes = []
    ours.map_layer.register_forward_hook(lambda module, args, output: shapes.append(output.shape))
    ours(images)
    assert shapes == [(1, 512, 2, 2)]


def test_timm_models_without_a_feature_map():
    pytest.importorskip("timm")
    built = build_backbone("timm/test_vit")
    assert built.map_layer is None
    assert built(torch.zeros(2, 3, 160, 160)).shape == (2, built.num_features)


def test_networks_that_cannot_be(tmp_path):
    with pytest.raises(ConfigError, match=r"unknown backbone 'vgg'; known: resnet32, .*timm/NAME"):
        build_backbone("vgg")
    with pytest.raises(ConfigError, match="BACKBONE: timm: Unknown model"):
        build_backbone("timm/no_such_model")
    with pytest.raises(WeightsError, match=r"no such file: .*absent\.pth"):
        build_backbone("resnet32", str(tmp_path / "absent.pth"))


def test_weights_that_do_not_fit(tmp_path):
    file = tmp_path / "weights.pth"
    state = build_backbone("resnet32").body.state_dict()
    torch.save({**state, "0.weight": torch.zeros(16, 1, 3, 3)}, file)
    with pytest.raises(WeightsError, match=r"0\.weight has shape \(16, 1, 3, 3\), resnet32 needs"):
        build_backbone("resnet32", str(file))
    del state["0.weight"]
    torch.save(state, file)
    with pytest.raises(WeightsError, match=r"lacks 0\.weight and 0 more"):
        build_backbone("resnet32", str(file))
