"""Score an LVIS or COCO results file, without a model.

lt-det evaluate --gt GT.json --results RESULTS.json --iou-type bbox|segm|boundary
                [--fixed] [--reference] [--train TRAIN.json] [--derive-area]
                [--output METRICS.json]

Where neither the ground truth nor a training file says how frequent its categories are, the
metrics are COCO's.
"""

import argparse
import logging
import time
from pathlib import Path

from lt_det.data.lvis.annotation_set import AnnotationSet
from lt_det.data.lvis.reader import read_annotations, with_frequencies
from lt_det.errors import DataError
from lt_det.evaluation.lvis.coco_ap import coco_ground_truth
from lt_det.evaluation.lvis.detections import FIELD_OF
from lt_det.evaluation.lvis.evaluators import IOU_TYPES, evaluator_of
from lt_det.evaluation.lvis.ground_truth import normalize_ground_truth
from lt_det.evaluation.lvis.lvis_ap import GroundTruth
from lt_det.evaluation.lvis.results_file import read_results
from lt_det.evaluation.tables import metrics_table
from lt_det.files import save_json

from .command_line import run_alone

logger = logging.getLogger("lt_det.evaluate_lvis")

_ADVICE = "give --train TRAIN.json, from which frequency groups are derived"


def read_ground_truth(args: argparse.Namespace) -> AnnotationSet:
    """Checked; frequency groups from the training file where it has none."""
    annotation_set = read_annotations(
        args.gt, ".", check_images=False, derive_area=args.derive_area
    )
    if args.train:
        annotation_set = with_frequencies(
            annotation_set, read_annotations(args.train, ".", check_images=False)
        )
    return annotation_set


def protocol_of(annotation_set: AnnotationSet, args: argparse.Namespace) -> str:
    """LVIS's where every category has a frequency, COCO's where none has and images are exhaustive.

    Raises:
        DataError: some categories have one; or images list what is absent, as LVIS's do, or what
            is asked for is LVIS's alone, and no category has one.
    """
    without = [c["id"] for c in annotation_set.categories if "frequency" not in c]
    if not without:
        return "fixed" if args.fixed else "lvis"
    if len(without) < annotation_set.num_classes:
        raise DataError(f"{args.gt}: category {without[0]}: has no frequency; {_ADVICE}")
    lists = sum("neg_category_ids" in image for image in annotation_set.images.values())
    if lists:
        raise DataError(
            f"{args.gt}: {lists} images have neg_category_ids, as LVIS's have, but no category has "
            f"a frequency; {_ADVICE}"
        )
    if args.fixed or args.iou_type == "boundary":
        raise DataError(
            f"{args.gt}: no category has a frequency, which AP_fixed and boundary AP need here; "
            f"{_ADVICE}"
        )
    logger.info(
        "%s: no category has a frequency: COCO's metrics; for LVIS's, with APr, APc and APf, %s",
        args.gt,
        _ADVICE,
    )
    return "coco"


def normalized(annotation_set: AnnotationSet, protocol: str) -> GroundTruth:
    """As the protocol has it."""
    parts = (
        list(annotation_set.images.values()),
        annotation_set.annotations,
        annotation_set.categories,
    )
    if protocol == "coco":
        return coco_ground_truth(*parts)
    record, notes = normalize_ground_truth(*parts)
    for note in notes:
        logger.info("%s: %s", annotation_set.json_file, note)
    return GroundTruth(record)


def main(args: argparse.Namespace) -> None:
    """Read, score, show."""
    started = time.monotonic()
    # Refuses before anything is read what can be refused then.
    evaluator_of(args.iou_type, fixed=args.fixed, reference=args.reference)
    annotation_set = read_ground_truth(args)
    protocol = protocol_of(annotation_set, args)
    results = read_results(args.results, [FIELD_OF[args.iou_type]], annotation_set.ids)
    logger.info("%s: %d detections; scoring", args.results, len(results))
    coco = protocol == "coco"
    evaluate = evaluator_of(args.iou_type, fixed=args.fixed, coco=coco, reference=args.reference)
    metrics = evaluate(normalized(annotation_set, protocol), results)
    beside = Path(args.results).with_suffix(f".{args.iou_type}.{protocol}.json")
    output = args.output or beside
    head = {"gt": args.gt, "results": args.results, "iou_type": args.iou_type, "protocol": protocol}
    save_json({**head, "reference": args.reference, "metrics": metrics}, output, indent=1)
    print(metrics_table(f"{args.iou_type}, {protocol}", metrics))
    print(f"in percent; {output}; took {time.monotonic() - started:.1f} s")


def parser() -> argparse.ArgumentParser:
    """Build the command line: what to score, and how."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--gt", required=True, metavar="FILE", help="LVIS or COCO annotations")
    made.add_argument("--results", required=True, metavar="FILE", help="LVIS or COCO results")
    made.add_argument("--iou-type", required=True, choices=IOU_TYPES)
    made.add_argument(
        "--fixed",
        action="store_true",
        help="AP_fixed: the best 10,000 of a category",
    )
    made.add_argument("--reference", action="store_true", help="by the official package, slowly")
    made.add_argument(
        "--train", default="", metavar="FILE", help="training annotations, for frequency groups"
    )
    made.add_argument(
        "--derive-area",
        action="store_true",
        help="take the area of mask or box where an annotation's area is 0",
    )
    made.add_argument("--output", type=Path, metavar="FILE", help="default: beside the results")
    return made


def run(words: list[str] | None = None) -> None:
    """Run the command."""
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    run_alone(main, parser(), words)


if __name__ == "__main__":
    run()
