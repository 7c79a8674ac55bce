"""Where EM starts and what it leans on while data are few.

The starting u is that of two random persons, never the shares among a pass's pairs: in a tight block
most pairs are matches, and a u read from them turns the classes round. Shares need not be exact; EM
moves them as soon as there are more pairs than `GENERIC_WEIGHT`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from linkage.plan import SIMILARITY_BINS, Kind, Variable

GENERIC_WEIGHT: Final = 20.0  # pseudo-pairs behind the generic shares of a variable
POOL_WEIGHT: Final = 100.0  # pseudo-pairs that draw a pass's shares towards those pooled over passes
LOCAL_WEIGHT: Final = 20.0  # pseudo-pairs behind the shares of a variable that the pass's key touches
MATCH_PRIOR: Final = (1.0, 3.0)  # Beta prior of λ: weak, and rather few matches

# Shares by level, level 0 (missing) left out. Sources: typical m- and u-probabilities of registers of
# persons (Herzog, Scheuren and Winkler 2007, ch. 9); dates: 1/30, 1/12 and the width of a generation.
_SHARES: Final[dict[Kind, tuple[tuple[float, ...], tuple[float, ...]]]] = {
    "name_part": (
        (0.12, 0.12, 0.12, 0.38, 0.14, 0.06, 0.06),
        (0.006, 0.003, 0.0015, 0.002, 0.02, 0.12, 0.8475),
    ),
    "order": ((0.96, 0.04), (0.98, 0.02)),
    "full": (
        (0.12, 0.12, 0.3, 0.2, 0.14, 0.07, 0.05),
        (0.0004, 0.0002, 0.0002, 0.002, 0.02, 0.1, 0.8772),
    ),
    "birth_date": (
        (0.8, 0.02, 0.05, 0.03, 0.05, 0.02, 0.01, 0.01, 0.01),
        (0.0002, 0.0001, 0.003, 0.0015, 0.003, 0.001, 0.02, 0.1, 0.8712),
    ),
    "documents": ((0.75, 0.08, 0.13, 0.04), (0.0005, 0.002, 0.55, 0.4475)),
    "token": ((0.92, 0.08), (0.3, 0.7)),
    "sketch": ((0.65, 0.15, 0.1, 0.1), (0.01, 0.02, 0.12, 0.85)),
}


def generic_shares(variable: Variable) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return generic m and u of a variable (float64[levels], level 0 is 0, the rest sums to 1)."""
    if variable.kind == "similarity":
        return _similarity_shares()
    m, u = (np.array([0.0, *shares]) for shares in _SHARES[variable.kind])
    return m / m.sum(), u / u.sum()


def _similarity_shares() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return shares over similarity bins: matches lean to 1, others fall off like a normal tail.

    Bins run over standardised similarity (see `record`): 0 is the middle of all pairs, one bin is half
    a standard deviation.
    """
    at = np.arange(SIMILARITY_BINS, dtype=np.float64)
    u = np.exp(-0.5 * ((at - 8) / 2.2) ** 2) + 1e-9
    m = np.exp(-0.5 * ((at - 28) / 6.0) ** 2) + 1e-6
    zero = np.zeros(1)
    return np.concatenate([zero, m / m.sum()]), np.concatenate([zero, u / u.sum()])


def starts(variable: Variable) -> list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
    """Return several starting (m, u) of a variable: generic, cleaner data, dirtier data, commoner values."""
    m, u = generic_shares(variable)
    flat = np.where(np.arange(len(m)) > 0, 1.0 / (len(m) - 1), 0.0)
    cleaner = m**1.5 / (m**1.5).sum()
    return [(m, u), (cleaner, u), (0.7 * m + 0.3 * flat, u), (m, 0.8 * u + 0.2 * m)]
