"""Images of a run: every kind of annotation is drawn, and what cannot be is said."""

import json
import logging
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as mask_api

from lt_det.data import read_annotations
from lt_det.data.lvis.catalog import register_annotations
from lt_det.evaluation import Detections, save_detections
from lt_det.visualization import detections as module
from lt_det.visualization.class_run import draw_class_run
from lt_det.visualization.detections import draw_detections, draw_run
from tests.data.helpers import valid, write
from tests.detection.helpers import small_config

NAME = "drawn_val"
SIZE = [48, 64]
BOX = {"category_id": 7, "bbox": [10.0, 10.0, 20.0, 20.0], "area": 400.0, "iscrowd": 0}
SQUARE = [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0]


def rle(compressed):
    pixels = np.zeros(SIZE, dtype=np.uint8, order="F")
    pixels[10:30, 10:30] = 1
    if not compressed:
        flat = np.flatnonzero(np.diff(pixels.ravel(order="F"), prepend=0, append=0)).tolist()
        return {"size": SIZE, "counts": np.diff([0, *flat, pixels.size]).tolist()}
    found = mask_api.encode(pixels)
    return {"size": SIZE, "counts": found["counts"].decode()}


MASKS = {
    "polygon": {"segmentation": [SQUARE]},
    "RLE": {"segmentation": rle(True)},
    "list": {"segmentation": rle(False)},
    "crowd": {"segmentation": rle(True), "iscrowd": 1},
    "crowd as a list": {"segmentation": rle(False), "iscrowd": 1},
    "empty": {"segmentation": []},
    "none": {},
}


def register(folder, of_images, **changes):
    """A COCO file (no counts, no lists) with these annotations, an image each."""
    data = valid()
    data["categories"] = [
        {"id": c["id"], "name": f"{c['name']} $x_$ for $5"} for c in data["categories"]
    ]
    numbers = range(1, len(of_images) + 1)
    data["images"] = [
        {"id": i, "file_name": f"{i}.jpg", "width": SIZE[1], "height": SIZE[0]} for i in numbers
    ]
    data["annotations"] = []
    for image_id, annotations in zip(numbers, of_images, strict=True):
        for one in annotations:
            number = len(data["annotations"]) + 1
            data["annotations"].append({**BOX, **one, "id": number, "image_id": image_id})
    data.update(changes)
    found = read_annotations(write(folder, data), folder)
    register_annotations(NAME, found)
    return found


def results(folder, image_ids, masks=True, name="baseline"):
    """Three detections an image, one of them below any threshold."""
    count = 3 * len(image_ids)
    found = Detections(
        np.repeat(np.array(image_ids, dtype=np.int64), 3),
        np.full(count, 7),
        np.tile([0.9, 0.5, 0.1], len(image_ids)),
        np.tile([10.0, 10.0, 20.0, 20.0], (count, 1)),
        [rle(True)] * count if masks else None,
    )
    path = folder / "inference" / NAME / name / "lvis_results.json"
    save_detections(found, path)
    return path


@pytest.mark.parametrize(
    "kinds", [list(MASKS), list(MASKS)[::-1], []], ids=["all", "reversed", "none"]
)
def test_every_kind_of_annotation_is_drawn_beside_every_other(kinds, tmp_path, caplog):
    register(tmp_path, [[MASKS[kind] for kind in kinds], [BOX]])
    file = results(tmp_path, [1, 2])
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        paths = draw_detections(NAME, {"TE": file}, tmp_path / "pictures", 2, 0.3)
    assert sorted(path.name for path in paths) == [f"{NAME}_{i}.png" for i in (1, 2)]
    assert "not drawn" not in caplog.text
    assert all(path.stat().st_size > 5000 for path in paths)


def overlaid(tmp_path, kind):
    found = register(tmp_path / kind, [[MASKS[kind]], [BOX]])
    record = module.detectron2_dict(found, 0)
    return module._draw_truth(module._read(record), record, found.class_names)


@pytest.mark.parametrize("kind", MASKS)
def test_masks_lie_where_they_are(kind, tmp_path):
    """The image is one grey, and ten times as large."""
    drawn = overlaid(tmp_path, kind)
    scale = drawn.shape[0] / SIZE[0]
    middle, outside = (drawn[int(v * scale), int(v * scale)].astype(int) for v in (20, 5))
    assert np.ptp(outside) <= 2
    has_mask = "segmentation" in MASKS[kind] and MASKS[kind]["segmentation"] != []
    assert (np.abs(middle - outside).max() > 5) == has_mask


def test_a_image_that_exif_turns_is_drawn_turned(tmp_path, caplog):
    found = register(tmp_path, [[BOX], [BOX]])
    lying = Image.fromarray(np.full((SIZE[1], SIZE[0], 3), 90, dtype=np.uint8))
    exif = Image.Exif()
    exif[274] = 6
    lying.save(tmp_path / "1.jpg", exif=exif)
    paths = draw_detections(NAME, {}, tmp_path / "pictures", 2, 0.3)
    assert len(paths) == 2
    # Without the turn it would have the other size, which is said.
    lying.save(tmp_path / "1.jpg")
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        assert len(draw_detections(NAME, {}, tmp_path / "pictures", 2, 0.3)) == 1
    assert "image 1: not drawn: " in caplog.text
    assert "is 48x64, its annotations are of 64x48" in caplog.text
    assert found.paths[0] in caplog.text


