"""YOLO's annotations: lt-det check-data --from yolo."""

import pytest

from .helpers import classes_of, picture


def yolo(folder, names, labels):
    """Write a.png, b.png, … with a label line each; returns (labels, images)."""
    (folder / "labels").mkdir(parents=True)
    (folder / "data.yaml").write_text(f"names: {names}\n")
    for number, (stem, line) in enumerate(labels.items()):
        picture(folder / "images", f"{stem}.png", number)
        (folder / "labels" / f"{stem}.txt").write_text(line)
    return folder / "labels", folder / "images"


TWO = {"a": "1 0.5 0.5 0.25 0.5\n", "b": "0 0.5 0.5 0.25 0.5\n"}


@pytest.mark.parametrize("names", ["[cat, dog]", "{1: dog, 0: cat}", "{'0': cat, '1': dog}"])
def test_yolo_names_a_class_by_its_number(converted, tmp_path, names):
    code, _, made = converted("yolo", train=yolo(tmp_path, names, TWO))
    assert code == 0
    assert classes_of(made["train"]) == ["dog", "cat"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("{1: cat, 2: dog}", "no class 0: 2 names"),
        ("{0: cat, 2: dog, 3: emu}", "no class 1: 3 names"),
        ("{'0': cat, 0: dog}", "no class 1"),
        ("{-1: cat, 0: dog}", "no class 1"),
        ("{cat: 0, dog: 1}", "key 'cat' is no number"),
        ("{true: cat, 0: dog}", "key True is no number"),
        ("cat", "names: neither a list"),
        ("[cat", "cannot be read"),
    ],
)
def test_yolo_names_with_a_gap_are_refused(converted, tmp_path, names, message):
    """Sorted names would be counted from 0: {1: cat, 2: dog} makes of a cat's 1 a dog."""
    code, shown, made = converted("yolo", train=yolo(tmp_path, names, TWO))
    assert code == 2
    assert f"error: {tmp_path / 'data.yaml'}: " in shown
    assert message in shown
    assert made == {}


@pytest.mark.parametrize(
    ("texts", "first", "number"),
    [
        (["zzz.txt"], "labels/zzz.txt", 1),
        (["sub/a.txt", "x.TXT"], "labels/sub/a.txt", 2),
    ],
)
def test_yolo_what_would_be_dropped_is_refused(converted, tmp_path, texts, first, number):
    labels, images = yolo(tmp_path, "[cat, dog]", TWO)
    for name in texts:
        (labels / name).parent.mkdir(exist_ok=True)
        (labels / name).write_text("0 0.5 0.5 0.25 0.5\n")
    code, shown, _ = converted("yolo", train=(labels, images))
    assert code == 2
    assert f"error: {tmp_path / first}: " in shown
    assert f"would drop, 1 of {number}: " in shown


def test_yolo_images_in_subfolders_have_their_labels_in_the_same(converted, tmp_path):
    """Of two that are called alike, each its own; a folder may have no labels at all."""
    labels, images = yolo(tmp_path, "[cat, dog]", TWO)
    for name in ("day/a.png", "day/deep/c.png", "empty/d.png"):
        picture((images / name).parent, (images / name).name, 5 + len(name))
    for name, line in (("day/a", "0 0.25 0.5 0.5 1\n"), ("day/deep/c", 2 * TWO["a"])):
        (labels / name).parent.mkdir()
        (labels / f"{name}.txt").write_text(line)
    code, shown, made = converted("yolo", train=(labels, images))
    assert code == 0, shown
    record = made["train"]
    assert [(i["id"], i["file_name"]) for i in record["images"]] == [
        (1, "a.png"), (2, "b.png"), (3, "day/a.png"), (4, "day/deep/c.png"), (5, "empty/d.png"),
    ]  # fmt: skip
    assert [(a["id"], a["image_id"]) for a in record["annotations"]] == [
        (1, 1), (2, 2), (3, 3), (4, 4), (5, 4),
    ]  # fmt: skip
    assert classes_of(record) == ["dog", "cat", "cat", "dog", "dog"]
    assert record["annotations"][2]["bbox"] == [0, 0, 32, 48]


def test_yolo_takes_what_tools_leave_beside(converted, tmp_path):
    labels, images = yolo(tmp_path, "[cat, dog]", TWO)
    (labels / "classes.txt").write_text("cat\ndog\n")
    (labels / "sub").mkdir()
    (labels / "sub" / "classes.txt").write_text("cat\ndog\n")
    (labels / ".DS_Store.txt").write_text("")
    (images / ".thumbnails").mkdir()
    picture(images / ".thumbnails", "a.png", 1)
    picture(images, "d.JPG", 1)
    (labels / "d.txt").write_text("0 0.5 0.5 0.25 0.5\n")
    code, _, made = converted("yolo", train=(labels, images))
    assert code == 0
    assert [i["file_name"] for i in made["train"]["images"]] == ["a.png", "b.png", "d.JPG"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("2 0.5 0.5 0.25 0.5", "class 2, of 2 counted from 0"),
        ("0.5 0.5 0.5 0.25 0.5", "class 0.5, of 2"),
        ("cat 0.5 0.5 0.25 0.5", "not a class and numbers"),
        ("0 0.5 0.5 nan 0.5", "a number that is none"),
        ("0 0.5 0.5 -0.25 0.5", "a width or height below 0"),
        ("0 32 24 16 24", "pixels? YOLO's numbers are shares"),
        ("0 0.5 0.5 0.25", "3 numbers: neither a box of 4 nor a polygon's pairs"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2 0.9", "7 numbers: neither"),
    ],
)
def test_yolo_a_line_that_is_none_is_named(converted, tmp_path, line, why):
    source = yolo(tmp_path, "[cat, dog]", {"a": f"{TWO['a']}\n{line}\n"})
    code, shown, _ = converted("yolo", train=source)
    assert code == 2
    assert f"error: {tmp_path}/labels/a.txt: line 3: {why}" in shown


