"""Checkpoint files of a run: written whole or not at all, checked, and no more than asked for."""

import logging
import os
import re
import zipfile
from pathlib import Path
from typing import Any

from detectron2.engine import hooks

from lt_det.errors import WeightsError
from lt_det.json_file import PARTIAL, whole_file

logger = logging.getLogger(__name__)

_NUMBERED = re.compile(r"model_\d{7}\.pth")


class WholeFiles:
    """A path manager whose local files appear under their names once they are whole.

    Args:
        plain: Detectron2's path manager, for everything else.
    """

    def __init__(self, plain: Any) -> None:
        self._plain = plain

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)

    def open(self, path: str, mode: str = "r", **options: Any) -> Any:
        """As Detectron2's; files that are read, or written elsewhere, are its own business."""
        if mode not in ("w", "wb") or "://" in path:
            return self._plain.open(path, mode, **options)
        return whole_file(path, mode)


def last_whole_checkpoint(folder: Path, tagged: str) -> Path:
    """The tagged checkpoint, or, where that is broken, the newest before it that is not.

    Args:
        folder: OUTPUT_DIR.
        tagged: the file name in ``last_checkpoint``.

    Raises:
        WeightsError: there is none.
    """
    older = sorted((f for f in _numbered(folder) if f.name != tagged), reverse=True)
    last = folder / tagged
    if _NUMBERED.fullmatch(tagged):
        older = [file for file in older if file.name < tagged]
    for file in (last, *older):
        problem = _problem(file)
        if problem is None:
            return file
        logger.warning("%s: %s; trying the checkpoint before it", file, problem)
    raise WeightsError(
        f"{last}: broken, as is every checkpoint before it; without --resume the run starts anew"
    )


def _problem(file: Path) -> str | None:
    """What keeps a file from being a checkpoint as it was written; reads all of it."""
    if not file.is_file():
        return "is not there"
    try:
        with zipfile.ZipFile(file) as archive:
            broken = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        return f"broken checkpoint ({error})"
    return None if broken is None else f"broken checkpoint ({broken} is not what was written)"


def _numbered(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.pth") if _NUMBERED.fullmatch(file.name))


def remove_partial(folder: Path) -> None:
    """What a killed process had begun to write."""
    for file in folder.glob(f"*{PARTIAL}"):
        logger.info("%s: removed, it was never finished", file)
        file.unlink(missing_ok=True)


class PeriodicCheckpointer(hooks.PeriodicCheckpointer):
    """Detectron2's, which keeps the newest ``keep`` numbered checkpoints, over resumes, too.

    Args:
        checkpointer: what saves.
        period: iterations from one to the next.
        folder: OUTPUT_DIR.
        keep: how many; 0 keeps all. ``model_final`` is always kept.
    """

    def __init__(self, checkpointer: Any, period: int, folder: str, keep: int) -> None:
        super().__init__(checkpointer, period)
        self._folder, self._keep = Path(folder), keep

    def before_train(self) -> None:
        """Detectron2's; and what a killed run had begun goes."""
        super().before_train()
        remove_partial(self._folder)

    def after_step(self) -> None:
        """Save where it is time to."""
        super().after_step()
        if self._keep and (self.trainer.iter + 1) % self.period == 0:
            for file in _numbered(self._folder)[: -self._keep]:
                os.unlink(file)