def test_what_cannot_be_drawn_is_said_and_the_rest_drawn(tmp_path, caplog):
    register(tmp_path, [[BOX]] * 4)
    (tmp_path / "2.jpg").unlink()
    (tmp_path / "3.jpg").write_bytes(b"no image")
    files = {"TE": results(tmp_path, [1, 2, 3, 4]), "gone": tmp_path / "gone.json"}
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        paths = draw_detections(NAME, files, tmp_path / "pictures", 9, 0.3)
    assert [path.name for path in paths] == [f"{NAME}_{i}.png" for i in (1, 4)]
    lines = [r.getMessage() for r in caplog.records if "not drawn" in r.getMessage()]
    assert len(lines) == 3
    assert lines[0].startswith(f"{NAME}: detections of gone: not drawn: ")
    assert lines[1].startswith(f"{NAME}: image 2: not drawn: FileNotFoundError: ")
    assert not any("\n" in line for line in lines)


def test_only_what_is_drawn_is_held_in_memory(tmp_path, monkeypatch):
    register(tmp_path, [[BOX]] * 20)
    file = results(tmp_path, range(1, 21))
    held, made = [], []
    take, make = module.read_detections, module.detectron2_dict

    def reading(*args, **kwargs):
        held.append(take(*args, **kwargs))
        return held[-1]

    def making(found, position):
        made.append(position)
        return make(found, position)

    monkeypatch.setattr(module, "read_detections", reading)
    monkeypatch.setattr(module, "detectron2_dict", making)
    assert len(draw_detections(NAME, {"TE": file}, tmp_path / "pictures", 3, 0.3)) == 3
    assert sorted(set(held[0].image_ids.tolist())) == [1, 11, 20]
    assert len(held[0]) == 9
    assert made == [0, 10, 19]


def test_images_with_rare_categories_come_first(tmp_path):
    dog = {**BOX, "category_id": 3}
    found = register(tmp_path, [[BOX], [], [BOX, dog], [BOX]])
    # Dogs are in one image, cats in three; image 2 has nothing.
    assert module._choose(found, 4) == [2, 0, 3, 1]
    assert module._choose(found, 2) == [2, 1]
    assert module._choose(found, 1) == [2]
    assert module._choose(replace(found, unreadable=frozenset({2, 0})), 4) == [3, 1]


def test_images_are_read_as_for_a_model(tmp_path):
    found = register(tmp_path, [[BOX]])
    grey = np.full(SIZE, 2**15, dtype=np.uint16)
    Image.fromarray(grey).save(found.paths[0], format="PNG")  # 16 bits, which others show white
    record = module.detectron2_dict(found, 0)
    assert set(module._read(record).ravel()) == {128}


def config(output, *overrides):
    options = [
        "DATASETS.TEST",
        f"('{NAME}',)",
        "OUTPUT_DIR",
        str(output),
        "TEST.NUM_DRAWN_IMAGES",
        2,
    ]
    return small_config("Base-RCNN-FPN.yaml", *options, *overrides)


@pytest.mark.parametrize("masks", [True, False])
def test_a_run_without_metrics_is_drawn_from_its_detections(masks, tmp_path):
    """A test server's set has no results.json."""
    register(tmp_path / "data", [[], []])
    results(tmp_path, [1, 2], masks)
    draw_run(config(tmp_path, "MODEL.MASK_ON", masks))
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 2


def test_drawing_never_ends_a_run(tmp_path, caplog):
    register(tmp_path / "data", [[BOX], [BOX]])
    (tmp_path / "results.json").write_text("[{")
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        draw_run(config(tmp_path, "DATASETS.TEST", f"('unknown', '{NAME}')"))
    assert "images of unknown: not drawn: " in caplog.text
    assert f"images of {NAME}: not drawn: JSONDecodeError" in caplog.text


def test_drawing_never_ends_a_classifier_s_run(tmp_path, caplog):
    (tmp_path / "results.json").write_text("{")
    (tmp_path / "weight_norms.json").write_text(json.dumps({"XE": [3.0, 2.0, 1.0]}))
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        draw_class_run(str(tmp_path))
    assert "predicted classes: not drawn: JSONDecodeError" in caplog.text
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["weight_norms.png"]


def test_detections_are_matched_best_first():
    """One is right, one on the same annotation, one of another class; two are missed."""
    truth = [
        {"bbox": [10, 10, 20, 20], "category_id": 0},
        {"bbox": [60, 60, 20, 20], "category_id": 1},
        {"bbox": [10, 60, 20, 20], "category_id": 0},
    ]
    boxes = np.array([[10, 10, 20, 20], [11, 10, 20, 20], [60, 60, 20, 20]], dtype=float)
    right, missed = module.match_to_truth(boxes, [0, 0, 0], np.array([0.5, 0.9, 0.8]), truth)
    assert right == [False, True, False]
    assert missed == truth[1:]
    assert module.match_to_truth(boxes[:0], [], np.zeros(0), truth) == ([], truth)
    assert module.match_to_truth(boxes, [0, 0, 0], np.ones(3), []) == ([False] * 3, [])
