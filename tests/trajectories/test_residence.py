"""Residence by (D, W) over presence spells, by example."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import InputError
from tests.trajectories.builders import WINDOW
from trajectories.intervals import intervals
from trajectories.residence import RULES, ResidenceRule, resident_spells

S, E = WINDOW.first_day, WINDOW.end_day  # 1096 days


def resident(presence: list[tuple[int, int]], rule: str) -> list[tuple[int, int]]:
    """Return resident spells of one person; days count from S."""
    start, end = (np.array([spell[side] + S for spell in presence], dtype=np.int64) for side in (0, 1))
    found = resident_spells(intervals(np.zeros(len(presence), dtype=np.int64), start, end), RULES[rule], WINDOW)
    return list(zip((found.start - S).tolist(), (found.end - S).tolist(), strict=True))


EXAMPLES = [
    ("365 days of 487 make resident", "12_16", [(10, 375)], [(10, 375)]),
    ("364 days do not", "12_16", [(10, 374)], []),
    ("days may come in pieces", "12_16", [(10, 110), (120, 385)], [(10, 385)]),
    ("present at S is resident at once", "12_16", [(0, 5)], [(0, 5)]),
    ("a short trip abroad does not end it", "12_16", [(0, 400), (500, 900)], [(0, 900)]),
    # Of the 487 days from day 400 on, 122 present leave 365 absent, 123 leave 364.
    ("365 absent days of 487 end it", "12_16", [(0, 400), (700, 822)], [(0, 400)]),
    ("364 absent days do not, the later end does", "12_16", [(0, 400), (700, 823)], [(0, 823)]),
    ("present at E - 1 is carried forward", "12_16", [(1090, 1096)], [(1090, 1096)]),
    ("absent at E - 1 is carried forward", "12_16", [(0, 1090)], [(0, 1090)]),
    ("six months of twelve", "6_12", [(10, 193)], [(10, 193)]),
    ("a day less is not", "6_12", [(10, 192)], []),
    ("back again, resident again", "6_12", [(0, 100), (500, 700)], [(0, 100), (500, 700)]),
    ("no presence, no residence", "6_12", [], []),
]


@pytest.mark.parametrize(("rule", "presence", "expected"), [e[1:] for e in EXAMPLES], ids=[e[0] for e in EXAMPLES])
def test_residence(rule: str, presence: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    assert resident(presence, rule) == expected


def walked(presence: list[tuple[int, int]], days: int, within: int) -> list[tuple[int, int]]:
    """Return the same by walking day sets, as the definition reads."""
    length = E - S
    held = {day for start, end in presence for day in range(start, end)}
    held |= set(range(length, length + within)) if length - 1 in held else set()
    found, since = [], None
    for start, end in presence:
        if since is None and (start == 0 or len(held & set(range(start, start + within))) >= days):
            since = start
        if since is not None and end < length and within - len(held & set(range(end, end + within))) >= days:
            found.append((since, end))
            since = None
    return found if since is None else [*found, (since, length)]


@given(
    st.sets(st.sampled_from(range(0, 1097, 61)) | st.integers(0, 1096), max_size=12), st.sampled_from(["12_16", "6_12"])
)
def test_residence_equals_a_walk_day_by_day(bounds: set[int], rule: str) -> None:
    cuts = sorted(bounds)[: len(bounds) // 2 * 2]
    presence = list(zip(cuts[::2], cuts[1::2], strict=True))
    assert resident(presence, rule) == walked(presence, RULES[rule].days, RULES[rule].within)


@pytest.mark.parametrize(("days", "within"), [(0, 10), (11, 10), (5, 10)])
def test_a_rule_that_could_turn_both_ways_on_a_day_is_refused(days: int, within: int) -> None:
    with pytest.raises(InputError, match="D days within W"):
        ResidenceRule("own", days, within)
