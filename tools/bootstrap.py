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

# Upstream's source of August 2024; see README, "Detectron2".
DETECTRON2_WHEEL = "sal-detectron2==0.7.2"
DETECTRON2_SHA256 = "491af0c7f79bdb2d178e46f6cb16a97c4ac968d45c41ea3f6b6435d59bbee561"

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
    """An installation that ends in a full disk leaves a broken environment."""
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < NEEDED_GB:
        raise Missing(
            "the disk of %s has %.1f GB free; the installation needs %d GB (PyTorch and its CUDA "
            "libraries)" % (folder, free_gb, NEEDED_GB)
        )


def pip(python, *arguments):
    """Run pip; turn its failures into words."""
    command = [python, "-m", "pip", "--disable-pip-version-check", *arguments]
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
        raise Missing("the package index gave another %s than expected" % DETECTRON2_WHEEL)
    raise Missing("pip failed: %s" % " ".join(arguments))


def install_detectron2(python, venv, source):
    """Keep a Detectron2 that is there, or install the named source, or the wheel."""
    probe = [python, "-c", "import detectron2; print(detectron2.__file__)"]
    found = subprocess.run(probe, capture_output=True, universal_newlines=True, check=False)
    if found.returncode == 0 and not source:
        print("Detectron2 is there already: %s" % found.stdout.strip())
        return
    if source:
        # Both fill the same folder: what the wheel has and the source lacks must not stay.
        remove = [python, "-m", "pip", "uninstall", "--quiet", "--yes", "sal-detectron2"]
        subprocess.run(remove, check=False)
        pip(python, "install", "--no-build-isolation", source)
        return
    where = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    target = subprocess.check_output([python, "-c", where], universal_newlines=True).strip()
    requirement = os.path.join(venv, "detectron2.txt")
    with open(requirement, "w") as file:
        file.write("%s --hash=sha256:%s\n" % (DETECTRON2_WHEEL, DETECTRON2_SHA256))
    # The wheel is tagged for CPython 3.10 and carries a compiled module for it; lt_det needs the
    # Python part alone, so pip is told to take it on any Python.
    tags = "--only-binary=:all: --python-version 3.10 --implementation cp --abi none --platform any"
    pip(python, "install", "--no-deps", "--require-hashes", *tags.split(), "--target", target,
        "-r", requirement)  # fmt: skip


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
        pip(python, "install", "--quiet", "--editable", ROOT + "[timm,dev]")
        install_detectron2(python, args.venv, args.detectron2)
    except Missing as missing:
        sys.exit("cannot install: %s" % missing)
    except OSError as error:
        sys.exit("cannot install: %s" % error)
    open(os.path.join(args.venv, ".installed"), "w").close()
    print("installed in %s" % args.venv)


if __name__ == "__main__":
    main()
