"""Images looked at before the work: what stops a run, what is left out, what is kept."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from lt_det.data import read_annotations
from lt_det.data.image_files import cache as image_cache
from lt_det.data.image_files import checks as image_checks
from lt_det.data.image_files.checks import image_files, image_problems, read_headers
from lt_det.data.lvis.catalog import register_from_config, registered_set
from lt_det.data.lvis.detectron2_dicts import TrainingDicts, to_detectron2_dicts
from lt_det.data.lvis.unreadable_images import find_unreadable
from lt_det.errors import DataError
from tests.data.helpers import valid, write
from tests.detection.helpers import small_config


@pytest.fixture
def jpegs(tmp_path, monkeypatch):
    """Five files, kept by the cache although they are few."""
    monkeypatch.setenv("LT_DET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(image_cache, "MIN_IMAGES", 1)
    paths = [str(tmp_path / f"{i}.jpg") for i in range(5)]
    for path in paths:
        Image.new("RGB", (20, 10)).save(path)
    return paths


@pytest.fixture
def opened(monkeypatch):
    """Which files were opened."""
    found = []
    original = image_checks.file_header

    def file_header(path):
        found.append(os.path.basename(path))
        return original(path)

    monkeypatch.setattr(image_checks, "file_header", file_header)
    return found


def look(paths):
    return read_headers(image_files(paths), "set")


def test_seen_images_are_not_opened_again(jpegs, opened):
    first = look(jpegs)
    assert [header.width for header in first] == [20] * 5
    assert sorted(opened) == [f"{i}.jpg" for i in range(5)]
    opened.clear()
    assert look(jpegs) == first
    assert look(jpegs[::-1]) == first
    assert opened == []


def test_changed_and_broken_images_are_looked_at_again(jpegs, opened):
    look(jpegs)
    opened.clear()
    Image.new("RGB", (30, 10)).save(jpegs[1])
    os.utime(jpegs[2], ns=(1, 1))
    with open(jpegs[3], "rb+") as file:
        file.truncate(300)
    os.remove(jpegs[4])
    headers = look(jpegs)
    assert sorted(opened) == ["1.jpg", "2.jpg", "3.jpg", "4.jpg"]
    assert headers[1].width == 30
    assert [bool(header.problem) for header in headers] == [False, False, False, True, True]
    opened.clear()
    assert look(jpegs) == headers
    assert sorted(opened) == ["3.jpg", "4.jpg"]


@pytest.mark.parametrize("content", [b"", b"{", b'{"0.jpg": 5}', bytes(100), b"[]"])
def test_damaged_cache_is_made_anew(content, jpegs, opened, tmp_path):
    expected = look(jpegs)
    (kept,) = (tmp_path / "cache" / "pictures").iterdir()
    kept.write_bytes(content)
    opened.clear()
    assert look(jpegs) == expected
    assert len(opened) == 5
    opened.clear()
    look(jpegs)
    assert opened == []


def test_without_a_cache(jpegs, opened, monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("LT_DET_CACHE", "")
    look(jpegs)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LT_DET_CACHE", str(tmp_path / "file"))
    look(jpegs)
    assert len(opened) == 10
    assert caplog.text.count("not kept for later starts") == 1


def test_progress_is_said(jpegs, monkeypatch, caplog):
    monkeypatch.setattr(image_checks, "_SAY_EVERY", 0)
    with caplog.at_level("INFO"):
        look(jpegs)
    assert "set: looked at 5 of 5 images (" in caplog.text


def test_one_process_looks(jpegs, opened, monkeypatch):
    """Another one takes what the main process found."""
    monkeypatch.setattr(image_checks.comm, "is_main_process", lambda: False)
    monkeypatch.setattr(image_checks.comm, "all_gather", lambda own: [{3: "broken"}, own])
    assert image_problems(image_files(jpegs), "set") == {3: "broken"}
    assert opened == []


def test_frames_are_said(tmp_path, caplog):
    path = str(tmp_path / "a.gif")
    frames = [Image.fromarray(np.full((8, 8), v, np.uint8)) for v in (0, 255)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert image_problems(image_files([path]), "set", [(8, 8)]) == {}
    assert f"1 images have several frames or pages ({path}): the first of each" in caplog.text


def faulty_set(tmp_path, fault):
    data = valid()
    path = write(tmp_path, data)
    image = tmp_path / "2.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    if fault == "cut off":
        image.write_bytes(image.read_bytes()[:-10])
    elif fault == "turned":
        Image.new("RGB", (64, 48)).save(image, exif=exif)
    elif fault == "turned, sizes too":
        Image.new("RGB", (48, 64)).save(image, exif=exif)
    elif fault == "another size":
        Image.new("RGB", (60, 48)).save(image)
    elif fault == "floats":
        Image.new("F", (64, 48)).save(image, "TIFF")
    return path


FAULTS = {
    "cut off": "broken image: image file is truncated",
    "turned": r"its record says 64x48 pixels, but it has 48x64 after the turn that its EXIF asks "
    r"for \(orientation 6\): its annotations are of the size before turning",
    "another size": "its record says 64x48 pixels, but it has 60x48;",
    "floats": "its pixels are floats",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_images_stop_or_are_left_out(fault, tmp_path, caplog):
    found = read_annotations(faulty_set(tmp_path, fault), tmp_path)
    with pytest.raises(DataError, match=r"data\.json: image 2: .*2\.jpg: " + FAULTS[fault]) as e:
        find_unreadable(found, "error")
    assert "\n" not in str(e.value)
    left = find_unreadable(found, "skip")
    assert left.unreadable == {1}
    assert "1 of 2 images cannot be used" in caplog.text
    assert "2.jpg: " in caplog.text
    for filter_empty in (True, False):
        dicts = TrainingDicts([left], filter_empty=filter_empty)
        assert [d["image_id"] for d in dicts] == [1]
    # Inference leaves it out, an evaluation still counts what is on it.
    assert [d["image_id"] for d in to_detectron2_dicts(left)] == [1]
    assert len(left.annotations) == 3
    assert left.counts == found.counts


def test_a_turned_image_with_annotations_of_that_size_is_right(tmp_path):
    found = read_annotations(faulty_set(tmp_path, "turned, sizes too"), tmp_path)
    assert find_unreadable(found, "error") is found


def test_no_image_is_left(tmp_path):
    found = read_annotations(write(tmp_path, valid()), tmp_path)
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match=r"image 1: .*empty.*\(1 more images.*no image is left"):
        find_unreadable(found, "skip")


def config(folder, *options):
    images = [f"{split}" for split in ("train", "val")]
    return small_config(
        "Base-RCNN-FPN.yaml",
        *("DATASETS.TRAIN", ("custom_train",), "DATASETS.TEST", ("custom_val",)),
        *("DATASETS.CUSTOM.TRAIN_JSON", str(folder / "train.json")),
        *("DATASETS.CUSTOM.TRAIN_IMAGES", str(folder / images[0])),
        *("DATASETS.CUSTOM.VAL_JSON", str(folder / "val.json")),
        *("DATASETS.CUSTOM.VAL_IMAGES", str(folder / images[1])),
        *options,
    )


def one_set_twice(tmp_path, faulty):
    for split in ("train", "val"):
        fault = "cut off" if split == faulty else ""
        path = faulty_set(tmp_path / split, fault)
        path.rename(tmp_path / f"{split}.json")


@pytest.mark.parametrize("split", ["train", "val"])
def test_before_training(split, tmp_path):
    """In training, images of both sets; in evaluation alone, the test set's."""
    one_set_twice(tmp_path, split)
    with pytest.raises(DataError, match=rf"{split}\.json: image 2: .*truncated"):
        register_from_config(config(tmp_path), training=True)
    if split == "train":
        register_from_config(config(tmp_path), training=False)
    register_from_config(config(tmp_path, "DATASETS.CHECK_IMAGES", False), training=True)
    register_from_config(config(tmp_path, "DATASETS.ON_INVALID", "skip"), training=True)
    assert registered_set(f"custom_{split}").unreadable == {1}
    other = "val" if split == "train" else "train"
    assert not registered_set(f"custom_{other}").unreadable


