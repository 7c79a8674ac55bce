"""Calibration, completeness and block sizes on cases small enough to count by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.calibration import calibration
from evaluation.candidates import (
    all_pairs,
    block_sizes,
    compared_pairs,
    count_true_pairs,
    distinct_pairs,
    pair_counts,
)


def test_calibration_by_hand():
    # bins are .1 wide from .05: (.1, .1) hold one match of two, (.8) is a match; .99 and .01 lie outside
    probability = np.array([0.1, 0.1, 0.8, 0.99, 0.01])
    match = np.array([True, False, True, True, False])
    found = calibration(probability, match)
    assert found["expected_error"] == pytest.approx((2 * abs(0.1 - 0.5) + 1 * abs(0.8 - 1.0)) / 3)
    assert found["pairs_in_the_middle"] == 3
    assert found["sum_of_probabilities"] == pytest.approx(2.0)
    assert found["matches"] == 3


def test_calibrated_probabilities_have_no_error():
    probability = np.array([0.5] * 4 + [0.25] * 4)
    match = np.array([True, True, False, False, True, False, False, False])
    assert calibration(probability, match)["expected_error"] == pytest.approx(0.0)


def test_pairs_that_fall_together_err_more_by_chance():
    probability, match = np.full(400, 0.5), np.arange(400) % 2 == 0
    alone = calibration(probability, match)
    together = calibration(probability, match, np.arange(400) // 100)
    assert (alone["questions_in_the_middle"], together["questions_in_the_middle"]) == (400, 4)
    assert alone["error_by_chance"] < 0.04  # half the pairs, give or take .025
    assert 0.1 < together["error_by_chance"] < 0.3  # two of four questions, give or take one


def test_calibration_without_a_doubtful_pair():
    found = calibration(np.array([1.0, 0.0]), np.array([True, False]))
    assert (found["expected_error"], found["pairs_in_the_middle"]) == (0.0, 0)
    assert calibration(np.empty(0), np.empty(0, dtype=bool))["matches"] == 0


def _rows(cells):
    return pl.DataFrame(cells, schema=["block", "register", "record", "entity_id"], orient="row")


def test_candidates_by_hand():
    first = _rows([(1, "a", 0, "x"), (1, "b", 2, "x"), (1, "b", 3, "y"), (2, "a", 1, "y"), (2, "b", 3, "y")])
    second = _rows([(9, "a", 0, "x"), (9, "b", 2, "x"), (9, "a", 1, "y")])
    rows = {"first": first, "second": second}
    assert pair_counts(rows, []) == {"first": 4, "second": 3}
    assert pair_counts(rows, ["a"]) == {"first": 4, "second": 2}
    assert distinct_pairs(rows, []) == 6  # 0-2 is met in both passes
    assert sorted(compared_pairs(rows, []).rows()) == [(0, 2), (1, 3)]
    sizes = block_sizes(first)
    assert sizes == {
        "rows": 5,
        "blocks": 2,
        "mean_persons": 1.5,
        "largest_persons": 2,
        "rows_in_blocks_of_3_or_more": 0.0,
    }


def test_no_rows_have_no_blocks():
    empty = pl.DataFrame(schema={"block": pl.UInt64, "register": pl.String, "record": pl.Int64, "entity_id": pl.String})
    assert block_sizes(empty)["mean_persons"] == 0.0
    assert pair_counts({"pass": empty}, []) == {"pass": 0}
    assert compared_pairs({}, []).height == 0


RECORDS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=20
)


@settings(deadline=None, max_examples=50)
@given(RECORDS)
def test_candidates_equal_enumeration(cells):
    records = pl.DataFrame(
        {"register": [c[0] for c in cells], "entity_id": [f"e{c[1]}" for c in cells], "record": range(len(cells))}
    )
    rows = {
        name: records.with_columns(pl.Series("block", [cell[at] for cell in cells]))
        for name, at in (("first", 2), ("second", 3))
    }
    allowed = [(i, j) for i, j in combinations(range(len(cells)), 2) if not cells[i][0] == cells[j][0] == "a"]
    true = {(i, j) for i, j in allowed if cells[i][1] == cells[j][1]}
    met = {
        name: {(i, j) for i, j in allowed if cells[i][at] == cells[j][at]} for name, at in (("first", 2), ("second", 3))
    }
    assert all_pairs(records, ["a"]) == len(allowed)
    assert count_true_pairs(records, ["a"]) == len(true)
    assert pair_counts(rows, ["a"]) == {name: len(pairs) for name, pairs in met.items()}
    assert set(compared_pairs(rows, ["a"]).rows()) == true & (met["first"] | met["second"])
    for at_once in (1, 5, 1000):
        assert distinct_pairs(rows, ["a"], at_once) == len(met["first"] | met["second"])
