"""An LVIS-format data set with a long tail, drawn from a seed."""

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lt_det.data.lvis.class_counts import count_annotations, frequency_of
from lt_det.errors import ConfigError
from lt_det.files import save_json

from .painting import Painter, ShapePainter
from .scene import Instance, to_polygons

logger = logging.getLogger(__name__)

# Zipf's law shifted by Mandelbrot's offset, so that more than one category is frequent.
_ZIPF_OFFSET = 3
# Shares of images with an instance left unannotated, and of absent categories verified absent.
_NOT_EXHAUSTIVE_SHARE = 0.1
_NEGATIVE_SHARE = 0.5
_MAX_CATEGORIES_PER_PICTURE = 8
_VAL_MIN_COUNT = 8

SHAPES = ShapePainter()


@dataclass(frozen=True)
class SyntheticParameters:
    """What defines a synthetic set; equal parameters give equal files.

    Attributes:
        num_categories: C, up to 1,230 and more; over 104 shapes and textures are told apart by
            colour, too.
        num_train: training images.
        num_val: validation images; every category is in some of them.
        image_size: side of the images, in pixels.
        max_count: images of the most frequent category.
        min_count: images of the rarest one.
        seed: of everything random.
    """

    num_categories: int = 60
    num_train: int = 400
    num_val: int = 200
    image_size: int = 192
    max_count: int = 200
    min_count: int = 2
    seed: int = 0

    def folder_name(self, painter: Painter = SHAPES) -> str:
        """Return a name that no other parameters and painter share."""
        return (
            f"{painter.folder_prefix}v{painter.version}_c{self.num_categories}_n{self.num_train}_v{self.num_val}_s{self.image_size}"
            f"_z{self.max_count}-{self.min_count}_seed{self.seed}"
        )


def zipf_counts(num_categories: int, max_count: int, min_count: int) -> list[int]:
    """Return images per category by the Zipf–Mandelbrot law, n_r ∝ (r + 3)^(−s), head first.

    The exponent s is the one that leads from ``max_count`` at rank 1 to ``min_count`` at rank C.
    """
    ranks = np.arange(1, num_categories + 1) + _ZIPF_OFFSET
    if num_categories == 1:
        return [max_count]
    exponent = np.log(max_count / min_count) / np.log(ranks[-1] / ranks[0])
    counts = max_count * (ranks / ranks[0]) ** -exponent
    return [max(round(float(count)), min_count) for count in counts]


def make_synthetic_set(
    root: Path, parameters: SyntheticParameters, painter: Painter = SHAPES
) -> Path:
    """Return the folder of an embedded set, drawing it on first use.

    The folder holds ``train.json``, ``val.json`` (LVIS format) and ``train/``, ``val/``. It appears
    whole or not at all, also when two processes make it at once.

    Raises:
        ConfigError: counts that do not fit the number of images.
    """
    folder = root / parameters.folder_name(painter)
    if folder.is_dir():
        return folder
    root.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    logger.info("drawing the set %s", folder)
    partial = Path(tempfile.mkdtemp(dir=root, prefix=".partial-"))
    try:
        _draw_all(partial, parameters, painter)
        try:
            os.rename(partial, folder)
        except OSError:  # another process was first: its files are the same
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    logger.info("drawn in %.0f s", time.monotonic() - started)
    return folder


