"""Image ids of results: the integers a file means, hashes, and names; and odd marks in files."""

import json

import numpy as np
import pytest

from lt_det.data.lvis.image_ids import ImageIds
from lt_det.errors import DataError
from lt_det.evaluation import Detections, read_detections, read_results, save_detections
from lt_det.evaluation.lvis import results_file as module
from lt_det.evaluation.lvis.lvis_ap import GroundTruth, check_results

from .helpers import result

HASHES = [8808759396446315009, 8808759396446315010, 2**63 + 7, -(2**62) - 1]
NAMES = ["site00", "a/b.jpg", "007", "Ünï"]


def records(ids):
    return [result(image_id, 3, [1.0, 2.0, 9.0, 8.0], 0.5) for image_id in ids]


def written(folder, value, encoding="utf-8"):
    path = folder / "results.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding=encoding)
    return path


def ids_of(originals):
    return ImageIds(range(1, len(originals) + 1), originals)


@pytest.fixture
def fast_only(monkeypatch):
    def refuse(*args):
        raise AssertionError("the slow reader was called")

    monkeypatch.setattr(module, "load_json", refuse)


@pytest.mark.parametrize("originals", [HASHES, NAMES])
@pytest.mark.parametrize("needed", ["bbox", "segmentation"])
@pytest.mark.usefixtures("fast_only")
def test_ids_of_the_file_s_own_go_the_fast_way(originals, needed, tmp_path):
    ids = ids_of(originals)
    path = written(tmp_path, records([originals[i] for i in (0, 1, 1, 3, 2)]))
    assert read_results(path, [needed], ids).image_ids.tolist() == [1, 2, 2, 4, 3]
    assert read_detections(path, [needed], ids, only=[2, 3]).image_ids.tolist() == [2, 2, 3]


@pytest.mark.parametrize("originals", [HASHES, NAMES])
def test_the_slow_way_maps_alike(originals, tmp_path):
    ids = ids_of(originals)
    given = records([originals[i] for i in (0, 1, 1, 3, 2)])
    given[1]["segmentation"] = [[1.0, 1.0, 9.0, 1.0, 9.0, 9.0]]
    path = written(tmp_path, given)
    assert read_results(path, ["segmentation"], ids).image_ids.tolist() == [1, 2, 2, 4, 3]
    assert read_detections(path, ["segmentation"], ids, only=[2]).image_ids.tolist() == [2, 2]


@pytest.mark.parametrize("originals", [HASHES, NAMES])
def test_what_is_read_is_written_with_the_file_s_ids(originals, tmp_path):
    ids = ids_of(originals)
    path = written(tmp_path, records(originals))
    found = read_results(path, ("bbox", "segmentation"), ids)
    save_detections(found, tmp_path / "again.json", original_id=ids.original)
    assert json.loads((tmp_path / "again.json").read_text()) == json.loads(path.read_text())


@pytest.mark.parametrize("unknown", [8808759396446315000, 5, "site9", "8"])
def test_unknown_ids_of_the_file_s_own_are_named(unknown, tmp_path):
    path = written(tmp_path, records([HASHES[0], unknown]))
    with pytest.raises(
        DataError, match=rf"results\.json: detection 1: image id {unknown!r} is not in the ground"
    ):
        read_results(path, ["bbox"], ids_of(HASHES))


@pytest.mark.parametrize("value", [7.0, "7"])
@pytest.mark.parametrize("key", ["image_id", "category_id"])
def test_whole_numbers_are_taken_as_what_they_mean(value, key, tmp_path):
    given = records([7, 7])
    for one in given:
        one["category_id"] = 7
    given[1][key] = value
    for masks in (given[0]["segmentation"], [[1.0, 1.0, 9.0, 1.0, 9.0, 9.0]]):
        given[0]["segmentation"] = masks  # the fast way, then the other
        found = read_results(written(tmp_path, given), ["segmentation"])
        assert found.image_ids.tolist() == found.category_ids.tolist() == [7, 7]


def test_ids_of_numpy_and_rounded_ones():
    given = [{**records([7])[0], "image_id": np.int64(7), "category_id": np.float32(3)}]
    found = Detections.from_records(given, ["bbox"])
    assert (found.image_ids[0], found.category_ids[0]) == (7, 3)
    # A hash that went through a double is another image's, or none's.
    with pytest.raises(DataError, match=r"detection 0: image_id is 8\.8087593964463"):
        Detections.from_records(records([float(HASHES[0])]), ["bbox"])
    for wrong in (True, None, [7], float("nan"), 1e30):
        with pytest.raises(DataError, match="detection 0: image_id is"):
            Detections.from_records(records([wrong]), ["bbox"])
    with pytest.raises(DataError, match=f"image id {2**64} is not in the ground truth|image_id is"):
        Detections.from_records(records([2**64]), ["bbox"])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_the_results(encoding, tmp_path):
    path = written(tmp_path, records([1, 2]), encoding)
    assert read_results(path, ["bbox"]).image_ids.tolist() == [1, 2]


def test_only_wanted_images_may_have_no_detection(tmp_path):
    path = written(tmp_path, records([1, 2]))
    assert len(read_detections(path, ("bbox", "segmentation"), only=[9])) == 0
    found = read_detections(path, ("bbox", "segmentation"), only=[2, 9])
    assert (found.image_ids.tolist(), len(found.masks)) == ([2], 1)


def test_errors_of_columns_name_the_file(tmp_path):
    truth = GroundTruth({"images": [{"id": 1}], "categories": [{"id": 3}]})
    found = read_results(written(tmp_path, records([1, 2])), ["bbox"])
    with pytest.raises(DataError, match=r"results\.json: detection 1: image id 2 is not in the gr"):
        check_results(truth, found, "bbox", ("bbox",))
    boxes = read_results(written(tmp_path, records([1])), ["bbox"])
    with pytest.raises(DataError, match=r"results\.json: detection 0: has no segmentation"):
        check_results(truth, boxes, "segm", ("segm",))
