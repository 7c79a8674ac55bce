"""Disclosure control: what is suppressed, what follows from what is left, what is rounded."""

import random
from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from contract.errors import InputError
from contract.nationality_groups import GROUP_NAMES
from tests.trajectories.builders import WINDOW, linked, person
from trajectories.definitions import INDICATORS
from trajectories.disclosure import protect, rounded, suppressed_cells
from trajectories.figures import Figures
from trajectories.indicators import INDICATOR_SCHEMA, compute_figures, raw_indicators

CATEGORIES = [
    ("total", "total"),
    *[("sex", sex) for sex in ("F", "M", "unknown")],
    *[("nationality_group", group) for group in GROUP_NAMES],
]
UNKNOWN = 3
HIDDEN_COUNTS = (
    "both_not_exempt",
    "insured_not_exempt",
    "spells_protected",
    "spells_started",
    "permits_unseen",
    "permits_valid",
)


def table(years: list[int], draw: random.Random, largest: int) -> Figures:
    """Return figures that add up as real ones do, over persons in (sex, group) cells of random size."""
    people = [(sex, group) for sex in range(3) for group in range(7)]
    sizes = {cell: draw.choice((0, 1, draw.randrange(largest + 1))) for cell in people}

    def spread(parts: dict[tuple[int, int], int]) -> NDArray[np.int64]:
        sexes = [sum(n for (sex, _), n in parts.items() if sex == s) for s in range(3)]
        groups = [sum(n for (_, group), n in parts.items() if group == g) for g in range(7)]
        return np.array([sum(parts.values()), *sexes, *groups])

    def some(within: dict[tuple[int, int], int]) -> dict[tuple[int, int], int]:
        return {cell: draw.randint(0, n) for cell, n in within.items()}

    def joined(sign: int, *parts: dict[tuple[int, int], int]) -> dict[tuple[int, int], int]:
        return {cell: parts[0][cell] + sign * sum(part[cell] for part in parts[1:]) for cell in people}

    counts = {}
    for rule in ("12_16", "6_12"):
        stock = some(sizes)
        for year in years:
            leaving = some(stock)
            coming = some(sizes)
            stock = joined(1, joined(-1, stock, leaving), coming)
            for name, parts in (("resident_stock", stock), ("inflow", coming), ("outflow", leaving)):
                counts[name, rule, year] = spread(parts)
    for year in years:
        for residence in ("12_16", "all"):
            both, only_insured, only_authorised = some(sizes), some(sizes), some(sizes)
            insured, authorised = joined(1, both, only_insured), joined(1, both, only_authorised)
            union = joined(1, insured, only_authorised)
            named = {"insured": insured, "authorised": authorised, "both": both, "union": union}
            counts.update({(f"workers_{name}", residence, year): spread(parts) for name, parts in named.items()})
        exempt = some(only_insured)
        expired = some(joined(-1, only_insured, exempt))
        none = joined(-1, only_insured, exempt, expired)
        counts["gap_exempt", "all", year] = spread(exempt)
        counts["gap_expired", "all", year] = spread(expired)
        counts["gap_none", "all", year] = spread(none)
        liable = some(both)
        counts["both_not_exempt", "all", year] = spread(liable)
        counts["insured_not_exempt", "all", year] = spread(joined(1, liable, expired, none))
        for whole, part in (("spells_started", "spells_protected"), ("permits_valid", "permits_unseen")):
            base = some(sizes)
            counts[whole, "all", year], counts[part, "all", year] = spread(base), spread(some(base))
        counts["arrival_to_insured_number", "all", year] = spread(some(sizes))
    waits = np.tile([0, 0, 0, 1, 1], (11, 1))  # months 3 and 4: the median is 3.5
    medians = {("arrival_to_insured_median", "all", year): waits for year in years}
    return Figures(CATEGORIES, spread(sizes), years, counts, medians)


def relations(figures: Figures) -> Iterator[list[tuple[int, tuple[str, str, int, int]]]]:
    """Yield signed cells that sum to zero, written out apart from the product's list of them."""
    for key, row in figures.counts.items():
        for part in (range(1, 3), range(4, 11)):
            if row[UNKNOWN] == 0 or part[0] != 1:
                yield [(1, (*key, 0)), *((-1, (*key, position)) for position in part)]
    signs = {
        "workers": (("workers_insured", 1), ("workers_authorised", 1), ("workers_both", -1), ("workers_union", -1)),
        "gap": (
            ("gap_exempt", 1),
            ("gap_expired", 1),
            ("gap_none", 1),
            ("workers_insured", -1),
            ("workers_both", 1),
        ),
    }
    for year in figures.years:
        for position in (p for p in range(11) if p != UNKNOWN):
            for residence in ("12_16", "all"):
                yield [(sign, (name, residence, year, position)) for name, sign in signs["workers"]]
            yield [(sign, (name, "all", year, position)) for name, sign in signs["gap"]]
            if year - 1 in figures.years:
                for rule in ("12_16", "6_12"):
                    stock = (("resident_stock", year, 1), ("resident_stock", year - 1, -1))
                    flow = (("inflow", year, -1), ("outflow", year, 1))
                    yield [(sign, (name, rule, of_year, position)) for name, of_year, sign in (*stock, *flow)]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1 << 30), st.sampled_from([3, 12, 40, 400]))
