"""hotcoco's error analysis on an example worked by hand, and the command that shows it."""

import json
import math
import re

import pytest

from lt_det.commands.analyze import run
from lt_det.evaluation import GroundTruth, normalize_ground_truth
from lt_det.inspection.errors import analyse
from lt_det.inspection.errors_page import analysis_sections, analysis_text

CATEGORIES = [
    {"id": 1, "name": "apple", "frequency": "f"},
    {"id": 2, "name": "berry", "frequency": "r"},
]


def image(number, **lists):
    known = {"neg_category_ids": [], "not_exhaustive_category_ids": [], **lists}
    return {"id": number, "width": 100, "height": 100, "file_name": f"{number}.jpg", **known}


def annotation(number, of_image, category, box):
    x, y, w, h = box
    polygon = [x, y, x + w, y, x + w, y + h, x, y + h]
    return {"id": number, "image_id": of_image, "category_id": category, "bbox": box,
            "area": w * h, "iscrowd": 0, "segmentation": [polygon]}  # fmt: skip


def detection(of_image, category, box, score):
    return {"image_id": of_image, "category_id": category, "bbox": box, "score": score}


IMAGES = [image(1), image(2)]
ANNOTATIONS = [
    annotation(1, 1, 1, [10, 10, 20, 20]),
    annotation(2, 1, 2, [60, 60, 20, 20]),
    annotation(3, 2, 1, [10, 10, 20, 20]),
    annotation(4, 2, 2, [50, 50, 30, 30]),
]
DETECTIONS = [
    detection(1, 1, [10, 10, 20, 20], 0.9),  # right
    detection(1, 1, [60, 60, 20, 20], 0.8),  # a berry, taken for an apple
    detection(1, 1, [10, 10, 20, 20], 0.7),  # the first apple again
    detection(2, 1, [18, 10, 20, 20], 0.6),  # IoU 12/28: beside the other apple
    detection(2, 1, [80, 0, 15, 15], 0.5),  # nothing there
]


def analysed(detections=DETECTIONS, images=IMAGES, annotations=ANNOTATIONS, **options):
    record, _ = normalize_ground_truth(images, annotations, CATEGORIES)
    names = {1: "apple", 2: "berry"}
    return analyse(GroundTruth(record), detections, "bbox", names=names, **options)


def test_kinds_of_error():
    """One of each but "both"; of the two berries one was taken for an apple, one is missed."""
    errors = analysed().errors
    numbers = {kind: number for kind, (number, _) in errors.items()}
    assert numbers == {"Cls": 1, "Loc": 1, "Both": 0, "Dupe": 1, "Bkg": 1, "Miss": 1}


def test_ap50_and_what_a_mended_category_wins():
    """Apples: one of two found, first, so 51 of 101 recalls at precision 1; berries: none."""
    analysis = analysed()
    assert analysis.ap50 == pytest.approx(100 * (51 / 101) / 2)
    # The berry found in the right category: again 51 of 101 recalls, of berries.
    assert analysis.errors["Cls"][1] == pytest.approx(100 * (51 / 101) / 2)


@pytest.mark.parametrize("change", [{"iscrowd": 1}, {"ignore": 1}, None])
def test_where_nothing_is_to_be_found_there_is_no_ap50(change):
    """0 would say that all was missed."""
    annotations = [{**a, **change} for a in ANNOTATIONS] if change else []
    analysis = analysed(annotations=annotations)
    assert math.isnan(analysis.ap50)
    assert all(math.isnan(lost) for _, lost in analysis.errors.values())
    text = analysis_text(analysis, "title")
    assert "AP50 –; what is lost" in text
    assert "0.0" not in text.split("What is taken")[0]
    assert "AP50 is –." in analysis_sections(analysis)[0].paragraphs[0]
    # Missed, each of them, is another matter.
    assert analysed([DETECTIONS[-1]]).ap50 == 0


def test_confusion_by_group():
    analysis = analysed()
    # Rows: frequent, common, rare, nothing; columns: taken for these, missed.
    assert analysis.confusion == [[1, 0, 0, 1], [0, 0, 0, 0], [1, 0, 0, 1], [3, 0, 0, 0]]
    assert analysis.right == {"frequent": 1, "common": 0, "rare": 0}
    assert analysis.confused == [("berry", "rare", "apple", "frequent", 1)]
    assert analysed(min_score=0.85).confused == []


def test_calibration_is_of_scores_and_hits():
    """Of five scores one is right: |0.9 − 1|, 0.8, 0.7, 0.6, 0.5, a fifth each."""
    calibration = analysed().calibration
    expected = 100 * (0.1 + 0.8 + 0.7 + 0.6 + 0.5) / 5
    assert calibration["error"] == pytest.approx(expected)
    assert calibration["error_by_group"]["frequent"] == pytest.approx(expected)
    assert math.isnan(calibration["error_by_group"]["common"])


def test_precision_curves():
    curves = analysed().precision
    assert curves["frequent"] == pytest.approx([100.0] * 51 + [0.0] * 50)
    assert curves["rare"] == [0.0] * 101
    assert "common" not in curves


def test_slices_and_images():
    analysis = analysed()
    # Both images have two instances; of the first, one was found with two false detections.
    assert analysis.crowding["1 to 3 instances"]["images"] == 2
    assert analysis.worst[0] == {"image_id": 2, "f1": 0.0, "tp": 0, "fp": 2, "fn": 2}
    assert analysis.worst[1] == {"image_id": 1, "f1": 0.4, "tp": 1, "fp": 2, "fn": 1}


