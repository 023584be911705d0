"""What values of records mean, whichever program wrote them."""

import math

import pytest

from lt_det.records import as_area, as_flag, as_id, without_degenerate


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (7, 7), (7.0, 7), ("7", 7), (-7, -7), ("-7", -7), (0, 0), ("0", 0), (-0.0, 0),
        (2**64 - 1, 2**64 - 1), (str(2**64 - 1), 2**64 - 1), (2**64, None), (-(2**63), -(2**63)),
        (2.0**53, None), (7.5, None), (math.nan, None), (math.inf, None), (True, None),
        (None, None), ([7], None), ("", None), ("-", None), ("--7", None), ("007", None),
        ("7.0", None), ("٧", None), ("²", None), (" 7", None), ("9" * 5000, None),
    ],
)  # fmt: skip
def test_ids(given, meant):
    assert as_id(given) == meant
    assert meant is None or type(as_id(given)) is int


@pytest.mark.parametrize("given", [1, 1.0, True, "1", "true", "True"])
def test_flags_that_are_set(given):
    assert as_flag(given) is True


@pytest.mark.parametrize("given", [0, 0.0, False, "0", "false", "FALSE", "", None])
def test_flags_that_are_not(given):
    assert as_flag(given) is False


@pytest.mark.parametrize("given", [2, -1, 0.5, math.nan, "yes", [], [1], {}])
def test_what_is_no_flag(given):
    assert as_flag(given) is None


def test_areas_and_pieces():
    assert [as_area(v) for v in (3, 2.5, 0, -1.0)] == [3.0, 2.5, 0.0, -1.0]
    assert [as_area(v) for v in (None, True, "3", math.nan, math.inf, 10**400)] == [None] * 6
    assert without_degenerate([[1, 2, 3, 4], [1, 2, 3, 4, 5, 6], []]) == [[1, 2, 3, 4, 5, 6]]
