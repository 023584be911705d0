"""The project's configs, in a checkout as in an installed package."""

import difflib
from pathlib import Path

from lt_det.errors import ConfigError

# In the YAML of a person's own: _BASE_: "lt_det://lvis_v0.5/cascade_r101_tde.yaml".
PREFIX = "lt_det://"


def config_folder() -> Path:
    """Return the folder of the configs: the wheel's, or the checkout's."""
    packaged = Path(__file__).with_name("configs")
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "configs"


def config_names() -> list[str]:
    """Return the name of every config, as :func:`config_file` takes it."""
    folder = config_folder()
    files = sorted(folder.rglob("*.yaml"))
    return [file.relative_to(folder).with_suffix("").as_posix() for file in files]


def config_file(name: str) -> str:
    """Return the path of a config.

    Args:
        name: ``"lvis_v0.5/cascade_r101_tde"``, with or without ``.yaml``.

    Raises:
        ConfigError: there is none of that name; names the nearest.
    """
    stem = name.removesuffix(".yaml")
    file = config_folder() / f"{stem}.yaml"
    if file.is_file():
        return str(file.resolve())
    near = difflib.get_close_matches(stem, config_names(), n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ConfigError(f"{name}: no such config{hint}")


def find_config(name: str) -> str:
    """Return the path that a --config-file means: a file's, else a packaged config's.

    Args:
        name: a path, ``configs/NAME`` of a checkout, or a packaged name.

    Raises:
        ConfigError: it is none of them.
    """
    if Path(name).is_file() or "://" in name.removeprefix(PREFIX):
        return name
    packaged = name.removeprefix(PREFIX).removeprefix("configs/")
    try:
        return config_file(packaged)
    except ConfigError as error:
        hint = str(error).partition("; ")[2]
        raise ConfigError(f"{name}: no such config file{hint and f'; {hint}'}") from error
