"""Disclosure control of one table of counts by up to four variables, margins included, as arrays.

1. Every cell, margins too, is perturbed by its own key (`trajectories.disclosure.cell_keys`): margins are consistent
   with every other table of the population, and add up but for the noise.
2. A category that nobody of the table is in is a structural zero and stays 0. Any other perturbed count under
   threshold + noise bound is suppressed: so no cell of fewer persons than the threshold is ever shown, and whether a
   cell is shown says nothing exact about its count.
3. Complements are cells: along every variable, a single suppressed category, or several with fewer persons together
   than that, would follow from the total and the open ones. The smallest open category (the total last) is suppressed
   too, until nothing changes.

All of 2 and 3 looks at perturbed counts only, so that what is published is a function of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contract.errors import InputError
from trajectories.disclosure.cell_keys import Perturbation
from trajectories.disclosure.suppression import THRESHOLD

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
MAX_DIMENSIONS: Final = 4
_FAR: Final = np.iinfo(np.int64).max


@dataclass(frozen=True)
class ProtectedCube:
    """Perturbed counts and what is shown of them; the last position of every axis is the margin."""

    counts: Ints
    shown: Bools


def with_margins(counts: Ints) -> Ints:
    """Return counts (or cell keys) with the sum added at the end of every axis."""
    for axis in range(counts.ndim):
        counts = np.concatenate((counts, counts.sum(axis=axis, keepdims=True)), axis=axis)
    return counts


def protect_cube(counts: Ints, keys: Ints, noise: Perturbation, threshold: int = THRESHOLD) -> ProtectedCube:
    """Protect a table.

    Args:
        counts: int64, one axis a variable, without margins; every person in one cell.
        keys: Sums of record keys, of the same shape.
        noise: Of the table's population.
        threshold: Fewest persons of a cell that is shown.

    Raises:
        InputError: More than four variables, or none; or the shapes differ.
    """
    if not 1 <= counts.ndim <= MAX_DIMENSIONS:
        raise InputError(
            f"A table has 1 to {MAX_DIMENSIONS} variables.", advice="Make several tables of fewer variables."
        )
    perturbed = noise.perturbed(with_margins(counts), with_margins(keys))
    least = threshold + noise.bound
    structural = np.zeros(perturbed.shape, dtype=np.bool_)
    for axis in range(counts.ndim):
        others = tuple(other for other in range(counts.ndim) if other != axis)
        empty = np.append(counts.sum(axis=others) == 0, [False])
        structural |= empty.reshape([-1 if place == axis else 1 for place in range(counts.ndim)])
    hidden = (perturbed < least) & ~structural
    while True:
        before = int(hidden.sum())
        for axis in range(perturbed.ndim):
            _complements(_lines(perturbed, axis), _lines(hidden, axis), _lines(structural, axis), least)
        if int(hidden.sum()) == before:
            return ProtectedCube(perturbed, ~hidden)


def _lines(of: NDArray[Any], axis: int) -> NDArray[Any]:
    """Return a view with the axis last, and one more in front: a table of one variable has lines as well."""
    return np.moveaxis(of, axis, -1)[None]


def _complements(counts: Ints, hidden: Bools, structural: Bools, least: int) -> None:
    """Suppress along the last axis, in place: a view of the cube."""
    while True:
        parts, total = hidden[..., :-1], hidden[..., -1]
        closed = parts.sum(axis=-1)
        together = np.where(parts, counts[..., :-1], 0).sum(axis=-1)
        # Closed categories under an open total are known as a sum; a closed total over open ones is known itself.
        follows = (~total & (closed > 0) & ((closed == 1) | (together < least))) | (total & (closed == 0))
        candidates = np.where(hidden | structural, _FAR, counts)
        last = candidates[..., -1]
        candidates[..., -1] = np.where(last == _FAR, _FAR, _FAR - 1)  # the total last
        lines = np.nonzero(follows & (candidates.min(axis=-1) < _FAR))
        if not len(lines[0]):
            return
        hidden[(*lines, candidates[lines].argmin(axis=-1))] = True
