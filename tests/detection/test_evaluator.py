"""LVIS evaluation of a detector: what counts, what is written, and by how many processes."""

import json
import math

import pytest
import torch
from detectron2.structures import Boxes, Instances

from lt_det.detection.config_checks import check_config
from lt_det.detection.evaluation.evaluator import Bootstrap, LTEvaluator
from lt_det.detection.evaluation.post_hoc_sweep import SweepAnswer
from lt_det.errors import ConfigError, DataError
from lt_det.evaluation import evaluate_lvis_fixed, normalize_ground_truth

from ..processes import in_processes
from . import answers
from .answers import NAME, Answers, detections, register
from .helpers import small_config

ROW = {"name": "Baseline", "alpha": None, "background_exempt": None, "slug": "baseline"}


@pytest.mark.parametrize(
    ("kept", "ap", "written"), [(-1, 0, 400), (1000, 0, 400), (300, 0, 300), (100, 0, 100)]
)
def test_metrics_are_at_300_whatever_the_model_keeps(kept, ap, written, tmp_path):
    """The right detection comes 310th: it counts for AP_fixed alone, and is in the file if kept."""
    found = register(tmp_path / "data", 2)
    results = answers.evaluate(tmp_path, Answers(309, 400, kept), "TEST.DETECTIONS_PER_IMAGE", kept)
    assert results["bbox"]["AP"] == ap
    rows = detections(tmp_path)
    assert len(rows) == 2 * written
    record, _ = normalize_ground_truth(
        list(found.images.values()), found.annotations, found.categories
    )
    # Of every category that has ground truth: the cats, each of which was found once.
    fixed = evaluate_lvis_fixed(record, rows, "bbox")["AP"]
    assert fixed == pytest.approx(100 if written == 400 else 0)


@pytest.mark.parametrize(("kept", "ap"), [(-1, 100), (1000, 100), (300, 100), (100, 0)])
def test_what_is_kept_and_among_300_counts(kept, ap, tmp_path):
    register(tmp_path / "data", 2)
    model = Answers(299, 400, kept)
    results = answers.evaluate(tmp_path, model, "TEST.DETECTIONS_PER_IMAGE", kept)
    assert results["bbox"]["AP"] == pytest.approx(ap)


def test_a_first_row_that_detects_nothing_is_the_one_compared_with(tmp_path):
    """Not the second, which the table would call the first: it has AP 0 on any images drawn."""
    register(tmp_path / "data", 2)
    rows = [{**ROW, "name": name, "slug": name} for name in ("none", "a", "b")]
    bootstrap = Bootstrap(resamples=5)
    evaluator = LTEvaluator(NAME, rows, ("bbox",), tmp_path, bootstrap=bootstrap)
    boxes = Boxes(torch.tensor([[10.0, 10.0, 30.0, 30.0]]))
    union = Instances((64, 64), pred_boxes=boxes, pred_classes=torch.tensor([1]))
    union.scores = torch.tensor([0.9])
    positions = [torch.tensor([], dtype=torch.long), torch.tensor([0]), torch.tensor([0])]
    scores = [torch.tensor([]), torch.tensor([0.9]), torch.tensor([0.4])]
    for image_id in (1, 2):
        answer = SweepAnswer(union, positions, scores)
        evaluator.process([{"image_id": image_id}], [{"instances": answer}])
    none, *others = evaluator.evaluate()
    assert none["bbox"]["AP_fixed"] == none["bbox"]["AP"] == 0
    for row in others:
        ap = row["bbox"]["AP"]
        assert ap > 0
        assert row["bbox"]["minus_first"]["AP"] == pytest.approx(
            {"value": ap, "low": ap, "high": ap}
        )


@pytest.mark.parametrize("kept", [0, -2])
def test_a_model_that_keeps_nothing_is_refused(kept):
    with pytest.raises(ConfigError, match=r"TEST.DETECTIONS_PER_IMAGE: must be positive, or -1"):
        check_config(small_config("Base-RCNN-FPN.yaml", "TEST.DETECTIONS_PER_IMAGE", kept))
    check_config(small_config("Base-RCNN-FPN.yaml", "TEST.DETECTIONS_PER_IMAGE", -1))


