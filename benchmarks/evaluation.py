"""LVIS AP of a results file, by lt_det or by the official package, from file to metrics."""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lt_det.evaluation.lvis.detections import Detections
from lt_det.evaluation.lvis.ground_truth import normalize_ground_truth
from lt_det.evaluation.lvis.lvis_ap import GroundTruth, evaluate_lvis
from lt_det.evaluation.lvis.matching import match
from lt_det.evaluation.lvis.metrics import GROUP_AP50, LVIS_METRICS
from lt_det.evaluation.lvis.reference import evaluate_lvis_reference
from lt_det.evaluation.lvis.results_file import read_results
from lt_det.evaluation.lvis.row_metrics import paired_differences, row_metrics
from lt_det.files import load_json

from .measuring import peak, reset_peak, say

NUM_CATEGORIES = 1203
# LVIS v1 validation's.
FULL_IMAGES, ANNOTATIONS_AN_IMAGE = 19_809, 12.7


def make_files(folder: Path, num_images: int, per_image: int) -> None:
    """Ground truth like LVIS v1 validation's, and results half of which are near it."""
    rng = np.random.default_rng(0)
    frequencies = rng.choice(["r", "c", "f"], NUM_CATEGORIES).tolist()
    categories = [
        {"id": c + 1, "name": f"c{c + 1}", "frequency": f} for c, f in enumerate(frequencies)
    ]
    images, annotations = [], []
    with open(folder / "results.json", "w", encoding="utf-8") as results:
        results.write("[")
        for image_id in range(1, num_images + 1):
            count = max(1, int(rng.poisson(ANNOTATIONS_AN_IMAGE)))
            drawn_classes = rng.zipf(1.3, count).clip(max=NUM_CATEGORIES)
            absent = rng.choice(NUM_CATEGORIES, 30, replace=False) + 1
            images.append(
                {
                    **{"id": image_id, "width": 640, "height": 480},
                    "neg_category_ids": sorted(set(absent.tolist()) - set(drawn_classes.tolist())),
                    "not_exhaustive_category_ids": drawn_classes[:1].tolist(),
                }
            )
            boxes = np.concatenate(
                [400 * rng.random((count, 2)), 8 + 90 * rng.random((count, 2))], 1
            )
            for category, box in zip(drawn_classes.tolist(), boxes.tolist(), strict=True):
                annotations.append(
                    {
                        **{"id": len(annotations) + 1, "image_id": image_id, "iscrowd": 0},
                        **{"category_id": category, "bbox": box, "area": box[2] * box[3]},
                    }
                )
            records = _results(rng, image_id, drawn_classes, boxes, per_image)
            results.write((", " if image_id > 1 else "") + json.dumps(records)[1:-1])
        results.write("]")
    truth = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "gt.json").write_text(json.dumps(truth))


def _results(rng, image_id, categories, boxes, per_image):
    near = rng.integers(len(boxes), size=per_image)
    moved = boxes[near] + rng.normal(0, 6, (per_image, 4))
    moved[:, 2:] = moved[:, 2:].clip(min=1)
    named = np.where(
        rng.random(per_image) < 0.5,
        categories[near],
        rng.integers(1, NUM_CATEGORIES + 1, per_image),
    )
    rows = zip(named.tolist(), moved.tolist(), rng.random(per_image).tolist(), strict=True)
    return [
        {"image_id": image_id, "category_id": c, "bbox": box, "score": score}
        for c, box, score in rows
    ]


def standard(truth: GroundTruth, results: Detections) -> dict[str, float]:
    """Time two rows' AP alone, and what an evaluation and a report make of them beside it."""
    # Here, for it brings torch and Detectron2, which the other measurements do without.
    from lt_det.detection.evaluation.evaluator import Bootstrap

    rng = np.random.default_rng(1)
    other = replace(results, scores=results.scores * rng.uniform(0.7, 1.0, len(results)))
    evaluate_lvis(truth, results, "bbox")  # the ground truth is indexed once for all rows
    started = time.perf_counter()
    for row in (results, other):
        evaluate_lvis(truth, row, "bbox")
    alone = time.perf_counter()
    first, second = (row_metrics(truth, row, "bbox") for row in (results, other))
    fixed = time.perf_counter()
    paired_differences(first, second, Bootstrap().resamples)
    paired = time.perf_counter()
    for row in (first, second):
        match(truth.of_present, row.counted, lvis_style=True, by_size=False).tide_errors()
    typed = time.perf_counter()
    return {
        **{"alone": alone - started, "fixed": fixed - alone},
        **{"paired": paired - fixed, "typed": typed - paired},
    }


def main(args: argparse.Namespace) -> None:
    """Score the files by one of the two, its reading of the results included."""
    if args.make:
        make_files(args.folder, args.images, args.per_image)
        say({})
        return
    data = load_json(args.folder / "gt.json")
    record, _ = normalize_ground_truth(data["images"], data["annotations"], data["categories"])
    truth = GroundTruth(record)
    del data
    file = args.folder / "results.json"
    reset_peak()
    if args.by == "standard":
        say(standard(truth, read_results(file, ["bbox"])))
        return
    started = time.perf_counter()
    results: Any = read_results(file, ["bbox"]) if args.by == "lt_det" else load_json(file)
    read = time.perf_counter()
    evaluate = evaluate_lvis if args.by == "lt_det" else evaluate_lvis_reference
    metrics = evaluate(truth, results, "bbox")
    ended = time.perf_counter()
    say(
        {"seconds": ended - started, "seconds_evaluating": ended - read, "mib": peak()}
        | {key: metrics[key] for key in (*LVIS_METRICS, *GROUP_AP50)}
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--make", type=int, default=0)
    parser.add_argument("--images", type=int, default=FULL_IMAGES // 10)
    parser.add_argument("--per-image", type=int, default=300)
    parser.add_argument("--by", choices=("lt_det", "lvis", "standard"), default="lt_det")
    main(parser.parse_args())
