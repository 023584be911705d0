"""Classifiers loaded from their weights."""

import numpy as np
import pytest
import torch
from PIL import Image

import lt_det
from lt_det.classification.model import ImageClassifier
from lt_det.engine import LTCheckpointer, read_trained_config
from lt_det.errors import ConfigError

from .helpers import IMAGE_COUNTS, NAMES, saved_classifier


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return str(saved_classifier(tmp_path_factory.mktemp("classifier")))


def image(seed, side=16):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def logits_of(weights, pixels):
    """Of the model itself, without any of what predicts."""
    cfg = read_trained_config(weights, classification=True)
    cfg.MODEL.DEVICE = "cpu"
    cfg.MODEL.CLASSIFICATION.NUM_CLASSES = len(NAMES)
    model = ImageClassifier(cfg).eval()
    LTCheckpointer(model).load(weights)
    batch = torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None]
    with torch.no_grad():
        return model({"images": batch})[0]


def test_probabilities_are_the_models(weights):
    classifier = lt_det.load_classifier(weights, device="cpu", post_hoc="none")
    pixels = image(1)
    result = classifier.predict(pixels)[0]
    expected = logits_of(weights, pixels).softmax(0).numpy()
    assert result.probs == pytest.approx(expected, abs=1e-6)
    best = int(expected.argmax())
    assert result.class_name == NAMES[best] == result.top(1)[0][0]
    assert [p for _, p in result.top(5)] == sorted(expected.tolist(), reverse=True)
    groups = ["many", "medium", "medium", "few", "few"]
    assert result.frequency_group == groups[best]


def test_logit_adjustment_knows_the_checkpoints_counts(weights):
    pixels = image(2)
    prior = torch.tensor(IMAGE_COUNTS).log() - torch.tensor(IMAGE_COUNTS).sum().log()
    expected = (logits_of(weights, pixels) - prior).softmax(0).numpy()
    classifier = lt_det.load_classifier(weights, device="cpu", post_hoc="logit_adjustment(tau=1)")
    assert classifier.predict(pixels)[0].probs == pytest.approx(expected, abs=1e-6)


def test_batches_wrong_images_and_other_sizes(weights, tmp_path):
    classifier = lt_det.load_classifier(weights, device="cpu")
    assert classifier.post_hoc == "TDE α=0.25"
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    # Nearest-neighbour enlargement by 2 is undone by the model's bilinear resizing to its size.
    given = [image(3), broken, image(4, side=50), image(3)]
    results = classifier.predict(given, batch_size=2)
    assert [bool(r.error) for r in results] == [False, True, False, False]
    assert results[0].probs == pytest.approx(results[3].probs, abs=1e-6)
    assert (results[1].class_index, results[1].class_name, results[1].top()) == (-1, "", [])
    assert "error" in results[1].to_record()
    assert [len(r["classes"]) for r in (results[0].to_record(2), results[2].to_record())] == [2, 5]
    assert all(r.probs.sum() == pytest.approx(1) for r in (results[0], results[2]))


def test_small_images_are_enlarged_for_their_label(weights, tmp_path):
    result = lt_det.load_classifier(weights, device="cpu").predict(image(5))[0]
    result.save_image(tmp_path / "drawn.png")
    assert Image.open(tmp_path / "drawn.png").size == (256, 256)


def test_methods_that_are_refused(weights):
    with pytest.raises(ConfigError, match="post_hoc"):
        lt_det.load_classifier(weights, post_hoc="nonsense")
