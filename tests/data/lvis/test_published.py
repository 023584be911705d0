"""The checker of LVIS folders."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from lt_det.data.lvis import published as lvis_sets


@pytest.fixture
def lvis_root(tmp_path, monkeypatch):
    monkeypatch.setitem(lvis_sets._PUBLISHED, "lvis_v1_val", (2, 1))
    names = ["000000000001.jpg", "000000000002.jpg"]
    url = "http://images.cocodataset.org/val2017/"
    data = {
        "images": [{"id": i, "coco_url": url + name} for i, name in enumerate(names)],
        "categories": [{"id": 1}],
    }
    (tmp_path / "lvis").mkdir()
    (tmp_path / "lvis" / "lvis_v1_val.json").write_text(json.dumps(data))
    (tmp_path / "coco" / "val2017").mkdir(parents=True)
    for name in names:
        image = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "coco" / "val2017" / name), image)
    return tmp_path


def faults(root, **kwargs):
    return lvis_sets.check_lvis(root, "lvis_v1_val", **kwargs)


def test_complete(lvis_root):
    assert faults(lvis_root) == []


def test_missing_and_truncated_images(lvis_root):
    images = lvis_root / "coco" / "val2017"
    whole = (images / "000000000001.jpg").read_bytes()
    (images / "000000000001.jpg").write_bytes(whole[:-200])
    (images / "000000000002.jpg").unlink()
    missing, truncated = faults(lvis_root)
    assert "1 of 2 images missing, as 000000000002.jpg" in missing
    assert "1 of 2 images truncated, as 000000000001.jpg" in truncated
    assert faults(lvis_root, json_only=True) == []
    (images / "000000000001.jpg").write_bytes(b"")
    assert any("truncated" in fault for fault in faults(lvis_root))


def test_missing_truncated_and_other_json(lvis_root):
    path = lvis_root / "lvis" / "lvis_v1_val.json"
    text = path.read_text()
    path.write_text(text[:-20])
    assert "truncated" in faults(lvis_root)[0]
    path.write_text(json.dumps({"images": [], "categories": [{"id": 1}]}))
    assert "0 images, 2 were published" in faults(lvis_root)[0]
    path.unlink()
    assert faults(lvis_root) == [f"{path}: missing"]


def test_command_line(tmp_path):
    command = [sys.executable, "-m", "lt_det.data.lvis.published", "lvis_v1_val"]
    environment = {"DETECTRON2_DATASETS": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "lvis_v1_val.json: missing" in done.stdout
    assert "Traceback" not in done.stderr
