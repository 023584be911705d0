"""A look at every image's header before the work: in parallel, and kept for later starts."""

import logging
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from detectron2.utils import comm
from detectron2.utils.logger import log_every_n_seconds
from PIL import Image

from lt_det.errors import DataError

from .cache import HeaderCache, KeptHeader, Stamp
from .headers import Header, file_header

logger = logging.getLogger(__name__)

# They wait for a slow disk together; on a quick one, one thread would do as well.
_THREADS = 16
_CHUNK = 64
_SAVE_EVERY = 60.0
_SAY_EVERY = 5
# Images left out are named one by one up to here, and counted.
_NAMED = 20


class Images(NamedTuple):
    """Images to look at.

    Attributes:
        paths: what to keep each one's header under: absolute, or of the working directory.
        stamp: of an image's file, by number.
        header: of an image, by number.
    """

    paths: Sequence[str]
    stamp: Callable[[int], Stamp]
    header: Callable[[int], Header]


def image_files(paths: Sequence[str]) -> Images:
    """Return files, each opened once where it is not known already."""

    def stamp(index: int) -> Stamp:
        status = os.stat(paths[index])
        return status.st_mtime_ns, status.st_size

    return Images(paths, stamp, lambda index: file_header(paths[index]))


def read_headers(images: Images, name: str) -> list[Header]:
    """Return the header of every image.

    What was seen is kept in :func:`~lt_det.data.lvis.cache.cache_folder`, a file for each
    folder of images, and holds while an image's file has the same time and size. An image with
    a problem is looked at anew each time. Several jobs may do this at once: a kept file is replaced
    as a whole. What cannot be kept or read is looked at again.

    Args:
        images: which.
        name: what the log calls them.

    Returns:
        in their order.
    """
    store = HeaderCache(images.paths)
    headers: list[Header] = []
    Image.preinit()  # not in several threads at once

    def look(start: int) -> list[Header]:
        chunk = range(start, min(start + _CHUNK, len(images.paths)))
        return [_looked_up(store, images, index) for index in chunk]

    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="images")
    try:
        started = saved = time.monotonic()
        for chunk in pool.map(look, range(0, len(images.paths), _CHUNK)):
            headers += chunk
            now = time.monotonic()
            if now - started > _SAY_EVERY:
                _say(name, len(headers), len(images.paths), now - started)
            if now - saved > _SAVE_EVERY:
                store.save()
                saved = time.monotonic()
    finally:
        pool.shutdown(cancel_futures=True)
        store.save()
    return headers


def image_problems(
    images: Images, name: str, sizes: Sequence[tuple[int, int]] | None = None
) -> dict[int, str]:
    """Return what is wrong with which images, in a few words each.

    The main process looks; the others wait for what it finds.

    Args:
        images: which.
        name: what the log calls them.
        sizes: the (width, height) that each is said to have; ``None`` where nothing is said.
    """
    if not comm.is_main_process():
        everywhere: dict[int, str] = comm.all_gather({})[0]
        return everywhere
    headers = read_headers(images, name)
    framed = [index for index, header in enumerate(headers) if header.has_frames]
    if framed:
        logger.warning(
            "%s: %d images have several frames or pages (%s): the first of each is read",
            *(name, len(framed), images.paths[framed[0]]),
        )
    problems = {}
    for index, header in enumerate(headers):
        problem = header.problem
        if not problem and sizes is not None:
            problem = _size_problem(header, sizes[index])
        if problem:
            problems[index] = problem
    comm.all_gather(problems)
    return problems


def leave_out(
    problems: dict[int, str],
    name_of: Callable[[int], str],
    name: str,
    total: int,
    on_invalid: str,
    consequence: str,
) -> None:
    """Stop at an image with a problem, or say which are left out.

    Args:
        problems: by number.
        name_of: what to call an image in a message.
        name: of the set, which has ``total`` images.
        on_invalid: ``"error"`` or ``"skip"``.
        consequence: what the set is to be without them, for the log.

    Raises:
        DataError: under ``"error"``, or where no image would be left.
    """
    if not problems:
        return
    first = next(iter(problems))
    if on_invalid == "error" or len(problems) == total:
        more = f" ({len(problems) - 1} more images have problems)" if len(problems) > 1 else ""
        advice = "; DATASETS.ON_INVALID skip leaves such images out"
        advice = advice if on_invalid == "error" else "; no image is left"
        raise DataError(f"{name_of(first)}: {problems[first]}{more}{advice}")
    for index in list(problems)[:_NAMED]:
        logger.warning("left out: %s: %s", name_of(index), problems[index])
    logger.warning(
        "%s: %d of %d images cannot be used: %s", name, len(problems), total, consequence
    )


def _size_problem(header: Header, size: tuple[int, int]) -> str:
    width, height = header.width, header.height
    if (width, height) == size:
        return ""
    told = f"its record says {size[0]}x{size[1]} pixels, but it has {width}x{height}"
    if header.orientation == 1:
        return told
    told += f" after the turn that its EXIF asks for (orientation {header.orientation})"
    if (height, width) == size:
        told += ": its annotations are of the size before turning"
    return told


def _looked_up(store: HeaderCache, images: Images, index: int) -> Header:
    try:
        stamp = images.stamp(index)
    except OSError:
        return images.header(index)  # which says what is wrong
    path = images.paths[index]
    kept = store.get(path)
    if kept is not None and kept.stamp == stamp:
        return kept.header
    header = images.header(index)
    if not header.problem:
        store.put(path, KeptHeader(stamp, header))
    return header


def _say(name: str, done: int, total: int, taken: float) -> None:
    rate = done / taken
    log_every_n_seconds(
        logging.INFO,
        f"{name}: looked at {done} of {total} images ({rate:.0f}/s, about "
        f"{(total - done) / rate:.0f} s left; DATASETS.CHECK_IMAGES False leaves this out)",
        n=_SAY_EVERY,
        name=__name__,
    )
