"""Where LVIS v0.5 and v1 lie under DETECTRON2_DATASETS, and what is missing there.

``python -m lt_det.data.lvis.published [--json-only]`` prints a line for each file and ends with 1
if something is missing or truncated.
"""

import argparse
import os
import sys
from pathlib import Path

from lt_det.data.image_files.checks import image_files, read_headers
from lt_det.data.root import datasets_root
from lt_det.errors import DataError
from lt_det.files import load_json

# name: (annotations, image folder), both under DETECTRON2_DATASETS: Detectron2's own layout.
LVIS_SETS = {
    "lvis_v0.5_train": ("lvis/lvis_v0.5_train.json", "coco"),
    "lvis_v0.5_val": ("lvis/lvis_v0.5_val.json", "coco"),
    "lvis_v1_train": ("lvis/lvis_v1_train.json", "coco"),
    "lvis_v1_val": ("lvis/lvis_v1_val.json", "coco"),
    "lvis_v0.5_test": ("lvis/lvis_v0.5_image_info_test.json", "coco"),
    "lvis_v1_test_dev": ("lvis/lvis_v1_image_info_test_dev.json", "coco"),
    "lvis_v1_test_challenge": ("lvis/lvis_v1_image_info_test_challenge.json", "coco"),
}

# Published sizes (LVIS download page): images, categories. Checked where known, and by default.
_PUBLISHED = {
    "lvis_v0.5_train": (57263, 1230),
    "lvis_v0.5_val": (5000, 1230),
    "lvis_v1_train": (100170, 1203),
    "lvis_v1_val": (19809, 1203),
}


def check_lvis(root: Path, name: str, *, json_only: bool = False) -> list[str]:
    """Return what is wrong with one LVIS set on disk.

    Args:
        root: DETECTRON2_DATASETS.
        name: a key of :data:`LVIS_SETS`.
        json_only: do not look for the images.

    Returns:
        one line a fault; empty where all is well.
    """
    json_file, image_root = (root / part for part in LVIS_SETS[name])
    if not json_file.is_file():
        return [f"{json_file}: missing"]
    try:
        data = load_json(json_file)
    except DataError as error:
        return [str(error)]
    faults = []
    for kind, expected in zip(("images", "categories"), _PUBLISHED.get(name, ()), strict=False):
        count = len(data.get(kind, []))
        if count != expected:
            faults.append(f"{json_file}: {count} {kind}, {expected} were published")
    if not json_only:
        faults += _image_faults(data.get("images", []), image_root)
    return faults


def _image_faults(images: list[dict[str, object]], image_root: Path) -> list[str]:
    faults = []
    by_folder: dict[Path, list[str]] = {}
    for image in images:
        folder, file_name = str(image["coco_url"]).split("/")[-2:]
        by_folder.setdefault(image_root / folder, []).append(file_name)
    for folder, wanted in sorted(by_folder.items()):
        there = set(os.listdir(folder)) if folder.is_dir() else set()
        present = [name for name in wanted if name in there]
        headers = read_headers(image_files([str(folder / name) for name in present]), str(folder))
        missing = [(name, "") for name in wanted if name not in there]
        broken = [
            (n, f" ({h.problem})") for n, h in zip(present, headers, strict=True) if h.problem
        ]
        for what, faulty in (("missing", missing), ("truncated", broken)):
            if faulty:
                name, why = faulty[0]
                faults.append(
                    f"{folder}: {len(faulty)} of {len(wanted)} images {what}, as {name}{why}"
                )
    return faults


def main() -> int:
    """Check every LVIS set, one line each."""
    parser = argparse.ArgumentParser(description="Check LVIS under DETECTRON2_DATASETS.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(LVIS_SETS))
    parser.add_argument("--json-only", action="store_true", help="do not look for the images")
    args = parser.parse_args()
    if unknown := set(args.names) - set(LVIS_SETS):
        parser.error(f"unknown data set {min(unknown)}; known: {', '.join(LVIS_SETS)}")
    root, any_fault = datasets_root(), False
    print(f"data sets in {root.resolve()}")
    for name in args.names or _PUBLISHED:
        faults = check_lvis(root, name, json_only=args.json_only)
        any_fault = any_fault or bool(faults)
        print(f"{name}: {'; '.join(faults) if faults else 'complete'}")
    return int(any_fault)


if __name__ == "__main__":
    sys.exit(main())
