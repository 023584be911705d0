"""The commands people type, in folders of their own."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from pycocotools import mask as mask_api

pytestmark = pytest.mark.slow  # whole runs, most in processes of their own

TINY = [
    "DATASETS.SYNTHETIC.NUM_CATEGORIES", "6", "DATASETS.SYNTHETIC.NUM_TRAIN", "16",
    "DATASETS.SYNTHETIC.NUM_VAL", "12", "DATASETS.SYNTHETIC.MAX_COUNT", "12",
    "DATASETS.SYNTHETIC.IMAGE_SIZE", "96", "SOLVER.IMS_PER_BATCH", "4",
    "SOLVER.CHECKPOINT_PERIOD", "100", "MODEL.TIMM.WEIGHTS", "", "TEST.NUM_DRAWN_IMAGES", "2",
    "INPUT.MIN_SIZE_TRAIN", "(96,)", "INPUT.MIN_SIZE_TEST", "96",
    "MODEL.ROI_HEADS.SCORE_THRESH_TEST", "0.0", "MODEL.LT.MASK.NORMALIZATION", "deconfound",
]  # fmt: skip


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder for one set of runs; the tiny data set is drawn in it once."""
    return tmp_path_factory.mktemp("work")


def command(root, *arguments, launcher=()):
    return [sys.executable, *launcher, str(root / "tools" / "train_net.py"), *map(str, arguments)]


def run(work, line, code=0):
    environment = {**os.environ, "DETECTRON2_DATASETS": str(work / "datasets")}
    environment["OMP_NUM_THREADS"] = "1"
    done = subprocess.run(
        line, env=environment, capture_output=True, text=True, cwd=work, check=False, timeout=300
    )
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    return done


def config(root, name="synthetic/cascade_small_tde.yaml"):
    return ["--config-file", root / "configs" / name]


@pytest.fixture(scope="module")
def trained(root, work):
    output = work / "trained"
    # Over 20 iterations, for that is how often Detectron2 reports.
    options = [*TINY, "SOLVER.MAX_ITER", "22", "OUTPUT_DIR", output]
    return run(work, command(root, *config(root), *options)), output


def test_training_leaves_rows_tables_images_and_a_submission(trained):
    done, output = trained
    rows = json.loads((output / "results.json").read_text())
    assert [(row["alpha"], row["background_exempt"]) for row in rows] == [
        (0.0, False),
        (1.5, False),
        (1.5, True),
    ]
    for row in rows:
        assert row["dataset"] == "synthetic_lvis_val"
        assert 0 <= row["bbox"]["AP"] <= 100
        assert 0 <= row["segm"]["AP"] <= 100
        assert 0 <= row["segm"]["AP_share"] <= 100
        assert math.isnan(row["bbox"]["APf"])  # no category has over 100 images here
    assert "De-confound-TDE α=1.5 with exemption" in done.stdout
    assert str(output / "results.json") in done.stdout
    assert (output / "results.csv").is_file()
    assert len(list((output / "pictures").glob("*.png"))) == 2
    (submission,) = (output / "inference").glob("*/*with_exemption/lvis_results.json")
    record = json.loads(submission.read_text())[0]
    assert {"image_id", "category_id", "bbox", "score", "segmentation"} <= record.keys()


def test_progress_shows_eta(trained):
    done, _ = trained
    assert "eta:" in done.stdout
    assert "Start inference on 12 batches" in done.stdout


def test_checkpoint_holds_a_direction_for_each_stage_and_the_mask_head(trained):
    _, output = trained
    state = torch.load(output / "model_final.pth", weights_only=False)["model"]
    directions = [key for key in state if key.endswith("head_direction.direction")]
    assert len(directions) == 4
    assert all(abs(state[key]).sum() > 0 for key in directions)


def metrics(output):
    rows = json.loads((output / "results.json").read_text())
    return [{**row, "detections": None} for row in rows]


def test_eval_only_gives_the_metrics_training_ended_with(root, work, trained):
    _, output = trained
    again = work / "again"
    options = [*TINY, "MODEL.WEIGHTS", output / "model_final.pth", "OUTPUT_DIR", again]
    run(work, command(root, *config(root), "--eval-only", *options))
    assert str(metrics(again)) == str(metrics(output))


def test_eval_only_runs_exempted_tde_by_default(root, work, trained):
    _, output = trained
    again = work / "single"
    options = [*TINY, "MODEL.WEIGHTS", output / "model_final.pth", "OUTPUT_DIR", again]
    options += ["TEST.TDE_ALPHAS", "[]", "TEST.TDE_BACKGROUND_EXEMPT", "[]", "TEST.PER_CATEGORY"]
    options += ["True"]
    run(work, command(root, *config(root), "--eval-only", *options))
    (row,) = json.loads((again / "results.json").read_text())
    assert (row["alpha"], row["background_exempt"]) == (1.5, True)
    assert len(row["bbox"].pop("per_category")) == 6
    row["segm"].pop("per_category")
    swept = metrics(output)[2]
    for task in ("bbox", "segm"):  # a row alone has no first one to differ from
        assert swept[task].pop("minus_first")
    # As text, for NaN is not equal to itself.
    assert str({**row, "detections": None}) == str(swept)


def test_resume_goes_on_where_training_stopped(root, work, trained):
    _, output = trained
    options = [*TINY, "SOLVER.MAX_ITER", "24", "OUTPUT_DIR", output]
    done = run(work, command(root, *config(root), "--resume", *options))
    assert "Starting training from iteration 22" in done.stdout


def test_weights_of_another_vocabulary_are_one_line(root, work, trained):
    _, output = trained
    options = [*TINY, "MODEL.WEIGHTS", output / "model_final.pth", "OUTPUT_DIR", work / "bad"]
    options += ["DATASETS.SYNTHETIC.NUM_CATEGORIES", "5"]
    done = run(work, command(root, *config(root), "--eval-only", *options), code=2)
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("error: ")
    assert "its categories are not those of" in line  # by name, and before the work starts
    assert "Traceback" not in done.stderr


PICTURES = ["TEST.NUM_DRAWN_IMAGES", "2"]
TWO = [*TINY, "SOLVER.MAX_ITER", "2", "TEST.NUM_DRAWN_IMAGES", "0"]


@pytest.mark.parametrize("launcher", ["detectron2", "torchrun"])
def test_two_processes(root, work, trained, launcher):
    """Started by Detectron2's launcher and by torchrun; every image is evaluated once, and the page
    is written when all is done.
    """
    output = work / launcher
    flags, prefix = [], []
    if launcher == "torchrun":
        prefix = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    else:
        flags = ["--num-gpus", "2", "--dist-url", "auto"]
    options = [*flags, *TWO, *PICTURES, "OUTPUT_DIR", output]
    run(work, command(root, *config(root), *options, launcher=prefix))
    assert (output / "report.html").is_file()
    assert len(json.loads((output / "results.json").read_text())) == 3
    (submission,) = (output / "inference").glob("*/deconfound/lvis_results.json")
    counted = {}
    for record in json.loads(submission.read_text()):
        counted[record["image_id"]] = counted.get(record["image_id"], 0) + 1
    assert set(counted) <= set(range(1, 13))
    assert max(counted.values()) <= 100


def test_a_student_is_trained_with_its_teacher_and_tested_without(root, work, trained):
    _, teacher = trained
    named, output = config(root, "synthetic/cascade_small_xerm.yaml"), work / "student"
    options = [*TWO, "OUTPUT_DIR", output]
    flags = ["--teacher", teacher / "model_final.pth"]
    # Its own port: Detectron2's default is one a user.
    flags += ["--num-gpus", "2", "--dist-url", "auto"]
    done = run(work, command(root, *named, *flags, *options))
    assert "model_final.pth, balanced by TDE α=1.5 with exemption" in done.stdout
    (row,) = json.loads((output / "results.json").read_text())
    assert (row["name"], row["alpha"]) == ("xERM_TDE", None)
    state = torch.load(output / "model_final.pth", weights_only=False)["model"]
    plain = torch.load(teacher / "model_final.pth", weights_only=False)["model"]
    assert state.keys() == plain.keys()
    options[-1:] = [work / "student_again", "MODEL.WEIGHTS", output / "model_final.pth"]
    run(work, command(root, *named, "--eval-only", *options))
    (row,) = json.loads((work / "student_again" / "results.json").read_text())
    assert (row["name"], row["alpha"]) == ("xERM_TDE", None)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "TEACHER_WEIGHTS: name the teacher: --teacher FILE"),
        (["--teacher", "gone.pth"], "TEACHER_WEIGHTS: no such file: gone.pth"),
    ],
)
def test_absent_teachers_are_one_line(root, work, flags, message):
    named = config(root, "synthetic/cascade_small_xerm.yaml")
    done = run(work, command(root, *named, *flags, *TWO, "OUTPUT_DIR", work / "bad"), code=2)
    assert message in done.stderr.strip().splitlines()[-1]


