"""What a person needs to go on with a recommended reading: its checkpoint and commands."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from lt_det.files import load_json

from .answer import Answer

_WEIGHTS = "model_final.pth"


@dataclass(frozen=True)
class HowTo:
    """How to use a reading, and to make it again.

    Attributes:
        checkpoint: of its run; "" where that is gone.
        post_hoc: the reading, as TEST.POST_HOC has it; "" where the run's config does not say.
        use: the command that predicts with it.
        train: the command that trains it; "" of a run that was given.
    """

    checkpoint: str
    post_hoc: str
    use: str
    train: str

    @property
    def lines(self) -> list[str]:
        """As a person reads them."""
        named = {
            "Its checkpoint": self.checkpoint,
            "To use it": self.use,
            "To train it": self.train,
        }
        return [f"{name}: {value}" for name, value in named.items() if value]

    def to_record(self) -> dict[str, str]:
        """Return it as JSON has it."""
        return asdict(self)


def how_to(
    answer: Answer, runs: Mapping[str, Path], commands: Mapping[str, Sequence[str]]
) -> HowTo:
    """Say how to go on with what is recommended.

    Args:
        answer: whose rows are called ``RUN: READING``.
        runs: folders, by what they are called.
        commands: words that trained a run, by the same; none of runs that were given.
    """
    called = next(name for name in runs if answer.recommended.startswith(f"{name}: "))
    names = [name for name in answer.directions[0].figures if name.startswith(f"{called}: ")]
    calls = _calls_of_rows(runs[called]) or _calls(runs[called])
    # An evaluation into the run's folder may have other rows than its config.
    is_known = len(calls) == len(names)
    post_hoc = calls[names.index(answer.recommended)] if is_known else ""
    weights = runs[called] / _WEIGHTS
    checkpoint = str(weights) if weights.is_file() else ""
    if len(names) > 1 and not is_known:
        # The weights' own reading would be another one.
        return HowTo(checkpoint, "", "", shlex.join(commands.get(called, ())))
    use = ["lt-det", "predict", "--weights", checkpoint]
    use += ["--post-hoc", post_hoc] if post_hoc else []
    return HowTo(
        checkpoint,
        post_hoc,
        f"{shlex.join(use)} --images FOLDER --output DIR" if checkpoint else "",
        shlex.join(commands.get(called, ())),
    )


def _calls_of_rows(folder: Path) -> list[str]:
    """Return what a detector's results say of their rows; nothing of those of before they did."""
    file = folder / "results.json"
    rows: Any = load_json(file) if file.is_file() else None
    known = isinstance(rows, list) and all("post_hoc" in row for row in rows)
    return [row["post_hoc"] for row in rows] if known else []


def _calls(folder: Path) -> list[str]:
    """Return the calls of a run's rows, in their order; none where its config does not say."""
    file = folder / "config.yaml"
    if not file.is_file():
        return []
    config = CfgNode.load_yaml_with_base(str(file))
    tested = config.get("TEST", {})
    return [str(call) for call in tested.get("POST_HOC", [])] or _swept(config, tested)


def _swept(config: Mapping[str, Any], tested: Mapping[str, Any]) -> list[str]:
    """Return the calls that the keys of before TEST.POST_HOC stand for."""
    tde = config.get("MODEL", {}).get("LT", {}).get("TDE", {})
    alphas = list(tested.get("TDE_ALPHAS", [])) or ([tde["ALPHA"]] if tde.get("ENABLED") else [])
    if "CLASSIFICATION" in tested:
        calls = ["none", *(f"tde(alpha={alpha:g})" for alpha in alphas if alpha)]
        further = tested["CLASSIFICATION"]
        calls += [f"logit_adjustment(tau={tau:g})" for tau in further["LA_TAUS"]]
        calls += [f"tau_norm(power={power:g})" for power in further["TAU_NORM_POWERS"]]
    else:
        exempts = tested.get("TDE_BACKGROUND_EXEMPT", []) or [tde.get("BACKGROUND_EXEMPT", True)]
        calls = [
            f"tde(alpha={alpha:g}, exempt={bool(exempt)})" if alpha else "none"
            for alpha in alphas
            for exempt in exempts
        ]
    return list(dict.fromkeys(calls))
