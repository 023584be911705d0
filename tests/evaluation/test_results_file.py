"""Results files read into columns: the fast way, the slow way, and what is refused."""

import json

import numpy as np
import pytest

from lt_det.errors import DataError
from lt_det.evaluation import Detections, read_results, save_detections
from lt_det.evaluation.lvis import results_file as module

from .helpers import random_results, random_truth

BOTH = ("bbox", "segmentation")


def written(folder, value, name="results.json"):
    path = folder / name
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def some_results():
    rng = np.random.default_rng(0)
    return random_results(rng, *random_truth(rng))


def test_columns_hold_what_the_records_say(tmp_path):
    records = some_results()
    found = read_results(written(tmp_path, records), BOTH)
    assert list(found.records()) == [
        {key: r[key] for key in ("image_id", "category_id", "score", "bbox", "segmentation")}
        for r in records
    ]
    boxes = read_results(written(tmp_path, records), ["bbox"])
    assert boxes.masks is None
    assert boxes.image_ids.dtype == np.int64


def test_the_usual_form_needs_no_python_object_a_detection(tmp_path, monkeypatch):
    def refuse(*args):
        raise AssertionError("the slow reader was called")

    monkeypatch.setattr(module, "load_json", refuse)
    records = some_results()
    assert len(read_results(written(tmp_path, records), BOTH)) == len(records)


def test_names_that_look_like_patterns(tmp_path):
    records = some_results()
    written(tmp_path, records[:5], "r1.json")
    assert len(read_results(written(tmp_path, records, "r[1].json"), ["bbox"])) == len(records)


def test_other_forms_of_masks_are_read_too(tmp_path):
    records = some_results()[:3]
    records[1]["segmentation"] = {"size": [120, 120], "counts": [10, 5, 14385]}
    records[2]["segmentation"] = [[1.0, 1.0, 9.0, 1.0, 9.0, 9.0]]
    found = read_results(written(tmp_path, records), ["segmentation"])
    assert found.masks == [r["segmentation"] for r in records]


WRONG = {
    "no score": ({"score": None}, "detection 1: score is None"),
    "text": ({"score": "high"}, "detection 1: score is 'high'"),
    "not a number": ({"score": float("nan")}, "detection 1: score is nan"),
    "infinite": ({"score": float("inf")}, "detection 1: score is inf"),
    "half an image": ({"image_id": 1.5}, r"detection 1: image_id is 1\.5"),
    "three sides": ({"bbox": [1, 2, 3]}, r"detection 1: bbox is \[1, 2, 3\], not four numbers"),
    "no side": ({"bbox": [1, 2, 3, None]}, "detection 1: bbox is"),
    "a word for a box": ({"bbox": "all"}, "detection 1: bbox is 'all'"),
    "no mask": ({"segmentation": 5}, "detection 1: segmentation is 5"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_fields_are_named_with_file_and_detection(tmp_path, case):
    change, message = WRONG[case]
    good = some_results()[0]
    with pytest.raises(DataError, match=r"results\.json: " + message):
        read_results(written(tmp_path, [good, {**good, **change}]), BOTH)


@pytest.mark.parametrize("key", ["image_id", "category_id", "score", "bbox", "segmentation"])
def test_absent_fields_are_named(tmp_path, key):
    good = some_results()[0]
    less = {k: v for k, v in good.items() if k != key}
    with pytest.raises(DataError, match=rf"results\.json: detection 1: has no {key}"):
        read_results(written(tmp_path, [good, less]), BOTH)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "empty: no detection in any image"),
        ("{}", "no list at the top"),
        ('{"image_id": 1, "category_id": 1, "score": 1, "bbox": [1, 1, 1, 1]}', "no list at the"),
        ("[1, 2]", "detection 0: is no object but 1"),
        ('[{"image_id": 1, "cat', "truncated"),
        ("[{]", "not JSON"),
        ("", "truncated"),
    ],
)
def test_files_that_are_no_results(tmp_path, text, message):
    with pytest.raises(DataError, match=rf"results\.json: .*{message}"):
        read_results(written(tmp_path, text), ["bbox"])


def test_a_file_that_was_cut_anywhere_is_refused(tmp_path):
    """DuckDB's reader takes one that ends after a comma between two detections for whole."""
    detection = {"image_id": 1, "category_id": 1, "score": 0.5, "bbox": [1, 2, 3, 4]}
    text = json.dumps([detection] * 3)
    between = text.index("}, {") + 2
    for end in (between, between + 1, *range(between + 2, len(text), 7), text.rindex("]")):
        with pytest.raises(DataError, match=r"results\.json: truncated"):
            read_results(written(tmp_path, text[:end]), ["bbox"])
    for end in ("", "\n", " \r\n\t", " " * 5000):
        assert len(read_results(written(tmp_path, text + end), ["bbox"])) == 3


def test_absent_file(tmp_path):
    with pytest.raises(DataError, match=r"gone\.json: cannot be read"):
        read_results(tmp_path / "gone.json", ["bbox"])


def test_large_ids_are_exact(tmp_path):
    good = {**some_results()[0], "image_id": 2**53 + 1}
    assert read_results(written(tmp_path, [good]), ["bbox"]).image_ids[0] == 2**53 + 1


def test_saving_in_parts_is_what_json_would_write(tmp_path):
    records = some_results()
    found = Detections.from_records(records, BOTH)
    save_detections(found, tmp_path / "deep" / "saved.json", chunk=7)
    assert json.loads((tmp_path / "deep" / "saved.json").read_text()) == list(found.records())
    save_detections(Detections.from_records([], BOTH), tmp_path / "none.json")
    assert json.loads((tmp_path / "none.json").read_text()) == []


def test_concatenation_keeps_order_and_fields():
    records = some_results()
    parts = [Detections.from_records(records[a:b], BOTH) for a, b in ((0, 0), (0, 9), (9, 40))]
    joined = Detections.concatenate(parts)
    assert list(joined.records()) == list(Detections.from_records(records[:40], BOTH).records())
    boxes = Detections.concatenate([Detections.from_records(records[:2], ["bbox"])] * 2)
    assert boxes.masks is None
    assert len(boxes) == 4
