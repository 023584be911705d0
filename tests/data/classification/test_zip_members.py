"""Zip files as other systems make them, and names to show that are beside the images."""

import re
import struct
import zipfile

import pytest

from lt_det.data.classification import decode_all, read_folder
from lt_det.errors import DataError

from .helpers import tree, write_folder, write_zip


@pytest.mark.parametrize("around", ["", "data\\"])
def test_backslashes(tmp_path, around):
    """Made on Windows; folders are members, too."""
    content = {f"{around}{n}".replace("/", "\\"): b for n, b in tree([3, 2]).items()}
    folders = dict.fromkeys((f"{around}train\\", f"{around}train\\c0\\", f"{around}val\\"), b"")
    found = read_folder(write_zip(tmp_path / "set.zip", {**folders, **content}))
    assert {split: one.counts().tolist() for split, one in found.items()} == {
        "train": [3, 2],
        "val": [3, 3],
    }
    assert decode_all(found["train"], 8, "error")[1].shape == (5, 3, 8, 8)
    assert found["train"].image_name(0).endswith(f"{around}train\\c0\\0.png")


@pytest.mark.parametrize("member", ["..\\evil.png", "train\\..\\..\\evil.png", "C:\\evil.png"])
def test_backslashes_that_leave_the_folder(tmp_path, member):
    path = write_zip(tmp_path / "evil.zip", {**tree([2, 2]), member: b""})
    with pytest.raises(DataError, match=r"evil\.zip: .*evil\.png: leaves its folder"):
        read_folder(path)


def changed(path, member, offset, value):
    """A field of a member's record in the zip's central directory."""
    content = bytearray(path.read_bytes())
    at = content.rindex(member.encode()) - 46
    assert content[at : at + 4] == b"PK\x01\x02"
    struct.pack_into("<H", content, at + offset, value)
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (8, 1, r"train/c1/0\.png: encrypted; zip it without a password"),
        (10, 9, r"train/c1/0\.png: compressed by a method \(9, deflate64\) that Python does not"),
    ],
)
def test_members_that_cannot_be_read_are_named_at_once(tmp_path, offset, value, message):
    path = write_zip(tmp_path / "set.zip", tree([2, 2]))
    changed(path, "train/c1/0.png", offset, value)
    with pytest.raises(DataError, match=rf"set\.zip: {message}"):
        read_folder(path)


def test_a_member_stored_twice_counts_once(tmp_path):
    path = write_zip(tmp_path / "set.zip", tree([2, 2]))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("train/c0/0.png", tree([1])["train/c0/0.png"])
    assert read_folder(path)["train"].counts().tolist() == [2, 2]


NAMES = "c0\tgoldfish, Carassius\nc1\tcrane\nc2\tcrane, machine\n"
SHOWN = ("goldfish", "crane (c1)", "crane (c2)")


@pytest.mark.parametrize("around", ["", "data/"])
@pytest.mark.parametrize(
    "text",
    [NAMES.encode(), b"\xef\xbb\xbf" + NAMES.encode(), NAMES.replace("\n", "\r\n").encode()],
    ids=["plain", "byte-order mark", "carriage returns"],
)
def test_names_to_show(tmp_path, around, text):
    content = {f"{around}{name}": b for name, b in tree([2, 2, 2]).items()}
    content[f"{around}classes.txt"] = text
    for path in (write_folder(tmp_path / "s", content), write_zip(tmp_path / "s.zip", content)):
        assert read_folder(path)["train"].class_names == SHOWN


@pytest.mark.parametrize(
    ("text", "message"),
    [(b"c0\tfish\n", r"classes\.txt does not name c1"), (b"\xff\xff", r"classes\.txt: not a text")],
)
def test_names_that_do_not_serve_are_said(tmp_path, caplog, text, message):
    path = write_zip(tmp_path / "s.zip", {**tree([2, 2]), "classes.txt": text})
    assert read_folder(path)["train"].class_names == ("c0", "c1")
    (said,) = caplog.messages
    assert re.search(f"classes are shown by their folders: {message}", said)
