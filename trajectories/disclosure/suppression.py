"""Statistical disclosure control of indicator tables: cell suppression and rounding.

The rules, in order:

1. **Primary suppression.** A count under 10 is not published, zeros included. Exception: the categories that no person
   of the population is in at all are structural zeros and stay 0.
2. **Secondary (complementary) suppression.** A suppressed cell must not be had by subtraction. Cells that add up are
   `Equation`s: a breakdown's categories and their total; insured + authorised = both + union; exempt + expired + none +
   both = insured; stock of the year before + inflow = stock + outflow. Wherever a single term of an equation is
   suppressed, or the suppressed terms stand on one side of it and are fewer than 10 persons together, the smallest one
   left is suppressed too (of a breakdown: a category rather than the total), until nothing changes. The category
   `unknown` of sex and nationality is a gap of the records, not an attribute of anybody: rule 1 holds for it, but it is
   neither protected by nor protects other cells here. (Of the others it is a category: whoever has no title yet.)
3. **Rounding** of the rest to the nearest multiple of 5. Rounded tables need not add up.
4. **Ratios** are published only where both counts are, and are computed from the rounded counts; **medians** only where
   the number of persons is. Counts that only a ratio uses go through rules 1 to 3 as if they were published.

Sources: threshold 10 and base 5 are the defaults of ACRO (semi-automated output checking; Green, Ritchie and Smith) and
close to OpenSAFELY's practice; primary and secondary suppression and rounding as in Hundepool et al., Statistical
Disclosure Control (Wiley, 2012), chapter 4.

5. **Extended indicators** (`trajectories.extended`) follow the same rules, with the parts of `gap_none` and of the gap
   as equations. Sums of five cells or more (transitions from a state; entries, exits and comings of age of a stock) are
   none: five independent noises, of standard deviation 3.9 together, stand before what is suppressed. A share is shown
   only if the persons that it leaves out are as many as the threshold too: that all of a group have something says it
   of each of them.

Releases replace rule 3 by noise (`noise` and `keys` of `protect`): counts are perturbed by their cell keys first, and
rules 1 and 2 look at perturbed counts only, with a threshold that is higher by the noise's bound. So a cell of fewer
than 10 persons is never shown. Medians need 20 persons. What is published is a function of perturbed counts, and of
corrections for missed links: each a number of persons expected over the linkage's draws, rounded to a whole one, with
a noise of its own like a count's (docs/adr/0015-intervals.md). For a corrected count the threshold is higher by both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from contract.errors import InputError
from trajectories.breakdowns import REFERENCE_BREAKDOWNS
from trajectories.correction import corrected
from trajectories.definitions import ALL, INDICATORS, Indicator
from trajectories.disclosure.cell_keys import Ints, Perturbation, correction_stream
from trajectories.disclosure.published import BASE, Cell, Published, publishable
from trajectories.disclosure.widening import widened
from trajectories.durations import Floats
from trajectories.extended import Extended
from trajectories.figures import Figures, Key
from trajectories.values import table_of

THRESHOLD: Final = 10
#: Fewest persons behind a median of a release.
MEDIAN_THRESHOLD: Final = 20
UNKNOWN: Final = "unknown"


@dataclass(frozen=True)
class Equation:
    """Sum of the left cells = sum of the right cells. `last_resort` is suppressed only if no other cell is left."""

    left: tuple[Cell, ...]
    right: tuple[Cell, ...]
    last_resort: Cell | None = None

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All cells."""
        return self.left + self.right

    def without(self, positions: set[int]) -> Equation:
        """Return the equation without the cells of some categories."""
        left, right = (tuple(cell for cell in side if cell[3] not in positions) for side in (self.left, self.right))
        return Equation(left, right, self.last_resort)


def protect(
    figures: Figures,
    *,
    threshold: int = THRESHOLD,
    base: int = BASE,
    noise: Perturbation | None = None,
    keys: Mapping[Key, Ints] | None = None,
    indicators: Sequence[Indicator | Extended] = INDICATORS,
    raw: pl.DataFrame | None = None,
    corrections: Mapping[Key, Floats] | None = None,
) -> pl.DataFrame:
    """Return the indicator table that may be published.

    Args:
        figures: Raw counts, of `trajectories.indicators.compute_figures`.
        threshold: Smallest count that may be published.
        base: Counts are rounded to multiples of it; with noise they are not rounded.
        noise: Perturbation of the population.
        keys: Sums of record keys behind every count; needed with noise.
        indicators: The table's; one whose measures the figures lack is left out.
        raw: Raw table with intervals: with noise, what is shown gets an interval (`trajectories.disclosure.widening`).
        corrections: Of counts, for missed links (`trajectories.correction`). `value` is then the corrected figure, and
            `linked` that of the links alone. Corrections are rounded to whole persons, with noise perturbed too, and
            added to what is shown of the links' count; where one of the two is too small neither is shown.

    Returns:
        As `INDICATOR_SCHEMA`, `protected` true everywhere, `value` null where suppressed or not defined; with
        corrections as `PUBLISHED_SCHEMA`.

    Raises:
        InputError: The threshold or the base is not positive, or there is noise without keys.
    """
    if threshold < 1 or base < 1:
        raise InputError("Threshold and base of the disclosure control must be 1 or more.")
    least_of_medians, variance, more = 0, 0.0, 0
    moves = None if corrections is None else {key: np.rint(row).astype(np.int64) for key, row in corrections.items()}
    if noise is not None:
        if keys is None or figures.counts.keys() - keys.keys():
            raise InputError("Noise needs the cell keys of every count.")
        if moves is not None:
            stream, more = correction_stream(moves), noise.bound
            moves = {key: row + noise.noise(figures.counts[key], keys[key], stream) for key, row in moves.items()}
        drawn = {key: noise.perturbed(counts, keys[key]) for key, counts in figures.counts.items()}
        figures, base = replace(figures, counts=drawn), 1
        threshold, least_of_medians = threshold + noise.bound, MEDIAN_THRESHOLD + noise.bound
        variance = noise.variance
    shown = [one for one in indicators if publishable(one, figures)]
    central, least = figures, figures
    if moves is not None:
        central, least = (corrected(figures, {key: row - of for key, row in moves.items()}) for of in (0, more))
    hidden = suppressed_cells(_smaller(figures, least), threshold)
    (values, deviations), (linked, _) = (
        Published(one, hidden, base, threshold + above, least_of_medians + above, spread).values_of(shown)
        for one, above, spread in (
            (central, more, float(np.sqrt(variance * (2 if more else 1)))),
            (figures, 0, float(np.sqrt(variance))),
        )
    )
    closed = np.isnan(values) | np.isnan(linked)
    values, deviations, linked = (np.where(closed, np.nan, array) for array in (values, deviations, linked))
    beside = None if corrections is None else linked
    made = table_of(figures, shown, values, linked=beside).with_columns(protected=pl.lit(value=True))
    return made if raw is None or noise is None else widened(made, deviations, raw)


