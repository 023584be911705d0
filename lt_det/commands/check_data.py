"""Look at data before training: counts, sizes, doubles, what is odd, and what it suggests.

lt-det check-data --train-json train.json --train-images train/ --val-json val.json
                  --val-images val/ --output check
lt-det check-data --data photos.zip --imbalance 100 --output check
lt-det check-data --from yolo --train-json labels/train --train-images images/train --output check

Writes check.json and check.html into DIR, with --from also train.from_KIND.json and val's, to train
on; ends with 2 where a training would refuse the data.
"""

import argparse
import sys
from pathlib import Path

from detectron2.config import CfgNode

from lt_det.classification.setup import argument_parser as classification_parser
from lt_det.classification.setup import load_config as load_classification_config
from lt_det.data.lvis.annotation_set import AnnotationSet
from lt_det.detection.setup import argument_parser as detection_parser
from lt_det.detection.setup import fit_to_data, load_config
from lt_det.errors import ConfigError
from lt_det.files import save_json
from lt_det.inspection.classification_check import check_image_data
from lt_det.inspection.conversion import FORMATS, convert
from lt_det.inspection.detection_check import check_detection_data
from lt_det.inspection.findings import Findings, Oddities
from lt_det.model_zoo import config_file
from lt_det.visualization.page import write_page

from .command_line import run_alone
from .data_flags import ANNOTATIONS, IMAGES, add_data_flags, data_words

_SPLITS = ("train", "val")
_ANY_FOLDER = "classification/folder_lt/resnet32_xe"


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data_flags(made)
    made.add_argument("--from", dest="kind", choices=FORMATS, help="what --train-json names")
    made.add_argument("--config-file", default="", metavar="FILE", help="of the training to come")
    made.add_argument("--output", type=Path, required=True, metavar="DIR")
    made.add_argument("--quick", action="store_true", help="do not decode the images")
    made.add_argument("opts", nargs="*", metavar="KEY VALUE", help="of the config")
    return made


def main(args: argparse.Namespace) -> None:
    """Look, print, write. Raises ConfigError or DataError for a line that names nothing."""
    if bool(args.data) == bool(args.train_json) and not args.config_file:
        raise ConfigError("name the data: --train-json FILE --train-images DIR, or --data PATH")
    findings = _images(args) if args.data or _is_classification(args) else _annotations(args)
    args.output.mkdir(parents=True, exist_ok=True)
    save_json(findings.to_record(), args.output / "check.json", indent=1)
    write_page(findings.page(), args.output / "check.html")
    print(findings.text())
    print(f"\n{args.output}: check.html, check.json")
    if findings.refused:
        sys.stderr.write(f"error: {findings.refused}\n")
        sys.exit(2)


def _is_classification(args: argparse.Namespace) -> bool:
    return "classification" in Path(args.config_file).parts


def _images(args: argparse.Namespace) -> Findings:
    words = ["--config-file", args.config_file or config_file(_ANY_FOLDER)]
    words += data_words(args, IMAGES)
    cfg = load_classification_config(classification_parser().parse_args([*words, *args.opts]))
    return check_image_data(cfg, compare_images=not args.quick)


def _annotations(args: argparse.Namespace) -> Findings:
    changed = _convert(args) if args.kind else {}
    given = detection_parser().parse_args(data_words(args, ANNOTATIONS))
    cfg = load_config(args.config_file, args.opts, given)
    findings = check_detection_data(cfg, fit=_fit(args), compare_images=not args.quick)
    findings.oddities = {**changed, **findings.oddities}
    return findings


def _convert(args: argparse.Namespace) -> Oddities:
    """Put COCO files in the place of another tool's; returns what the conversion changed."""
    given = {split: getattr(args, f"{split}_json") for split in _SPLITS}
    sources = {s: (file, getattr(args, f"{s}_images")) for s, file in given.items() if file}
    files, changed = convert(sources, args.kind, args.output)
    for split, file in files.items():
        setattr(args, f"{split}_json", file)
    return changed


def _fit(args: argparse.Namespace):  # type: ignore[no-untyped-def]
    """Of the config that will be trained; without one, masks are nobody's business yet."""

    def fit(cfg: CfgNode, reference: AnnotationSet) -> None:
        if args.config_file:
            fit_to_data(cfg, reference, [reference])

    return fit


def run(words: list[str] | None = None) -> None:
    """Run the command; flags may stand between KEY VALUE pairs."""
    run_alone(main, parser(), words, intermixed=True)


if __name__ == "__main__":
    run()
