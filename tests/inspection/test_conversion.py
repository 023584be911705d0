"""Other tools' annotations: lt-det check-data --from."""

import json

import pytest

from lt_det.commands.check_data import run

from .helpers import picture


@pytest.fixture
def converted(tmp_path, capsys):
    """Run the command on a kind and its splits; returns (exit code, printed, record by split).

    Of ``check`` it is what the command says in check.json.
    """

    def convert(kind, **splits):
        words = ["--from", kind, "--output", str(tmp_path / "out"), "--quick"]
        for split, (source, images) in splits.items():
            words += [f"--{split}-json", str(source), f"--{split}-images", str(images)]
        code = 0
        try:
            run(words)
        except SystemExit as ended:
            code = ended.code
        shown = capsys.readouterr()
        files = {split: tmp_path / "out" / f"{split}.from_{kind}.json" for split in splits}
        files["check"] = tmp_path / "out" / "check.json"
        made = {split: json.loads(f.read_text()) for split, f in files.items() if f.is_file()}
        return code, shown.out + shown.err, made

    return convert


def yolo(folder, names, labels):
    """Write a.png, b.png, … with a label line each; returns (labels, images)."""
    (folder / "labels").mkdir(parents=True)
    (folder / "data.yaml").write_text(f"names: {names}\n")
    for number, (stem, line) in enumerate(labels.items()):
        picture(folder / "images", f"{stem}.png", number)
        (folder / "labels" / f"{stem}.txt").write_text(line)
    return folder / "labels", folder / "images"


def classes_of(record):
    names = {category["id"]: category["name"] for category in record["categories"]}
    return [names[annotation["category_id"]] for annotation in record["annotations"]]


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


def voc(folder, objects):
    """Write a folder with an image an entry, and the objects it lists; returns (folder, images)."""
    (folder / "Annotations").mkdir(parents=True)
    box = "<bndbox><xmin>11</xmin><ymin>6</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>"
    for stem, names in objects.items():
        picture(folder / "JPEGImages", f"{stem}.png", ord(stem))
        body = "".join(f"<object><name>{name}</name>{box}</object>" for name in names)
        (folder / "Annotations" / f"{stem}.xml").write_text(
            f"<annotation><filename>{stem}.png</filename><size><width>64</width>"
            f"<height>48</height></size>{body}</annotation>"
        )
    return folder, folder / "JPEGImages"


def test_voc_parts_without_a_rare_class_have_its_name_and_number(converted, tmp_path):
    """An alphabet of each part's own would give dog 2 in training, and 1 in validation."""
    train = voc(tmp_path / "train", {"a": ["cat"], "b": ["dog"], "c": ["emu"]})
    val = voc(tmp_path / "val", {"d": ["dog"], "e": [], "f": ["ant"]})
    code, shown, made = converted("voc", train=train, val=val)
    assert code == 0, shown
    categories = [{"id": i, "name": n} for i, n in enumerate(["cat", "dog", "emu", "ant"], 1)]
    assert made["train"]["categories"] == made["val"]["categories"] == categories
    assert classes_of(made["train"]) == ["cat", "dog", "emu"]
    assert classes_of(made["val"]) == ["dog", "ant"]
    # It may be a slip of the pen.
    odd = made["check"]["oddities"]["train: category that validation alone names"]
    assert odd == {"number": 1, "examples": ["ant"]}


def test_voc_files_in_subfolders_are_said_to_be_left_out(converted, tmp_path):
    folder, images = voc(tmp_path / "train", {"a": ["cat"], "b": ["dog"]})
    (folder / "Annotations" / "more").mkdir()
    (folder / "Annotations" / "b.xml").rename(folder / "Annotations" / "more" / "b.xml")
    code, shown, made = converted("voc", train=(folder, images))
    assert code == 0
    odd = made["check"]["oddities"]["train: VOC file in a subfolder is left out"]
    assert odd == {"number": 1, "examples": ["more/b.xml"]}
    assert "1 × train: VOC file in a subfolder is left out: more/b.xml" in shown


def test_voc_polygons_are_said_to_be_left_out(converted, tmp_path):
    folder, images = voc(tmp_path / "train", {"a": ["cat", "cat"], "b": ["dog"]})
    file = folder / "Annotations" / "a.xml"
    polygon = "<polygon><x1>11</x1><y1>6</y1><x2>30</x2><y2>6</y2><x3>30</x3><y3>40</y3></polygon>"
    file.write_text(file.read_text().replace("<bndbox>", f"{polygon}<bndbox>"))
    code, shown, made = converted("voc", train=(folder, images))
    assert code == 0
    assert "2 × train: VOC polygon is left out, its box is taken: a.xml, …" in shown
    assert [a["bbox"] for a in made["train"]["annotations"]] == [[10, 5, 20, 35]] * 3


