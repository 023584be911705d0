"""What a person needs to go on with a recommended reading: its checkpoint and commands."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from fvcore.common.config import CfgNode

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
    calls = _calls(runs[called])
    position = names.index(answer.recommended)
    post_hoc = calls[position] if position < len(calls) else ""
    weights = runs[called] / _WEIGHTS
    checkpoint = str(weights) if weights.is_file() else ""
    use = ["lt-det", "predict", "--weights", checkpoint]
    use += ["--post-hoc", post_hoc] if post_hoc else []
    return HowTo(
        checkpoint,
        post_hoc,
        f"{shlex.join(use)} --images FOLDER --output DIR" if checkpoint else "",
        shlex.join(commands.get(called, ())),
    )


def _calls(folder: Path) -> list[str]:
    file = folder / "config.yaml"
    if not file.is_file():
        return []
    config = CfgNode.load_yaml_with_base(str(file))
    return [str(call) for call in config.get("TEST", {}).get("POST_HOC", [])]
