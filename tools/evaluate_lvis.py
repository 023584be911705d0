#!/usr/bin/env python3
"""Score an LVIS or COCO results file, without a model.

tools/evaluate_lvis.py --gt GT.json --results RESULTS.json --iou-type bbox|segm|boundary
                       [--fixed] [--reference] [--train TRAIN.json] [--output FIGURES.json]
"""

import argparse
import logging
import sys
import time
from pathlib import Path

from lt_det.data.lvis_format import read_annotations, with_frequencies
from lt_det.errors import UserError
from lt_det.evaluation.detections import FIELD_OF
from lt_det.evaluation.ground_truth import normalize_ground_truth
from lt_det.evaluation.lvis_ap import GroundTruth
from lt_det.evaluation.results_file import read_results
from lt_det.evaluation.scoring import IOU_TYPES, evaluator_of
from lt_det.evaluation.tables import figures_table
from lt_det.json_file import save_json

logger = logging.getLogger("lt_det.evaluate_lvis")


def ground_truth(gt: str, train: str) -> GroundTruth:
    """Checked and normalized; frequency groups from the training file where it has none."""
    found = read_annotations(gt, ".", check_pictures=False)
    if train:
        found = with_frequencies(found, read_annotations(train, ".", check_pictures=False))
    normalized, notes = normalize_ground_truth(
        list(found.images.values()), found.annotations, found.categories
    )
    for note in notes:
        logger.info("%s: %s", gt, note)
    return GroundTruth(normalized)


def main(args: argparse.Namespace) -> None:
    """Read, score, show."""
    started = time.monotonic()
    evaluate = evaluator_of(args.iou_type, fixed=args.fixed, reference=args.reference)
    truth = ground_truth(args.gt, args.train)
    results = read_results(args.results, [FIELD_OF[args.iou_type]])
    logger.info("%s: %d detections; scoring", args.results, len(results))
    figures = evaluate(truth, results)
    protocol = "fixed" if args.fixed else "lvis"
    beside = Path(args.results).with_suffix(f".{args.iou_type}.{protocol}.json")
    output = args.output or beside
    head = {"gt": args.gt, "results": args.results, "iou_type": args.iou_type, "protocol": protocol}
    save_json({**head, "reference": args.reference, "figures": figures}, output, indent=1)
    print(figures_table(f"{args.iou_type}, {protocol}", figures))
    print(f"in percent; {output}; took {time.monotonic() - started:.1f} s")


def parser() -> argparse.ArgumentParser:
    """What to score, and how."""
    found = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    found.add_argument("--gt", required=True, metavar="FILE", help="LVIS annotations")
    found.add_argument("--results", required=True, metavar="FILE", help="LVIS or COCO results")
    found.add_argument("--iou-type", required=True, choices=IOU_TYPES)
    found.add_argument(
        "--fixed",
        action="store_true",
        help="AP_fixed: the best 10,000 of a category",
    )
    found.add_argument("--reference", action="store_true", help="by the lvis package, slowly")
    found.add_argument(
        "--train", default="", metavar="FILE", help="training annotations, for frequency groups"
    )
    found.add_argument("--output", type=Path, metavar="FILE", help="default: beside the results")
    return found


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    try:
        main(parser().parse_args())
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
