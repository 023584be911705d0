"""Errors that are the input's fault, not the program's: tools print them as one line and stop."""


class UserError(ValueError):
    """Something a person can put right; the message says where and what, in one line.

    Args:
        problem: that line.
        advice: what to do about it where training or evaluation of a model came upon it. Commands
            that have no such flag or key show ``problem`` alone.
    """

    def __init__(self, problem: str = "", *, advice: str = "") -> None:
        super().__init__(f"{problem}; {advice}" if advice else problem)
        self.problem = problem


class DataError(UserError):
    """Wrong data: ``FILE: RECORD: what is wrong with it``."""


class ConfigError(UserError):
    """Wrong configuration: ``KEY: what is wrong with it``."""


class WeightsError(UserError):
    """A checkpoint that does not fit: ``FILE: TENSOR: what is wrong with it``."""


class TrainingError(UserError):
    """Training that cannot go on: ``ITERATION: what went wrong, on which images``."""


def one_line(error: BaseException) -> str:
    """Return a library's message without its line breaks, and no longer than one reads."""
    return " ".join(str(error).split())[:300]
