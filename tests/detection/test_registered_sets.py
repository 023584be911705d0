"""A set registered with Detectron2 trains and evaluates as the same data in an LVIS file."""

import json
from pathlib import Path

import pytest
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.data.datasets import register_coco_instances
from detectron2.structures import BoxMode

from lt_det.data import read_annotations
from lt_det.data.lvis.catalog import register_annotations, registered_set
from lt_det.data.synthetic import SyntheticParameters, make_synthetic_set
from lt_det.detection.run import train_or_evaluate
from lt_det.detection.setup import argument_parser

TINY = [
    *("SOLVER.MAX_ITER", "2", "SOLVER.STEPS", "()", "SOLVER.IMS_PER_BATCH", "2", "SEED", "1"),
    *("MODEL.TIMM.WEIGHTS", "", "MODEL.TIMM.FREEZE_BATCH_NORM", "False"),
    *("MODEL.TIMM.NUM_FROZEN_LEVELS", "0", "MODEL.DEVICE", "cpu", "TEST.NUM_DRAWN_IMAGES", "0"),
    # An untrained model's scores: whatever it finds counts.
    *("MODEL.ROI_HEADS.SCORE_THRESH_TEST", "0.0", "SOLVER.BASE_LR", "0.0001"),
]
NAMES = {"train": "registered_train", "val": "registered_val"}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    parameters = SyntheticParameters(num_categories=6, num_train=12, num_val=8, max_count=8)
    return make_synthetic_set(tmp_path_factory.mktemp("registered"), parameters)


@pytest.fixture(autouse=True)
def _forgotten():
    yield
    for name in NAMES.values():
        for catalog in (DatasetCatalog, MetadataCatalog):
            if name in catalog.list():
                catalog.remove(name)


def run(root, output, *options):
    config = root / "configs/synthetic/cascade_small_tde.yaml"
    line = ["--config-file", str(config), *TINY, *map(str, options), "OUTPUT_DIR", str(output)]
    train_or_evaluate(argument_parser().parse_args(line))
    rows = json.loads((output / "results.json").read_text())
    for row in rows:
        # Not where they lie, but what they are; and as text, in which NaN is NaN.
        row["detections"] = json.loads(Path(row["detections"]).read_text())
        del row["dataset"]
    assert all(row["bbox"]["AP"] > 0 and row["detections"] for row in rows)
    return json.dumps(rows)


REGISTERED = ["DATASETS.TRAIN", (NAMES["train"],), "DATASETS.TEST", (NAMES["val"],)]


@pytest.fixture(scope="module")
def from_files(drawn, root, tmp_path_factory):
    options = ["DATASETS.TRAIN", ("custom_train",), "DATASETS.TEST", ("custom_val",)]
    for split in NAMES:
        options += [f"DATASETS.CUSTOM.{split.upper()}_JSON", drawn / f"{split}.json"]
        options += [f"DATASETS.CUSTOM.{split.upper()}_IMAGES", drawn / split]
    return run(root, tmp_path_factory.mktemp("from_files"), *options)


def dicts_of(folder, split):
    """What a person's function returns: corners, class indices, no sizes."""
    data = json.loads((folder / f"{split}.json").read_text())
    index = {c["id"]: i for i, c in enumerate(sorted(data["categories"], key=lambda c: c["id"]))}
    by_image = {image["id"]: [] for image in data["images"]}
    for a in data["annotations"]:
        x, y, width, height = a["bbox"]
        by_image[a["image_id"]].append(
            {
                "bbox": [x, y, x + width, y + height],
                "bbox_mode": BoxMode.XYXY_ABS,
                "category_id": index[a["category_id"]],
                "segmentation": a["segmentation"],
                "area": a["area"],
            }
        )
    return [
        {
            "file_name": str(folder / split / image["file_name"]),
            "image_id": image["id"],
            **{k: image[k] for k in ("neg_category_ids", "not_exhaustive_category_ids")},
            "annotations": by_image[image["id"]],
        }
        for image in data["images"]
    ]


def test_a_function_gives_the_results_of_the_same_data_in_a_file(drawn, from_files, root, tmp_path):
    data = json.loads((drawn / "train.json").read_text())
    categories = sorted(data["categories"], key=lambda c: c["id"])
    for split, name in NAMES.items():
        DatasetCatalog.register(name, lambda split=split: dicts_of(drawn, split))
        MetadataCatalog.get(name).set(
            thing_classes=[c["name"] for c in categories],
            thing_dataset_id_to_contiguous_id={c["id"]: i for i, c in enumerate(categories)},
        )
    functions = {name: DatasetCatalog[name] for name in NAMES.values()}
    assert run(root, tmp_path, *REGISTERED) == from_files
    # What was registered is registered still, and a second run in the process reads it again.
    assert {name: DatasetCatalog[name] for name in NAMES.values()} == functions
    assert run(root, tmp_path / "again", *REGISTERED) == from_files


def test_register_coco_instances_gives_the_results_of_its_file(drawn, from_files, root, tmp_path):
    for split, name in NAMES.items():
        register_coco_instances(name, {}, str(drawn / f"{split}.json"), str(drawn / split))
    assert run(root, tmp_path, *REGISTERED) == from_files


def test_a_name_of_lt_det_can_be_put_anew(drawn):
    for split in NAMES:
        read = read_annotations(drawn / f"{split}.json", drawn / split)
        register_annotations("registered_train", read)
        assert registered_set("registered_train") is read
        assert MetadataCatalog.get("registered_train").json_file == read.json_file
