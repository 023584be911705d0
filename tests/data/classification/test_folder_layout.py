"""What folders mean: splits, classes, or nothing."""

import logging
import os

import pytest
from PIL import Image

from lt_det.data.classification import read_folder
from lt_det.errors import DataError

from .helpers import image_bytes, write_folder, write_zip

PICTURE = image_bytes()


def files(*names):
    return dict.fromkeys(names, PICTURE)


def of_classes(*folders, classes=("a", "b")):
    return files(
        *(f"{f}/{c}/{i}.png".lstrip("/") for f in folders for c in classes for i in (0, 1))
    )


@pytest.fixture(params=["folder", "zip"])
def made(request, tmp_path):
    """A folder or a zip of the files; names that end in a slash are empty folders."""

    def make(content):
        if request.param == "zip":
            return write_zip(tmp_path / "set.zip", {name: b or b"" for name, b in content.items()})
        for name in [name for name in content if name.endswith("/")]:
            (tmp_path / "set" / name).mkdir(parents=True)
        return write_folder(
            tmp_path / "set", {n: b for n, b in content.items() if not n.endswith("/")}
        )

    return make


def counts(sets):
    return {split: found.counts().tolist() for split, found in sets.items()}


@pytest.mark.parametrize("train", ["train", "Training", "TRAIN"])
@pytest.mark.parametrize("val", ["val", "valid", "Validation", "dev"])
@pytest.mark.parametrize("test", ["test", "Testing"])
def test_names_of_splits(tmp_path, train, val, test):
    found = read_folder(write_folder(tmp_path / "set", of_classes(train, val, test)))
    assert counts(found) == {"train": [2, 2], "val": [2, 2], "test": [2, 2]}
    assert found["val"].name == f"set/{val}"
    assert found["train"].class_names == ("a", "b")


@pytest.mark.parametrize("around", ["data", "data/deep", "Testing", "train"])
def test_one_folder_around_everything(made, around):
    content = of_classes(f"{around}/Training", f"{around}/valid")
    assert counts(read_folder(made(content))) == {"train": [2, 2], "val": [2, 2]}


def test_a_stray_image_does_not_make_one_class_of_everything(made, caplog):
    content = {**of_classes("data/train", "data/test"), **files("logo.png", "data/plan.png")}
    content["code/run.py"] = b""
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        assert counts(read_folder(made(content))) == {"train": [2, 2], "test": [2, 2]}
    assert "2 images lie outside class folders and are not read (data/plan.png)" in caplog.text
    assert "looked for in data/; 1 files beside it are not read (code/run.py)" in caplog.text


LEFT_BEHIND = [
    *(".hidden/x.png", "a/.hidden/x.png", ".ipynb_checkpoints/x.png", "a/.ipynb_checkpoints/x.png"),
    *("__MACOSX/a/._0.png", "a/._0.png", "a/Thumbs.db", "a/.DS_Store", "a/desktop.ini"),
    *("@eaDir/a/x.png", "a/@eaDir/x.png", "a/deeper/.x.png"),
]


@pytest.mark.parametrize("inside", ["", "train", "data/Train"])
def test_what_systems_leave_behind_is_nothing(made, caplog, inside):
    content = of_classes(inside)
    content |= {f"{inside}/{name}".lstrip("/"): b"junk" for name in LEFT_BEHIND}
    content |= {f"{inside}/.git/".lstrip("/"): None, f"{inside}/a/.cache/".lstrip("/"): None}
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        (found,) = read_folder(made(content)).values()
    assert found.class_names == ("a", "b")
    assert found.counts().tolist() == [2, 2]
    assert not caplog.messages


def test_an_empty_class_stops_by_name(made):
    with pytest.raises(DataError, match=r"train/c/: a class folder without an image; so are 1"):
        read_folder(made({**of_classes("train", "val"), "train/c/": None, "train/d/": None}))


def test_an_empty_class_without_splits(made):
    with pytest.raises(DataError, match=r"c/: a class folder without an image$"):
        read_folder(made({**of_classes(""), "c/": None}))


def test_a_class_of_files_that_are_not_read(made):
    content = {**of_classes("train"), "train/c/x.heic": b"x", "train/c/deep/y.heic": b"x"}
    message = r"train/c/: a class folder without an image \(files that are not read: 2 \.heic\)"
    with pytest.raises(DataError, match=message):
        read_folder(made(content))


def test_an_empty_class_of_the_test_set(made):
    """In it no error: the class has no recall; one that training lacks is."""
    found = read_folder(made({**of_classes("train"), **files("test/a/0.png"), "test/b/": None}))
    assert counts(found) == {"train": [2, 2], "test": [1, 0]}


def test_a_split_without_a_image(made):
    content = {**of_classes("train"), "Test/a/x.heic": b"", "Test/b/": None}
    with pytest.raises(DataError, match=r"Test/: a split without an image .*1 \.heic.*beside tra"):
        read_folder(made(content))


def test_other_files_are_counted(made, caplog):
    content = {**of_classes("train"), "train/a/x.heic": b"", "train/b/deep/y.HEIC": b""}
    content |= {
        "train/b/notes.txt": b"",
        "train/a/plain": b"",
        "README.md": b"",
        "train/l.csv": b"",
    }
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        read_folder(made(content))
    (message,) = caplog.messages
    assert "4 files in class folders are not read: 2 .heic, 1 without suffix, 1 .txt" in message


