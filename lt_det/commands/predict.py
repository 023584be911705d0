"""Detect or classify: predictions.json, predictions.csv, pictures, a summary by category.

lt-det predict --weights output/model_final.pth --images photos/ --output predicted
lt-det predict --weights … --images 'photos/**/*.jpg' --post-hoc "tde(alpha=1)" --output predicted
lt-det predict --weights … --images film.mp4 'cam*/*.mp4' --output predicted
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from lt_det.data.classification.image_files import list_folder
from lt_det.errors import ConfigError, DataError
from lt_det.files import printable, save_json
from lt_det.predict import Classifier, Detector, load_classifier, load_detector, named_images
from lt_det.predict.images import InputImage, files_of
from lt_det.predict.loading import is_classifier
from lt_det.predict.results import ClassificationResult, DetectionResult
from lt_det.predict.video import detect_in_video, is_video, video_length
from lt_det.predict.writing import PICTURES, Summary, picture_paths, prediction_writer, video_paths

from .command_line import run_alone

Result = DetectionResult | ClassificationResult


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    made = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--weights", required=True, metavar="FILE", help="of a training of lt_det's")
    made.add_argument(
        "--images",
        nargs="+",
        required=True,
        metavar="PATH",
        help="files, folders, patterns or videos",
    )
    made.add_argument("--output", type=Path, required=True, metavar="DIR")
    made.add_argument(
        "--config-file", default="", metavar="FILE", help="default: beside the weights"
    )
    made.add_argument(
        "--post-hoc", default="", metavar="CALL", help='"tde(alpha=1)"; default: as configured'
    )
    made.add_argument("--device", help="cpu, cuda, …; default: a GPU where there is one")
    made.add_argument("--batch-size", type=_positive, default=0, help="default: 1; classifiers 32")
    made.add_argument(
        "--score-threshold", type=float, default=0.3, help="of detections; default: 0.3"
    )
    made.add_argument("--top", type=_positive, default=5, help="classes an image; default: 5")
    made.add_argument("--no-pictures", action="store_true", help="write the figures alone")
    return made


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def main(args: argparse.Namespace) -> None:
    """Predict.

    Raises:
        UserError: one line; nothing is written where the model or the images are not there.
    """
    started = time.monotonic()
    for given in args.images:
        _say_videos_passed_over(given)
    files = [file for given in args.images for file in files_of(given)]
    videos = [file for file in files if is_video(file)]
    images = named_images([file for file in files if not is_video(file)])
    model = _load(args)
    if videos and isinstance(model, Classifier):
        raise ConfigError(f"--images: {videos[0]}: a video needs a detector")
    lengths, unreadable = _lengths(videos)
    summary = Summary()
    total = len(images) + sum(lengths.values()) + len(unreadable)
    with prediction_writer(args.output, args.top) as writer, tqdm(total=total, unit="img") as bar:
        for result in _results(model, images, list(lengths), unreadable, args):
            writer.add(result)
            summary.add(result)
            bar.update()
    for error in summary.errors:
        sys.stderr.write(f"warning: {error}\n")
    save_json(summary.to_record(), args.output / "summary.json", indent=1)
    print(summary.table())
    seconds = time.monotonic() - started
    read = summary.images - len(summary.errors)
    print(f"{read} of {summary.images} images in {seconds:.1f} s ({model.post_hoc}): {args.output}")
    if summary.images and not read:
        raise ConfigError("--images: none of them can be read")


def _say_videos_passed_over(path: str) -> None:
    """Say that of a folder the images alone are taken."""
    if not Path(path).is_dir():
        return
    videos = [name for name in list_folder(Path(path)).names if is_video(name)]
    if videos:
        pattern = printable(Path(path, f"*{Path(videos[0]).suffix}"))
        sys.stderr.write(
            f"warning: {printable(path)}: videos are passed over in a folder: {len(videos)}, the "
            f"first {printable(videos[0])}; name them, or '{pattern}'\n"
        )


def _lengths(videos: list[str]) -> tuple[dict[str, int], dict[str, str]]:
    """Return the frames of each video, and what is wrong with those that cannot be read."""
    lengths, unreadable = {}, {}
    for video in videos:
        try:
            lengths[video] = video_length(video)
        except DataError as error:
            unreadable[video] = printable(str(error))
    return lengths, unreadable


def _load(args: argparse.Namespace) -> Detector | Classifier:
    shared = {"config": args.config_file, "device": args.device, "post_hoc": args.post_hoc}
    if is_classifier(args.weights, args.config_file):
        return load_classifier(args.weights, **shared)
    return load_detector(args.weights, score_threshold=args.score_threshold, **shared)


def _results(
    model: Detector | Classifier,
    images: list[InputImage],
    videos: list[str],
    unreadable: dict[str, str],
    args: argparse.Namespace,
) -> Iterator[Result]:
    """Yield a result an image and frame, its picture drawn, and one a video that is unreadable."""
    folder = args.output / PICTURES
    paths = picture_paths([image.name for image in images], folder)
    sizes = {"batch_size": args.batch_size} if args.batch_size else {}
    for result, path in zip(model.stream(images, **sizes), paths, strict=True):
        if not args.no_pictures and not result.error:
            result.save_image(path)
        yield result
    for video, error in unreadable.items():
        image = InputImage(printable(video), video)
        yield DetectionResult.unreadable(image, model.categories, error)
    drawn_videos = video_paths([printable(video) for video in videos], folder)
    for video, drawn in zip(videos, drawn_videos, strict=True):
        assert isinstance(model, Detector)
        yield from detect_in_video(model, video, None if args.no_pictures else drawn)


def run(words: list[str] | None = None) -> None:
    """Run the command."""
    run_alone(main, parser(), words)


if __name__ == "__main__":
    run()
