"""Match weights of clear values at home: rare agreement says more, a slip says less than a difference."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.likeness import Likeness

FILLER = [("ana", "diallo", 1970 + n % 30, 1 + n % 12, 1 + n % 28, f"{n} rue haute") for n in range(100)]
COLUMNS = ("given", "family", "birth_year", "birth_month", "birth_day", "text:address")


def weight(one, two, filler=FILLER):
    frame = pl.DataFrame([dict(zip(COLUMNS, row, strict=True)) for row in (one, two, *filler)], strict=False)
    return float(Likeness(frame).weights(np.array([0]), np.array([1]))[0])


BASE = ("yusra", "bencherki", 1984, 5, 3, "12 derb jdid")


def test_agreement_on_a_rare_name_weighs_more_than_on_a_common_one():
    rare = weight(BASE, BASE)
    common = weight(("ana", "diallo", *BASE[2:]), ("ana", "diallo", *BASE[2:]))
    assert rare > common > 3


@pytest.mark.parametrize(
    ("slip", "difference"),
    [
        ({"birth_year": 1994}, {"birth_year": 1961}),
        ({"birth_month": 3, "birth_day": 5}, {"birth_month": 11, "birth_day": 25}),
        ({"family": "bencherqi"}, {"family": "tazi"}),
    ],
)
def test_a_slip_costs_less_than_a_difference(slip, difference):
    row = dict(zip(COLUMNS, BASE, strict=True))
    slipped, different = (tuple({**row, **change}.values()) for change in (slip, difference))
    assert weight(BASE, BASE) > weight(BASE, slipped) > weight(BASE, different)


def test_swapped_names_weigh_almost_as_much_as_straight_ones():
    swapped = ("bencherki", "yusra", *BASE[2:])
    assert abs(weight(BASE, BASE) - weight(BASE, swapped)) < 3


def test_missing_is_no_evidence():
    nothing = (None,) * 6
    assert weight(BASE, nothing) == 0
    assert weight(nothing, nothing) == 0


@given(st.permutations(range(4)), st.integers(0, 3))
def test_the_weight_of_two_rows_does_not_depend_on_the_others_in_the_call(order, at):
    rows = [BASE, ("ana", "diallo", 1984, 5, 3, None), ("yousra", "bencherki", 1984, 3, 5, "12 derb"), FILLER[0]]
    frame = pl.DataFrame([dict(zip(COLUMNS, row, strict=True)) for row in rows], strict=False)
    one, two = np.array(order), np.zeros(4, dtype=np.int64)
    likeness = Likeness(frame)
    assert likeness.weights(one, two)[at] == likeness.weights(one[at : at + 1], two[:1])[0]
