"""Time and memory of a piece of work in this process, and runs of it in processes of their own."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def now() -> float:
    """Seconds on this process's clock, once a GPU that it uses has done what it was given."""
    import torch

    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


def fastest(works: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Least wall time of each, in seconds, taken in turn after a warm-up.

    The least, for whatever else the machine does can only add.
    """
    taken: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            started = now()
            work()
            if number:
                taken[name].append(now() - started)
    return {name: min(times) for name, times in taken.items()}


def reset_peak() -> float:
    """Forget the process's peak memory; returns what it holds now, in MiB. Linux alone."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def peak() -> float:
    """Peak memory since :func:`reset_peak`, in MiB."""
    return _status("VmHWM")


def _status(key: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(key)


def in_its_own_process(module: str, **options: Any) -> dict[str, float]:
    """Run ``benchmarks.<module>`` with options and read the JSON of its last line.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    line = [sys.executable, "-W", "ignore", "-m", f"benchmarks.{module}"]
    for name, value in options.items():
        line += [f"--{name.replace('_', '-')}", str(value)]
    print(f"  {module} {' '.join(f'{k}={v}' for k, v in options.items())}", flush=True)
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(line)}:\n{done.stderr[-2000:]}")
    measured: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    shown = {key: round(value, 3) for key, value in measured.items() if key in ("seconds", "mib")}
    print(f"    {shown}", flush=True)
    return measured


def say(measured: dict[str, float]) -> None:
    """Print the last line of a measuring process."""
    print(json.dumps(measured))


def machine() -> dict[str, str]:
    """Describe what the metrics were measured on."""
    import torch
    import torchvision

    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB",
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
    }
