"""Primary rules for magnitudes (pay, days): enough persons, enough employers, nobody dominates.

- Fewer than 10 persons or fewer than 3 employers behind a cell: unsafe.
- (n, k) rule: the n = 2 largest contributors hold more than k = 90 % of the total: unsafe.
- p % rule: what is left without the two largest is less than p = 10 % of the largest (the second could estimate the
  first to within p %): unsafe.

Contributors are employers: one of them could subtract its own amount. Source: Hundepool et al., Statistical Disclosure
Control (Wiley, 2012), section 4.2; defaults as in ACRO (Green, Ritchie and Smith).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contract.errors import InputError


@dataclass(frozen=True)
class MagnitudeRules:
    """Parameters of the rules."""

    persons: int = 10
    contributors: int = 3
    n: int = 2
    k: float = 0.90
    p: float = 0.10


def unsafe_magnitudes(
    cell: NDArray[np.int64],
    person: NDArray[np.int64],
    contributor: NDArray[np.int64],
    amount: NDArray[np.float64],
    cells: int,
    rules: MagnitudeRules | None = None,
) -> NDArray[np.bool_]:
    """Return for each of `cells` cells whether its total, mean or shares must not be published.

    Args:
        cell: Position of each row's cell, 0 to cells - 1.
        person: Person of each row.
        contributor: Employer (or other contributor) of each row.
        amount: What the row adds, 0 or more.
        cells: Number of cells.
        rules: Parameters.

    Raises:
        InputError: The arrays differ in length, a position lies outside, or an amount is negative.
    """
    rules = rules or MagnitudeRules()
    if not len(cell) == len(person) == len(contributor) == len(amount):
        raise InputError("The columns of a magnitude differ in length.")
    if len(cell) and (cell.min() < 0 or cell.max() >= cells or amount.min() < 0):
        raise InputError("A cell lies outside the table, or an amount is negative.")
    few = _distinct(cell, person, cells) < rules.persons
    few |= _distinct(cell, contributor, cells) < rules.contributors
    order = np.lexsort((contributor, cell))
    owner, who, what = cell[order], contributor[order], amount[order]
    first = np.ones(len(owner), dtype=np.bool_)
    first[1:] = (owner[1:] != owner[:-1]) | (who[1:] != who[:-1])
    starts = np.flatnonzero(first)
    sums = np.add.reduceat(what, starts) if len(starts) else np.zeros(0)
    owner = owner[starts]
    order = np.lexsort((-sums, owner))
    owner, sums = owner[order], sums[order]
    rank = np.arange(len(owner)) - np.searchsorted(owner, owner, side="left")
    total, top, largest, two = (
        np.bincount(owner[mask], weights=sums[mask], minlength=cells)
        for mask in (rank >= 0, rank < rules.n, rank == 0, rank < 2)
    )
    return np.asarray(few | (top > rules.k * total) | (total - two < rules.p * largest), dtype=np.bool_)


def _distinct(cell: NDArray[np.int64], item: NDArray[np.int64], cells: int) -> NDArray[np.int64]:
    """Return how many different items each cell has."""
    if not len(cell):
        return np.zeros(cells, dtype=np.int64)
    order = np.lexsort((item, cell))
    owner, what = cell[order], item[order]
    first = np.ones(len(owner), dtype=np.bool_)
    first[1:] = (owner[1:] != owner[:-1]) | (what[1:] != what[:-1])
    return np.bincount(owner[first], minlength=cells).astype(np.int64)
