"""lt-det check-data, of a config that names several sets."""

import shutil
from functools import partial

from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.data.datasets import register_coco_instances

from .helpers import BOX, annotated, coco


def test_all_sets_of_a_config_are_looked_at(checked, tmp_path, request):
    """A picture of the second training set may lie in the second test set."""
    words = annotated(tmp_path)
    odd, usual = [[(1, [1, 1, 1, 30])]] * 2, [[(1, BOX)]]
    for name, boxes, seed in (("more", odd, 200), ("other", usual, 300)):
        file = coco(tmp_path, name, boxes, first_seed=seed)
        register_coco_instances(f"check_{name}", {}, str(file), str(tmp_path / name))
        for catalog in (DatasetCatalog, MetadataCatalog):
            request.addfinalizer(partial(catalog.pop, f"check_{name}", None))
    shutil.copy(tmp_path / "more" / "more_2.png", tmp_path / "other" / "other_1.png")
    names = ["DATASETS.TRAIN", "('custom_train', 'check_more')"]
    names += ["DATASETS.TEST", "('custom_val', 'check_other')"]
    code, record, shown, _ = checked(*words, *names)
    assert code == 0, shown
    (leak,) = record["leaks"]
    assert [place.split("/")[-1] for place in leak] == ["more_2.png", "other_1.png"]
    facts = record["facts"]
    assert (facts["training images"], facts["training instances"]) == (6, 6)
    assert facts["validation images"] == 2
    assert facts["validation figures"] == f"of {tmp_path / 'val.json'}, the first of 2 test sets"
    rows = {row["class"]: row for row in record["classes"]}
    assert (rows["dog"]["training images"], rows["dog"]["validation instances"]) == (3, 0)
    thin = record["oddities"]["train: a side below 2 pixels"]
    assert thin["number"] == 3
    assert thin["examples"][0] == f"{tmp_path / 'train.json'}: image 3, annotation 4 (dog)"
    assert thin["examples"][2] == f"{tmp_path / 'more.json'}: image 2, annotation 2 (dog)"
