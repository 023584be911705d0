"""Detectors loaded from their weights, beside Detectron2's own predictor."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from detectron2.engine import DefaultPredictor
from PIL import Image
from pycocotools import mask as mask_api

import lt_det
from lt_det.engine import read_trained_config
from lt_det.errors import ConfigError, DataError, WeightsError

from .helpers import NAMES, saved_classifier, saved_detector


def pixels(seed, height=60, width=80):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return str(saved_detector(tmp_path_factory.mktemp("detector")))


@pytest.fixture(scope="module")
def detector(weights):
    return lt_det.load_detector(weights, device="cpu", score_threshold=0.0)


def test_detections_are_detectron2s(weights, detector):
    """Detectron2's DefaultPredictor, with the same config: the same boxes, scores and masks."""
    cfg = read_trained_config(weights)
    cfg.MODEL.WEIGHTS, cfg.MODEL.DEVICE, cfg.DATASETS.TEST = weights, "cpu", ()
    cfg.MODEL.ROI_HEADS.SCORE_THRESH_TEST = 0.0
    image = pixels(1)
    theirs = DefaultPredictor(cfg)(image[:, :, ::-1])["instances"]
    ours = detector.predict(image)[0]
    assert len(ours) == len(theirs) > 0
    assert ours.size == (60, 80)
    torch.testing.assert_close(torch.tensor(ours.boxes), theirs.pred_boxes.tensor)
    torch.testing.assert_close(torch.tensor(ours.scores), theirs.scores)
    assert ours.class_indices.tolist() == theirs.pred_classes.tolist()
    assert np.array_equal(ours.masks, theirs.pred_masks.numpy())
    assert ours.masks.shape == (len(ours), 60, 80)


def test_images_of_every_kind_are_the_same_image(detector, tmp_path):
    image = pixels(2)
    file = tmp_path / "deep" / "image.png"
    file.parent.mkdir()
    Image.fromarray(image).save(file)
    given = [str(file), file, image, Image.fromarray(image), str(tmp_path), f"{tmp_path}/**/*.png"]
    results = detector.predict(given, batch_size=4)
    assert len(results) == len(given)
    for result in results[1:]:
        assert np.array_equal(result.boxes, results[0].boxes)
    assert [r.name for r in results[:3]] == [str(file), str(file), "image 2"]


def test_grey_images_and_images_turned_by_exif(detector, tmp_path):
    image = pixels(3)
    turned = Image.fromarray(image)
    exif = turned.getexif()
    exif[274] = 6  # turned by a quarter
    turned.save(tmp_path / "turned.png", exif=exif)
    result, grey = detector.predict([tmp_path / "turned.png", image[:, :, 0]])
    assert result.size == (80, 60)
    assert grey.size == (60, 80)


