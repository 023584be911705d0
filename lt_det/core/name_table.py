"""The names of a seam: losses, post-hoc methods, samplers, …, each filled by import.

Detectron2's ``Registry`` is the model; core imports torch alone, and what a person mistypes is told
with the name that is nearest.
"""

import difflib
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

Entry = TypeVar("Entry")


class NameTable(Generic[Entry]):
    """Objects of a kind by name.

    Args:
        kind: what they are, for messages: ``"loss"``.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}

    def register(self, name: str) -> Callable[[Entry], Entry]:
        """Return a decorator that puts an object under a name.

        Raises:
            ValueError: the name is taken by another object.
        """

        def put(entry: Entry) -> Entry:
            taken = self._entries.get(name)
            if taken is not None and not _same_definition(taken, entry):
                raise ValueError(f"{self.kind} {name!r} is registered already: {taken!r}")
            self._entries[name] = entry
            return entry

        return put

    def get(self, name: str) -> Entry:
        """Return the object of a name.

        Raises:
            ValueError: names those that are known, and the nearest.
        """
        if name not in self._entries:
            near = difflib.get_close_matches(name, self._entries, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(
                f"unknown {self.kind} {name!r}{hint}; known: {', '.join(self._entries)}"
            )
        return self._entries[name]

    def check_options(
        self, name: str, options: dict[str, Any], reserved: tuple[str, ...] = ()
    ) -> None:
        """Check that the callable entry of a name takes every option.

        Args:
            name: of the entry.
            options: by the name of its parameter.
            reserved: parameters that are no options: whoever builds the entry gives them.

        Raises:
            ValueError: an unknown name, or an option that the entry has no parameter for.
        """
        entry: Any = self.get(name)
        parameters = inspect.signature(entry).parameters
        known = [
            key
            for key, parameter in parameters.items()
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
            and key not in reserved
        ]
        open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        for key in options:
            if key not in known and not open_ended:
                takes = f"it takes {', '.join(known)}" if known else "it has no options"
                raise ValueError(f"{self.kind} {name!r} takes no {key!r}: {takes}")

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _same_definition(taken: object, entry: object) -> bool:
    """A module that is imported anew defines the same again: no other object takes the name."""
    modules = [getattr(definition, "__module__", None) for definition in (taken, entry)]
    names = [getattr(definition, "__qualname__", definition) for definition in (taken, entry)]
    return modules[0] == modules[1] and names[0] == names[1]
