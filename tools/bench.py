#!/usr/bin/env python3
"""lt_det beside Detectron2 and the lvis package: one table of ratios, from one run.

tools/bench.py [--full] [--output DIR] [--only inference evaluation loading tde …]
               [--published CHECKOUT/classification]
"""

import argparse
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.measuring import in_its_own_process, machine  # noqa: E402
from lt_det.evaluation.tables import markdown_table  # noqa: E402
from lt_det.files import save_json  # noqa: E402

# What, how it is read, and what was asked for.
Row = tuple[str, float, str]


def inference(folder: Path, full: bool) -> list[Row]:
    """Time outside the backbone and memory beyond the weights, an image, 300 detections."""
    shared: dict[str, Any] = {"size": "800x1067", "proposals": 1000} if full else {}
    rows: list[Row] = []
    for model in ("cascade", "mask_rcnn"):
        measured = {}
        for variant in ("detectron2", "linear", "te", "sweep", "twelve"):
            file = folder / f"{model}_{variant}.npz"
            measured[variant] = in_its_own_process(
                "inference", model=model, variant=variant, save=file, **shared
            )
        theirs, ours = measured["detectron2"], measured["linear"]
        rows += [
            (f"{model}: time, lt_det / Detectron2", ours["seconds"] / theirs["seconds"], "≤ 0.5"),
            (f"{model}: memory, lt_det / Detectron2", ours["mib"] / theirs["mib"], "≤ 0.33"),
            (f"{model}: largest difference of scores", _difference(folder, model), "≤ 1e-6"),
            (
                f"{model}: time, four α / one",
                measured["sweep"]["seconds"] / measured["te"]["seconds"],
                "≤ 1.2",
            ),
            (
                f"{model}: time, twelve rows / one",
                measured["twelve"]["whole"] / measured["te"]["whole"],
                "≤ 1.3",
            ),
        ]
    return rows


def _difference(folder: Path, model: str) -> float:
    """Of the scores, where boxes and classes are the same, in the same order; else infinite."""
    ours, theirs = (np.load(folder / f"{model}_{v}.npz") for v in ("linear", "detectron2"))
    same = ours["boxes"].shape == theirs["boxes"].shape
    if not same or (ours["classes"] != theirs["classes"]).any():
        return float("inf")
    if np.abs(ours["boxes"] - theirs["boxes"]).max() > 1e-2:
        return float("inf")
    return float(np.abs(ours["scores"] - theirs["scores"]).max())


def tde(folder: Path, full: bool) -> list[Row]:
    """Measure what TDE adds to the same head without it, and to a linear one."""
    shared = {"size": "800x1067", "proposals": 1000} if full else {}
    measured = in_its_own_process("tde", **shared)
    return [
        (
            f"{what}, {name} / {other}",
            measured[f"{work}_tde"] / measured[f"{work}_{other_key}"],
            wanted,
        )
        for work, what, name in (
            ("training", "training step", "TDE"),
            ("inference", "proposals to probabilities", "exempted TDE"),
        )
        for other, other_key, wanted in (
            ("the same without TDE", "te", "≤ 1.02"),
            ("linear classifier", "linear", ""),
        )
    ]


def evaluation(folder: Path, full: bool) -> list[Row]:
    """LVIS AP from a results file."""
    tenth = {"folder": folder / "tenth"}
    tenth["folder"].mkdir()
    in_its_own_process("evaluation", make=1, images=1981 if full else 400, **tenth)
    ours = in_its_own_process("evaluation", by="lt_det", **tenth)
    theirs = in_its_own_process("evaluation", by="lvis", **tenth)
    metrics = [key for key in ours if key.startswith("A")]
    difference = max(abs(ours[key] - theirs[key]) / 100 for key in metrics)
    rows: list[Row] = [
        (f"LVIS AP, {what}: time, lvis package / lt_det", theirs[key] / ours[key], wanted)
        for what, key, wanted in (
            ("evaluation", "seconds_evaluating", "≥ 50"),
            ("with reading", "seconds", ""),
        )
    ]
    rows.append(("LVIS AP: largest difference of a figure", difference, "≤ 1e-12"))
    standard = in_its_own_process("evaluation", by="standard", **tenth)
    without = (standard["fixed"] + standard["typed"]) / standard["alone"]
    rows.append(("two rows: AP, AP_fixed, error types / AP alone", without, "≤ 3"))
    whole = without + standard["paired"] / standard["alone"]
    rows.append(("the same with 200 resamples' intervals / AP alone", whole, "≤ 3"))
    if full:
        whole = {"folder": folder / "whole"}
        whole["folder"].mkdir()
        in_its_own_process("evaluation", make=1, images=19_809, **whole)
        ours = in_its_own_process("evaluation", by="lt_det", **whole)
        rows.append(("LVIS AP, whole size: GiB, the process in all", ours["mib"] / 1024, "≤ 2.5"))
        rows.append(("LVIS AP, whole size: seconds, with reading", ours["seconds"], ""))
    return rows