def test_a_wrong_image_does_not_stop_the_others(detector, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_text("no image")
    image = pixels(4)
    results = detector.predict([image, broken, tmp_path / "absent.png", image], batch_size=3)
    assert [bool(r.error) for r in results] == [False, True, True, False]
    assert results[1].error.startswith(f"{broken}: cannot be read: ")
    assert "No such file" in results[2].error
    assert len(results[1]) == 0
    assert results[1].to_coco() == []
    assert np.array_equal(results[0].boxes, results[3].boxes)


def test_what_is_no_image_at_all(detector, tmp_path):
    with pytest.raises(DataError, match="no image in this folder"):
        detector.predict(tmp_path)
    with pytest.raises(DataError, match="no file fits this pattern"):
        detector.predict(f"{tmp_path}/*.jpg")
    assert detector.predict([]) == []
    assert "has no range" in detector.predict(np.zeros((4, 4, 3)))[0].error


def test_many_images_are_held_a_batch_at_a_time(detector, monkeypatch):
    """A generator: the second batch is not decoded before the first one's results were taken."""
    read = []
    original = lt_det.predict.InputImage.pixels
    monkeypatch.setattr(lt_det.predict.InputImage, "pixels", lambda image: (
        read.append(image.name), original(image))[1])  # fmt: skip
    stream = detector.stream(lt_det.predict.named_images([pixels(i) for i in range(6)]), 2)
    next(stream)
    assert read == ["image 0", "image 1"]
    assert len(list(stream)) == 5


def test_coco_records(detector):
    result = detector.predict(pixels(5))[0]
    records = result.to_coco(image_id=7)
    assert len(records) == len(result)
    ids = dict(zip(NAMES, [11, 3, 7, 1, 40], strict=True))
    groups = dict(zip(NAMES, ["frequent", "common", "common", "rare", "rare"], strict=True))
    for number, record in enumerate(records):
        assert record["image_id"] == 7
        assert record["category_id"] == ids[record["category_name"]]
        assert record["frequency_group"] == groups[record["category_name"]]
        x, y, width, height = record["bbox"]
        assert [x, y, x + width, y + height] == pytest.approx(result.boxes[number], abs=0.02)
        assert np.array_equal(mask_api.decode(record["segmentation"]) > 0, result.masks[number])
    assert result.to_coco()[0]["image_id"] == "image 0"


def test_post_hoc_by_name_and_as_configured(weights, detector):
    image = pixels(6)
    assert detector.post_hoc == "TDE α=1.5 with exemption"
    other = lt_det.load_detector(weights, device="cpu", post_hoc="none", score_threshold=0.0)
    same = lt_det.load_detector(
        weights, device="cpu", post_hoc="tde(alpha=1.5)", score_threshold=0.0
    )
    adjusted = lt_det.load_detector(weights, device="cpu", post_hoc="logit_adjustment(tau=1)")
    scores = [d.predict(image)[0].scores for d in (detector, same, other)]
    assert np.array_equal(scores[0], scores[1])
    assert not np.array_equal(scores[0], scores[2])
    assert adjusted.post_hoc.startswith("PC")
    with pytest.raises(ConfigError, match="post_hoc: "):
        lt_det.load_detector(weights, post_hoc="tda(alpha=1)")


def test_thresholds(weights, detector):
    image = pixels(7)
    every = detector.predict(image)[0].scores
    middle = float(np.median(every))
    above = lt_det.load_detector(weights, device="cpu", score_threshold=middle).predict(image)[0]
    assert 0 < len(above) < len(every)
    assert above.scores.min() > middle
    few = lt_det.load_detector(weights, device="cpu", score_threshold=0.0, max_detections=2)
    assert len(few.predict(image)[0]) == 2


def test_threads_give_the_same_detections(detector):
    images = [pixels(seed) for seed in range(6)]
    alone = [detector.predict(image)[0].boxes for image in images]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda image: detector.predict(image)[0].boxes, images))
    for first, second in zip(alone, together, strict=True):
        assert np.array_equal(first, second)


def test_a_detector_of_boxes(tmp_path):
    file = saved_detector(tmp_path, "lvis_v0.5/mask_rcnn_r50_baseline.yaml", "MODEL.MASK_ON", False)
    result = lt_det.load_detector(str(file), device="cpu", score_threshold=0.0).predict(pixels(8))[
        0
    ]
    assert result.masks is None
    assert "segmentation" not in result.to_coco()[0]
    result.save_image(tmp_path / "folder" / "drawn.png")
    assert Image.open(tmp_path / "folder" / "drawn.png").size == (80, 60)


def test_pictures(detector, tmp_path):
    """Names that matplotlib or OpenCV cannot write are drawn; the image's size stays."""
    result = detector.predict(pixels(9))[0]
    result.save_image(tmp_path / "drawn.png")
    drawn = np.asarray(Image.open(tmp_path / "drawn.png"))
    assert drawn.shape == (60, 80, 3)
    assert not np.array_equal(drawn, pixels(9))
    with pytest.raises(DataError, match="cannot be written"):
        result.save_image(tmp_path / "drawn.nonsense")


def test_weights_that_are_refused(weights, tmp_path):
    with pytest.raises(WeightsError, match=r"absent\.pth: no such file"):
        lt_det.load_detector(str(tmp_path / "absent.pth"))
    with pytest.raises(ConfigError, match="device: nonsense"):
        lt_det.load_detector(weights, device="nonsense")
    with pytest.raises(WeightsError, match="is of a detector, not an image classifier: use load_d"):
        lt_det.load_classifier(weights)
    classifier = str(saved_classifier(tmp_path / "classifier"))
    with pytest.raises(WeightsError, match="is of an image classifier, not a detector: use load_c"):
        lt_det.load_detector(classifier)
    without = tmp_path / "without"
    without.mkdir()
    state = torch.load(weights, weights_only=True)
    del state["model_record"]
    torch.save(state, without / "model_final.pth")
    with pytest.raises(WeightsError, match="does not say its classes"):
        lt_det.load_detector(
            str(without / "model_final.pth"),
            config=str(weights).replace("model_final.pth", "config.yaml"),
        )
