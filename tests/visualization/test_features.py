"""Several models in one image, each by its own data, names and size."""

import importlib.util
from argparse import Namespace

import pytest
import torch
from PIL import Image

from lt_det.core.post_hoc import TDE
from lt_det.engine.named_files import by_name
from lt_det.errors import ConfigError, WeightsError
from lt_det.visualization.features import FeaturePanel, draw_tsne
from tests.classification.test_second_stages import saved
from tests.data.classification.helpers import tree, write_folder


@pytest.fixture(scope="module")
def tool(root):
    spec = importlib.util.spec_from_file_location("show", root / "tools" / "show_features.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Digits of 8 pixels, trained by TDE and as a second stage, and four classes of 16 pixels."""
    folder = tmp_path_factory.mktemp("models")
    write_folder(folder / "set", tree([30, 20, 8, 6], test_count=3))
    own = ["DATASETS.CLASSIFICATION.PATH", str(folder / "set"), "INPUT.CLASSIFICATION.SIZE", 16]
    own += ["MODEL.CLASSIFICATION.NUM_CLASSES", 4, "DATASETS.CLASSIFICATION.MANY", 25]
    files = {
        "TDE": saved(folder / "tde", "digits_lt/resnet32_tde.yaml")[0],
        "Folder": saved(folder / "own", "folder_lt/resnet32_xe.yaml", *own, steps=0)[0],
        "cRT": saved(folder / "crt", "digits_lt/resnet32_crt.yaml")[0],
    }
    return [(name, str(file)) for name, file in files.items()]


def test_tsne_of_different_data(tool, models, tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(tool, "draw_tsne", lambda panels, path: drawn.update(panels))
    tool.tsne(Namespace(models=models, classes=1, output=tmp_path / "x.png"))
    assert list(drawn) == ["TDE", "Folder", "cRT"]
    digits = ["many: 0", "medium: 3", "few: 7"]
    assert drawn["TDE"].names == drawn["cRT"].names == digits
    assert drawn["Folder"].names == ["many: c0", "medium: c1", "few: c2"]
    assert drawn["TDE"].labels.bincount().tolist() == [50, 50, 50]
    assert drawn["Folder"].labels.bincount().tolist() == [3, 3, 3]
    assert [len(panel.features) for panel in drawn.values()] == [150, 9, 150]


def test_maps_of_different_data(tool, models, tmp_path, monkeypatch):
    shown = {}
    monkeypatch.setattr(tool, "draw_activation_maps", lambda found, *rest: shown.update(found))
    Image.new("RGB", (40, 40)).save(tmp_path / "a.png")
    args = Namespace(
        models=models, alpha=None, images=[str(tmp_path / "a.png")], output=tmp_path / "x.png"
    )
    tool.cam(args)
    image = Image.new("RGB", (40, 40))
    assert [tuple(one.as_input(image).shape) for one in shown.values()] == [
        *((3, 8, 8), (3, 16, 16), (3, 8, 8)),
    ]
    assert list(shown["Folder"].class_names) == ["c0", "c1", "c2", "c3"]
    assert list(shown["TDE"].class_names) == [str(i) for i in range(10)]
    # The config's α where it enables TDE, unless one is given.
    assert [m.model.method for m in shown.values()] == [TDE(0.25), TDE(0), TDE(0)]
    tool.cam(Namespace(**{**vars(args), "alpha": 1.5}))
    assert [m.model.method for m in shown.values()] == [TDE(1.5), TDE(0), TDE(0)]


def test_maps_are_drawn_for_every_kind(tool, models, tmp_path):
    Image.new("RGB", (9, 9), "red").save(tmp_path / "a.png")
    images = [str(tmp_path / "a.png")] * 2
    tool.cam(Namespace(models=models, alpha=None, images=images, output=tmp_path / "x.png"))
    with Image.open(tmp_path / "x.png") as drawn:
        assert drawn.size[0] > drawn.size[1] > 400


def test_what_cannot_be_shown(tool, models, tmp_path):
    file, _ = saved(tmp_path / "untrained", "digits_lt/resnet32_tde.yaml", steps=0)
    args = Namespace(models=[("TDE", str(file))], alpha=None, images=[], output=None)
    with pytest.raises(WeightsError, match=r"model_final\.pth: TDE α=0.25: the head direction is"):
        tool.cam(args)
    with pytest.raises(ConfigError, match="A=y: A is x already"):
        by_name([("A", "x"), ("A", "y")])
    with pytest.raises(ValueError, match="B: t-SNE of 3 samples says nothing"):
        draw_tsne({"B": FeaturePanel(torch.zeros(3, 2), torch.arange(3), "abc")}, tmp_path / "y")
