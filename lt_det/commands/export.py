"""Write a trained detector or classifier as a TorchScript or ONNX file, which runs without lt_det.

lt-det export --weights output/model_final.pth --format onnx --output detector.onnx
lt-det export --weights … --format torchscript --output detector.pt --post-hoc "tde(alpha=1)"
"""

import argparse
from pathlib import Path

from lt_det.predict.export import FORMATS, export_model

from .command_line import run_alone


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--weights", required=True, metavar="FILE", help="of a training of lt_det's")
    made.add_argument("--format", required=True, choices=FORMATS)
    made.add_argument("--output", required=True, metavar="FILE")
    made.add_argument(
        "--config-file", default="", metavar="FILE", help="default: beside the weights"
    )
    made.add_argument(
        "--post-hoc", default="", metavar="CALL", help='"tde(alpha=1)"; default: as configured'
    )
    made.add_argument(
        "--score-threshold", type=float, default=0.3, help="of detections; default: 0.3"
    )
    return made


def main(args: argparse.Namespace) -> None:
    """Export, and say what the file takes and gives."""
    made = export_model(
        args.weights,
        args.output,
        args.format,
        config=args.config_file,
        post_hoc=args.post_hoc,
        score_threshold=args.score_threshold,
    )
    taken = made["input"]
    size = Path(args.output).stat().st_size / 2**20
    print(f"{args.output}: {made['task']}, {len(made['class_names'])} classes, {size:.1f} MiB")
    print(f"read by {made['post_hoc']}")
    print(f"takes {taken['name']} {taken['shape']}, {taken['channels']}, float32 in [0, 255]")
    print(f"gives {', '.join(made['outputs'])}; metadata lt_det.json in the file says the rest")


def run(words: list[str] | None = None) -> None:
    """Run the command."""
    run_alone(main, parser(), words)


if __name__ == "__main__":
    run()