def test_images_are_ranked_by_what_is_over_the_threshold():
    """A detector gives up to 300 detections of an image, most of them of scores near 0."""
    unsure = [detection(1, 1, [x, 80, 5, 5], 0.01) for x in range(50)]
    assert analysed(DETECTIONS + unsure).worst == analysed().worst
    analysis = analysed(min_score=0.8)
    assert analysis.worst[0] == {"image_id": 2, "f1": 0.0, "tp": 0, "fp": 0, "fn": 2}
    assert analysis.worst[1] == {"image_id": 1, "f1": 0.5, "tp": 1, "fp": 1, "fn": 1}
    section = analysis_sections(analysis)[-1]
    assert "of detections with a score of 0.8 or more" in section.paragraphs[0]
    assert "F1 at score 0.8" in section.tables[1].heading
    assert all(w["fp"] == 0 for w in analysed(min_score=0.95).worst)


def test_what_an_image_leaves_open_is_no_error():
    """Apples are not annotated exhaustively in image 2: what is not matched there is ignored."""
    open_images = [image(1), image(2, not_exhaustive_category_ids=[1])]
    errors = analysed(images=open_images).errors
    assert errors["Bkg"][0] == 0
    assert errors["Loc"][0] == 0


@pytest.mark.parametrize("iou_type", ["bbox", "segm"])
def test_the_command(tmp_path, capsys, iou_type):
    truth = {
        "images": IMAGES,
        "annotations": ANNOTATIONS,
        "categories": [{**c, "image_count": 2, "instance_count": 2} for c in CATEGORIES],
    }
    results = [dict(d) for d in DETECTIONS]
    if iou_type == "segm":
        for made in results:
            made["segmentation"] = annotation(1, 1, 1, made.pop("bbox"))["segmentation"]
    for name, data in (("gt.json", truth), ("results.json", results)):
        (tmp_path / name).write_text(json.dumps(data))
    run(["--gt", str(tmp_path / "gt.json"), "--results", str(tmp_path / "results.json"),
         "--iou-type", iou_type, "--output", str(tmp_path / "out")])  # fmt: skip
    shown = capsys.readouterr().out
    record = json.loads((tmp_path / "out" / "analysis.json").read_text())
    assert record["confused"] == [["berry", "rare", "apple", "frequent", 1]]
    assert "| berry | rare  | apple" in shown
    page = (tmp_path / "out" / "analysis.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 3
    assert "wrong category" in page


@pytest.mark.parametrize("ids", [("b", "a"), (8808759396446315010, 8808759396446315009)])
def test_images_are_named_as_the_file_names_them(tmp_path, ids):
    """Image 2 is found worst; inside lt_det both have other ids, in the order of their own."""
    images = [{**i, "id": ids[i["id"] - 1]} for i in IMAGES]
    del images[0]["file_name"]
    images[0]["coco_url"] = "http://images.cocodataset.org/val2017/9.jpg"
    annotations = [{**a, "image_id": ids[a["image_id"] - 1]} for a in ANNOTATIONS]
    results = [{**d, "image_id": ids[d["image_id"] - 1]} for d in DETECTIONS]
    categories = [{**c, "image_count": 2, "instance_count": 2} for c in CATEGORIES]
    truth = {"images": images, "annotations": annotations, "categories": categories}
    for name, data in (("gt.json", truth), ("results.json", results)):
        (tmp_path / name).write_text(json.dumps(data))
    run(["--gt", str(tmp_path / "gt.json"), "--results", str(tmp_path / "results.json"),
         "--iou-type", "bbox", "--output", str(tmp_path / "out")])  # fmt: skip
    worst = json.loads((tmp_path / "out" / "analysis.json").read_text())["worst"]
    assert worst == [
        {"image_id": ids[1], "file_name": "2.jpg", "f1": 0.0, "tp": 0, "fp": 2, "fn": 2},
        {"image_id": ids[0], "file_name": "val2017/9.jpg", "f1": 0.4, "tp": 1, "fp": 2, "fn": 1},
    ]
    page = (tmp_path / "out" / "analysis.html").read_text(encoding="utf-8")
    assert re.search(rf"<td[^>]*>{ids[1]}</td>\s*<td[^>]*>2\.jpg</td>", page)


def test_coco_files_have_one_group(tmp_path, capsys):
    truth = {"images": [{k: v for k, v in i.items() if not k.endswith("_ids")} for i in IMAGES],
             "annotations": ANNOTATIONS,
             "categories": [{"id": c["id"], "name": c["name"]} for c in CATEGORIES]}  # fmt: skip
    (tmp_path / "gt.json").write_text(json.dumps(truth))
    (tmp_path / "results.json").write_text(json.dumps(DETECTIONS))
    line = ["--gt", str(tmp_path / "gt.json"), "--results", str(tmp_path / "results.json")]
    run([*line, "--iou-type", "bbox", "--output", str(tmp_path / "out")])
    record = json.loads((tmp_path / "out" / "analysis.json").read_text())
    assert record["right"]["frequent"] == 1
    with pytest.raises(SystemExit) as ended:
        run([*line[:2], "--results", str(tmp_path / "absent.json"), "--iou-type", "bbox",
             "--output", str(tmp_path / "other")])  # fmt: skip
    assert ended.value.code == 2