def test_no_suppressed_count_follows_from_the_others(seed: int, largest: int) -> None:
    figures = table([2020, 2021], random.Random(seed), largest)
    hidden = suppressed_cells(figures)
    structural = {position for position, persons in enumerate(figures.population) if persons == 0}
    seen = 0
    for relation in relations(figures):
        counts = {cell: figures.counts[cell[:3]][cell[3]] for _, cell in relation}
        assert sum(sign * counts[cell] for sign, cell in relation) == 0  # the test's own tables add up
        closed = [cell for cell in counts if cell in hidden]
        movable = [cell for cell in counts if cell[3] not in structural]
        seen += bool(closed)
        if closed and len(closed) < len(movable):
            assert len(closed) >= 2
            one_sided = len({sign for sign, cell in relation if cell in hidden}) == 1
            assert not one_sided or sum(counts[cell] for cell in closed) >= 10
    if largest > 3:
        assert seen


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1 << 30), st.sampled_from([12, 400]))
def test_what_is_published_is_large_and_rounded(seed: int, largest: int) -> None:
    figures = table([2020, 2021], random.Random(seed), largest)
    published = protect(figures)
    raw = raw_indicators(figures)
    assert dict(published.schema) == INDICATOR_SCHEMA
    assert published["protected"].all()
    both = raw.with_columns(shown=published["value"])
    counts = both.filter(pl.col("indicator").is_in([i.code for i in INDICATORS if i.kind == "count"]))
    structural = [c for (_, c), persons in zip(figures.categories, figures.population, strict=True) if persons == 0]
    shown = counts.filter(pl.col("shown").is_not_null() & ~pl.col("category").is_in(structural))
    assert (shown["value"] >= 10).all()
    assert (shown["shown"] % 5 == 0).all()
    assert ((shown["shown"] - shown["value"]).abs() <= 2).all()
    ratios = both.filter(pl.col("indicator") == "protection_3_months", pl.col("shown").is_not_null())
    for row in ratios.iter_rows(named=True):
        position = [category for _, category in figures.categories].index(row["category"])
        part, whole = (
            figures.counts[name, "all", int(row["period"])][position] for name in ("spells_protected", "spells_started")
        )
        assert min(part, whole) >= 10
        assert row["shown"] == rounded(part) / rounded(whole)


def one_count(values: list[int], population: list[int] | None = None) -> set[str]:
    """Return the suppressed categories of a table of one measure."""
    figures = Figures(CATEGORIES, population or [99] * 11, [2020], {("inflow", "12_16", 2020): values}, {})
    return {CATEGORIES[position][1] for _, _, _, position in suppressed_cells(figures)}


def test_a_single_small_cell_takes_the_next_smallest_with_it() -> None:
    #                 total  F   M  ?  ssa  mag  mid  eur  asia  amer  other
    assert one_count([100, 60, 40, 0, 30, 9, 11, 15, 12, 12, 11]) == {"unknown", "maghreb", "middle_east"}
    assert one_count([100, 92, 8, 0, 30, 10, 10, 15, 12, 12, 11]) == {"unknown", "M", "F"}


def test_small_cells_that_are_few_persons_together_take_another_one() -> None:
    assert one_count([100, 60, 40, 0, 50, 2, 3, 45, 0, 0, 0], [99] * 8 + [0] * 3) == {
        "unknown",
        "maghreb",
        "middle_east",
        "europe",
    }


def test_enough_persons_in_suppressed_cells_need_no_other() -> None:
    assert one_count([100, 60, 40, 0, 50, 7, 8, 35, 0, 0, 0], [99] * 8 + [0] * 3) == {
        "unknown",
        "maghreb",
        "middle_east",
    }


def test_categories_without_anybody_in_the_population_stay_zero() -> None:
    nobody = [99, 50, 49, 0, 99, 0, 0, 0, 0, 0, 0]
    assert one_count([60, 30, 30, 0, 60, 0, 0, 0, 0, 0, 0], nobody) == set()


def test_a_small_part_of_the_gap_takes_another_part_with_it() -> None:
    def row(count: int) -> list[int]:
        return [count, count, 0, 0, count, 0, 0, 0, 0, 0, 0]

    names = {"gap_exempt": 30, "gap_expired": 4, "gap_none": 20, "workers_insured": 154, "workers_both": 100}
    counts = {(name, "all", 2020): row(count) for name, count in names.items()}
    hidden = suppressed_cells(Figures(CATEGORIES, row(200), [2020], counts, {}))
    assert {name for name, _, _, position in hidden if position == 0} == {"gap_expired", "gap_none"}


def test_real_small_country_publishes_nothing_but_structural_zeros() -> None:
    registers = linked(*[person(crossings="in 2020-03-01", months="2020-05")] * 9)
    published = protect(compute_figures(registers, WINDOW))
    assert published.filter(pl.col("value").is_not_null())["value"].unique().to_list() == [0.0]
    enough = linked(*[person(crossings="in 2020-03-01", months="2020-05")] * 12)
    shown = protect(compute_figures(enough, WINDOW)).filter(category="total", period="2020")
    by_code = dict(shown.filter(pl.col("residence") != "6_12").select("indicator", "value").rows())
    assert by_code["resident_stock"] == 10
    assert by_code["arrival_to_insured_median"] == 2.0
    assert by_code["workers_both"] is None


@pytest.mark.parametrize(("count", "expected"), [(0, 0), (2, 0), (3, 5), (7, 5), (12, 10), (13, 15), (98, 100)])
def test_rounding(count: int, expected: int) -> None:
    assert rounded(count) == expected


def test_threshold_and_base_are_checked() -> None:
    figures = compute_figures(linked(person()), WINDOW)
    with pytest.raises(InputError, match="1 or more"):
        protect(figures, base=0)


def test_hidden_counts_are_not_published() -> None:
    published = protect(table([2020], random.Random(1), 50))
    assert not set(published["indicator"]) & set(HIDDEN_COUNTS)
