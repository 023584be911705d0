"""The categories a model tells apart, and which category of a file each of them is."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lt_det.errors import DataError

logger = logging.getLogger(__name__)

_NAMED = 3  # so many categories of a kind are named in an error


@dataclass(frozen=True)
class Vocabulary:
    """The categories of a model, by class index in [0, C).

    Attributes:
        names: C names.
        ids: C ids in the annotation file that the model was trained on.
        source: what messages call that file or checkpoint.
    """

    names: tuple[str, ...]
    ids: tuple[int, ...]
    source: str

    @classmethod
    def of(cls, categories: Sequence[dict[str, Any]], source: str) -> "Vocabulary":
        """Return the vocabulary of category records, in their order."""
        return cls(tuple(c["name"] for c in categories), tuple(c["id"] for c in categories), source)

    def positions_in(
        self, categories: Sequence[dict[str, Any]], json_file: str, advice: str = ""
    ) -> list[int]:
        """Find each class among the categories of a file: by name, or by id where names repeat.

        Files renumber their categories, so that an id says nothing by itself; the log says where
        ids differ.

        Args:
            categories: records with ``id`` and ``name``, in any order.
            json_file: what messages call their file.
            advice: what a person does about categories that it lacks, for the message's end.

        Returns:
            the position in ``categories`` of each of the C classes.

        Raises:
            DataError: a category that is only in one of the two, by name; or names that repeat,
                under other ids.
        """
        keys: list[Any] = list(self.names)
        others: list[Any] = [c["name"] for c in categories]
        pairs = list(zip(self.ids, self.names, strict=True))
        repeated = _repeated(keys) or _repeated(others)
        if repeated:
            keys, others = pairs, [(c["id"], c["name"]) for c in categories]
        problem = _difference(set(keys), set(others), self.source)
        if repeated and problem:
            problem = f"{repeated!r} names several categories, whose ids decide then: {problem}"
        if problem:
            lacking = set(keys) - set(others)
            raise DataError(f"{json_file}: {problem}{advice if lacking else ''}")
        position_of = {key: position for position, key in enumerate(others)}
        positions = [position_of[key] for key in keys]
        renumbered = sum(
            categories[position]["id"] != class_id
            for position, class_id in zip(positions, self.ids, strict=True)
        )
        if renumbered:
            logger.warning(
                "%s: %d of %d categories have other ids than in %s: mapped by name",
                json_file,
                renumbered,
                len(keys),
                self.source,
            )
        return positions


def _repeated(names: Sequence[str]) -> str | None:
    return next((name for name, count in Counter(names).items() if count > 1), None)


def _difference(known: set[Any], given: set[Any], source: str) -> str | None:
    parts = [
        f"{verb} {_listed(keys)}"
        for verb, keys in (("lacks", known - given), ("has besides", given - known))
        if keys
    ]
    if not parts:
        return None
    return f"its categories are not those of {source}: it {' and '.join(parts)}"


def _listed(keys: set[Any]) -> str:
    ordered = sorted(keys, key=str)
    shown = ", ".join(f"{key!r:.60}" for key in ordered[:_NAMED])
    return shown + (f" and {len(ordered) - _NAMED} more" if len(ordered) > _NAMED else "")
