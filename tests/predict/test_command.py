"""lt-det predict."""

import csv
import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from lt_det.commands.predict import run
from lt_det.predict.images import named_images
from lt_det.predict.writing import picture_paths, video_paths

from .helpers import saved_classifier, saved_detector


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    return str(saved_detector(tmp_path_factory.mktemp("detector")))


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for seed, name in enumerate(["a.png", "b.jpg", "sub/a.png", "c.webp"]):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file)
    (folder / "notes.txt").write_text("not an image")
    return folder


def test_detections_of_a_folder(detector, photos, tmp_path, capsys):
    (photos / "broken.jpg").write_bytes(b"nothing")
    output = tmp_path / "out"
    run(["--weights", detector, "--images", str(photos), "--output", str(output),
         "--score-threshold", "0", "--device", "cpu"])  # fmt: skip
    records = json.loads((output / "predictions.json").read_text(encoding="utf-8"))
    with open(output / "predictions.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = {str(photos / n) for n in ("a.png", "b.jpg", "sub/a.png", "c.webp")}
    assert {record["file_name"] for record in records} == names
    assert len([row for row in rows if not row["error"]]) == len(records)
    assert [row["file_name"] for row in rows if row["error"]] == [str(photos / "broken.jpg")]
    summary = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    assert sum(c["predictions"] for c in summary["categories"].values()) == len(records)
    assert summary["images"] == 5
    pictures = {p.relative_to(output / "pictures").as_posix()
                for p in (output / "pictures").rglob("*.*")}  # fmt: skip
    assert pictures == {"a.png", "b.jpg", "sub/a.png", "c.webp.jpg"}
    shown = capsys.readouterr()
    assert "4 of 5 images" in shown.out
    assert "broken.jpg: cannot be read" in shown.err


def film(file, frames=3):
    file.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"mp4v"), 10, (64, 48))
    for number in range(frames):
        writer.write(np.full((48, 64, 3), 60 * number, np.uint8))
    writer.release()
    return file


def latin_1(path):
    """Rename what lies at a path to its name in Latin-1, as old zips have it."""
    new = os.fsdecode(str(path).encode("latin-1"))
    os.rename(path, new)
    return new