@pytest.mark.parametrize(
    ("suffix", "form"),
    [
        *(("gif", "GIF"), ("jfif", "JPEG"), ("jpe", "JPEG"), ("JP2", "JPEG2000"), ("ico", "ICO")),
        *(("tga", "TGA"), ("avif", "AVIF"), ("Bmp", "BMP"), ("pnm", "PPM"), ("mpo", "JPEG")),
    ],
)
def test_other_suffixes_that_pillow_reads(tmp_path, suffix, form):
    if form not in Image.SAVE and (Image.init() or form not in Image.SAVE):
        pytest.skip(f"this Pillow writes no {form}")
    content = {**of_classes(""), f"a/x.{suffix}": image_bytes(size=16, form=form)}
    (found,) = read_folder(write_folder(tmp_path / "set", content)).values()
    assert found.counts().tolist() == [3, 2]
    assert found.image(2).size == (16, 16)


@pytest.mark.parametrize("suffix", ["pdf", "eps", "mpg", "h5", "wmf"])
def test_suffixes_that_are_no_images(tmp_path, suffix):
    content = {**of_classes(""), f"a/x.{suffix}": b""}
    (found,) = read_folder(write_folder(tmp_path / "set", content)).values()
    assert found.counts().tolist() == [2, 2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (of_classes("train", "val", "valid"), "val/ and valid/ are both the split val; keep one"),
        (of_classes("Train", "train", "test"), "Train/ and train/ are both the split train"),
        (files("train/0.png", "test/0.png"), "test/, train/: images, but no class folders"),
        (files("train/0.png", "test/0.png", "c/0.png"), "test/, train/: images, but no class fo"),
        (files("Train/0.png"), "Train/: images, but no class folders"),
        (files("0.png", "1.png"), r"no image in .*\(2 images lie elsewhere: 0\.png\)"),
        (
            {**of_classes("test"), **files("control/0.png")},
            "test/ looks like a split, control/ beside it like a class",
        ),
        (
            {**of_classes("train"), **files("bus/0.png", "car/0.png")},
            "train/ looks like a split, bus/, car/ beside it like a class",
        ),
        (
            of_classes("seg_train/x", "seg_test/x", "seg_pred"),
            "seg_test/, seg_train/ look like spl",
        ),
        (of_classes("cat", "dog", classes=("train", "test")), "cat/ has folders for splits in it"),
    ],
)
def test_folders_of_two_meanings(made, content, message):
    with pytest.raises(DataError, match=rf"set.*{message}"):
        read_folder(made(content))


def test_a_class_that_is_called_like_a_split(made, caplog):
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        (found,) = read_folder(made(files("test/0.png", "control/0.png", "no/0.png"))).values()
    assert found.class_names == ("control", "no", "test")
    assert "test/ is taken as a class: like control/, no/ it holds images" in caplog.text


def test_classes_whose_names_speak_of_splits(made):
    names = ["train station", "test tube", "a", "b", "c"]
    (found,) = read_folder(made(files(*(f"{name}/0.png" for name in names)))).values()
    assert set(found.class_names) == set(names)


def test_folders_beside_splits_are_said(made, caplog):
    content = {**of_classes("train", "test", "images"), **files("docs/figure.png")}
    content |= {"notes/a.txt": b"", **files("train/stray.png")}
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        assert counts(read_folder(made(content))) == {"train": [2, 2], "test": [2, 2]}
    assert "docs/, images/ beside the splits test/, train/ is not read (5 images)" in caplog.text
    assert "1 images lie outside class folders and are not read (train/stray.png)" in caplog.text


def test_a_test_folder_without_labels_is_said(made, caplog):
    content = {**of_classes("train", "val"), **files("test/0.png", "test/1.png")}
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        assert set(read_folder(made(content))) == {"train", "val"}
    assert "2 images lie outside class folders and are not read (test/0.png)" in caplog.text


def test_classes_alike_are_said(made, caplog):
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        (found,) = read_folder(made(files("Cat/0.png", "cat/0.png"))).values()
    assert found.class_names == ("Cat", "cat")
    assert "the classes Cat and cat differ in case alone" in caplog.text


def test_links_are_followed_but_not_in_circles(tmp_path, caplog):
    root = write_folder(tmp_path / "set", of_classes("", classes=("a",)))
    write_folder(tmp_path / "elsewhere", files("0.png"))
    (root / "b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(root)
    (root / "a" / "self").symlink_to(root / "a" / "self")
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        (found,) = read_folder(root).values()
    assert found.counts().tolist() == [2, 1]
    assert "a link to a folder it lies in is not followed" in caplog.text


def test_a_folder_that_cannot_be_read(tmp_path, monkeypatch):
    root, real = write_folder(tmp_path / "set", of_classes("")), os.scandir

    def scandir(path):
        if str(path).endswith("/b"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr("os.scandir", scandir)
    with pytest.raises(DataError, match="set/b: cannot be read: Permission denied"):
        read_folder(root)


def test_a_set_named_by_a_dot(tmp_path, monkeypatch):
    monkeypatch.chdir(write_folder(tmp_path / "set", of_classes("train")))
    assert read_folder(".")["train"].name == "set/train"
