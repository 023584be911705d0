"""Runs are compared on one test set: its images, categories and annotations, not their numbers."""

import json

import numpy as np
import pytest
from detectron2.data import DatasetCatalog

from lt_det.compare.candidates import read_candidates, read_seeds
from lt_det.compare.kinds import DETECTION
from lt_det.config import default_config
from lt_det.engine import merge_config
from lt_det.errors import DataError
from lt_det.evaluation import GroundTruth
from lt_det.model_zoo import config_folder

from ..data.helpers import valid, write

CONFIG = config_folder() / "custom" / "cascade_lite0_baseline.yaml"


def run_on(folder, edit=lambda data: None, name="Baseline", score=0.5):
    """A run with one row of one detection, on a validation file of its own."""
    data = valid()
    edit(data)
    write(folder / "val", data, "own.json")
    keys = ["DATASETS.CUSTOM.VAL_JSON", str(folder / "val" / "own.json")]
    keys += ["DATASETS.CUSTOM.VAL_IMAGES", str(folder / "val")]
    cfg = merge_config(default_config(classification=False), str(CONFIG), keys)
    cfg.DATASETS.TRAIN, cfg.DATASETS.TEST = (), ("custom_val",)
    (folder / "config.yaml").write_text(cfg.dump())
    annotation = data["annotations"][0]
    detection = {key: annotation[key] for key in ("image_id", "category_id", "bbox")}
    (folder / "results.json").write_text(json.dumps([
        {"name": name, "dataset": "custom_val", "bbox": {},
         "detections": str(folder / "inference" / "d")}
    ]))  # fmt: skip
    (folder / "inference").mkdir()
    (folder / "inference" / "d").write_text(json.dumps([{**detection, "score": score}]))
    return folder


@pytest.fixture(autouse=True)
def _own_names():
    yield
    DatasetCatalog.pop("custom_val", None)


def renamed(data):
    data["images"][0]["file_name"] = "another_picture.jpg"


def recategorized(data):
    data["categories"][0]["name"] = "something else"


def moved(data):
    data["annotations"][0]["bbox"][0] += 1


@pytest.mark.parametrize(
    ("edit", "what"),
    [(renamed, "images"), (recategorized, "categories"), (moved, "annotations")],
)
def test_another_test_set_with_the_same_ids_is_refused(edit, what, tmp_path):
    runs = {"a": run_on(tmp_path / "a"), "b": run_on(tmp_path / "b", edit)}
    with pytest.raises(DataError, match=rf"b/val/own.json: other {what} than .*a/val/own.json"):
        read_candidates(runs)


def test_copies_of_one_test_set_are_one(tmp_path):
    runs = {"a": run_on(tmp_path / "a"), "b": run_on(tmp_path / "b")}
    first, second = read_candidates(runs)
    assert (first.name, second.name) == ("a: Baseline", "b: Baseline")
    # Read anew each time: those of many rows are never there at once.
    assert first.saved.detections is not first.saved.detections


def test_a_renamed_run_keeps_its_detections_though_another_is_in_its_place(tmp_path):
    """As a run that is made anew leaves the earlier one beside it."""
    folder = tmp_path / "inference" / "tde"
    run_on(folder).rename(folder.with_name("tde.old-1"))
    run_on(folder, score=0.25)
    runs = {"old": folder.with_name("tde.old-1"), "new": folder}
    old, new = read_candidates(runs)
    assert (old.saved.detections.scores, new.saved.detections.scores) == ([0.5], [0.25])


def test_a_reading_that_finds_nothing_is_measured(tmp_path):
    """In all images, or in those of one half."""
    runs = {"a": run_on(tmp_path / "a"), "b": run_on(tmp_path / "b")}
    (tmp_path / "b" / "inference" / "d").write_text("[]")
    one, nothing = read_candidates(runs)
    truth = one.saved.truth
    assert one.on(truth).metrics["AP"] > 0
    assert nothing.on(truth).metrics["AP"] == 0
    others = [i for i in truth.record["images"] if i["id"] not in one.saved.detections.image_ids]
    half = GroundTruth({**truth.record, "images": others, "annotations": []})
    assert np.isnan(one.on(half).metrics["AP"])


def test_seeds_on_other_images_or_with_other_rows_are_refused(tmp_path):
    """Their mean would be one of nothing."""
    runs = [{"a": run_on(tmp_path / "a")}, {"a": run_on(tmp_path / "a_seed2")}]
    assert len(read_seeds(runs)) == 2
    other = run_on(tmp_path / "other", moved)
    with pytest.raises(DataError, match=r"other/val/own.json: other annotations than .*a/val"):
        read_seeds([*runs[:1], {"a": other}])
    named = run_on(tmp_path / "named", name="TDE")
    with pytest.raises(DataError, match="named: a: Baseline: no such row of this seed"):
        read_seeds([*runs[:1], {"a": named}])
    more = [{"a": tmp_path / "a"}, {"a": tmp_path / "a_seed2", "b": named}]
    with pytest.raises(DataError, match="a_seed2: b: TDE: a row that the first seed has not"):
        read_seeds(more)


def test_images_without_annotations_are_nothing_to_compare_by(tmp_path):
    for split in ("train", "val"):
        data = valid()
        if split == "val":
            del data["annotations"]
        write(tmp_path / split, data, "own.json")
    flags = []
    for split in ("train", "val"):
        flags += [f"--{split}-json", str(tmp_path / split / "own.json")]
        flags += [f"--{split}-images", str(tmp_path / split)]
    with pytest.raises(DataError, match=r"val/own.json: has no annotations: nothing to compare"):
        DETECTION.look(str(CONFIG), flags, [])
