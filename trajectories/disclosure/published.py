"""Values that may be published, from counts that were protected and the cells that are suppressed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from trajectories.definitions import Indicator
from trajectories.durations import Floats
from trajectories.extended import Extended, Term
from trajectories.figures import Figures
from trajectories.intervals import Bools
from trajectories.values import available, blocks_of

Cell = tuple[str, str, int, int]  # measure, residence, year, position of the category

BASE: Final = 5
#: Persons behind a value that is no sum of counts: each must be as many as a median needs.
BEHIND: Final = {
    "arrival_to_insured_median": ("arrival_to_insured_number",),
    "arrival_to_permit_km_median": ("arrived", "reached_permit"),
    "arrival_to_authorised_km_median": ("arrived", "reached_authorised"),
    "arrival_to_insured_km_median": ("arrived", "reached_insured"),
    "pay_gap": ("paid_migrants", "paid_nationals"),
}


def publishable(one: Indicator | Extended, figures: Figures) -> bool:
    """Return whether figures hold what a published value of an indicator is made of."""
    if isinstance(one, Extended) and one.kind == "incidence":
        return {*_first_events(one)} <= figures.measures
    return available(one, figures)


def _first_events(one: Extended) -> tuple[str, str]:
    """Return who had a first event within some months, and who was observed so long."""
    month = int(one.scale)
    return f"{one.numerator[0][0].removeprefix('first_')}_by_{month}", f"observed_{month}"


def rounded(count: int, base: int = BASE) -> int:
    """Return a count rounded to the nearest multiple of the base (ties, of an even base, upwards)."""
    return (2 * count + base) // (2 * base) * base


@dataclass(frozen=True)
class Published:
    """Protected counts of a table.

    Attributes:
        figures: Perturbed counts, or raw ones that are to be rounded.
        hidden: Suppressed cells.
        base: Counts are rounded to multiples of it.
        threshold: Smallest count shown; what a share leaves out is not smaller.
        least_of_medians: Fewest persons behind a median.
        deviation: Standard deviation of the noise of a count.
    """

    figures: Figures
    hidden: set[Cell]
    base: int
    threshold: int
    least_of_medians: int
    deviation: float

    def values_of(self, indicators: Sequence[Indicator | Extended]) -> tuple[Floats, Floats]:
        """Return float64 (blocks, categories): values, NaN where not shown; standard deviation by noise alone."""
        width = len(self.figures.categories)
        rows = [self._value(*block) for block in blocks_of(indicators, self.figures.years)]
        if not rows:
            return np.zeros((0, width)), np.zeros((0, width))
        return np.vstack([value for value, _ in rows]), np.vstack([spread for _, spread in rows])

    def _value(self, one: Indicator | Extended, residence: str, year: int) -> tuple[Floats, Floats]:
        if one.code in BEHIND:
            return self._kept(one.code, residence, year)
        if isinstance(one, Extended) and one.kind == "incidence":
            had, observed = _first_events(one)
            return self._share((had, 1.0, 0), (observed, 1.0, 0), residence, year)
        if isinstance(one, Indicator):
            if one.kind == "count":
                return self._terms(((one.code, 1.0, 0),), residence, year)
            return self._ratio(((one.numerator, 1.0, 0),), ((one.denominator, 1.0, 0),), residence, year, most=1.0)
        if one.kind == "count":
            return self._terms(one.numerator, residence, year)
        if len(one.numerator) == len(one.denominator) == 1:
            value, spread = self._share(one.numerator[0], one.denominator[0], residence, year)
        else:
            value, spread = self._ratio(one.numerator, one.denominator, residence, year, most=np.inf)
        return one.scale * value, one.scale * spread

    def _count(self, measure: str, residence: str, year: int) -> Floats:
        """Return a count in every category, NaN where it is suppressed or was not observed."""
        row = self.figures.counts.get((measure, residence, year))
        if row is None:
            return np.full(len(self.figures.categories), np.nan)
        return np.array(
            [
                np.nan if (measure, residence, year, place) in self.hidden else float(rounded(count, self.base))
                for place, count in enumerate(np.asarray(row).tolist())
            ]
        )

    def _terms(self, terms: Sequence[Term], residence: str, year: int) -> tuple[Floats, Floats]:
        total, variance = np.zeros(len(self.figures.categories)), 0.0
        for measure, factor, back in terms:
            total = total + factor * self._count(measure, residence, year - back)
            variance += (factor * self.deviation) ** 2
        return total, np.where(np.isfinite(total), np.sqrt(variance), np.nan)

    def _ratio(
        self, above: Sequence[Term], below: Sequence[Term], residence: str, year: int, *, most: float
    ) -> tuple[Floats, Floats]:
        (a, error_a), (b, error_b) = (self._terms(terms, residence, year) for terms in (above, below))
        with np.errstate(divide="ignore", invalid="ignore"):
            value = np.where(b > 0, np.minimum(a / b, most), np.nan)
            return value, np.where(np.isfinite(value), np.sqrt(error_a**2 + (value * error_b) ** 2) / b, np.nan)

    def _share(self, above: Term, below: Term, residence: str, year: int) -> tuple[Floats, Floats]:
        """Return a share of some in all, unless those left out are few."""
        value, spread = self._ratio((above,), (below,), residence, year, most=1.0)
        rest = self._terms((below, (above[0], -above[1], above[2])), residence, year)[0]
        closed: Bools = ~(rest >= self.threshold)
        return np.where(closed, np.nan, value), np.where(closed, np.nan, spread)

    def _kept(self, code: str, residence: str, year: int) -> tuple[Floats, Floats]:
        """Return a median, or another value that is no sum of counts, where enough persons stand behind it."""
        found = self.figures.medians.get((code, residence, year), [None] * len(self.figures.categories))
        value = np.array([np.nan if one is None else one for one in found])
        for measure in BEHIND[code]:
            behind = self._count(measure, residence, year)
            if measure == "paid_nationals":  # they have no nationality group: every group stands beside all of them
                groups = np.array([name == "nationality_group" for name, _ in self.figures.categories])
                behind = np.where(groups, behind[0], behind)
            value = np.where(behind >= self.least_of_medians, value, np.nan)
        return value, np.zeros(len(value))
