"""Fixtures shared by all tests."""

import logging
import os
from pathlib import Path

import pytest
import torch
from torch.utils import backend_registration

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"
# Small inputs that once failed; not part of the project.
SHARED_CASES = ROOT.parent / "shared" / "cases"

# torch ≥ 2.9's, experimental.
HAS_PYTHON_DEVICES = hasattr(backend_registration, "_setup_privateuseone_for_python_backend")

# Where a matplotlib backend is chosen, it is chosen without a screen.
os.environ.setdefault("MPLBACKEND", "Agg")

# Files that take longest, for they start processes: with several workers they go first, or the end
# would wait for one of them.
LONGEST_FILES = [
    *("test_commands.py", "test_tools.py", "test_processes.py", "test_reliability.py"),
    *("test_resume.py", "test_trainer.py"),
]


def pytest_collection_modifyitems(items):
    # Stable: within a file, and for the rest, the order stays.
    items.sort(key=lambda item: (*LONGEST_FILES, item.path.name).index(item.path.name))
    on_a_device = [i for i in items if not {"device", "simulated"}.isdisjoint(i.fixturenames)]
    for item in items:
        if "gpu" in item.keywords and item not in on_a_device and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))
    if on_a_device and HAS_PYTHON_DEVICES and not torch.cuda.is_available():
        from .simulated_device.device import register

        # Before any test's backward pass, which counts the devices there are. As where there is a
        # GPU, forked processes can then not train; nothing else changes outside the fixture.
        register()


@pytest.fixture
def simulated():
    """A device that refuses to mix with the CPU, and counts who waits for it."""
    if not HAS_PYTHON_DEVICES:
        pytest.skip("torch < 2.9 has no devices made in Python")
    if torch.cuda.is_available():
        # Autograd takes the simulated one for the process's accelerator and finds no streams on it.
        pytest.skip("beside a GPU, a simulated device breaks its backward passes")
    from .simulated_device.device import SimulatedDevice

    with SimulatedDevice() as device:
        yield device


@pytest.fixture
def device(request):
    """CUDA where there is a GPU, else the simulated device."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    request.getfixturevalue("simulated")
    return torch.device("simulated:0")


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _own_log():
    """What a run in this process writes to, its log.txt and a captured screen, ends with its test.

    Or the next test's lines go there, too, and Python complains on its screen that it is closed.
    They are forgotten before it, too: a module's fixture may have made a run already.
    """
    _forget_logs()
    yield
    _forget_logs()


@pytest.fixture
def caplog(caplog):
    """pytest's, which hears of a run too, once it has taken its loggers off the root."""
    logger = logging.getLogger("detectron2")
    logger.addHandler(caplog.handler)
    logger.propagate = False
    return caplog


def _forget_logs():
    for name in ("detectron2", "fvcore", "lt_det", "py.warnings"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip(f"{SHARED_DATA} is absent")
    return SHARED_DATA


@pytest.fixture(scope="session")
def shared_cases() -> Path:
    if not SHARED_CASES.is_dir():
        pytest.skip(f"{SHARED_CASES} is absent")
    return SHARED_CASES


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT
