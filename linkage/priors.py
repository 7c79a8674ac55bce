"""Where EM starts and what it leans on while data are few.

The starting u is that of two random persons, never the shares among a pass's pairs: in a tight block
most pairs are matches, and a u read from them turns the classes round. The shares need not be exact.

Matches are of two kinds, *clean* and *erring*: registers are mixed, and errors come together (a record
typed carelessly errs in several fields), so that one m for each field would take the erring ones for
strangers. Shares of erring matches lean to near agreement, never to plain disagreement.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from linkage.plan import SIMILARITY_BINS, Kind, Variable

MATCH_KINDS: Final = ("clean", "erring")
MATCH_WEIGHT: Final = 50.0  # pseudo-pairs behind each kind's generic m
OTHER_WEIGHT: Final = 5000.0  # pseudo-pairs behind the generic u, at least
OTHER_SHARE: Final = 0.3  # the same as a share of all pairs: u stays anchored where nearly all pairs match
POOL_WEIGHT: Final = 100.0  # pseudo-pairs that draw the u of a pass to the pool, at least
POOL_SHARE: Final = 0.3  # the same as a share of the pass's pairs
LOCAL_WEIGHT: Final = 20.0  # the same for a variable that the pass's key touches
LOCAL_SHARE: Final = 0.03
KIND_WEIGHT: Final = 10.0  # pseudo-pairs that draw a pass's share of erring matches to that of all passes
MAX_ERRING: Final = 1.0  # an erring match contradicts itself at most as often as the generic one, times this
UNLIKE_BINS: Final = 20  # bins of similarity up to six standard deviations above random pairs: no match lies there
MATCH_PRIOR: Final = (1.0, 3.0)  # Beta prior of λ: weak, and rather few matches

# Shares by level, level 0 (missing) left out: clean m, erring m, u. Sources: typical m- and
# u-probabilities of registers of persons (Herzog, Scheuren and Winkler 2007, ch. 9); dates: 1/30, 1/12
# and the width of a generation.
_SHARES: Final[dict[Kind, tuple[tuple[float, ...], ...]]] = {
    "name_part": (
        (0.12, 0.12, 0.12, 0.38, 0.08, 0.07, 0.05, 0.02, 0.04),
        (0.05, 0.05, 0.05, 0.2, 0.17, 0.2, 0.15, 0.06, 0.07),
        (0.006, 0.003, 0.0015, 0.002, 0.004, 0.01, 0.04, 0.1, 0.8335),
    ),
    "order": ((0.96, 0.04), (0.9, 0.1), (0.98, 0.02)),
    "full": (
        (0.12, 0.12, 0.3, 0.17, 0.11, 0.08, 0.06, 0.04),
        (0.05, 0.05, 0.15, 0.25, 0.2, 0.14, 0.1, 0.06),
        (0.0004, 0.0002, 0.0002, 0.002, 0.006, 0.02, 0.08, 0.8912),
    ),
    "birth_date": (
        (0.8, 0.02, 0.05, 0.03, 0.05, 0.02, 0.01, 0.01, 0.01),
        (0.55, 0.03, 0.1, 0.08, 0.15, 0.04, 0.02, 0.02, 0.01),
        (0.0002, 0.0001, 0.003, 0.0015, 0.003, 0.001, 0.02, 0.1, 0.8712),
    ),
    "documents": ((0.75, 0.08, 0.13, 0.04), (0.5, 0.2, 0.25, 0.05), (0.0005, 0.002, 0.55, 0.4475)),
    "token": ((0.92, 0.08), (0.9, 0.1), (0.3, 0.7)),
    "sketch": ((0.65, 0.15, 0.1, 0.1), (0.4, 0.25, 0.2, 0.15), (0.01, 0.02, 0.12, 0.85)),
}

#: The last levels of a variable that contradict a match, where an error would rather leave a trace.
CONTRADICTIONS: Final[dict[Kind, int]] = {
    "name_part": 2,
    "order": 0,
    "full": 2,
    "birth_date": 3,
    "documents": 1,
    "token": 1,
    "sketch": 1,
    "similarity": 0,
}


def generic_shares(variable: Variable) -> npt.NDArray[np.float64]:
    """Return float64[3, levels]: generic m of clean and of erring matches, and u; level 0 is 0, rows sum to 1."""
    shares = _similarity_shares() if variable.kind == "similarity" else np.array(_SHARES[variable.kind])
    table = np.concatenate([np.zeros((3, 1)), shares], axis=1)
    return np.asarray(table / table.sum(axis=1, keepdims=True))


def _similarity_shares() -> npt.NDArray[np.float64]:
    """Return shares over similarity bins: matches lean to 1, others fall off like a normal tail.

    Bins run over standardised similarity (see `record`): 0 is the middle of all pairs, one bin is half
    a standard deviation.
    """
    at = np.arange(SIMILARITY_BINS, dtype=np.float64)
    u = np.exp(-0.5 * ((at - 8) / 2.2) ** 2) + 1e-9
    clean = np.exp(-0.5 * ((at - 32) / 5.0) ** 2) + 1e-6
    erring = np.exp(-0.5 * ((at - 24) / 5.0) ** 2) + 1e-6
    return np.stack([clean, erring, u])
