"""Statistical disclosure control of indicator tables: cell suppression and rounding.

The rules, in order:

1. **Primary suppression.** A count under 10 is not published, zeros included. Exception: the categories that no person
   of the population is in at all are structural zeros and stay 0.
2. **Secondary (complementary) suppression.** A suppressed cell must not be had by subtraction. Cells that add up are
   `Equation`s: a breakdown's categories and their total; insured + authorised = union + both; exempt + expired + none =
   insured - both; stock = stock of the year before + inflow - outflow. Wherever a single term of an equation is
   suppressed, or the suppressed terms together are fewer than 10 persons, the smallest one left is suppressed too (of a
   breakdown: a category rather than the total), until nothing changes.
3. **Rounding** of the rest to the nearest multiple of 5. Rounded tables need not add up.
4. **Ratios** are published only where both counts are, and are computed from the rounded counts; **medians** only where
   the number of persons is. Counts that only a ratio uses go through rules 1 to 3 as if they were published.

Sources: threshold 10 and base 5 are the defaults of ACRO (semi-automated output checking; Green, Ritchie and Smith) and
close to OpenSAFELY's practice; primary and secondary suppression and rounding as in Hundepool et al., Statistical
Disclosure Control (Wiley, 2012), chapter 4. It is no protection against repeated releases of nearly the same
population: that needs the cell-key method and a log of queries.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

import polars as pl

from contract.errors import InputError
from trajectories.definitions import ALL, INDICATOR_COLUMNS, INDICATORS, Indicator
from trajectories.figures import Figures, Key
from trajectories.indicators import INDICATOR_SCHEMA

THRESHOLD: Final = 10
BASE: Final = 5

Cell = tuple[str, str, int, int]  # measure, residence, year, position of the category


@dataclass(frozen=True)
class Equation:
    """Cells of which any one follows from the others. `last_resort` is suppressed only if no other cell is left."""

    cells: tuple[Cell, ...]
    last_resort: Cell | None = None


def rounded(count: int, base: int = BASE) -> int:
    """Return a count rounded to the nearest multiple of the base (ties, of an even base, upwards)."""
    return (2 * count + base) // (2 * base) * base


def protect(figures: Figures, *, threshold: int = THRESHOLD, base: int = BASE) -> pl.DataFrame:
    """Return the indicator table that may be published.

    Args:
        figures: Raw counts, of `trajectories.indicators.compute_figures`.
        threshold: Smallest count that may be published.
        base: Counts are rounded to multiples of it.

    Returns:
        As `INDICATOR_SCHEMA`, `protected` true everywhere, `value` null where suppressed or not defined.

    Raises:
        InputError: The threshold or the base is not positive.
    """
    if threshold < 1 or base < 1:
        raise InputError("Threshold and base of the disclosure control must be 1 or more.")
    hidden = suppressed_cells(figures, threshold)
    rows = [
        (indicator.code, residence, str(year), breakdown, category, value)
        for indicator in INDICATORS
        for residence in indicator.residence
        for year in figures.years
        for (breakdown, category), value in zip(
            figures.categories, _published(indicator, residence, year, figures, hidden, base), strict=True
        )
    ]
    frame = pl.DataFrame(rows, schema=list(INDICATOR_COLUMNS[:6]), orient="row", infer_schema_length=None)
    return frame.with_columns(lower=None, upper=None, protected=pl.lit(value=True)).cast(INDICATOR_SCHEMA)  # type: ignore[arg-type]


def _published(
    indicator: Indicator, residence: str, year: int, figures: Figures, hidden: set[Cell], base: int
) -> list[float | None]:
    positions = range(len(figures.categories))

    def open_count(measure: str, position: int) -> int | None:
        if (measure, residence, year, position) in hidden:
            return None
        return rounded(figures.counts[measure, residence, year][position], base)

    if indicator.kind == "count":
        counts = [open_count(indicator.code, position) for position in positions]
        return [None if count is None else float(count) for count in counts]
    if indicator.kind == "median":
        medians = figures.medians[indicator.code, residence, year]
        return [None if open_count(indicator.denominator, p) is None else medians[p] for p in positions]
    above = [open_count(indicator.numerator, position) for position in positions]
    below = [open_count(indicator.denominator, position) for position in positions]
    return [a / b if a is not None and b else None for a, b in zip(above, below, strict=True)]


def suppressed_cells(figures: Figures, threshold: int = THRESHOLD) -> set[Cell]:
    """Return the cells that rules 1 and 2 suppress."""
    counts: dict[Cell, int] = {
        (*key, position): count for key, row in figures.counts.items() for position, count in enumerate(row)
    }
    structural = {position for position, persons in enumerate(figures.population) if persons == 0}
    hidden = {cell for cell, count in counts.items() if count < threshold and cell[3] not in structural}
    equations = [
        Equation(tuple(cell for cell in equation.cells if cell[3] not in structural), equation.last_resort)
        for equation in _equations(figures)
    ]
    of_cell: defaultdict[Cell, list[int]] = defaultdict(list)
    for number, equation in enumerate(equations):
        for cell in equation.cells:
            of_cell[cell].append(number)

    waiting = list(range(len(equations) - 1, -1, -1))
    while waiting:
        equation = equations[waiting.pop()]
        for cell in _complements(equation, counts, hidden, threshold):
            hidden.add(cell)
            waiting += reversed(of_cell[cell])
    return hidden


def _complements(equation: Equation, counts: dict[Cell, int], hidden: set[Cell], threshold: int) -> list[Cell]:
    """Return the cells to suppress as well, so that no suppressed cell of the equation follows from the others."""
    closed = [cell for cell in equation.cells if cell in hidden]
    if not closed:
        return []
    left = [cell for cell in equation.cells if cell not in hidden]
    left.sort(key=lambda cell: (cell == equation.last_resort, counts[cell], cell))
    chosen: list[Cell] = []
    persons = sum(counts[cell] for cell in closed)
    while left and (len(closed) + len(chosen) < 2 or persons < threshold):
        chosen.append(left.pop(0))
        persons += counts[chosen[-1]]
    return chosen


def _equations(figures: Figures) -> list[Equation]:
    """Return all additive relations between cells of the release."""
    positions: defaultdict[str, list[int]] = defaultdict(list)
    for position, (breakdown, _) in enumerate(figures.categories):
        positions[breakdown].append(position)
    total = positions.pop("total")[0]

    found = [
        Equation(((*key, total), *((*key, part) for part in parts)), (*key, total))
        for key in figures.counts
        for parts in positions.values()
    ]
    for relation in _relations(figures.years):
        if all(key in figures.counts for key in relation):
            found += [
                Equation(tuple((*key, position) for key in relation)) for position in range(len(figures.categories))
            ]
    return found


def _relations(years: list[int]) -> list[tuple[Key, ...]]:
    relations: list[tuple[Key, ...]] = []
    for year in years:
        for residence in ("12_16", ALL):
            names = ("workers_insured", "workers_authorised", "workers_both", "workers_union")
            relations.append(tuple((name, residence, year) for name in names))
        gap = ("gap_exempt", "gap_expired", "gap_none", "workers_insured", "workers_both")
        relations.append(tuple((name, ALL, year) for name in gap))
        liable = ("gap_expired", "gap_none", "insured_not_exempt", "both_not_exempt")
        relations.append(tuple((name, ALL, year) for name in liable))
        for rule in ("12_16", "6_12"):
            stock = (("resident_stock", year - 1), ("resident_stock", year), ("inflow", year), ("outflow", year))
            relations.append(tuple((name, rule, of_year) for name, of_year in stock))
    return relations
