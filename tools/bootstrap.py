#!/usr/bin/env python3
"""Create a virtual environment with lt_det, its dependencies and Detectron2.

tools/bootstrap.py [--venv .venv] [--detectron2 SOURCE]

SOURCE is anything pip installs (a git URL, a local checkout); without it Detectron2 comes from a
wheel on the package index, hash-checked, which needs no compiler. A Detectron2 that the environment
already has is kept. Runs on the standard library alone, and parses on any Python 3.
"""

import argparse
import os
import shutil
import subprocess
import sys

# PyTorch with its CUDA libraries takes 5.4 GB, and pip unpacks beside its download.
NEEDED_GB = 9

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Missing(Exception):
    """What the machine lacks, in plain words."""


def check_python():
    """lt_det needs Python 3.10; older ones fail later and less clearly."""
    if sys.version_info < (3, 10):
        raise Missing(
            "Python 3.10 or newer is needed, this is %d.%d (%s). Name another one: "
            "make PYTHON=python3.11 …" % (sys.version_info[0], sys.version_info[1], sys.executable)
        )
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        raise Missing(
            "this Python has no venv module; on Debian and Ubuntu: apt-get install python3-venv"
        ) from None


def check_disk(folder):
    """Refuse a disk that the installation would fill: it would leave a broken environment."""
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < NEEDED_GB:
        raise Missing(
            "the disk of %s has %.1f GB free; the installation needs %d GB (PyTorch and its CUDA "
            "libraries)" % (folder, free_gb, NEEDED_GB)
        )


def pip(python, *arguments):
    """Run pip."""
    said_in_words([python, "-m", "pip", "--disable-pip-version-check", *arguments])


def install_detectron2(python, source):
    """As ``python -m lt_det.install_detectron2`` does."""
    file = os.path.join(ROOT, "lt_det", "install_detectron2.py")
    said_in_words([python, file, *(["--source", source] if source else [])])


def said_in_words(command):
    """Run a command that runs pip; turn its failures into words."""
    process = subprocess.run(command, stderr=subprocess.PIPE, universal_newlines=True, check=False)
    if process.returncode == 0:
        return
    sys.stderr.write(process.stderr)
    text = process.stderr
    if "No space left on device" in text:
        raise Missing("the disk is full; the installation needs %d GB" % NEEDED_GB)
    if "from versions: none" in text or "Failed to establish a new connection" in text:
        raise Missing(
            "the package index cannot be reached (no network, or a proxy or index that pip does "
            "not know: see 'pip config list')"
        )
    if "DO NOT MATCH THE HASHES" in text:
        raise Missing("the package index gave another Detectron2 wheel than expected")
    raise Missing("pip failed: %s" % " ".join(command[1:]))


def main():
    """Create or complete the environment."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", default=os.path.join(ROOT, ".venv"))
    parser.add_argument("--detectron2", default=os.environ.get("DETECTRON2_SOURCE", ""))
    args = parser.parse_args()
    try:
        check_python()
        python = os.path.join(args.venv, "bin", "python")
        if not os.path.exists(python):
            check_disk(os.path.dirname(os.path.abspath(args.venv)))
            subprocess.run([sys.executable, "-m", "venv", args.venv], check=True)
        print("installing lt_det and its dependencies (PyTorch is large: a minute or more)")
        sys.stdout.flush()
        pip(python, "install", "--quiet", "--editable", ROOT + "[all,dev]")
        install_detectron2(python, args.detectron2)
    except Missing as missing:
        sys.exit("cannot install: %s" % missing)
    except OSError as error:
        sys.exit("cannot install: %s" % error)
    open(os.path.join(args.venv, ".installed"), "w").close()
    print("installed in %s" % args.venv)


if __name__ == "__main__":
    main()
