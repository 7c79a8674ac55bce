"""Which cells of a joint distribution to close where its margins are published in another table.

A table of joint states stands beside tables that each count one variable: who has a permit is in one of eight of the
sixteen states. A closed cell must not follow from those sums and the open cells. All of it looks at perturbed counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trajectories.disclosure.suppression import THRESHOLD

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def hidden_cells(counts: Ints, never: Bools, margins: Bools, least: int = THRESHOLD) -> Bools:
    """Return which cells are closed, bool[n].

    Closed are cells below `least`; then, until nothing changes, the smallest open cell of a margin whose closed cells
    have fewer persons than that together, or of one that gives a closed cell away, alone or combined with others (the
    cell's unit vector is a combination of the margins' rows over the closed cells).

    Args:
        counts: int64[n], perturbed.
        never: bool[n], cells that hold nobody by their nature; they stay open, as 0.
        margins: bool[m, n], the cells that each published sum is over.
        least: Fewest persons of a cell that is shown.
    """
    hidden = (counts < least) & ~never
    while True:
        wanting = next((margin for margin in margins if _follows(counts, hidden, margin, margins, least)), None)
        if wanting is None:
            return hidden
        candidates = np.flatnonzero(wanting & ~hidden & ~never)
        hidden[candidates[counts[candidates].argmin()]] = True


def _follows(counts: Ints, hidden: Bools, margin: Bools, margins: Bools, least: int) -> bool:
    closed = hidden & margin
    if not closed.any() or not (margin & ~hidden & (counts > 0)).any():
        return False
    if int(np.maximum(counts[closed], 0).sum()) < least:
        return True
    known = margins[:, hidden].astype(np.float64)
    rank = np.linalg.matrix_rank(known)
    units = np.eye(known.shape[1])[closed[hidden]]
    return any(np.linalg.matrix_rank(np.vstack((known, unit))) == rank for unit in units)
