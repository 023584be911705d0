"""The image classifier: what it computes, and what it leaves alone."""

import shutil

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lt_det.classification import ImageClassifier
from lt_det.classification.backbones import ImageBackbone
from lt_det.classification.resnet_cifar import CifarResNet

from .helpers import batch, small_config

FULL = ("SOLVER.AMP.ENABLED", False)


def model(name="digits_lt/resnet32_tde.yaml", *overrides):
    return ImageClassifier(small_config(name, *FULL, *overrides))


def test_loss_is_cross_entropy_of_the_logits():
    built, inputs = model(), batch()
    loss = built(inputs)["loss_cls"]
    # In training mode again, so that the batch norms see the same batch.
    logits = built.classifier(built.features(inputs["images"]))
    torch.testing.assert_close(loss, F.cross_entropy(logits, inputs["labels"]))


def test_images_are_normalized_by_channel():
    built = model()
    seen = []
    built.backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    images = torch.full((1, 3, 8, 8), 200, dtype=torch.uint8)
    built.eval().features(images)
    torch.testing.assert_close(seen[0], torch.full((1, 3, 8, 8), (200 - 77.9) / 95.9))


def test_direction_is_the_moving_sum_of_mean_features():
    built, inputs = model(), batch()
    with torch.no_grad():
        mean = built.features(inputs["images"]).mean(0)
    built(inputs)
    torch.testing.assert_close(built.head_direction.direction, mean)
    built(inputs)
    torch.testing.assert_close(built.head_direction.direction, 1.9 * mean)
    built.eval()(inputs)
    torch.testing.assert_close(built.head_direction.direction, 1.9 * mean)


def test_direction_travels_with_the_weights():
    assert "head_direction.direction" in model().state_dict()
    linear = model("digits_lt/resnet32_xe.yaml")
    assert linear.head_direction is None
    assert "pixel_mean" not in linear.state_dict()


def test_frozen_backbone_learns_nothing_and_keeps_its_statistics():
    built = model("digits_lt/resnet32_crt.yaml").train()
    before = {name: value.clone() for name, value in built.backbone.state_dict().items()}
    built(batch())["loss_cls"].backward()
    assert built.classifier.weight.grad.abs().sum() > 0
    assert all(p.grad is None for p in built.backbone.parameters())
    after = built.backbone.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_lws_learns_the_scale_alone():
    built = model("digits_lt/resnet32_lws.yaml").train()
    built(batch())["loss_cls"].backward()
    learning = {name for name, p in built.named_parameters() if p.grad is not None}
    assert learning == {"classifier.class_scale"}
    # Of features that no longer move, a direction would be another.
    assert not built.head_direction.direction.any()


def test_bfloat16_on_the_cpu_is_for_training():
    mixed = model("digits_lt/resnet32_tde.yaml", "SOLVER.AMP.ENABLED", True)
    full = model()
    full.load_state_dict(mixed.state_dict())
    kinds = []
    hook = lambda module, args, output: kinds.append(output.dtype)  # noqa: E731
    mixed.backbone.body[0].register_forward_hook(hook)
    inputs = batch()
    mixed(inputs)
    full(inputs)
    assert mixed.features(inputs["images"]).dtype == torch.float32
    mixed.load_state_dict(full.state_dict())
    torch.testing.assert_close(mixed.eval()(inputs), full.eval()(inputs))
    assert kinds == [torch.bfloat16, torch.bfloat16, torch.float32]


def test_memory_format_does_not_change_the_answer():
    last = model().eval()
    first = model("digits_lt/resnet32_tde.yaml", "MODEL.CLASSIFICATION.MEMORY_FORMAT",
                  "channels_first").eval()  # fmt: skip
    first.load_state_dict(last.state_dict())
    torch.testing.assert_close(first(batch()), last(batch()), rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not shutil.which("g++"), reason="no C++ compiler")
@pytest.mark.slow
def test_compiled_training_is_the_plain_one():
    def built(compiled):
        body = ImageBackbone(CifarResNet(num_blocks=1), 64)
        statistics = {"pixel_mean": [120.0] * 3, "pixel_std": [60.0] * 3}
        return ImageClassifier(body, nn.Linear(64, 10), **statistics, compiled=compiled)

    plain, compiled, inputs = built(False), built(True), batch()
    compiled.load_state_dict(plain.state_dict())
    losses = [m.train()(inputs)["loss_cls"] for m in (plain, compiled)]
    for loss in losses:
        loss.backward()
    torch.testing.assert_close(*losses)
    for (name, one), other in zip(plain.named_parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad, rtol=1e-3, atol=1e-5, msg=name)
    assert list(compiled.state_dict()) == list(plain.state_dict())
    torch.testing.assert_close(compiled.eval()(inputs), plain.eval()(inputs))
    # Evaluation takes the plain backbone, a compiled teacher does not.
    seen = []
    compiled.backbone.register_forward_hook(lambda *_: seen.append(1))
    compiled(inputs)
    assert seen
    compiled.compile_backbone(in_eval=True)
    torch.testing.assert_close(compiled(inputs), plain(inputs), rtol=1e-4, atol=1e-5)
    assert len(seen) == 1


@pytest.mark.gpu
def test_a_device_gives_the_cpus_answer(device):
    on_cpu, inputs = model().eval(), batch()
    there = model().to(device).eval()
    there.load_state_dict(on_cpu.state_dict())
    torch.testing.assert_close(there(inputs).cpu(), on_cpu(inputs), rtol=1e-3, atol=1e-3)
    with torch.autocast(device.type, enabled=device.type == "cuda"):
        loss = there.train()(inputs)["loss_cls"]
    assert torch.isfinite(loss)