@pytest.mark.skipif(sys.platform != "linux", reason="others have no names in Latin-1")
def test_names_that_are_no_utf_8(detector, photos, tmp_path):
    (photos / "b.jpg").rename(photos / "café.jpg")
    latin_1(photos / "café.jpg")
    (photos / "brüt.jpg").write_bytes(b"nothing")
    latin_1(photos / "brüt.jpg")
    video = latin_1(film(tmp_path / "fête.mp4"))
    output = tmp_path / "out"
    run(["--weights", detector, "--images", str(photos), video, "--output", str(output),
         "--score-threshold", "0", "--device", "cpu"])  # fmt: skip
    records = json.loads((output / "predictions.json").read_text(encoding="utf-8"))
    names = {record["file_name"] for record in records}
    assert names == {
        *(str(photos / n) for n in ("a.png", "caf\\xe9.jpg", "c.webp", "sub/a.png")),
        *(f"{tmp_path}/f\\xeate.mp4#{n}" for n in range(3)),
    }
    with open(output / "predictions.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["file_name"] for r in rows if r["error"]] == [str(photos / "br\\xfct.jpg")]
    assert (output / "pictures" / "caf\\xe9.jpg").is_file()
    drawn = cv2.VideoCapture(str(output / "pictures" / "f\\xeate.mp4"))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 3


def test_linked_folders_are_followed_but_not_in_circles(photos, tmp_path):
    kept = tmp_path / "elsewhere"
    (photos / "sub").rename(kept)
    (photos / "sub").symlink_to(kept, target_is_directory=True)
    (kept / "back").symlink_to(photos, target_is_directory=True)
    (photos / "gone.png").symlink_to(tmp_path / "nothing.png")
    expected = [str(photos / name) for name in ("a.png", "b.jpg", "c.webp", "sub/a.png")]
    assert [image.name for image in named_images(str(photos))] == expected


def test_videos_of_one_name_are_all_drawn(detector, tmp_path):
    files = [film(tmp_path / camera / "film.mp4", n) for camera, n in (("cam1", 1), ("cam2", 2))]
    output = tmp_path / "out"
    run(["--weights", detector, "--images", str(tmp_path / "cam*" / "*.mp4"),
         "--output", str(output), "--score-threshold", "0", "--device", "cpu"])  # fmt: skip
    records = json.loads((output / "predictions.json").read_text(encoding="utf-8"))
    frames = {f"{files[0]}#0", f"{files[1]}#0", f"{files[1]}#1"}
    assert {record["file_name"] for record in records} == frames
    for number, camera in enumerate(("cam1", "cam2"), 1):
        drawn = cv2.VideoCapture(str(output / "pictures" / camera / "film.mp4"))
        assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == number


def test_drawn_videos_have_names_of_their_own(tmp_path):
    names = ["/x/film.avi", "/x/film.mov", "/x/FILM.MP4"]
    expected = [tmp_path / name for name in ("film.mp4", "film_2.mp4", "FILM.mp4")]
    assert video_paths(names, tmp_path) == expected


def test_detections_in_a_video(detector, tmp_path):
    file = film(tmp_path / "film.mp4")
    output = tmp_path / "out"
    run(["--weights", detector, "--images", str(file), "--output", str(output),
         "--score-threshold", "0", "--device", "cpu"])  # fmt: skip
    records = json.loads((output / "predictions.json").read_text(encoding="utf-8"))
    assert {record["file_name"] for record in records} == {f"{file}#{n}" for n in range(3)}
    drawn = cv2.VideoCapture(str(output / "pictures" / "film.mp4"))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 3
    assert drawn.get(cv2.CAP_PROP_FRAME_WIDTH) == 64


def test_videos_that_cannot_be_read_stop_no_other(detector, photos, tmp_path, capsys):
    """As images that cannot be; they were looked at before all else, and ended the command."""
    (tmp_path / "bad.mp4").write_bytes(b"nothing")
    given = [str(tmp_path / name) for name in ("bad.mp4", "absent.mp4")]
    output = tmp_path / "out"
    run(["--weights", detector, "--images", *given, str(photos / "a.png"),
         "--output", str(output), "--score-threshold", "0", "--device", "cpu"])  # fmt: skip
    with open(output / "predictions.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(r["file_name"] for r in rows if r["error"]) == sorted(given)
    assert {r["file_name"] for r in rows if not r["error"]} == {str(photos / "a.png")}
    shown = capsys.readouterr()
    assert "1 of 3 images" in shown.out
    assert f"warning: {given[0]}: no video that can be read" in shown.err
    assert f"warning: {given[1]}: no such file" in shown.err


def test_videos_in_a_folder_are_said_to_be_passed_over(detector, photos, tmp_path, capsys):
    film(photos / "sub" / "film.mp4")
    run(["--weights", detector, "--images", str(photos), "--output", str(tmp_path / "out"),
         "--no-pictures", "--device", "cpu"])  # fmt: skip
    said = capsys.readouterr().err
    assert f"warning: {photos}: videos are passed over in a folder: 1, the first sub/film" in said


def test_classes(photos, tmp_path):
    weights = str(saved_classifier(tmp_path / "classifier"))
    output = tmp_path / "out"
    run(["--weights", weights, "--images", str(photos / "*.png"), "--output", str(output),
         "--top", "2", "--no-pictures"])  # fmt: skip
    (record,) = json.loads((output / "predictions.json").read_text(encoding="utf-8"))
    assert len(record["classes"]) == 2
    assert len((output / "predictions.csv").read_text(encoding="utf-8").splitlines()) == 3
    assert not (output / "pictures").exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"--weights": "absent.pth"}, "absent.pth: no such file"),
        ({"--weights": "."}, ".: a folder: name the file in it (a training's is model_final.pth)"),
        ({"--images": "nothing/*.png"}, "no file fits this pattern"),
        ({"--images": "absent*.mp4"}, "absent*.mp4: no file fits this pattern"),
        ({"--post-hoc": "tda"}, "post_hoc: "),
    ],
)
def test_mistakes_are_a_line_and_leave_nothing(
    detector, photos, tmp_path, capsys, changed, message
):
    options = {"--weights": detector, "--images": str(photos), "--output": str(tmp_path / "out")}
    words = [word for pair in {**options, **changed}.items() for word in pair]
    with pytest.raises(SystemExit) as ended:
        run(words)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_images_none_of_which_can_be_read(detector, tmp_path, capsys):
    output = tmp_path / "out"
    with pytest.raises(SystemExit) as ended:
        run(["--weights", detector, "--images", "absent.png", "--output", str(output)])
    assert ended.value.code == 2
    assert json.loads((output / "predictions.json").read_text()) == []


def test_pictures_stay_in_their_folder(tmp_path):
    names = ["/x/a.jpg", "/x/../x/a.jpg", "/x/b/a.gif", "/x/b/a.gif", "image 0"]
    paths = picture_paths(names, tmp_path)
    assert len(set(paths)) == len(names)
    for path in paths:
        assert path.resolve().is_relative_to(tmp_path.resolve())


def test_the_core_is_imported_without_what_predicts():
    """``import lt_det.core`` asks for torch alone."""
    import subprocess

    code = (
        "import sys, lt_det.core; sys.exit(any(m in sys.modules for m in ('supervision', 'cv2')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path.cwd(), check=False).returncode == 0