def test_a_sweep_s_rows_have_their_own_scores(tmp_path):
    (image_id,) = register(tmp_path / "data", 1).images
    rows = [{**ROW, "name": name, "slug": name} for name in "ab"]
    evaluator = LTEvaluator(NAME, rows, ("bbox",), tmp_path)
    union = Instances((20, 30))
    union.pred_boxes = Boxes(torch.tensor([[1.0, 1, 5, 5], [2.0, 2, 9, 9]]))
    union.pred_classes, union.scores = torch.tensor([0, 1]), torch.zeros(2)
    positions, scores = [torch.tensor([1, 0]), torch.tensor([0])], [[0.75, 0.5], [0.25]]
    answer = SweepAnswer(union, positions, [torch.tensor(own) for own in scores])
    evaluator.process([{"image_id": image_id}], [{"instances": answer}])
    evaluator.evaluate()
    for slug, expected in (("a", [(2.0, 0.75), (1.0, 0.5)]), ("b", [(1.0, 0.25)])):
        written = json.loads((tmp_path / slug / "lvis_results.json").read_text())
        assert [(d["bbox"][0], d["score"]) for d in written] == expected


@pytest.mark.slow
def test_two_processes_with_uneven_shards(tmp_path):
    in_processes(2, answers.evaluate_unevenly, tmp_path)
    for name, images, ap in (("three", 3, 100), ("one", 1, 100), ("none", 1, 0)):
        (row,) = json.loads((tmp_path / name / "results.json").read_text())
        assert row["bbox"]["AP"] == row["bbox"]["APc"] == pytest.approx(ap), name
        assert math.isnan(row["bbox"]["APr"])
        rows = detections(tmp_path / name)
        ids = [one["image_id"] for one in rows]
        # The annotation file's own ids, each image once, whichever process looked at it.
        expected = [answers.HASH + i for i in range(1, images + 1)] if ap else []
        assert sorted(set(ids)) == expected, name
        assert len(ids) == 5 * len(expected)


@pytest.mark.parametrize("original_id", [lambda i: f"site {i}.jpg", lambda i: 2**63 + i])
def test_results_carry_the_ids_of_the_annotation_file(original_id, tmp_path):
    found = register(tmp_path / "data", 3, original_id=original_id)
    results = answers.evaluate(tmp_path, Answers(0, 2))
    assert results["bbox"]["AP"] == pytest.approx(100)
    assert {one["image_id"] for one in detections(tmp_path)} == {original_id(i) for i in (1, 2, 3)}
    assert {one["image_id"] for one in detections(tmp_path)} == set(found.original_ids)


def test_a_test_server_s_set_has_a_file_and_no_metrics(tmp_path):
    register(tmp_path / "data", 2, annotated=False)
    assert answers.evaluate(tmp_path, Answers(0, 2)) == {}
    assert len(detections(tmp_path)) == 4
    assert not (tmp_path / "results.json").exists()


@pytest.mark.parametrize("without", [[], [0], [0, 1]])
def test_ap_share_needs_every_category_s_count(without, tmp_path, caplog):
    found = register(tmp_path / "data", 2)
    for index in without:
        del found.categories[index]["instance_count"]
    results = answers.evaluate(tmp_path, Answers(0, 2))
    for key in ("AP_instance_weighted", "AP_share"):
        assert (key in results["bbox"]) == (not without)
    said = f"{NAME}: {len(without)} of 2 categories have no instance_count: no AP_instance_weighted"
    assert (said in caplog.text) == bool(without)


def test_an_evaluation_that_failed_leaves_nothing_to_the_next(tmp_path):
    found = register(tmp_path / "data", 2)
    evaluator = LTEvaluator(NAME, [ROW], ("bbox",), tmp_path)
    images = [{"image_id": i, "height": 48, "width": 64} for i in found.store.image_ids.tolist()]
    wrong = Answers(0, 3).answer(images[1])
    wrong.scores[1] = math.nan
    evaluator.process(images[:1], [{"instances": Answers(2, 3).answer(images[0])}])
    with pytest.raises(DataError, match="detection 1: score is nan"):
        evaluator.process(images[1:], [{"instances": wrong}])
    evaluator.reset()
    evaluator.process(images, [{"instances": Answers(0, 1).answer(image)} for image in images])
    (row,) = evaluator.evaluate()
    assert row["bbox"]["AP"] == pytest.approx(100)
    assert len(json.loads((tmp_path / "baseline" / "lvis_results.json").read_text())) == 2
