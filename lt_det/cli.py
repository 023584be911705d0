"""The console command: ``lt-det SUBCOMMAND``, also as ``python -m lt_det SUBCOMMAND``.

Each subcommand is a module of :mod:`lt_det.commands` with ``run(words)``; it is imported when it is
asked for, so that ``lt-det --help`` is quick.
"""

import difflib
import importlib
import sys

from lt_det import completion

# Subcommand → (module of lt_det.commands, what it does).
SUBCOMMANDS: dict[str, tuple[str, str]] = {
    "train": ("train_net", "train or evaluate a detector"),
    "train-cls": ("train_cls", "train or evaluate an image classifier"),
    "check-data": ("check_data", "look at data before training on it"),
    "predict": ("predict", "detect or classify in images and videos"),
    "evaluate": ("evaluate", "score an LVIS or COCO results file"),
    "compare": ("compare", "say which of several detectors and readings helps, with intervals"),
    "report": ("report", "show a finished run, or several, on one page"),
    "analyze": ("analyze", "say what a results file gets wrong"),
    "export": ("export", "write a trained model as TorchScript or ONNX"),
    "configs": ("configs", "list the packaged configs"),
    "convert-weights": ("convert_weights", "take over checkpoints of the published code"),
    "demo": ("demo", "data, training and pictures in minutes, to see that it works"),
}
_EXAMPLE = "lt-det train --config-file lvis_v0.5/cascade_r101_tde --num-gpus 8"


def usage() -> str:
    """Return what ``lt-det --help`` prints."""
    width = max(map(len, SUBCOMMANDS))
    lines = [f"  {name:{width}}  {what}" for name, (_, what) in SUBCOMMANDS.items()]
    return "\n".join(
        [
            "usage: lt-det SUBCOMMAND …   (lt-det SUBCOMMAND --help says more)",
            "",
            "Long-tailed detection and classification: De-confound-TDE, xERM and their kin.",
            "",
            *lines,
            "",
            f"example: {_EXAMPLE}",
        ]
    )


def main(words: list[str] | None = None) -> None:
    """Run a subcommand; an unknown one ends with exit code 2 and the nearest known one."""
    if completion.is_asked_for():
        completion.complete(SUBCOMMANDS)
    given = sys.argv[1:] if words is None else words
    if not given or given[0] in ("-h", "--help"):
        print(usage())
        return
    if given[0] == "--version":
        from lt_det import __version__

        print(f"lt_det {__version__}")
        return
    name, *rest = given
    if name not in SUBCOMMANDS:
        near = difflib.get_close_matches(name, SUBCOMMANDS, n=1)
        hint = f"; did you mean {near[0]}?" if near else f": {', '.join(SUBCOMMANDS)}"
        sys.stderr.write(f"error: {name}: no such subcommand{hint}\n")
        sys.exit(2)
    # argparse names the program by this.
    sys.argv[0] = f"lt-det {name}"
    importlib.import_module(f"lt_det.commands.{SUBCOMMANDS[name][0]}").run(rest)


if __name__ == "__main__":
    main()