def test_windows_paths_and_other_cases(tmp_path):
    data = valid()
    path = write(tmp_path, data)
    (tmp_path / "sub").mkdir()
    (tmp_path / "2.jpg").rename(tmp_path / "sub" / "2.JPG")
    data["images"][1]["file_name"] = "sub\\2.JPG"
    path.write_text(json.dumps(data))
    assert read_annotations(path, tmp_path).paths[1] == str(tmp_path / "sub" / "2.JPG")
    data["images"][1]["file_name"] = "sub/2.jpg"
    path.write_text(json.dumps(data))
    with pytest.raises(DataError, match=r"image not found: .*sub/2\.jpg \(there is 2\.JPG\)"):
        read_annotations(path, tmp_path)


def test_shared_cases(shared_cases, monkeypatch):
    monkeypatch.setenv("LT_DET_CACHE", "")
    cut_off, turned = shared_cases / "08-truncated", shared_cases / "07b-exif-val"
    with pytest.raises(DataError, match=r"train\.json: image 5: .*site04\.jpg: .*truncated"):
        register_from_config(config(cut_off), training=True)
    register_from_config(config(cut_off, "DATASETS.ON_INVALID", "skip"), training=True)
    assert registered_set("custom_train").unreadable == {4}
    with pytest.raises(DataError, match=r"val\.json: image 4: .*448x298 .*298x448 .*EXIF"):
        register_from_config(config(turned), training=True)
    # 16 bits stop nothing.
    register_from_config(config(shared_cases / "35-16bit-det"), training=True)
    assert not registered_set("custom_train").unreadable
