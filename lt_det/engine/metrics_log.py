"""The event log, metrics.json: a resumed run leaves what an uninterrupted one would have."""

import logging
import os
from typing import Any

from detectron2.engine import HookBase
from detectron2.utils.events import EventStorage, JSONWriter

logger = logging.getLogger(__name__)

# Iterations whose median a line holds: what Detectron2's writers look back on.
_WINDOW = 20
# Scalars that are times: no two runs agree on them, and no resumed one goes on with them.
TIMES = frozenset({"time", "data_time", "rank_data_time", "eta_seconds"})


class ResumableJSONWriter(JSONWriter):
    """Detectron2's JSONWriter with a state: how long its file is, and what was written last."""

    def __init__(self, json_file: str) -> None:
        super().__init__(json_file, window_size=_WINDOW)
        self.path = json_file

    def state_dict(self) -> dict[str, Any]:
        """Return the place of now; every line is flushed when it is written."""
        return {"size": os.path.getsize(self.path), "last_write": self._last_write}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Cut off what a run wrote after its checkpoint, a line torn by a kill included."""
        size = os.path.getsize(self.path)
        if size < state["size"]:
            logger.warning("%s: lines of the run that is resumed are missing", self.path)
        else:
            os.truncate(self.path, state["size"])
        self._last_write = state["last_write"]


class EventLog(HookBase):
    """Keeps the event log's state in checkpoints.

    Args:
        writer: of metrics.json.
    """

    def __init__(self, writer: ResumableJSONWriter) -> None:
        self._writer = writer
        self._restored: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return the file's, and of each scalar what smoothing looks back on."""
        storage: EventStorage = self.trainer.storage
        scalars = {
            name: {
                "recent": history.values()[-_WINDOW:],  # (value, iteration) pairs
                "smooth": storage.smoothing_hints()[name],
            }
            for name, history in storage.histories().items()
            if name not in TIMES
        }
        return {"writer": self._writer.state_dict(), "scalars": scalars}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Keep the state until training starts, for the storage is made then."""
        self._restored = state

    def start_over(self) -> None:
        """Start anew: the run that is resumed has left no checkpoint, so its lines come again."""
        self._restored = {"writer": {"size": 0, "last_write": -1}, "scalars": {}}

    def before_train(self) -> None:
        """Set up once, with the storage there."""
        if self._restored is None:
            return
        self._writer.load_state_dict(self._restored["writer"])
        storage: EventStorage = self.trainer.storage
        for name, scalar in self._restored["scalars"].items():
            for value, iteration in scalar["recent"]:
                storage.put_scalar(
                    name, value, smoothing_hint=scalar["smooth"], cur_iter=int(iteration)
                )
        self._restored = None
