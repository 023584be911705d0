"""lt-det predict."""

import csv
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from lt_det.commands.predict import run
from lt_det.predict.writing import picture_paths

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


def test_detections_in_a_video(detector, tmp_path):
    file = tmp_path / "film.mp4"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"mp4v"), 10, (64, 48))
    for number in range(3):
        writer.write(np.full((48, 64, 3), 60 * number, np.uint8))
    writer.release()
    output = tmp_path / "out"
    run(["--weights", detector, "--images", str(file), "--output", str(output),
         "--score-threshold", "0", "--device", "cpu"])  # fmt: skip
    records = json.loads((output / "predictions.json").read_text(encoding="utf-8"))
    assert {record["file_name"] for record in records} == {f"{file}#{n}" for n in range(3)}
    drawn = cv2.VideoCapture(str(output / "pictures" / "film.mp4"))
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 3
    assert drawn.get(cv2.CAP_PROP_FRAME_WIDTH) == 64


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
        ({"--images": "nothing/*.png"}, "no file fits this pattern"),
        ({"--images": "absent.mp4"}, "absent.mp4: no such file"),
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
