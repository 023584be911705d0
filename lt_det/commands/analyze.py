"""Say what a results file gets wrong: kinds of error, confusion, calibration, by group.

lt-det analyze --gt val.json --results lvis_results.json --iou-type segm --output analysis
lt-det analyze --gt val.json --results results.json --iou-type bbox --train train.json --output …

Writes analysis.json and analysis.html into DIR. Categories without a frequency are called frequent.
"""

import argparse
from pathlib import Path

from lt_det.evaluation.lvis.detections import FIELD_OF
from lt_det.evaluation.lvis.ground_truth import normalize_ground_truth
from lt_det.evaluation.lvis.lvis_ap import GroundTruth
from lt_det.evaluation.lvis.results_file import read_results
from lt_det.files import save_json
from lt_det.inspection.errors import analyse, images_as_given
from lt_det.inspection.errors_page import analysis_page, analysis_text
from lt_det.visualization.page import write_page

from .command_line import run_alone
from .evaluate import read_ground_truth


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--gt", required=True, metavar="FILE", help="LVIS or COCO annotations")
    made.add_argument("--results", required=True, metavar="FILE", help="LVIS or COCO results")
    made.add_argument("--iou-type", required=True, choices=("bbox", "segm"))
    made.add_argument(
        "--train", default="", metavar="FILE", help="training annotations, for frequency groups"
    )
    made.add_argument(
        "--score-threshold",
        type=float,
        default=0.3,
        help="of confusions and of images' F1; default: 0.3",
    )
    made.add_argument("--output", type=Path, required=True, metavar="DIR")
    made.set_defaults(derive_area=False)
    return made


def main(args: argparse.Namespace) -> None:
    """Read, analyse, print, write."""
    annotation_set = read_ground_truth(args)
    results = read_results(args.results, [FIELD_OF[args.iou_type]], annotation_set.ids)
    categories = [{"frequency": "f", **category} for category in annotation_set.categories]
    names = {category["id"]: category["name"] for category in categories}
    record, _ = normalize_ground_truth(
        list(annotation_set.images.values()), annotation_set.annotations, categories
    )
    truth = GroundTruth(record)
    images = images_as_given(annotation_set)
    analysis = analyse(truth, results, args.iou_type, args.score_threshold, names, images)
    title = f"{args.results} ({args.iou_type})"
    args.output.mkdir(parents=True, exist_ok=True)
    save_json(analysis.to_record(), args.output / "analysis.json", indent=1)
    write_page(analysis_page(analysis, title), args.output / "analysis.html")
    print(analysis_text(analysis, title))
    print(f"\n{args.output}: analysis.html, analysis.json")


def run(words: list[str] | None = None) -> None:
    """Run the command."""
    run_alone(main, parser(), words)


if __name__ == "__main__":
    run()
