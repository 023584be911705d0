"""Times as people write and read them."""

from lt_det.errors import ConfigError


def seconds_of(text: str) -> float:
    """Read a time.

    Args:
        text: a number and ``s``, ``m``, ``h`` or ``d``: ``"90m"``, ``"1.5h"``.

    Raises:
        ConfigError: it is none.
    """
    unit = {"s": 1, "m": 60, "h": 3600, "d": 86400}.get(text[-1:], 0)
    try:
        seconds = float(text[:-1]) * unit
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigError(f"--budget {text}: not a time such as 90m, 3h or 1.5d")
    return seconds


def duration(seconds: float) -> str:
    """Return a time to two parts, as a person says it."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