def _smaller(one: Figures, other: Figures) -> Figures:
    """Return the smaller of two counts of every cell; 0 only where both are."""
    counts = {
        key: np.maximum(np.minimum(row, other.counts[key]), ((row > 0) | (other.counts[key] > 0)).astype(np.int64))
        for key, row in one.counts.items()
    }
    return replace(one, counts=counts)


def suppressed_cells(figures: Figures, threshold: int = THRESHOLD) -> set[Cell]:
    """Return the cells that rules 1 and 2 suppress."""
    counts: dict[Cell, int] = {
        (*key, position): count
        for key, row in figures.counts.items()
        for position, count in enumerate(np.asarray(row).tolist())
    }
    # Persons change their age group or activity: a category is empty only if nobody was ever counted in it.
    ever = np.any(
        [*(np.asarray(row) != 0 for row in figures.counts.values()), np.asarray(figures.population) != 0], axis=0
    )
    structural = set(np.flatnonzero(~ever).tolist())
    hidden = {cell for cell, count in counts.items() if count < threshold and cell[3] not in structural}
    unknown = {
        position
        for position, (breakdown, category) in enumerate(figures.categories)
        if category == UNKNOWN and breakdown in REFERENCE_BREAKDOWNS
    }
    equations = [equation.without(structural | unknown) for equation in _equations(figures)]
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
    open_cells = [cell for cell in equation.cells if cell not in hidden]
    open_cells.sort(key=lambda cell: (cell == equation.last_resort, counts[cell], cell))
    chosen: list[Cell] = []
    while open_cells and _follows(equation, closed + chosen, counts, threshold):
        chosen.append(open_cells.pop(0))
    return chosen


def _follows(equation: Equation, closed: list[Cell], counts: dict[Cell, int], threshold: int) -> bool:
    """Return whether the open cells of an equation tell too much about the closed ones.

    They do if one is closed, or if all closed ones stand on one side (their sum is then known) and the sum is small.
    Of closed cells on both sides only the difference is known.
    """
    one_sided = not {*closed} & {*equation.left} or not {*closed} & {*equation.right}
    return len(closed) < 2 or (one_sided and sum(counts[cell] for cell in closed) < threshold)


def _equations(figures: Figures) -> list[Equation]:
    """Return all additive relations between cells of the release."""
    positions: defaultdict[str, list[int]] = defaultdict(list)
    for position, (breakdown, _) in enumerate(figures.categories):
        positions[breakdown].append(position)
    total = positions.pop("total")[0]

    found = [
        Equation(((*key, total),), tuple((*key, part) for part in parts), (*key, total))
        for key in figures.counts
        for parts in positions.values()
    ]
    for left, right in _relations(figures.years):
        if all(key in figures.counts for key in left + right):
            for position in range(len(figures.categories)):
                cells = [tuple((*key, position) for key in side) for side in (left, right)]
                found.append(Equation(cells[0], cells[1]))
    return found


def _relations(years: list[int]) -> Iterator[tuple[tuple[Key, ...], tuple[Key, ...]]]:
    """Yield the measures whose sums are equal, in every category."""

    def keys(residence: str, year: int, *measures: str) -> tuple[Key, ...]:
        return tuple((measure, residence, year) for measure in measures)

    for year in years:
        for residence in ("12_16", ALL):
            workers = keys(residence, year, "workers_insured", "workers_authorised")
            yield workers, keys(residence, year, "workers_both", "workers_union")
        gap = keys(ALL, year, "gap_exempt", "gap_expired", "gap_none", "workers_both")
        yield gap, keys(ALL, year, "workers_insured")
        liable = keys(ALL, year, "gap_expired", "gap_none", "both_not_exempt")
        yield liable, keys(ALL, year, "insured_not_exempt")
        yield keys(ALL, year, "gap_other_permit", "gap_residual"), keys(ALL, year, "gap_none")
        yield keys(ALL, year, "gap_total", "workers_both"), keys(ALL, year, "workers_insured")
        for rule in ("12_16", "6_12"):
            before = keys(rule, year - 1, "resident_stock") + keys(rule, year, "inflow")
            yield before, keys(rule, year, "resident_stock", "outflow")
