"""Exported files give what the model gives, without lt_det."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

import lt_det
from lt_det.commands import export as command
from lt_det.core import MultiHeadNormalizedClassifier
from lt_det.errors import ConfigError
from lt_det.predict.export import export_model
from lt_det.predict.export.folded import FoldedClassifier

from .helpers import NAMES, saved_classifier, saved_detector

onnxruntime = pytest.importorskip("onnxruntime")

CASCADE = "lvis_v0.5/cascade_r50_tde.yaml"
DETECTORS = {
    "cascade": (CASCADE, ""),
    "standard": ("lvis_v0.5/mask_rcnn_r50_tde.yaml", ""),
    "linear": ("lvis_v0.5/cascade_r50_baseline.yaml", "norcal(gamma=0.6)"),
    "seesaw": ("lvis_v0.5/cascade_r50_seesaw.yaml", ""),
    "boxes alone": (CASCADE, "tde(alpha=1, exempt=False)", "MODEL.MASK_ON", False),
}


@pytest.fixture(scope="module", params=DETECTORS)
def detector(request, tmp_path_factory):
    """Weights and how they are read."""
    name, post_hoc, *overrides = DETECTORS[request.param]
    weights = saved_detector(tmp_path_factory.mktemp("detector"), name, *overrides)
    return str(weights), post_hoc


def outputs_of(file, array):
    if file.suffix == ".onnx":
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        return session.run(None, {session.get_inputs()[0].name: array})
    answer = torch.jit.load(str(file))(torch.from_numpy(array))
    return [t.numpy() for t in (answer if isinstance(answer, tuple) else (answer,))]


@pytest.mark.parametrize("file_format", ["torchscript", "onnx"])
def test_detections_are_the_model_s(detector, file_format, tmp_path):
    weights, post_hoc = detector
    file = tmp_path / f"made.{'onnx' if file_format == 'onnx' else 'pt'}"
    made = export_model(weights, str(file), file_format, post_hoc=post_hoc, score_threshold=0.0)
    eager = lt_det.load_detector(weights, device="cpu", post_hoc=post_hoc, score_threshold=0.0)
    rng = np.random.default_rng(0)
    for height, width in ((96, 96), (70, 130), (128, 100)):
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        given = eager._input(pixels)["image"].float().numpy()
        expected = eager.detect([pixels])[0]
        boxes, scores, classes, *masks = outputs_of(file, given)
        scale = np.array([width / given.shape[2], height / given.shape[1]] * 2)
        assert len(scores) == len(expected) > 0
        assert classes.tolist() == expected.pred_classes.tolist()
        np.testing.assert_allclose(boxes * scale, expected.pred_boxes.tensor.numpy(), atol=0.01)
        np.testing.assert_allclose(scores, expected.scores.numpy(), atol=1e-5)
        assert ("masks" in made["outputs"]) == expected.has("pred_masks") == bool(masks)
        if masks:
            assert masks[0].shape[0] == len(scores)
            assert 0 <= masks[0].min() < masks[0].max() <= 1


def test_an_image_without_detections(tmp_path):
    weights = saved_detector(tmp_path)
    for file_format, name in (("torchscript", "made.pt"), ("onnx", "made.onnx")):
        export_model(str(weights), str(tmp_path / name), file_format, score_threshold=0.999)
        boxes, scores, classes, _ = outputs_of(
            tmp_path / name, np.zeros((3, 96, 128), dtype=np.float32)
        )
        assert boxes.shape == (0, 4)
        assert len(scores) == len(classes) == 0


@pytest.mark.parametrize("post_hoc", ["", "tde(alpha=1)", "logit_adjustment(tau=1)"])
def test_probabilities_are_the_classifier_s(post_hoc, tmp_path):
    weights = str(saved_classifier(tmp_path))
    eager = lt_det.load_classifier(weights, device="cpu", post_hoc=post_hoc)
    images = torch.randint(256, (3, 3, 16, 16), dtype=torch.uint8)
    expected = eager.probs(list(images)).numpy()
    for file_format, name in (("torchscript", "made.pt"), ("onnx", "made.onnx")):
        made = export_model(weights, str(tmp_path / name), file_format, post_hoc=post_hoc)
        (probs,) = outputs_of(tmp_path / name, images.float().numpy())
        np.testing.assert_allclose(probs, expected, atol=1e-5)
        assert made["task"] == "classification"


def test_folding_leaves_the_maths():
    torch.manual_seed(0)
    classifier = MultiHeadNormalizedClassifier(8, 5, num_heads=2)
    x, direction = torch.randn(7, 8), torch.randn(8)
    folded = FoldedClassifier(classifier, direction)
    for ours, theirs in zip(
        folded.effects(x, direction), classifier.effects(x, direction), strict=True
    ):
        torch.testing.assert_close(ours, theirs)
    without = FoldedClassifier(classifier)
    assert not without.counterfactual_logits(x, direction).any()


ALONE = """
import sys
for name in ("detectron2", "lt_det", "fvcore"):
    sys.modules[name] = None  # an import of it fails
