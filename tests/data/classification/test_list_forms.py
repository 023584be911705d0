"""Lists as other tools and systems write them."""

import codecs
import logging

import pytest

from lt_det.data.classification import read_list, warn_of_shared_images
from lt_det.errors import DataError

from .helpers import image_bytes


@pytest.fixture
def images(tmp_path):
    root = tmp_path / "pictures"
    (root / "sub folder").mkdir(parents=True)
    for name in ("a.png", "sub folder/b c.png", "sub folder/d,e.png"):
        (root / name).write_bytes(image_bytes())
    return root


def listed(tmp_path, content, name="list.txt"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


TEXT = "a.png 1\nsub folder/b c.png 0\nsub folder/d,e.png 2\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        codecs.BOM_UTF8 + TEXT.encode(),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\n\n  "),
        "a.png\t1\nsub folder/b c.png\t0\nsub folder/d,e.png\t2",
        "a.png,1\nsub folder/b c.png, 0\nsub folder/d,e.png , 2\n",
        '"a.png","1"\n"sub folder/b c.png",0\n\'sub folder/d,e.png\',2\n',
        "path,label\n" + TEXT,
        codecs.BOM_UTF8 + b'"image";\t"Class_ID"\r\n' + TEXT.encode(),
        "a.png 1.0\nsub folder/b c.png 0.0\nsub folder/d,e.png 2.\n",
        "./a.png +1\nsub folder/../sub folder/b c.png 0\n../pictures/sub folder/d,e.png 2\n",
        "a.png 1\nsub folder\\b c.png 0\n.\\sub folder\\d,e.png 2\n",
        "{0}/a.png 1\nsub folder/b c.png 0\n{0}/sub folder/d,e.png 2\n",
    ],
    ids=range(15),
)
def test_forms_of_one_list(images, tmp_path, content):
    if isinstance(content, str):
        content = content.replace("{0}", str(images))
    found = read_list(listed(tmp_path, content), images, 3)
    assert found.labels.tolist() == [1, 0, 2]
    assert [found.image_name(i) for i in range(3)] == [
        str(images / name) for name in ("a.png", "sub folder/b c.png", "sub folder/d,e.png")
    ]
    assert found.image(2).size == (8, 8)


def test_absolute_paths_need_no_folder(images, tmp_path):
    found = read_list(listed(tmp_path, f"{images}/a.png 0\n"), "", 1)
    assert found.image_name(0) == f"{images}/a.png"
    with pytest.raises(DataError, match=r"line 1: a\.png: relative to which folder"):
        read_list(listed(tmp_path, "a.png 0\n"), "", 1)


def test_a_folder_relative_to_where_one_is(images, tmp_path, monkeypatch):
    monkeypatch.chdir(images)
    found = read_list(listed(tmp_path, "a.png 0\nsub folder/b c.png 1\n"), ".", 2)
    assert found.image(0).size == found.image(1).size
    with pytest.raises(DataError, match=r"line 1: .*leaves the image folder"):
        read_list(listed(tmp_path, "../list.txt 0\n"), ".", 2)


def test_a_image_listed_again_counts_and_is_said(images, tmp_path, caplog):
    again = listed(tmp_path, "a.png 1\nsub folder/b c.png 0\n./a.png 1\na.png 1\n")
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        found = read_list(again, images, 2)
    assert found.counts().tolist() == [1, 3]
    assert "list.txt: 2 of 4 lines name an image that an earlier line names" in caplog.text


def test_images_in_two_lists_are_said(images, tmp_path, caplog):
    sets = {
        "train": read_list(listed(tmp_path, "a.png 1\nsub folder/b c.png 0\n", "r"), images, 3),
        "val": read_list(listed(tmp_path, "sub folder/d,e.png 2\n", "v"), images, 3),
        "test": read_list(listed(tmp_path, "./a.png 1\nsub folder/d,e.png 2\n", "t"), images, 3),
    }
    with caplog.at_level(logging.WARNING, logger="lt_det"):
        warn_of_shared_images(sets)
    first, second = caplog.messages
    assert first.startswith("1 of the images of the test list are in the train list, too (")
    assert second.startswith("1 of the images of the test list are in the val list, too (")