def _draw_all(folder: Path, parameters: SyntheticParameters, painter: Painter) -> None:
    count, size = parameters.num_categories, parameters.image_size
    looks = painter.categories(count)
    counts = zipf_counts(count, parameters.max_count, parameters.min_count)
    val_counts = [max(n // painter.val_share, _VAL_MIN_COUNT) for n in counts]
    splits = {}
    for index, (split, images, wanted) in enumerate(
        (("train", parameters.num_train, counts), ("val", parameters.num_val, val_counts))
    ):
        rng = np.random.default_rng([parameters.seed, index])
        assigned = _assign(wanted, images, f"DATASETS.{painter.config_section}: {split}", rng)

        def draw(
            order: list[int], rng: np.random.Generator = rng
        ) -> tuple[np.ndarray, list[Instance]]:
            return painter.scene(order, count, size, rng)

        splits[split] = _draw_split(folder / split, assigned, count, size, draw, rng)
    image_count, instance_count = count_annotations(splits["train"]["annotations"])
    categories = [
        {
            "id": c + 1,
            **look,
            "image_count": image_count[c + 1],
            "instance_count": instance_count[c + 1],
            "frequency": frequency_of(image_count[c + 1]),
        }
        for c, look in enumerate(looks)
    ]
    for split, content in splits.items():
        info = {
            "description": painter.description,
            "version": str(painter.version),
            **asdict(parameters),
        }
        save_json({"info": info, "categories": categories, **content}, folder / f"{split}.json")


def _assign(
    counts: list[int], num_images: int, where: str, rng: np.random.Generator
) -> list[list[int]]:
    """Deal categories out to images, each category to distinct and to the emptiest ones."""
    if max(counts) > num_images or sum(counts) > num_images * _MAX_CATEGORIES_PER_PICTURE:
        needed = max(max(counts), -(-sum(counts) // _MAX_CATEGORIES_PER_PICTURE))
        raise ConfigError(
            f"{where} set: {num_images} images are too few for "
            f"{len(counts)} categories with these counts; at least {needed} are needed"
        )
    load = np.zeros(num_images)
    assigned: list[list[int]] = [[] for _ in range(num_images)]
    for category, count in enumerate(counts):
        chosen = np.argsort(load + rng.random(num_images) * 2, kind="stable")[:count]
        load[chosen] += 1
        for image in chosen:
            assigned[image].append(category)
    return assigned


def _draw_split(
    folder: Path,
    assigned: list[list[int]],
    num_categories: int,
    size: int,
    draw: Callable[[list[int]], tuple[np.ndarray, list[Instance]]],
    rng: np.random.Generator,
) -> dict[str, Any]:
    folder.mkdir()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    all_ids = np.arange(1, num_categories + 1)
    for index, categories in enumerate(assigned):
        # Now and then a second instance of a category, as in photographs.
        repeated = [c for c in categories for _ in range(1 + int(rng.random() < 0.3))]
        hidden = [c for c in categories[:1] if rng.random() < _NOT_EXHAUSTIVE_SHARE]
        order = [int(c) for c in rng.permutation(repeated + hidden)]
        image, instances = draw(order)
        image_id = index + 1
        file_name = f"{image_id:06d}.jpg"
        if not cv2.imwrite(str(folder / file_name), image, [cv2.IMWRITE_JPEG_QUALITY, 92]):
            raise OSError(f"{folder / file_name}: cannot be written (disk full?)")
        unannotated = list(hidden)
        for instance in instances:
            if instance.category in unannotated:
                unannotated.remove(instance.category)
                continue
            record = _annotation(instance.visible, len(annotations) + 1, image_id)
            if record:
                annotations.append({**record, "category_id": instance.category + 1})
        absent = np.setdiff1d(all_ids, np.array(categories, dtype=int) + 1)
        negative = rng.choice(absent, int(len(absent) * _NEGATIVE_SHARE), replace=False)
        images.append(
            {
                "id": image_id,
                "file_name": file_name,
                "width": size,
                "height": size,
                "neg_category_ids": sorted(int(c) for c in negative),
                "not_exhaustive_category_ids": sorted(c + 1 for c in hidden),
            }
        )
    return {"images": images, "annotations": annotations}


def _annotation(visible: np.ndarray, annotation_id: int, image_id: int) -> dict[str, Any]:
    """Return the record; empty where next to nothing of the instance is to be seen."""
    polygons = to_polygons(visible)
    if not polygons:
        return {}
    points = np.concatenate([np.array(p).reshape(-1, 2) for p in polygons])
    low, high = points.min(axis=0), points.max(axis=0)
    box = [float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])]
    return {
        "id": annotation_id,
        "image_id": image_id,
        "segmentation": polygons,
        "bbox": [round(v, 2) for v in box],
        "area": float(visible.sum()),
    }
