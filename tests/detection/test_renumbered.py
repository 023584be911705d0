"""A validation file that renumbers its categories is evaluated as the one it was made of."""

import json

import pytest
import torch
from detectron2.structures import Boxes, Instances

from lt_det.data.lvis.catalog import register_annotations
from lt_det.data.lvis.reader import read_annotations
from lt_det.data.lvis.vocabulary import Vocabulary
from lt_det.detection.evaluation.evaluator import LTEvaluator
from lt_det.detection.setup import setup
from lt_det.engine import LTCheckpointer, ModelRecord
from lt_det.errors import DataError
from tests.data.lvis.test_vocabulary import renumbered

from ..data.helpers import valid, write
from .test_setup import flags

ROW = {"name": "Baseline", "alpha": None, "background_exempt": None, "slug": "baseline"}


def perfect_answers(annotation_set):
    """What a model that finds every instance answers, by its own class indices."""
    for image_id, image in annotation_set.images.items():
        found = Instances((image["height"], image["width"]))
        own = [a for a in annotation_set.annotations if a["image_id"] == image_id]
        boxes = torch.tensor([a["bbox"] for a in own]).reshape(-1, 4)
        found.pred_boxes = Boxes(torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], dim=1))
        found.scores = torch.ones(len(own))
        class_of = {c["name"]: i for i, c in enumerate(annotation_set.categories)}
        names = {c["id"]: c["name"] for c in annotation_set.categories}
        classes = [class_of[names[a["category_id"]]] for a in own]
        found.pred_classes = torch.tensor(classes, dtype=torch.int64)
        yield {"image_id": image_id}, {"instances": found}


def test_perfect_answers_are_perfect_on_the_renumbered_set(shared_cases, tmp_path):
    path = shared_cases / "33d-synth-renumbered" / "val.json"
    val = read_annotations(path, "nowhere", check_images=False)
    names = sorted(val.class_names)
    ordered = val.in_order_of(Vocabulary(tuple(names), tuple(range(1, 61)), "train.json"))
    register_annotations("renumbered_val", ordered)
    evaluator = LTEvaluator("renumbered_val", [ROW], ("bbox",), tmp_path)
    for image, answer in perfect_answers(ordered):
        evaluator.process([image], [answer])
    (row,) = evaluator.evaluate()
    assert row["bbox"]["AP"] == pytest.approx(100)
    # The file's own ids are what results carry.
    results = json.loads((tmp_path / "baseline" / "lvis_results.json").read_text())
    own = {(a["image_id"], a["category_id"]) for a in json.loads(path.read_text())["annotations"]}
    assert {(r["image_id"], r["category_id"]) for r in results} == own


@pytest.fixture
def trained(tmp_path):
    """Weights that name their classes, and flags to evaluate them on a renumbered file."""
    write(tmp_path / "val", renumbered(valid()), "own.json")
    record = ModelRecord(["dog", "cat"], [3, 7], [1, 2], [1, 2], "train.json")
    LTCheckpointer(torch.nn.Linear(1, 1), str(tmp_path), record=record).save("weights")
    parsed = flags(tmp_path, "--eval-only", splits=("val",))
    parsed.opts[-1] = str(tmp_path / "weights.pth")
    return tmp_path, parsed


def test_evaluation_takes_the_classes_of_the_checkpoint(trained):
    from lt_det.data.lvis.catalog import registered_set

    setup(trained[1])
    found = registered_set("custom_val")
    assert found.class_names == ["dog", "cat"]
    assert found.class_of == {2: 0, 1: 1}


def test_other_categories_stop_an_evaluation(trained):
    folder, parsed = trained
    data = valid()
    data["categories"][0]["name"] = "wolf"
    write(folder / "val", data, "own.json")
    with pytest.raises(DataError, match=r"own\.json: .* lacks 'cat' and has besides 'wolf'"):
        setup(parsed)
