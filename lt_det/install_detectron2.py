"""Install Detectron2 into this Python: ``python -m lt_det.install_detectron2 [--source SOURCE]``.

SOURCE is anything pip installs (a git URL, a local checkout); without it Detectron2 comes from a
wheel on the package index, hash-checked, which needs no compiler. A Detectron2 that is there
already is kept. Runs on the standard library alone.
"""

import argparse
import os
import subprocess
import sys
import sysconfig
import tempfile

# Upstream's source of August 2024; see docs/GETTING_STARTED.md, "Detectron2".
WHEEL = "sal-detectron2==0.7.2"
SHA256 = "491af0c7f79bdb2d178e46f6cb16a97c4ac968d45c41ea3f6b6435d59bbee561"
# It is tagged for CPython 3.10 and carries a compiled module for it; lt_det needs the Python part
# alone, so pip is told to take it on any Python.
TAGS = "--only-binary=:all: --python-version 3.10 --implementation cp --abi none --platform any"


def install(source: str = "", target: str = "") -> None:
    """Keep a Detectron2 that is there, or install the named source, or the wheel.

    Args:
        source: what pip installs; replaces a Detectron2 that is there.
        target: folder for the wheel; site-packages where empty.

    Raises:
        subprocess.CalledProcessError: pip failed.
    """
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    there = _imported_from()
    if there and not source:
        print(f"Detectron2 is there already: {there}")
        return
    if source:
        # Both fill the same folder: what the wheel has and the source lacks must not stay.
        remove = [*pip, "uninstall", "--quiet", "--yes", WHEEL.partition("=")[0]]
        subprocess.run(remove, check=False)
        subprocess.run([*pip, "install", "--no-build-isolation", source], check=True)
        return
    folder = target or sysconfig.get_paths()["purelib"]
    with tempfile.TemporaryDirectory() as work:
        requirement = os.path.join(work, "detectron2.txt")
        with open(requirement, "w", encoding="utf-8") as file:
            file.write(f"{WHEEL} --hash=sha256:{SHA256}\n")
        wheel = ["install", "--no-deps", "--require-hashes", *TAGS.split(), "--target", folder]
        subprocess.run([*pip, *wheel, "-r", requirement], check=True)


def _imported_from() -> str:
    """Return where ``import detectron2`` finds it; "" if it does not."""
    probe = [sys.executable, "-c", "import detectron2; print(detectron2.__file__)"]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def main() -> int:
    """Read the command line; pip's failure is its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", default=os.environ.get("DETECTRON2_SOURCE", ""))
    try:
        install(parser.parse_args().source)
    except subprocess.CalledProcessError as error:
        return int(error.returncode)
    return 0


if __name__ == "__main__":
    sys.exit(main())