def test_voc_difficult_objects_are_said_to_be_crowd_regions(converted, tmp_path):
    folder, images = voc(tmp_path / "train", {"a": ["cat", "cat"], "b": ["dog"]})
    for stem, mark in (("a", 1), ("b", 0)):
        file = folder / "Annotations" / f"{stem}.xml"
        marked = f"<difficult> {mark} </difficult><bndbox>"
        file.write_text(file.read_text().replace("<bndbox>", marked))
    code, shown, made = converted("voc", train=(folder, images))
    assert code == 0
    what = "train: VOC object marked difficult is taken as a crowd region"
    assert f"2 × {what}: a.xml, …" in shown
    assert [a["iscrowd"] for a in made["train"]["annotations"]] == [1, 1, 0]


def test_voc_files_of_the_same_image_are_refused(converted, tmp_path):
    folder, images = voc(tmp_path / "train", {"a": ["cat"], "b": ["dog"]})
    file = folder / "Annotations" / "b.xml"
    file.write_text(file.read_text().replace("b.png", "a.png"))
    code, shown, made = converted("voc", train=(folder, images))
    assert code == 2
    assert f"error: {file}: filename 'a.png': a.xml is of this image, too" in shown
    assert made == {}


def cvat(folder, level, labels, shapes):
    """Write an XML file whose labels stand below ``level``; returns (file, images)."""
    picture(folder / "images", "a.png", 1)
    named = "".join(f"<label><name>{name}</name></label>" for name in labels)
    (folder / "cvat.xml").write_text(
        f"<annotations><meta><{level}><labels>{named}</labels></{level}></meta>"
        f'<image id="0" name="a.png" width="64" height="48">{shapes}</image></annotations>'
    )
    return folder / "cvat.xml", folder / "images"


@pytest.mark.parametrize("level", ["task", "project", "job"])
def test_cvat_labels_are_read_wherever_they_stand(converted, tmp_path, level):
    box = '<box label="dog" xtl="10" ytl="5" xbr="30" ybr="40"/>'
    source = cvat(tmp_path, level, ["emu", "cat", "dog"], box)
    code, _, made = converted("cvat", train=source)
    assert code == 0
    categories = made["train"]["categories"]
    assert categories == [{"id": i, "name": n} for i, n in enumerate(["emu", "cat", "dog"], 1)]
    assert classes_of(made["train"]) == ["dog"]


def test_cvat_images_of_the_same_name_are_refused(converted, tmp_path):
    file, images = cvat(tmp_path, "project", ["dog"], "")
    again = '<image id="1" name="a.png" width="64" height="48"></image></annotations>'
    file.write_text(file.read_text().replace("</annotations>", again))
    code, shown, _ = converted("cvat", train=(file, images))
    assert code == 2
    assert f"error: {file}: image 'a.png': appears twice" in shown


def test_cvat_shapes_that_are_lost_are_said(converted, tmp_path):
    shapes = """
        <box label="cat" xtl="10" ytl="5" xbr="30" ybr="40" rotation="45.00"/>
        <box label="cat" xtl="11" ytl="5" xbr="30" ybr="40" rotation="0.00"/>
        <polygon label="cat" points="1,1;20,1;20,20"/>
        <polygon label="cat" points="1,1;20,1"/>
        <mask label="cat" rle="3, 5" left="2" top="2" width="4" height="2"/>
        <mask label="cat" rle="3, 5" left="9" top="2" width="4" height="2"/>
        <ellipse label="cat" cx="20" cy="20" rx="5" ry="6"/>"""
    code, shown, made = converted("cvat", train=cvat(tmp_path, "task", ["cat"], shapes))
    assert code == 0
    assert len(made["train"]["annotations"]) == 3
    numbers = {what: odd["number"] for what, odd in made["check"]["oddities"].items()}
    assert {what: number for what, number in numbers.items() if "CVAT" in what} == {
        "train: CVAT box is taken without its rotation": 1,
        "train: CVAT polygon of fewer than 3 points is left out": 1,
        "train: CVAT mask is left out": 2,
        "train: CVAT ellipse is left out": 1,
    }
    assert "2 × train: CVAT mask is left out: a.png, …" in shown


def test_yolo_splits_of_other_names_are_refused(converted, tmp_path):
    """Each has a data.yaml that says all names: where they differ, one of them is wrong."""
    train = yolo(tmp_path / "one", "[cat, dog]", TWO)
    val = yolo(tmp_path / "other", "[cat, emu]", TWO)
    code, shown, _ = converted("yolo", train=train, val=val)
    assert code == 2
    assert "emu" in shown or "dog" in shown