def losses(folder: Path, full: bool) -> list[Row]:
    """Measure a training step by each loss beside plain cross-entropy."""
    shared = {"size": "800x1067", "proposals": 1000} if full else {}
    measured = in_its_own_process("losses", **shared)
    cross_entropy = measured.pop("baseline")
    return [
        (f"training step, {name} / cross-entropy", taken / cross_entropy, "≤ 1.05")
        for name, taken in measured.items()
    ]


def predicting(folder: Path, full: bool) -> list[Row]:
    """Measure images a second of a loaded detector beside Detectron2's predictor."""
    rows: list[Row] = []
    for classes, wanted in ((60, "≥ 1"), (1230, "≥ 2")):
        measured = in_its_own_process("predicting", classes=classes, repeats=2)
        ratio = measured["lt_det_per_second"] / measured["detectron2_per_second"]
        rows.append((f"predict, C = {classes}: images/s, lt_det / Detectron2", ratio, wanted))
    return rows


def loading(folder: Path, full: bool) -> list[Row]:
    """From an annotation file to the first batch."""
    shared = {"folder": folder / "loading"}
    shared["folder"].mkdir()
    in_its_own_process("loading", make=1, images=100_170 if full else 5_000, **shared)
    theirs = in_its_own_process("loading", by="detectron2", **shared)
    first = in_its_own_process("loading", by="lt_det", **shared)
    later = in_its_own_process("loading", by="lt_det", **shared)
    rows: list[Row] = []
    for name, ours in (("first start", first), ("later starts", later)):
        rows += [
            (f"loading, {name}: time, Detectron2 / lt_det", theirs["seconds"] / ours["seconds"],
             "≥ 3"),
            (f"loading, {name}: memory, lt_det / Detectron2", ours["mib"] / theirs["mib"], "≤ 0.5"),
        ]  # fmt: skip
    return rows


def classification(folder: Path, full: bool, published: Path | None = None) -> list[Row]:
    """Steps of the papers' ResNet-32, 256 images of CIFAR's size, by the configs' precision."""
    rows: list[Row] = []
    for compiled, name in ((0, ""), (1, ", compiled")):
        given = {"published": published} if published else {}
        measured = in_its_own_process("classification", compiled=compiled, **given)
        untaught = measured["plain"]
        taught = (f"xERM step / plain step{name}", measured["taught"] / untaught, "≤ 1.5")
        rows.append(taught)
        if published:
            theirs = measured["published"] / untaught
            rows.append((f"step, the published script / lt_det{name}", theirs, "≥ 2"))
    return rows


def planning(folder: Path, full: bool) -> list[Row]:
    """Compare 8 trainings in 12 readings each, beside making each by itself."""
    measured = in_its_own_process("planning", **({} if full else {"trainings": 2}))
    name = f"compare, {8 if full else 2} trainings × 12 readings"
    return [
        (f"{name} / each trained and evaluated", measured["planned"] / measured["retrained"],
         "≤ 0.35"),
        (f"{name} / trained once, each evaluated", measured["planned"] / measured["each"], ""),
        (f"{name}: share of the answer", measured["answering"] / measured["planned"], ""),
    ]  # fmt: skip


BENCHMARKS = {
    **{"inference": inference, "tde": tde, "evaluation": evaluation, "loading": loading},
    **{"classification": classification, "losses": losses, "predicting": predicting},
    "planning": planning,
}


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="LVIS's own sizes; an hour, 9 GiB")
    parser.add_argument("--output", type=Path, default=Path("output/bench"))
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=list(BENCHMARKS))
    parser.add_argument(
        "--published",
        type=Path,
        help="classification/ of KaihuaTang/Long-Tailed-Recognition.pytorch, to be measured too",
    )
    args = parser.parse_args()
    if args.published:
        BENCHMARKS["classification"] = partial(classification, published=args.published.resolve())
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in args.only:
            print(f"{name}:", flush=True)
            made = BENCHMARKS[name](Path(folder), args.full)
            rows += made
            print(_table(made), flush=True)
            text = _write(rows, args.output, args.full)  # of a run that is stopped, too
    print(f"{text}\n{args.output}/bench.json, bench.md")


def _write(rows: list[Row], output: Path, full: bool) -> str:
    described = ", ".join(f"{key}: {value}" for key, value in machine().items())
    sizes = "LVIS's own sizes" if full else "smaller sizes"
    text = f"{sizes}; {described}\n\n{_table(rows)}\n"
    output.mkdir(parents=True, exist_ok=True)
    save_json({what: value for what, value, _ in rows}, output / "bench.json", indent=1)
    (output / "bench.md").write_text(text, encoding="utf-8")
    return text


def _table(rows: list[Row]) -> str:
    cells = [[what, f"{value:.3g}", wanted] for what, value, wanted in rows]
    return markdown_table(["what", "measured", "wanted"], cells)


if __name__ == "__main__":
    main()
