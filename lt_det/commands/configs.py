"""List the packaged configs, a line each; or print one.

lt-det configs                      # all of them
lt-det configs tde lvis_v1          # those with both words in their names
lt-det configs --show lvis_v0.5/cascade_r101_tde
"""

import argparse
from pathlib import Path

import yaml

from lt_det.model_zoo import config_file, config_folder, config_names

from .command_line import run_alone


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("words", nargs="*", metavar="WORD", help="in the configs' names")
    made.add_argument("--show", metavar="NAME", help="print this one's file")
    return made


def main(args: argparse.Namespace) -> None:
    """List or print. Raises ConfigError for a name that is none."""
    if args.show:
        file = config_file(args.show)
        print(f"# {file}\n{Path(file).read_text(encoding='utf-8')}", end="")
        return
    names = [name for name in config_names() if all(word in name for word in args.words)]
    # Bases and parts are for other configs to build on.
    shown = [name for name in names if not _is_part(name)]
    width = max(map(len, shown), default=0)
    for name in shown:
        print(f"{name:{width}}  {_first_comment(name)}".rstrip())
    print(f"{len(shown)} configs; use one by its name: --config-file NAME")


def _is_part(name: str) -> bool:
    parts = ("datasets", "methods", "recipes", "losses", "samplers")
    return Path(name).name.startswith("Base-") or any(p in Path(name).parts for p in parts)


def _first_comment(name: str) -> str:
    """Return what a config is: its first line where that is a comment, else its last base's.

    A classifier's leaf is a data set and a method; the method comes last.
    """
    file = Path(config_file(name))
    text = file.read_text(encoding="utf-8")
    if text.startswith("#"):
        return text.splitlines()[0].lstrip("# ")
    bases = yaml.safe_load(text).get("_BASE_", [])
    last = bases if isinstance(bases, str) else next(reversed(bases), "")
    if not last:
        return ""
    return _first_comment(
        str((file.parent / last).resolve().relative_to(config_folder().resolve()))
    )


def run(words: list[str] | None = None) -> None:
    """Run the command."""
    run_alone(main, parser(), words)


if __name__ == "__main__":
    run()
