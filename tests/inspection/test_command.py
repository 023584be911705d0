"""lt-det check-data."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from .helpers import BOX, annotated, coco, picture


def test_what_is_odd_is_counted_and_named(checked, tmp_path):
    words = annotated(tmp_path)
    shutil.copy(tmp_path / "train" / "train_1.png", tmp_path / "val" / "val_2.png")
    code, record, shown, page = checked(*words)
    assert code == 0
    facts = record["facts"]
    assert (facts["categories"], facts["training images"], facts["training instances"]) == (2, 4, 4)
    assert facts["training images without an instance"] == 1
    oddities = {what: entry["number"] for what, entry in record["oddities"].items()}
    assert oddities == {
        "train: the same box and category twice in an image": 1,
        "train: over 98 % of the image": 1,
        "train: a side below 2 pixels": 1,
    }
    examples = record["oddities"]["train: a side below 2 pixels"]["examples"]
    assert examples == ["image 3, annotation 4 (dog)"]
    (leak,) = record["leaks"]
    assert leak[0].startswith("train: ")
    assert leak[0].endswith("train_1.png")
    assert leak[1].startswith("validation: ")
    rows = {row["class"]: row for row in record["classes"]}
    assert rows["cat"]["training images"] == 2
    assert rows["dog"]["validation instances"] == 0
    assert "no validation instance" in shown
    assert "<svg" in page
    assert "train_1.png" in page


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"categories": [{"id": 1, "name": "cat"}]}, "category"),
        ({"images": []}, "image"),
    ],
)
def test_what_training_would_refuse_ends_with_2(checked, tmp_path, changes, message):
    code, record, shown, page = checked(*annotated(tmp_path, **changes), "--quick")
    assert code == 2
    assert message in record["refused"]
    assert f"error: {record['refused']}" in shown
    assert "Training would refuse this" in page


def test_categories_that_cannot_be_learned_are_named(checked, tmp_path):
    """Their number alone sent a person to the page to look for them."""
    named = ("cat", "dog", "elk", "cat", "owl")
    boxes = [[(0, BOX), (1, BOX)], [(3, BOX)]]
    file = coco(tmp_path, "train", boxes, named)
    code, record, shown, _ = checked("--train-json", file, "--train-images", tmp_path / "train")
    assert code == 0
    assert record["facts"]["categories without a training image"] == 2
    assert "categories never trained on: elk, owl\n" in shown
    assert "1 × name of several categories, which are learned apart: cat\n" in shown


def test_masks_are_asked_for_where_the_config_says_so(checked, tmp_path):
    words = annotated(tmp_path)
    file = tmp_path / "train.json"
    record = json.loads(file.read_text())
    for annotation in record["annotations"]:
        del annotation["segmentation"]
    file.write_text(json.dumps(record))
    assert checked(*words, "--quick")[0] == 0
    config = ["--config-file", "custom/cascade_lite0_tde"]
    code, record, _, _ = checked(*words, "--quick", *config)
    assert code == 2
    assert "MODEL.MASK_ON False" in record["refused"]
    assert checked(*words, "--quick", *config, "MODEL.MASK_ON", "False")[0] == 0


def test_a_folder_of_classes(checked, tmp_path):
    for split, counts in (("train", (6, 2)), ("val", (2, 2))):
        for name, count in zip(("cat", "d<og"), counts, strict=True):
            for number in range(count):
                seed = hash((split, name, number)) % 10_000
                picture(tmp_path / "data" / split / name, f"{number}.png", seed)
    code, record, _, page = checked("--data", tmp_path / "data")
    assert code == 0
    assert record["facts"]["training images"] == 8
    assert record["facts"]["imbalance (images, most frequent over rarest)"] == 3
    assert {row["class"]: row["test images"] for row in record["classes"]} == {"cat": 2, "d<og": 2}
    # A name is text, not markup.
    assert "d&lt;og" in page
    shutil.rmtree(tmp_path / "data" / "train" / "cat")
    (tmp_path / "data" / "train" / "cat").mkdir()
    assert checked("--data", tmp_path / "data", "--quick")[0] == 2


def classes(folder, **counts):
    for split in ("train", "val"):
        for label, (name, count) in enumerate(counts.items()):
            for number in range(count):
                picture(folder / split / name, f"{number}.png", 100 * label + number)
    return folder


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("quick", [["--quick"], []])
def test_a_broken_image_of_a_class_ends_with_2(checked, tmp_path, split, quick):
    """As in training; where it would leave the image out, nothing is refused."""
    data = classes(tmp_path / "data", cat=3, dog=2)
    file = data / split / "dog" / "1.png"
    file.write_bytes(file.read_bytes()[:200])
    code, record, shown, _ = checked("--data", data, *quick)
    assert code == 2
    assert record["refused"].startswith(f"{file}: broken image")
    assert f"error: {file}: broken image" in shown
    code, record, _, _ = checked("--data", data, *quick, "DATASETS.ON_INVALID", "skip")
    assert code == 0
    assert record["facts"]["training images"] == (4 if split == "train" else 5)


def break_within(file):
    content = bytearray(file.read_bytes())
    at = content.index(b"IDAT") + 10
    content[at : at + 40] = bytes(40)
    file.write_bytes(content)


@pytest.mark.parametrize("in_memory", ["True", "False"])
def test_an_image_broken_within_ends_with_2(checked, tmp_path, in_memory):
    """Its end is there, so that decoding alone shows it."""
    data = classes(tmp_path / "data", cat=3, dog=2)
    file = data / "train" / "dog" / "1.png"
    break_within(file)
    words = ["INPUT.CLASSIFICATION.IN_MEMORY", in_memory]
    code, record, _, _ = checked("--data", data, *words)
    assert code == 2
    assert record["refused"].startswith(f"{file}: broken image")
    assert record["oddities"]["train: image cannot be decoded"]["number"] == 1


def test_an_annotated_image_broken_within_ends_with_2(checked, tmp_path):
    words = annotated(tmp_path)
    file = tmp_path / "val" / "val_2.png"
    break_within(file)
    code, record, _, _ = checked(*words)
    assert code == 2
    assert record["refused"].startswith(f"{file}: broken image")
    assert record["facts"]["training images"] == 4


def test_a_single_class_ends_with_2(checked, tmp_path):
    code, record, _, _ = checked("--data", classes(tmp_path / "data", cat=3), "--quick")
    assert code == 2
    assert "cat is the only class" in record["refused"]


@pytest.mark.parametrize("crowd", [[], [{"iscrowd": 1}]])
def test_annotations_without_an_instance_end_with_2(checked, tmp_path, crowd):
    words = annotated(tmp_path)
    file = tmp_path / "train.json"
    record = json.loads(file.read_text())
    record["annotations"] = [{**record["annotations"][0], **changes} for changes in crowd]
    file.write_text(json.dumps(record))
    code, record, _, _ = checked(*words, "--quick")
    assert code == 2
    assert record["refused"] == f"{file}: no image has an instance to train on"


@pytest.mark.skipif(sys.platform != "linux", reason="others have no names in Latin-1")
def test_a_folder_whose_names_are_no_utf_8(checked, tmp_path):
    for split in ("train", "val"):
        # The same pictures in both, so that their names are said.
        for name in ("café", "dog"):
            picture(tmp_path / "data" / split / name, "é.png", len(name))
            folder = tmp_path / "data" / split / name
            os.rename(folder / "é.png", os.fsencode(folder) + b"/\xe9.png")
        folder = tmp_path / "data" / split
        os.rename(folder / "café", os.fsencode(folder) + b"/caf\xe9")
    code, record, shown, page = checked("--data", tmp_path / "data")
    assert code == 0
    assert {row["class"] for row in record["classes"]} == {"caf\\xe9", "dog"}
    leaked = {name for names in record["leaks"] for name in names}
    folder = tmp_path / "data" / "train"
    assert {f"train: {folder}/caf\\xe9/\\xe9.png", f"train: {folder}/dog/\\xe9.png"} <= leaked
    assert "\\xe9.png" in shown
    assert "caf\\xe9" in page


def test_yolo(checked, tmp_path):
    """Boxes and polygons, names as a mapping, data.yaml beside the folders, an empty image."""
    for name in ("a", "b"):
        picture(tmp_path / "images" / "train", f"{name}.png", ord(name))
    labels = tmp_path / "labels" / "train"
    labels.mkdir(parents=True)
    (tmp_path / "data.yaml").write_text("names:\n  0: cat\n  1: dog\n")
    (labels / "b.txt").write_text("0 0.5 0.5 0.25 0.5\n1 0.25 0.25 0.75 0.25 0.75 0.75\n")
    # DIR may be where a person's own files lie.
    mine = tmp_path / "out" / "train.json"
    mine.parent.mkdir()
    mine.write_text("mine")
    words = ["--from", "yolo", "--train-json", labels]
    code, record, _, _ = checked(*words, "--train-images", tmp_path / "images" / "train")
    assert code == 0
    assert mine.read_text() == "mine"
    assert record["facts"]["training instances"] == 2
    made = json.loads((tmp_path / "out" / "train.from_yolo.json").read_text())
    assert [image["file_name"] for image in made["images"]] == ["a.png", "b.png"]
    box = made["annotations"][0]
    assert (box["image_id"], box["category_id"]) == (2, 1)
    assert box["bbox"] == pytest.approx([24, 12, 16, 24], abs=1)


def test_voc_and_cvat(checked, tmp_path):
    picture(tmp_path / "images", "a.png", 1)
    (tmp_path / "voc" / "Annotations").mkdir(parents=True)
    (tmp_path / "voc" / "Annotations" / "a.xml").write_text(
        "<annotation><filename>a.png</filename><size><width>64</width><height>48</height></size>"
        "<object><name>cat</name><bndbox><xmin>11</xmin><ymin>6</ymin><xmax>30</xmax>"
        "<ymax>40</ymax></bndbox></object></annotation>"
    )
    (tmp_path / "cvat.xml").write_text(
        "<annotations><meta><task><labels><label><name>cat</name></label></labels></task></meta>"
        '<image id="0" name="a.png" width="64" height="48">'
        '<box label="cat" xtl="10" ytl="5" xbr="30" ybr="40"/></image></annotations>'
    )
    for kind, source in (("voc", tmp_path / "voc"), ("cvat", tmp_path / "cvat.xml")):
        words = ["--from", kind, "--train-json", source, "--train-images", tmp_path / "images"]
        code, record, _, _ = checked(*words)
        assert code == 0
        assert record["facts"]["training instances"] == 1
        made = json.loads((tmp_path / "out" / f"train.from_{kind}.json").read_text())
        assert made["annotations"][0]["bbox"] == [10, 5, 20, 35]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name the data"),
        (["--from", "yolo", "--train-json", "absent", "--train-images", "x"], "absent: no such"),
        (["--train-json", "absent.json", "--train-images", "x"], "absent.json"),
    ],
)
def test_mistakes(checked, words, message):
    code, _, shown, _ = checked(*words)
    assert code == 2
    assert message in shown


def test_the_page_in_a_browser(checked, tmp_path):
    """Headless Chromium draws it without a word on its console."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium")
    checked(*annotated(tmp_path), "--quick")
    line = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    line += ["--dump-dom", (tmp_path / "out" / "check.html").as_uri()]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=True)
    assert "CONSOLE" not in done.stderr
    assert done.stdout.count("<svg") == 3
    assert done.stdout.count("<tr>") > 5
