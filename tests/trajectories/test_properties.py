"""Laws that hold for any registers."""

from datetime import date, timedelta

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trajectories.builders import WINDOW, Person, linked, person
from trajectories.indicators import compute_indicators
from trajectories.intervals import intervals, union
from trajectories.spells import build_spells
from trajectories.tables import REFERENCE, WASL, LinkedRegisters, Preset

days = st.integers(-200, 1300).map(lambda offset: (WINDOW.start + timedelta(days=offset)).isoformat())
spans = st.lists(st.tuples(days, days), max_size=4)


@st.composite
def persons(draw: st.DrawFn) -> Person:
    moves = draw(st.lists(st.tuples(st.sampled_from(["in", "out"]), days), max_size=8))
    return person(
        crossings=", ".join(" ".join(move) for move in moves),
        permits=draw(spans),
        contracts=draw(spans),
        months=" ".join(day[:7] for day in draw(st.lists(days, max_size=10))),
        born=draw(st.sampled_from([1980, 2006, None])),
        sex=draw(st.sampled_from(["F", "M", None])),
        nationality=draw(st.sampled_from(["FRA", "SEN", "MAR", None])),
    )


registers = st.lists(persons(), max_size=4).map(lambda some: linked(*some))
presets = st.sampled_from([REFERENCE, WASL])


@settings(max_examples=60, deadline=None)
@given(registers, presets)
def test_spells_are_half_open_clipped_and_disjoint_within_a_channel(
    given_registers: LinkedRegisters, preset: Preset
) -> None:
    table = build_spells(given_registers, WINDOW, preset)
    assert (table["start"] < table["end"]).all()
    assert (table["start"] >= WINDOW.start).all()
    assert (table["end"] <= WINDOW.end).all()
    following = table.with_columns(next=pl.col("start").shift(-1).over("person_id", "channel"))
    assert following.filter(pl.col("next") < pl.col("end")).is_empty()


@settings(max_examples=40, deadline=None)
@given(registers, presets, st.randoms(use_true_random=False))
def test_order_of_rows_changes_nothing(given_registers: LinkedRegisters, preset: Preset, random: object) -> None:
    seed = random.randrange(1 << 30)  # type: ignore[attr-defined]
    events = {name: frame.sample(fraction=1, shuffle=True, seed=seed) for name, frame in given_registers.events.items()}
    shuffled = LinkedRegisters(given_registers.records.sample(fraction=1, shuffle=True, seed=seed), events)
    assert build_spells(shuffled, WINDOW, preset).equals(build_spells(given_registers, WINDOW, preset))
    assert compute_indicators(shuffled, WINDOW, preset).equals(compute_indicators(given_registers, WINDOW, preset))


@settings(max_examples=40, deadline=None)
@given(registers)
def test_stock_flow_identity_and_sums(given_registers: LinkedRegisters) -> None:
    table = compute_indicators(given_registers, WINDOW)

    def total(indicator: str, residence: str, year: int) -> float:
        row = table.filter(indicator=indicator, residence=residence, period=str(year), category="total")
        return float(row["value"].item())

    for rule in ("12_16", "6_12"):
        for year in (2021, 2022):
            change = total("inflow", rule, year) - total("outflow", rule, year)
            assert total("resident_stock", rule, year) == total("resident_stock", rule, year - 1) + change
    for year in (2020, 2021, 2022):
        insured, authorised, both, either = (
            total(f"workers_{name}", "all", year) for name in ("insured", "authorised", "both", "union")
        )
        assert insured + authorised == both + either
        assert sum(total(f"gap_{why}", "all", year) for why in ("exempt", "expired", "none")) == insured - both
    counts = table.filter(pl.col("indicator").is_in(["resident_stock", "workers_union", "gap_none"]))
    sums = counts.group_by("indicator", "residence", "period", "breakdown").agg(pl.col("value").sum())
    assert (sums.group_by("indicator", "residence", "period").agg(pl.col("value").n_unique())["value"] == 1).all()


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(0, 40)), max_size=15))
def test_union_holds_the_same_days_in_the_fewest_spells(spells: list[tuple[int, int, int]]) -> None:
    columns = [np.array([spell[n] for spell in spells], dtype=np.int64) for n in range(3)]
    merged = union(*columns)
    found = list(zip(merged.person.tolist(), merged.start.tolist(), merged.end.tolist(), strict=True))
    held = {(who, day) for who, start, end in spells for day in range(start, end)}
    assert {(who, day) for who, start, end in found for day in range(start, end)} == held
    starts = {(who, day) for who, day in held if (who, day - 1) not in held}
    assert {(who, start) for who, start, _ in found} == starts


@given(st.sets(st.integers(0, 60), max_size=10), st.integers(0, 60))
def test_days_before_counts_days(bounds: set[int], day: int) -> None:
    cuts = sorted(bounds)[: len(bounds) // 2 * 2]
    start, end = (np.array(cuts[side::2], dtype=np.int64) for side in (0, 1))
    three = [np.concatenate([part, part + 1, part]) for part in (start, end)]
    who = np.repeat(np.arange(3, dtype=np.int64), len(start))
    spells = intervals(who, *three)
    counted = spells.days_before(np.arange(3, dtype=np.int64), np.full(3, day, dtype=np.int64))
    held = [
        sum(a <= d < b for a, b in zip(cuts[::2], cuts[1::2], strict=True) for d in range(day - shift))
        for shift in (0, 1, 0)
    ]
    assert counted.tolist() == held


def test_window_years_are_those_whose_last_day_is_inside() -> None:
    assert WINDOW.years() == [2020, 2021, 2022]
    assert type(WINDOW)(date(2020, 12, 31), date(2021, 12, 31)).years() == [2020]
