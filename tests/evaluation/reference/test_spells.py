from datetime import date
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from evaluation.reference.spells import (
    Crossing,
    clip,
    contains,
    days_within,
    presence_spells,
    presence_without_crossings,
    resident_spells,
    union,
)

S, E = date(2019, 1, 1).toordinal(), date(2025, 1, 1).toordinal()


def crossing(day: int, direction: str, clock: str = "12:00:00", record: str = "r") -> Crossing:
    return Crossing(f"{date.fromordinal(day).isoformat()}T{clock}", direction == "exit", record, day)


def test_entry_and_exit_make_a_half_open_spell() -> None:
    assert presence_spells([crossing(S + 10, "entry"), crossing(S + 30, "exit")], S, E) == [(S + 10, S + 30)]


def test_a_first_exit_opens_at_the_window_and_an_open_spell_ends_with_it() -> None:
    assert presence_spells([crossing(S + 5, "exit"), crossing(S + 9, "entry")], S, E) == [(S, S + 5), (S + 9, E)]


def test_unmatched_crossings_in_the_middle_are_ignored() -> None:
    walked = [crossing(S + d, x) for d, x in ((1, "entry"), (5, "entry"), (9, "exit"), (12, "exit"), (20, "entry"))]
    assert presence_spells(walked, S, E) == [(S + 1, S + 9), (S + 20, E)]


def test_entry_and_exit_on_one_day_leave_no_spell_and_ties_take_the_entry_first() -> None:
    assert presence_spells([crossing(S + 3, "exit"), crossing(S + 3, "entry")], S, E) == []


def test_touching_presence_spells_stay_two() -> None:
    walked = [crossing(S + 1, "entry"), crossing(S + 5, "exit", "08:00:00"), crossing(S + 5, "entry", "20:00:00")]
    assert presence_spells(walked, S, E) == [(S + 1, S + 5), (S + 5, E)]


def test_crossings_outside_the_window_are_walked_and_clipped() -> None:
    walked = [crossing(S - 40, "entry"), crossing(S + 4, "exit"), crossing(E - 3, "entry"), crossing(E + 9, "exit")]
    assert presence_spells(walked, S, E) == [(S, S + 4), (E - 3, E)]


def test_without_crossings_presence_spans_the_other_channels() -> None:
    assert presence_without_crossings(([(S + 9, S + 20)], [], [(S + 2, S + 5)])) == [(S + 2, S + 20)]
    assert presence_without_crossings(([], [], [])) == []


def test_residence_12_16_needs_365_of_487_days() -> None:
    a = S + 100
    assert resident_spells([(a, a + 365)], "12_16", S, E) == [(a, a + 365)]
    assert resident_spells([(a, a + 364)], "12_16", S, E) == []
    # 300 days, 100 days abroad, back: 300 + 87 of the first 487 days are present.
    assert resident_spells([(a, a + 300), (a + 400, a + 800)], "12_16", S, E) == [(a, a + 800)]
    # Back for 100 days only: 387 of the 487 days after day 300 are absent.
    assert resident_spells([(a, a + 300), (a + 400, a + 500)], "12_16", S, E) == [(a, a + 300)]


def test_present_at_the_window_start_is_resident_whatever_follows() -> None:
    assert resident_spells([(S, S + 3)], "6_12", S, E) == [(S, S + 3)]


def test_a_resident_stays_one_through_a_short_absence_and_not_through_a_long_one() -> None:
    short = [(S, S + 300), (S + 420, S + 1000)]
    assert resident_spells(short, "12_16", S, E) == [(S, S + 1000)]
    long = [(S, S + 300), (S + 300 + 400, E)]
    assert resident_spells(long, "12_16", S, E) == [(S, S + 300), (S + 700, E)]


def test_the_last_days_state_goes_on_after_the_window() -> None:
    late = E - 20
    assert resident_spells([(late, E)], "12_16", S, E) == [(late, E)]
    # Left 20 days before the end: absent for ever, as far as anybody knows.
    assert resident_spells([(S, late)], "12_16", S, E) == [(S, late)]


spells = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)).map(lambda p: (min(p), max(p))), max_size=12)


@given(spells)
def test_union_holds_the_same_days_and_is_disjoint(drawn: list[tuple[int, int]]) -> None:
    merged = union(drawn)
    days = {d for a, b in drawn for d in range(a, b)}
    assert {d for a, b in merged for d in range(a, b)} == days
    assert all(left[1] < right[0] for left, right in pairwise(merged))
    assert days_within(merged, 50, 200) == len([d for d in days if 50 <= d < 200])
    assert all(contains(merged, d) == (d in days) for d in range(0, 300, 7))


@given(spells)
def test_clip_keeps_exactly_the_days_inside(drawn: list[tuple[int, int]]) -> None:
    clipped = clip(union(drawn), 40, 90)
    assert sum(b - a for a, b in clipped) == days_within(union(drawn), 40, 90)
    assert all(40 <= a < b <= 90 for a, b in clipped)
