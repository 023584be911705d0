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
    ("pictures", "texts", "first", "number"),
    [
        (["e.gif", "sub/g.gif"], ["e.txt"], "images/e.gif", 2),
        (["f.jp2"], [], "images/f.jp2", 1),
        ([], ["zzz.txt"], "labels/zzz.txt", 1),
        ([], ["sub/a.txt", "x.TXT"], "labels/sub/a.txt", 2),
    ],
)
def test_yolo_what_would_be_dropped_is_refused(converted, tmp_path, pictures, texts, first, number):
    labels, images = yolo(tmp_path, "[cat, dog]", TWO)
    for name in pictures:
        picture((images / name).parent, (images / name).name, 7)
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


def polygon_line(*points):
    return "0 " + " ".join(f"{x / 64} {y / 48}" for x, y in points) + "\n"


RING = [(10, 5), (50, 5), (50, 45), (10, 45), (10, 6), (20, 15), (20, 35), (40, 35), (40, 15),
        (20, 15)]  # fmt: skip


SQUARE = [(2, 2), (12, 2), (12, 12), (2, 12)]


def test_yolo_masks_of_any_shape_are_instances(converted, tmp_path):
    """supervision calls a mask with a hole a crowd region, which is not trained on."""
    labels = {"a": polygon_line(*RING) + polygon_line(*SQUARE)}
    code, shown, made = converted("yolo", train=yolo(tmp_path, "[cat]", labels))
    assert code == 0, shown
    ring, square = made["train"]["annotations"]
    assert ring["segmentation"].keys() == {"size", "counts"}
    assert len(square["segmentation"]) == 1
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
