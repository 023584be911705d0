"""What a long training holds on to: memory, open files and processes, watched from outside."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from .kill_and_resume import Job

_EVERY = 2.0


@dataclass(frozen=True)
class Sample:
    """One look at a process. Linux alone.

    Attributes:
        seconds: since its start.
        mib: resident memory.
        files: open file descriptors.
        children: processes it has started.
        log_mib: of what it has written besides checkpoints.
    """

    seconds: float
    mib: float
    files: int
    children: int
    log_mib: float


def watch(job: Job, folder: Path) -> list[Sample]:
    """Run a job and look at it every two seconds.

    Raises:
        RuntimeError: it failed; names its log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder.with_suffix(".txt")
    log.unlink(missing_ok=True)
    process, samples, started = job.start(folder, log, resume=False), [], time.monotonic()
    while process.poll() is None:
        samples += _sample(process.pid, folder, time.monotonic() - started)
        time.sleep(_EVERY)
    if process.returncode:
        raise RuntimeError(f"the run failed: {log}")
    return samples


def _sample(pid: int, folder: Path, seconds: float) -> list[Sample]:
    """None where the process has just ended."""
    proc = Path(f"/proc/{pid}")
    try:
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        mib = int(status["VmRSS"].split()[0]) / 1024
        files = len(list((proc / "fd").iterdir()))
        children = (proc / f"task/{pid}/children").read_text().split()
        logs = sum(f.stat().st_size for f in folder.iterdir() if f.suffix in (".txt", ".json"))
    except (OSError, KeyError):
        return []
    return [Sample(seconds, mib, files, len(children), logs / 2**20)]


def growth(samples: list[Sample], iterations: int) -> dict[str, float]:
    """MiB a 1,000 iterations, by a line through the middle of the run, and the other counts' ends.

    The first quarter, in which caches fill, and the last tenth, which evaluates, are left out.
    """
    middle = samples[len(samples) // 4 : -max(1, len(samples) // 10)]
    seconds = np.array([s.seconds for s in middle])
    slope = np.polyfit(seconds, [s.mib for s in middle], 1)[0]
    per_iteration = samples[-1].seconds / iterations
    return {
        "mib_per_1000_iterations": float(slope * per_iteration * 1000),
        "mib": middle[-1].mib,
        "files_grown": float(middle[-1].files - middle[0].files),
        "children_grown": float(middle[-1].children - middle[0].children),
        "log_mib_per_1000_iterations": middle[-1].log_mib / iterations * 1000,
    }


def draw(samples: list[Sample], path: Path) -> None:
    """Memory, files and processes over the run."""
    figure, axes = plt.subplots(2, 1, figsize=(8, 6), sharex=True, layout="constrained")
    seconds = [s.seconds for s in samples]
    axes[0].plot(seconds, [s.mib for s in samples])
    axes[0].set(ylabel="resident memory [MiB]", ylim=(0, None))
    axes[1].plot(seconds, [s.files for s in samples], label="open files")
    axes[1].plot(seconds, [s.children for s in samples], label="processes started")
    axes[1].set(xlabel="seconds", ylim=(0, None))
    axes[1].legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def as_records(samples: list[Sample]) -> list[dict[str, Any]]:
    """For JSON."""
    return [asdict(sample) for sample in samples]
