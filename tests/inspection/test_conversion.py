"""Other tools' annotations: lt-det check-data --from."""

import pytest

from .helpers import classes_of, picture


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


def test_voc_images_without_a_file_are_said_to_be_left_out(converted, tmp_path):
    """A background image needs a file without objects, which people leave away."""
    train = voc(tmp_path / "train", {"a": ["cat"], "b": [], "c": ["cat"]})
    val = voc(tmp_path / "val", {"d": ["cat"], "e": ["cat"]})
    for folder, stem in ((train[0], "c"), (val[0], "e")):
        (folder / "Annotations" / f"{stem}.xml").unlink()
    code, shown, made = converted("voc", train=train, val=val)
    assert code == 0
    assert [image["file_name"] for image in made["train"]["images"]] == ["a.png", "b.png"]
    assert "1 × train: image without a VOC file is left out (an empty one says that" in shown
    assert "nothing is on it): c.png" in shown
    assert "1 × validation: image without a VOC file is left out" in shown


def test_voc_files_that_count_from_0_are_said(converted, tmp_path):
    """Where no corner is at 0 nothing tells them from VOC's own."""
    folder, images = voc(tmp_path / "train", {"a": ["cat", "cat"], "b": ["dog"]})
    file = folder / "Annotations" / "a.xml"
    file.write_text(file.read_text().replace("<xmin>11<", "<xmin>0.0<", 1))
    code, shown, made = converted("voc", train=(folder, images))
    assert code == 0
    assert [a["bbox"][0] for a in made["train"]["annotations"]] == [-1, 10, 10]
    assert "1 × train: VOC file counts pixels from 0: its boxes are taken one pixel" in shown


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
