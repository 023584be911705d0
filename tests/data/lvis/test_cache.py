"""Stored annotation files: the same as parsed ones, whole or not there, made anew where damaged."""

import json
import logging
import multiprocessing
import os
import signal
import time

import numpy as np
import pytest

from lt_det.data import read_annotations
from lt_det.data.lvis import cache as annotation_cache
from lt_det.data.lvis import reader as module
from lt_det.data.lvis.detectron2_dicts import TrainingDicts, to_detectron2_dicts
from lt_det.data.lvis.parsing import read_and_check
from lt_det.data.lvis.store import StoredAnnotations, write_store
from lt_det.errors import DataError
from tests.data.helpers import valid, write


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache that takes files of any size."""
    monkeypatch.setenv("LT_DET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(annotation_cache, "MIN_BYTES", 0)
    return tmp_path / "cache"


@pytest.fixture
def file(tmp_path):
    data = valid()
    data["annotations"][1]["iscrowd"] = 1
    data["annotations"][2]["segmentation"] = {"size": [48, 64], "counts": [0, 3072]}
    return write(tmp_path / "pictures", data)


def read(file, **kwargs):
    module._read.cache_clear()
    return read_annotations(file, file.parent, **kwargs)


def stores(cache):
    return [path for path in cache.iterdir() if path.is_dir()]


def refuse(*args):
    raise AssertionError("the file was parsed again")


def test_a_stored_file_is_what_was_parsed(cache, file, monkeypatch):
    monkeypatch.setenv("LT_DET_CACHE", "")
    parsed = read(file)
    monkeypatch.setenv("LT_DET_CACHE", str(cache))
    read(file)
    monkeypatch.setattr(module, "read_and_check", refuse)
    stored = read(file)
    assert isinstance(stored.store, StoredAnnotations)
    assert not isinstance(parsed.store, StoredAnnotations)
    assert to_detectron2_dicts(stored) == to_detectron2_dicts(parsed)
    assert stored.annotations == parsed.annotations
    assert stored.images == parsed.images
    assert stored.categories == parsed.categories
    assert stored.counts == parsed.counts
    assert (stored.has_rle, stored.annotation_without_mask) == (True, None)
    for name in ("image_ids", "starts", "classes", "crowd", "trained", "masked"):
        np.testing.assert_array_equal(getattr(stored.store, name), getattr(parsed.store, name))


def test_counts_leave_crowds_aside(file):
    data = json.loads(file.read_text())
    # Classes by id: 3 (one instance), 7 (an instance and a crowd).
    assert [c["id"] for c in read(file).categories] == [3, 7]
    assert read(file).counts == ([1, 1], [1, 1])
    data["annotations"].append({**data["annotations"][0], "id": 9})
    file.write_text(json.dumps(data))
    assert read(file).counts == ([1, 1], [1, 2])


def test_notes_are_said_at_every_start(cache, file, caplog):
    data = json.loads(file.read_text())
    del data["images"][0]["neg_category_ids"]
    data["annotations"][0]["bbox"] = [0, 0, 0]
    file.write_text(json.dumps(data))
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="lt_det"):
            read(file, on_invalid="skip")
        assert "left out 1 wrong annotations of 3, the first: annotation 1" in caplog.text
        assert "1 of 2 images have no neg_category_ids" in caplog.text


def test_another_content_or_treatment_is_another_store(cache, file):
    read(file)
    read(file, on_invalid="skip")
    read(file, derive_area=True)
    assert len(stores(cache)) == 3
    # The same content elsewhere is the same store.
    (file.parent / "copy.json").write_text(file.read_text())
    read(file.parent / "copy.json")
    assert len(stores(cache)) == 3
    file.write_text(file.read_text() + " ")
    read(file)
    assert len(stores(cache)) == 4


def test_another_version_of_the_reader_is_another_store(cache, file, monkeypatch):
    read(file)
    monkeypatch.setattr(annotation_cache, "READER_VERSION", 10_000)
    read(file)
    assert len(stores(cache)) == 2


DAMAGE = {
    "no meta": lambda store: (store / "meta.json").unlink(),
    "half a meta": lambda store: (store / "meta.json").write_text('{"meta": {'),
    "cut bodies": lambda store: (store / "bodies").write_bytes(b""),
    "changed headers": lambda store: flip(store / "headers"),
    "changed columns": lambda store: flip(store / "columns.npz"),
    "empty": lambda store: [path.unlink() for path in store.iterdir()],
}


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_stores_are_made_anew(cache, file, damage, caplog):
    expected = to_detectron2_dicts(read(file))
    (store,) = stores(cache)
    DAMAGE[damage](store)
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        assert to_detectron2_dicts(read(file)) == expected
    assert "made anew" in caplog.text
    caplog.clear()
    read(file)
    assert "made anew" not in caplog.text


def test_a_changed_body_is_found_when_it_is_read(cache, file):
    found = read(file)
    (store,) = stores(cache)
    flip(store / "bodies")
    with pytest.raises(DataError, match=r"image \d is not what was written; delete the folder"):
        to_detectron2_dicts(found)


def test_wrong_files_are_refused_and_not_kept(cache, file):
    data = json.loads(file.read_text())
    data["annotations"][0]["bbox"] = [0, 0, 0]
    file.write_text(json.dumps(data))
    with pytest.raises(DataError, match="annotation 1: bbox"):
        read(file)
    assert stores(cache) == []


def test_without_a_place_to_write_the_file_is_just_read(file, monkeypatch, caplog, tmp_path):
    (tmp_path / "no_folder").write_text("")
    monkeypatch.setenv("LT_DET_CACHE", str(tmp_path / "no_folder"))
    monkeypatch.setattr(annotation_cache, "MIN_BYTES", 0)
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        assert len(read(file).images) == 2
    assert "not cached" in caplog.text


def test_small_files_are_not_kept(tmp_path, monkeypatch, file):
    monkeypatch.setenv("LT_DET_CACHE", str(tmp_path / "cache"))
    read(file)
    assert not (tmp_path / "cache").exists()


def build(file, folder, log, delay):
    """A process that reads the file through the cache, slowly."""
    os.environ["LT_DET_CACHE"] = str(folder)
    annotation_cache.MIN_BYTES = 0

    def slowly():
        with open(log, "a") as out:
            out.write("parsed\n")
        time.sleep(delay)
        return read_and_check(str(file), "error")

    found = annotation_cache.cached_annotations(str(file), "error", slowly)
    with open(log, "a") as out:
        out.write(f"{len(found.image_ids)} images\n")


def start(*args):
    process = multiprocessing.get_context("spawn").Process(target=build, args=args)
    process.start()
    return process


def test_two_processes_at_once_build_it_once(cache, file, tmp_path):
    log = tmp_path / "log"
    processes = [start(file, cache, log, 0.5) for _ in range(2)]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert sorted(log.read_text().split("\n")[:-1]) == ["2 images", "2 images", "parsed"]
    assert len(stores(cache)) == 1


def test_a_killed_builder_leaves_nothing_in_the_way(cache, file, tmp_path):
    log = tmp_path / "log"
    process = start(file, cache, log, 60)
    while not (log.is_file() and "parsed" in log.read_text()):
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.join(60)
    assert len(read(file).images) == 2
    assert len(stores(cache)) == 1


def test_what_killed_writers_left_is_removed_in_time(cache, file):
    cache.mkdir()
    old, new = cache / "x.1.part", cache / "x.2.part"
    for path in (old, new):
        path.mkdir()
    os.utime(old, (0, 0))
    read(file)
    assert not old.exists()
    assert new.exists()


def test_a_store_is_not_there_before_it_is_whole(cache, file, monkeypatch):
    def half(folder, annotations):
        write_store(folder, annotations)
        assert stores(cache) == [folder]
        assert folder.suffix == ".part"
        raise OSError("disk full")

    monkeypatch.setattr(annotation_cache, "write_store", half)
    assert len(read(file).images) == 2
    assert stores(cache) == []


def test_training_dicts_are_made_one_at_a_time(cache, file, monkeypatch):
    found = read(file)
    everything = to_detectron2_dicts(found)
    asked = []
    real = StoredAnnotations.body
    monkeypatch.setattr(StoredAnnotations, "body", lambda self, i: asked.append(i) or real(self, i))
    dicts = TrainingDicts([found, found], filter_empty=False)
    assert asked == []
    assert dicts[3] == everything[1]
    assert asked == [1]
    assert [dicts[i] for i in range(len(dicts))] == everything * 2


def test_images_without_instances_are_left_out(file):
    data = json.loads(file.read_text())
    data["annotations"] = data["annotations"][1:2]  # a crowd
    data["images"].append({**data["images"][0], "id": 9})
    file.write_text(json.dumps(data))
    assert len(TrainingDicts([read(file)], filter_empty=True)) == 0
    assert len(TrainingDicts([read(file)], filter_empty=False)) == 3
    data["annotations"].append({**valid()["annotations"][0], "id": 5, "image_id": 9})
    file.write_text(json.dumps(data))
    dicts = TrainingDicts([read(file)], filter_empty=True)
    assert [d["image_id"] for d in (dicts[i] for i in range(len(dicts)))] == [9]
    assert dicts.categories() == [{"annotations": [{"category_id": 1}]}]
