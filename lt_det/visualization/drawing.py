"""Drawing at the end of a run, which it never ends."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from lt_det.errors import UserError, one_line

logger = logging.getLogger(__name__)


@contextmanager
def said_if_not_drawn(what: str) -> Iterator[None]:
    """Go on after an image that cannot be drawn, and say in one line of the log why.

    An image is worth less than the results it shows: whatever goes wrong in drawing, a missing
    file, an image of another size, no memory or a mistake of ours, the run has ended well.

    Args:
        what: is drawn.
    """
    try:
        yield
    except Exception as error:
        reason = one_line(error)
        if not isinstance(error, UserError):
            reason = f"{type(error).__name__}: {reason}"
        logger.warning("%s: not drawn: %s", what, reason)