def test_yolo_an_image_that_cannot_be_read_and_two_of_a_label_are_named(converted, tmp_path):
    labels, images = yolo(tmp_path, "[cat, dog]", TWO)
    (images / "c.png").write_bytes(b"no image")
    code, shown, _ = converted("yolo", train=(labels, images))
    assert code == 2
    assert f"error: {images}/c.png: broken image" in shown
    (images / "c.png").unlink()
    picture(images, "a.jpg", 1)
    code, shown, _ = converted("yolo", train=(labels, images))
    assert code == 2
    assert "a.png: has the label file of a.jpg, too" in shown


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("labels/classes.txt", "cat\ndog\n"),
        ("obj.names", "cat\n\ndog\n"),
        ("coco8.yaml", "names: {0: cat, 1: dog}"),
        ("dataset.yaml", "names: [cat, dog]"),
    ],
)
def test_yolo_names_are_where_tools_put_them(converted, tmp_path, file, content):
    source = yolo(tmp_path, "[cat, dog]", TWO)
    (tmp_path / "data.yaml").unlink()
    (tmp_path / "other.yaml").write_text("lr: 0.1")  # of a training, say
    code, shown, _ = converted("yolo", train=source)
    assert code == 2
    assert "no data.yaml, dataset.yaml, data.yml, classes.txt, obj.names in it" in shown
    (tmp_path / file).write_text(content)
    code, shown, made = converted("yolo", train=source)
    assert code == 0, shown
    assert classes_of(made["train"]) == ["dog", "cat"]


def test_yolo_names_in_two_files_are_refused(converted, tmp_path):
    source = yolo(tmp_path, "[cat, dog]", TWO)
    for name in ("a.yaml", "b.yml"):
        (tmp_path / "data.yaml").rename(tmp_path / name) if name == "a.yaml" else (
            tmp_path / name
        ).write_text("names: [dog, cat]")
    code, shown, _ = converted("yolo", train=source)
    assert code == 2
    assert f"error: {tmp_path}: which names classes? a.yaml, b.yml" in shown


def polygon_line(*points):
    return "0 " + " ".join(f"{x / 64} {y / 48}" for x, y in points) + "\n"


SQUARE = [(2, 2), (12, 2), (12, 12), (2, 12)]
# As merged pieces are written: a hole, and an edge that is there twice.
RING = [(10, 5), (50, 5), (50, 45), (10, 45), (10, 6), (20, 15), (20, 35), (40, 35), (40, 15),
        (20, 15)]  # fmt: skip


def test_yolo_polygons_are_instances_in_their_own_numbers(converted, tmp_path):
    """supervision calls a mask with a hole a crowd region, which is not trained on."""
    labels = {"a": polygon_line(*RING) + polygon_line(*SQUARE)}
    code, shown, made = converted("yolo", train=yolo(tmp_path, "[cat]", labels))
    assert code == 0, shown
    ring, square = made["train"]["annotations"]
    assert [len(ring["segmentation"]), len(ring["segmentation"][0])] == [1, 2 * len(RING)]
    assert square["segmentation"] == [pytest.approx([xy for point in SQUARE for xy in point])]
    assert square["bbox"] == pytest.approx([2, 2, 10, 10])
    assert square["area"] == pytest.approx(100)
    assert [ring["iscrowd"], square["iscrowd"]] == [0, 0]
    facts = made["check"]["facts"]
    assert facts["training crowd regions"] == 0
    assert facts["training instances"] == 2


@pytest.mark.parametrize("shape", ["", "kpt_shape: [2, 3]\n"])
def test_yolo_boxes_beside_polygons_have_no_mask(converted, tmp_path, shape):
    """supervision gives them a rectangle, which a mask head would learn."""
    box = "0 0.5 0.5 0.25 0.5"
    pose = [f"{box} 0.5 0.5 2 0.5 0.6 1\n"] if shape else []
    lines = [f"{box}\n", polygon_line(*SQUARE), "\n", f"{box} 0.9\n", *pose]
    source = yolo(tmp_path, "[cat]", {"a": "".join(lines), "b": f"{box}\n"})
    with (tmp_path / "data.yaml").open("a") as file:
        file.write(shape)
    code, shown, made = converted("yolo", train=source)
    assert code == 0, shown
    annotations = made["train"]["annotations"]
    masked = [bool(a.get("segmentation")) for a in annotations]
    assert masked == [False, True, False, *(False for _ in pose), False]
    assert annotations[0]["area"] == annotations[-1]["area"] == 16 * 24
    assert made["check"]["facts"]["training instances without a mask"] == 3 + len(pose)


def test_yolo_splits_of_other_names_are_refused(converted, tmp_path):
    """Each has a data.yaml that says all names: where they differ, one of them is wrong."""
    train = yolo(tmp_path / "one", "[cat, dog]", TWO)
    val = yolo(tmp_path / "other", "[cat, emu]", TWO)
    code, shown, _ = converted("yolo", train=train, val=val)
    assert code == 2
    assert "emu" in shown or "dog" in shown
