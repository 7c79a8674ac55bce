"""Closed cells of a joint table do not follow from the margins that stand beside it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trajectories.disclosure.joint import hidden_cells

#: A 2 x 2 table as four cells: its rows, its columns, the total.
TWO_BY_TWO = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 1, 1]], dtype=np.bool_)
NONE = np.zeros(4, dtype=np.bool_)


def test_one_small_cell_closes_the_whole_table_of_two_by_two() -> None:
    assert hidden_cells(np.array([3, 60, 50, 40]), NONE, TWO_BY_TWO).all()


def test_large_cells_stay_open_and_what_never_is_stays_zero() -> None:
    assert not hidden_cells(np.array([30, 60, 50, 40]), NONE, TWO_BY_TWO).any()
    never = np.array([True, False, False, False])
    assert hidden_cells(np.array([0, 60, 50, 40]), never, TWO_BY_TWO).tolist() == [False] * 4


def test_a_count_of_nobody_now_is_closed_like_any_small_one() -> None:
    assert hidden_cells(np.array([0, 60, 50, 40]), NONE, TWO_BY_TWO)[0]


@given(
    counts=st.lists(st.integers(0, 60), min_size=8, max_size=8),
    never=st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_no_closed_cell_is_had_from_margins_and_open_cells(counts: list[int], never: list[bool]) -> None:
    margins = np.array(
        [*([(code >> bit & 1) == inside for code in range(8)] for bit in range(3) for inside in (0, 1)), [True] * 8]
    )
    empty = np.array(never)
    seen = np.where(empty, 0, np.array(counts))
    hidden = hidden_cells(seen, empty, margins)
    assert not (hidden & empty).any()
    assert hidden[(seen < 10) & ~empty].all()
    open_persons = seen[~hidden].sum()
    if not hidden.any() or not open_persons:
        return
    for margin in margins:
        closed, open_ = margin & hidden, margin & ~hidden & (seen > 0)
        if closed.any() and open_.any():
            assert seen[closed].sum() >= 10
            known = margins[:, hidden].astype(float)
            for unit in np.eye(known.shape[1])[closed[hidden]]:
                least_squares = np.linalg.lstsq(known.T, unit, rcond=None)[0]
                assert not np.allclose(known.T @ least_squares, unit)
