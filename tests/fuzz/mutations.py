"""Damage of a valid input, as a function of a seed; and what must come of it."""

import copy
import os
import random
import signal
from contextlib import contextmanager

from lt_det.errors import UserError

ODD = [
    None, True, False, 0, -1, 1, 2, 3, 7, 63, 64, 65, 1.5, -0.0, 1e308, -1e308, float("nan"),
    float("inf"), 2**31, 2**63, 2**64, 10**400, "", "x", "1", "../x", "\x00", "ü" * 40, "x" * 5000,
    [], [[]], [None], [1], [[1, 2]], {}, {"id": 1}, {"size": [48, 64], "counts": "x"},
    {"size": [48, 64], "counts": [1]}, {"size": 5, "counts": []}, [[1.0] * 6], [["a"] * 6],
]  # fmt: skip


def places(value, path=()):
    """Every place in nested lists and dicts."""
    yield path
    if isinstance(value, dict):
        items = value.items()
    else:
        items = enumerate(value if isinstance(value, list) else ())
    for key, inner in items:
        yield from places(inner, (*path, key))


def mutated_json(data, rng, count=None):
    """Some values replaced, removed, repeated or exchanged."""
    data = copy.deepcopy(data)
    for _ in range(count or rng.choice([1, 1, 1, 2, 4])):
        path = rng.choice([path for path in places(data) if path] or [None])
        if path is None:
            return data
        parent = data
        for key in path[:-1]:
            parent = parent[key]
        how = rng.choice(["replace", "replace", "remove", "repeat", "exchange"])
        if how == "replace":
            parent[path[-1]] = copy.deepcopy(rng.choice(ODD))
        elif how == "remove":
            del parent[path[-1]]
        elif how == "repeat" and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[path[-1]]))
        else:
            other = rng.choice(list(parent) if isinstance(parent, dict) else range(len(parent)))
            parent[path[-1]], parent[other] = parent[other], parent[path[-1]]
    return data


def mutated_bytes(content, rng):
    """Some bytes changed, cut off, put in or moved."""
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 8, 40])):
        at = rng.randrange(len(content) + 1)
        how = rng.choice(["flip", "flip", "cut", "insert", "zero", "swap"])
        if how == "flip" and at < len(content):
            content[at] ^= 1 << rng.randrange(8)
        elif how == "cut":
            del content[at : at + rng.choice([1, 4, 64, 10**6])]
        elif how == "insert":
            content[at:at] = bytes(rng.randrange(256) for _ in range(rng.choice([1, 4, 64])))
        elif how == "zero":
            content[at : at + 8] = bytes(len(content[at : at + 8]))
        elif how == "swap":
            other = rng.randrange(len(content) + 1)
            content[at : at + 4], content[other : other + 4] = (
                content[other : other + 4],
                content[at : at + 4],
            )
    return bytes(content)


def seeds(count):
    """Kept ones; LT_DET_FUZZ_FIRST=1000 pytest tests/fuzz tries others."""
    first = int(os.environ.get("LT_DET_FUZZ_FIRST", "0"))
    return range(first, first + count)


def damage(seed):
    return random.Random(seed)


@contextmanager
def clear_error_or_none(*names):
    """No error, or one line for a user that holds one of the names; and no hang."""

    def hang(*_):
        raise AssertionError("hangs")

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(30)
    try:
        yield
    except UserError as error:
        text = str(error)
        assert "\n" not in text
        assert any(str(name) in text for name in names), text
        assert len(text) < 1000
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
