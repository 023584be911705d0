"""The annotation files among the small inputs that failed, read and scored as they should be."""

import logging

import pytest

from lt_det.data import read_annotations
from lt_det.data.lvis.detectron2_dicts import to_detectron2_dicts
from lt_det.data.lvis.reader import with_frequencies
from lt_det.errors import DataError
from lt_det.evaluation import evaluate_lvis, normalize_ground_truth
from lt_det.files import load_json


def read(case, file="val.json", **options):
    return read_annotations(case / file, case / file.split(".")[0].split("_")[0], **options)


def truth_of(found, train):
    named = with_frequencies(found, train)
    return normalize_ground_truth(list(found.images.values()), found.annotations, named.categories)[
        0
    ]


def results_of(case, name, found):
    """Results as the file has them, with the ids that stand for theirs."""
    records = load_json(case / name)
    return [{**record, "image_id": found.ids.internal(record["image_id"])} for record in records]


@pytest.mark.parametrize(
    ("case", "val", "results", "iou_type"),
    [
        ("01-labelstudio-empty-seg", "val.json", "res.json", "bbox"),
        ("09-outside", "val.json", "res.json", "bbox"),
        ("12-zero-ids", "val.json", "res.json", "bbox"),
        ("12-zero-ids", "val.json", "res_seg.json", "segm"),
        ("13-ids", "val_hash.json", "res_hash.json", "bbox"),
        ("15-bom", "val.json", "res.json", "bbox"),
        ("15-bom", "val.json", "res_bom.json", "bbox"),
    ],
)
def test_perfect_results_score_100(case, val, results, iou_type, shared_cases):
    folder = shared_cases / case
    train, found = read(folder, "train.json"), read(folder, val)
    given = results_of(folder, results, found)
    assert len(given) == len(found.annotations) == 22
    metrics = evaluate_lvis(truth_of(found, train), given, iou_type)
    assert metrics["AP"] == pytest.approx(100)
    assert len(to_detectron2_dicts(train)) == 6


def test_rectangles_have_no_mask(shared_cases):
    train = read(shared_cases / "01-labelstudio-empty-seg", "train.json")
    assert train.mask_counts == (0, 28)
    assert all(
        "segmentation" not in a for d in to_detectron2_dicts(train) for a in d["annotations"]
    )


def test_boxes_outside_are_counted_and_clipped(shared_cases, caplog):
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        train = read(shared_cases / "09-outside", "train.json")
    assert "boxes stand out of their image by more than a pixel" in caplog.text
    assert train.store.trained.all()
    for image in to_detectron2_dicts(train):
        for annotation in image["annotations"]:
            x, y, width, height = annotation["bbox"]
            assert min(x, y) >= 0
            assert x + width <= image["width"] + 1e-9
            assert y + height <= image["height"] + 1e-9
    given = load_json(shared_cases / "09-outside" / "train.json")["annotations"]
    assert [a["bbox"] for a in train.annotations] == [a["bbox"] for a in given]


def test_hashed_ids_come_back(shared_cases):
    found = read(shared_cases / "13-ids", "val_hash.json")
    written = {found.ids.original(d["image_id"]) for d in to_detectron2_dicts(found)}
    given = {
        image["id"] for image in load_json(shared_cases / "13-ids" / "val_hash.json")["images"]
    }
    assert written == given
    assert max(found.store.image_ids) < 2**53 < min(given)


def test_sizes_that_are_whole_floats(shared_cases):
    folder = shared_cases / "13-ids"
    found, plain = read(folder, "val_float_size.json"), read(folder, "val_hash.json")
    for one, other in zip(to_detectron2_dicts(found), to_detectron2_dicts(plain), strict=True):
        assert (one["width"], one["height"]) == (other["width"], other["height"])
        assert type(one["width"]) is int


def test_numbers_that_are_none(shared_cases, caplog):
    """A box with a NaN is refused, or left out and no mistake to find; an area that is NaN is
    that of the mask.
    """
    folder = shared_cases / "15-bom"
    with pytest.raises(DataError, match=r"val_nan\.json: annotation 3: bbox is not four finite"):
        read(folder, "val_nan.json")
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        found = read(folder, "val_nan.json", on_invalid="skip")
    assert "1 areas are no numbers: those of mask or box are taken" in caplog.text
    truth = truth_of(found, read(folder, "train.json"))
    assert len(truth["annotations"]) == 21
    areas = {tuple(a["bbox"]): a["area"] for a in truth["annotations"]}
    assert areas[0.5, 38.5, 165.0, 260.0] == pytest.approx(23681, rel=0.02)
    metrics = evaluate_lvis(truth, results_of(folder, "res.json", found), "bbox")
    assert metrics["AP"] == pytest.approx(100)