def test_a_user_error_in_two_processes_is_said_once(root, work, trained):
    options = [*TWO, "MODEL.LT.CLASSIFIER.NUM_HEADS", "3", "OUTPUT_DIR", work / "bad"]
    flags = ["--num-gpus", "2", "--dist-url", "auto"]
    done = run(work, command(root, *config(root), *flags, *options), code=2)
    assert done.stderr.count("error: MODEL.ROI_BOX_HEAD.FC_DIM") == 1


def to_coco_style(source, target):
    """Without LVIS's fields; every third instance an uncompressed RLE, every ninth a crowd."""
    data = json.loads(source.read_text())
    data["images"] = [
        {key: image[key] for key in ("id", "file_name", "width", "height")}
        for image in data["images"]
    ]
    data["categories"] = [{key: c[key] for key in ("id", "name")} for c in data["categories"]]
    for index, annotation in enumerate(data["annotations"]):
        annotation["iscrowd"] = int(index % 9 == 0)
        if index % 3 == 0:
            rle = mask_api.merge(mask_api.frPyObjects(annotation["segmentation"], 96, 96))
            pixels = mask_api.decode(rle).reshape(-1, order="F")
            changes = np.flatnonzero(np.diff(np.concatenate([[0], pixels]))).tolist()
            counts = np.diff([0, *changes, pixels.size]).tolist()
            annotation["segmentation"] = {"size": [96, 96], "counts": counts}
    target.write_text(json.dumps(data))


def test_coco_style_files_with_rle_and_crowds(root, work, trained):
    (folder,) = (work / "datasets" / "synthetic_lvis").glob("v*_c6_*")
    flags = []
    for split in ("train", "val"):
        to_coco_style(folder / f"{split}.json", work / f"{split}.json")
        flags += [f"--{split}-json", work / f"{split}.json", f"--{split}-images", folder / split]
    options = ["SOLVER.MAX_ITER", "1", "MODEL.TIMM.WEIGHTS", "", "OUTPUT_DIR", work / "coco"]
    options += ["INPUT.MIN_SIZE_TRAIN", "(96,)", "INPUT.MIN_SIZE_TEST", "96"]
    options += ["TEST.NUM_DRAWN_IMAGES", "3"]
    done = run(
        work, command(root, *config(root, "custom/cascade_lite0_tde.yaml"), *flags, *options)
    )
    for said in (
        "12 of 12 images have no neg_category_ids: taken as exhaustively annotated",
        "frequency groups derived from the training set",
        "holds RLE masks: INPUT.MASK_FORMAT bitmask",
        "crowd regions: their category is not exhaustive there",
        "custom_val: 3 images of detections: ",
    ):
        assert said in done.stdout, said
    assert "not drawn" not in done.stdout
    assert len(list((work / "coco" / "pictures").glob("*.png"))) == 3
    (row,) = json.loads((work / "coco" / "results.json").read_text())
    assert not math.isnan(row["segm"]["APr"])


def test_real_photographs_without_code(root, work, shared_data):
    """The given COCO photographs through the flags for own data."""
    mini, flags = shared_data / "coco_lvis_mini", []
    for split in ("train", "val"):
        flags += [f"--{split}-json", mini / f"coco_lvis_mini_{split}.json"]
        flags += [f"--{split}-images", mini / split]
    options = ["SOLVER.MAX_ITER", "1", "SOLVER.IMS_PER_BATCH", "1", "MODEL.TIMM.WEIGHTS", ""]
    options += ["INPUT.MIN_SIZE_TRAIN", "(96,)", "INPUT.MIN_SIZE_TEST", "96"]
    options += ["TEST.DETECTIONS_PER_IMAGE", "5", "TEST.NUM_DRAWN_IMAGES", "0"]
    options += ["OUTPUT_DIR", work / "photographs"]
    done = run(
        work, command(root, *config(root, "custom/cascade_lite0_tde.yaml"), *flags, *options)
    )
    assert "NUM_CLASSES 69, from the data" in done.stdout
    (row,) = json.loads((work / "photographs" / "results.json").read_text())
    assert not math.isnan(row["segm"]["APr"])
