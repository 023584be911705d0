"""Checkpoint files of a run: written whole or not at all, checked, and no more than asked for."""

import logging
import re
import zipfile
from pathlib import Path
from typing import Any

from detectron2.engine import hooks

from lt_det.engine.run_identity import (
    LAST_CHECKPOINT,
    RunIdentity,
    identity_of,
    last_run,
    write_last_run,
)
from lt_det.errors import WeightsError
from lt_det.files import PARTIAL, whole_file

logger = logging.getLogger(__name__)

_NUMBERED = re.compile(r"model_(\d{7})\.pth")
# Of a step whose evaluation is still to come; a later checkpoint takes its place.
_EVALUATING = "model_evaluating"


class WholeFiles:
    """A path manager whose local files appear under their names once they are whole.

    Args:
        plain: Detectron2's path manager, for everything else.
    """

    def __init__(self, checkpointer: Any) -> None:
        self._plain = checkpointer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)

    def open(self, path: str, mode: str = "r", **options: Any) -> Any:
        """As Detectron2's; files that are read, or written elsewhere, are its own business."""
        if mode not in ("w", "wb") or "://" in path:
            return self._plain.open(path, mode, **options)
        return whole_file(path, mode)


def last_whole_checkpoint(folder: Path, tagged: str) -> Path:
    """Return the tagged checkpoint, or the same run's newest before it that is not broken.

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
    run = last_run(folder)
    for file in (last, *older):
        if file != last and run is not None and identity_of(file).get("run") != run:
            continue  # an earlier run's, or broken
        problem = _problem(file)
        if problem is None:
            return file
        logger.warning("%s: %s; trying the checkpoint before it", file, problem)
    raise WeightsError(
        f"{last}: broken, as is every checkpoint before it; without --resume the run starts anew"
    )


def _problem(file: Path) -> str | None:
    """Return what keeps a file from being a checkpoint as it was written; reads all of it."""
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
    """Remove what a killed process had begun to write."""
    for file in folder.glob(f"*{PARTIAL}"):
        logger.info("%s: removed, it was never finished", file)
        file.unlink(missing_ok=True)


class PeriodicCheckpointer(hooks.PeriodicCheckpointer):
    """Detectron2's, which keeps the newest ``keep`` numbered checkpoints, over resumes, too.

    Of those in the folder it removes only what its own run has written up to where it stands, and
    never what ``last_checkpoint`` names.

    Args:
        checkpointer: what saves.
        period: iterations from one to the next.
        folder: OUTPUT_DIR.
        keep: how many; 0 keeps all. ``model_final`` is always kept.
        identity: of the run.
    """

    def __init__(
        self, checkpointer: Any, period: int, folder: str, keep: int, identity: RunIdentity
    ) -> None:
        super().__init__(checkpointer, period)
        self._folder, self._keep, self._identity = Path(folder), keep, identity
        self._own: set[Path] = set()

    def before_train(self) -> None:
        """Run Detectron2's; and remove what a killed run had begun."""
        super().before_train()
        remove_partial(self._folder)
        if self._keep and self.trainer.start_iter:
            self._own = {file for file in _numbered(self._folder) if self._is_own(file)}
        self._write_missing_final()

    def _write_missing_final(self) -> None:
        """Write ``model_final`` of a run that was killed between its last step's two files."""
        final, trainer = f"{self.file_prefix}_final", self.trainer
        if trainer.start_iter < self.max_iter or self.checkpointer.resumed_from in ("", final):
            return
        trainer.iter = trainer.start_iter - 1  # the last step's, as it would have been written
        self.checkpointer.save(final, iteration=trainer.iter)
        trainer.iter = trainer.start_iter

    def _is_own(self, file: Path) -> bool:
        reached = self.trainer.start_iter > _number(file)
        return reached and identity_of(file).get("run") == self._identity.name

    def save_for_evaluation(self) -> None:
        """Save the step that is about to be evaluated, whatever becomes of its evaluation."""
        write_last_run(self._folder, self._identity.name)
        self.checkpointer.save(_EVALUATING, iteration=self.trainer.iter)

    def after_step(self) -> None:
        """Save where it is time to."""
        iteration = self.trainer.iter
        numbered = (iteration + 1) % self.period == 0
        if not numbered and iteration < self.max_iter - 1:
            return
        write_last_run(self._folder, self._identity.name)
        super().after_step()
        (self._folder / f"{_EVALUATING}.pth").unlink(missing_ok=True)
        if numbered:
            self._own.add(self._folder / f"{self.file_prefix}_{iteration:07d}.pth")
            self._remove_old()

    def _remove_old(self) -> None:
        if not self._keep:
            return
        last = (self._folder / LAST_CHECKPOINT).read_text(encoding="utf-8").strip()
        for file in sorted(self._own)[: -self._keep]:
            self._own.remove(file)
            if file.name != last:
                file.unlink(missing_ok=True)


def _number(file: Path) -> int:
    match = _NUMBERED.fullmatch(file.name)
    return int(match[1]) if match else -1
