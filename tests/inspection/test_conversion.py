"""Other tools' annotations: lt-det check-data --from."""

import json

import pytest

from lt_det.commands.check_data import run

from .helpers import picture


@pytest.fixture
def converted(tmp_path, capsys):
    """Run the command on a kind and its splits; returns (exit code, printed, record by split)."""

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
        (["sub/d.png", "sub/e.png"], ["sub/d.txt"], "images/sub/d.png", 2),
        (["e.gif"], ["e.txt"], "images/e.gif", 1),
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


def test_yolo_takes_what_tools_leave_beside(converted, tmp_path):
    labels, images = yolo(tmp_path, "[cat, dog]", TWO)
    (labels / "classes.txt").write_text("cat\ndog\n")
    (labels / ".DS_Store.txt").write_text("")
    (images / ".thumbnails").mkdir()
    picture(images / ".thumbnails", "a.png", 1)
    picture(images, "d.JPG", 1)
    (labels / "d.txt").write_text("0 0.5 0.5 0.25 0.5\n")
    code, _, made = converted("yolo", train=(labels, images))
    assert code == 0
    assert [i["file_name"] for i in made["train"]["images"]] == ["a.png", "b.png", "d.JPG"]
