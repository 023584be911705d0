"""What must not start from random weights does not."""

import pytest

from lt_det.classification.setup import setup
from lt_det.errors import ConfigError, DataError
from tests.data.classification.helpers import tree, write_folder

from .helpers import CONFIGS, arguments

PLACES = sorted(
    f"places_lt/{path.name}"
    for path in (CONFIGS / "places_lt").glob("resnet*.yaml")
    if not any(stage in path.name for stage in ("crt", "lws", "disalign"))
)
NEEDED = (
    r"MODEL\.CLASSIFICATION\.BACKBONE_WEIGHTS: a backbone that learns at 0\.0?1 of the learning"
)


@pytest.fixture(autouse=True)
def _no_data_sets(tmp_path, monkeypatch):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))


def start(tmp_path, name, *options):
    setup(arguments(name, *options, "OUTPUT_DIR", tmp_path / "out"))


@pytest.mark.parametrize("name", PLACES)
def test_places_lt_is_trained_from_imagenet_weights(tmp_path, name):
    """Its recipe lets the backbone learn at a hundredth of the learning rate."""
    with pytest.raises(ConfigError, match=NEEDED):
        start(tmp_path, name)


@pytest.mark.parametrize(
    "options",
    [
        ["MODEL.CLASSIFICATION.BACKBONE_WEIGHTS", "{file}"],
        ["MODEL.WEIGHTS", "{file}"],
        ["SOLVER.BACKBONE_LR_FACTOR", 1],
        ["--eval-only", "MODEL.WEIGHTS", "{file}"],
        ["--resume"],
    ],
)
def test_what_starts(tmp_path, options):
    """All is well but the images, which are read next."""
    file = tmp_path / "weights.pth"
    file.touch()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "last_checkpoint").write_text("model.pth")
    options = [file if option == "{file}" else option for option in options]
    with pytest.raises(DataError, match=r"Places_LT_train\.txt: missing"):
        start(tmp_path, "places_lt/resnet50_tde.yaml", *options)


def test_a_student_may_start_from_its_teacher(tmp_path):
    file = tmp_path / "teacher.pth"
    file.touch()
    given = ("--teacher", file)
    with pytest.raises(ConfigError, match=NEEDED):
        start(tmp_path, "places_lt/resnet50_xerm_tde.yaml", *given)
    with pytest.raises(DataError, match=r"Places_LT_train\.txt: missing"):
        start(
            tmp_path,
            "places_lt/resnet50_xerm_tde.yaml",
            *(*given, "MODEL.LT.XERM.INIT_FROM_TEACHER", "True"),
        )


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("places_lt/resnet50_tde.yaml", [], NEEDED),
        ("folder_lt/resnet32_crt.yaml", [], "a frozen backbone must be a trained one"),
        ("folder_lt/resnet32_xe.yaml", ["--eval-only"], "has no checkpoint to evaluate"),
    ],
)
def test_resuming_what_never_ran(tmp_path, name, options, message):
    """An empty OUTPUT_DIR: there is nothing to go on from, and nothing to evaluate."""
    with pytest.raises(ConfigError, match=message):
        start(tmp_path, name, *options, "--resume", "MODEL.DEVICE", "cpu")


def test_other_recipes_start_from_scratch(tmp_path):
    path = write_folder(tmp_path / "set", tree([4, 4]))
    start(tmp_path, "folder_lt/resnet32_xe.yaml", "--data", path, "MODEL.DEVICE", "cpu")