sys.path.insert(0, sys.argv[1])
from run_exported import predict
for name, score, *boxes in predict(*sys.argv[2:]):
    print(name, f"{score:.5f}", *sum(boxes, []))
"""


def run_alone(root, folder, name, weights, *options):
    """Export, and run the example on a photo that lies on its side; returns words by line."""
    file_format = "onnx" if name.endswith("onnx") else "torchscript"
    command.run(["--weights", weights, "--format", file_format, "--output", str(folder / name),
                 *options])  # fmt: skip
    rng = np.random.default_rng(1)
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    photo = Image.fromarray(rng.integers(0, 256, (60, 90, 3), dtype=np.uint8))
    photo.save(folder / "p.png", exif=turned)
    line = [sys.executable, "-c", ALONE, root / "examples", folder / name, folder / "p.png"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", ["made.pt", "made.onnx"])
def test_the_file_runs_without_lt_det(name, root, tmp_path):
    weights = str(saved_detector(tmp_path))
    shown = run_alone(root, tmp_path, name, weights, "--score-threshold", "0")
    result = lt_det.load_detector(weights, device="cpu", score_threshold=0.0).predict(
        tmp_path / "p.png"
    )[0]
    lines = [line.rsplit(" ", 5) for line in shown]
    assert [line[0] for line in lines] == result.class_names
    for line, box, score in zip(lines, result.boxes, result.scores, strict=True):
        np.testing.assert_allclose([float(v) for v in line[2:]], box, atol=0.1)
        assert float(line[1]) == pytest.approx(score, abs=1e-4)


@pytest.mark.parametrize("in_memory", [True, False])
@pytest.mark.parametrize("name", ["made.pt", "made.onnx"])
def test_a_classifier_runs_without_lt_det(name, in_memory, root, tmp_path):
    weights = str(saved_classifier(tmp_path))
    config = tmp_path / "config.yaml"
    text = config.read_text()
    assert "IN_MEMORY: true" in text
    config.write_text(text.replace("IN_MEMORY: true", f"IN_MEMORY: {in_memory}"))
    lines = [line.rsplit(" ", 1) for line in run_alone(root, tmp_path, name, weights)]
    (result,) = lt_det.load_classifier(weights, device="cpu").predict(tmp_path / "p.png")
    best = result.top(5)
    assert [line[0] for line in lines] == [name for name, _ in best]
    for line, (_, score) in zip(lines, best, strict=True):
        assert float(line[1]) == pytest.approx(score, abs=2e-5)


def test_the_file_says_what_it_needs(tmp_path, capsys):
    weights = str(saved_detector(tmp_path))
    file = str(tmp_path / "made.pt")
    command.run(["--weights", weights, "--format", "torchscript", "--output", file])
    held = {"lt_det.json": ""}
    torch.jit.load(file, _extra_files=held)
    about = json.loads(held["lt_det.json"])
    assert about["class_names"] == NAMES
    assert about["frequency_groups"][-1] == "rare"
    assert about["input"]["channels"] == "BGR"
    assert about["post_hoc"] == "TDE α=1.5 with exemption"
    assert "detection, 5 classes" in capsys.readouterr().out


def test_what_cannot_be_exported_is_named(tmp_path, monkeypatch):
    weights = str(saved_detector(tmp_path))
    with pytest.raises(ConfigError, match="--format: coreml: known are torchscript, onnx"):
        export_model(weights, str(tmp_path / "x"), "coreml")
    theirs = saved_detector(tmp_path / "theirs", CASCADE, "MODEL.ROI_HEADS.NAME", "CascadeROIHeads")
    with pytest.raises(ConfigError, match="CascadeROIHeads"):
        export_model(str(theirs), str(tmp_path / "x"), "onnx")
