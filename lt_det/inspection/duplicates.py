"""Images that are in a data set more than once, or in two of its parts."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import imagehash
import numpy as np
from PIL import Image
from tqdm import tqdm

from lt_det.errors import DataError

_THREADS = 4
# Images of the same hash are the same picture where their small grey copies differ by less, of 255.
_SAME = 4.0
_SMALL = (32, 32)


@dataclass(frozen=True)
class Print:
    """What an image is recognised by.

    Attributes:
        name: of the image.
        part: of the data that it is in: "train", say.
        pixels: hash of its decoded pixels and size.
        picture: perceptual hash, which resizing and compression leave as it is.
        small: (32, 32) grey values.
    """

    name: str
    part: str
    pixels: str
    picture: str
    small: np.ndarray


def prints_of(
    names: Sequence[str], image: Callable[[int], Image.Image], part: str
) -> tuple[list[Print], list[str]]:
    """Decode images and recognise them; shows progress.

    Args:
        names: N names.
        image: decodes image i, RGB; raises DataError.
        part: of the data.

    Returns:
        prints of those that can be read, and the errors of the others.
    """

    def look(index: int) -> Print | str:
        try:
            decoded = image(index)
        except DataError as error:
            return str(error)
        pixels = hashlib.sha1(decoded.tobytes(), usedforsecurity=False)
        pixels.update(str(decoded.size).encode())
        grey = decoded.convert("L")
        small = np.asarray(grey.resize(_SMALL, Image.Resampling.BOX), dtype=np.float32)
        return Print(names[index], part, pixels.hexdigest(), str(imagehash.phash(grey)), small)

    with ThreadPoolExecutor(_THREADS) as pool:
        looked = list(
            tqdm(pool.map(look, range(len(names))), total=len(names), desc=part, unit="img")
        )
    prints = [seen for seen in looked if isinstance(seen, Print)]
    return prints, [seen for seen in looked if isinstance(seen, str)]


def in_a_line(errors: Sequence[str]) -> str:
    """Return the first error, and how many more there are."""
    more = f" ({len(errors) - 1} more images have problems)" if len(errors) > 1 else ""
    return f"{errors[0]}{more}"


def same_pictures(prints: Sequence[Print]) -> list[list[Print]]:
    """Group images that show the same picture: the same pixels, or resized or compressed anew.

    Images have the same perceptual hash (pHash, 64 bits) and grey copies of 32 × 32 pixels that
    differ by less than 4 of 255 on average: flat images share a hash without being the same.

    Returns:
        groups of two and more, in the images' order.
    """
    by_hash: dict[str, list[Print]] = defaultdict(list)
    for seen in prints:
        by_hash[seen.picture].append(seen)
    groups = []
    for candidates in by_hash.values():
        while len(candidates) > 1:
            first, *others = candidates
            alike = [o for o in others if np.abs(o.small - first.small).mean() < _SAME]
            if alike:
                groups.append([first, *alike])
            candidates = [o for o in others if not any(o is a for a in alike)]
    order = {id(seen): number for number, seen in enumerate(prints)}
    return sorted(groups, key=lambda group: order[id(group[0])])


def across_parts(groups: Sequence[Sequence[Print]]) -> list[list[Print]]:
    """Return those groups that lie in more than one part of the data."""
    return [list(group) for group in groups if len({seen.part for seen in group}) > 1]
