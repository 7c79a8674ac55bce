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
RELAXED_WEIGHT: Final = 20.0  # once EM has converged: pseudo-pairs behind what the u of a pass leans to, at least
RELAXED_SHARE: Final = 0.3  # the same as a share of the other pairs found in the pass, at most as before
NAMESAKE_EQUAL: Final = 0.75  # u of agreement on sex, nationality, ... in a pass whose key is names
KIND_WEIGHT: Final = 10.0  # pseudo-pairs that draw a pass's share of erring matches to that of all passes
MAX_ERRING: Final = 1.0  # an erring match contradicts itself at most as often as the generic one, times this
UNLIKE_BINS: Final = 20  # bins of similarity up to six standard deviations above random pairs: no match lies there
ALIKE_BINS: Final = (
    32  # bins from twelve standard deviations on: no other pair lies there, or identical ones would be others
)
MATCH_PRIOR: Final = (1.0, 3.0)  # Beta prior of λ: weak, and rather few matches

# Shares by level, level 0 (missing) left out: clean m, erring m, u. Sources: typical m- and
# u-probabilities of registers of persons (Herzog, Scheuren and Winkler 2007, ch. 9); dates: 1/30, 1/12
# and the width of a generation. Named, so that a plan may leave a level out.
_NAME_PART: Final = {
    "exact": (0.74, 0.35, 0.0125),
    "exact_very_common": (0.12, 0.05, 0.006),
    "exact_common": (0.12, 0.05, 0.003),
    "exact_known": (0.12, 0.05, 0.0015),
    "exact_rare": (0.38, 0.2, 0.002),
    "close": (0.08, 0.17, 0.004),
    "near": (0.07, 0.2, 0.01),
    "partial": (0.05, 0.15, 0.04),
    "weak": (0.02, 0.06, 0.1),
    "different": (0.04, 0.07, 0.8335),
}
_FULL: Final = {
    "exact": (0.54, 0.25, 0.0008),
    "exact_common": (0.12, 0.05, 0.0004),
    "exact_known": (0.12, 0.05, 0.0002),
    "exact_rare": (0.3, 0.15, 0.0002),
    "close": (0.17, 0.25, 0.002),
    "near": (0.11, 0.2, 0.006),
    "partial": (0.08, 0.14, 0.02),
    "weak": (0.06, 0.1, 0.08),
    "different": (0.04, 0.06, 0.8912),
}
_SHARES: Final[dict[Kind, dict[str, tuple[float, float, float]]]] = {
    "name_part": _NAME_PART,
    "order": {"straight": (0.96, 0.9, 0.98), "swapped": (0.04, 0.1, 0.02)},
    "full": _FULL,
    "birth_date": {
        "equal": (0.8, 0.55, 0.0002),
        "month_day_swapped": (0.02, 0.03, 0.0001),
        "year_month": (0.05, 0.1, 0.003),
        "year_day": (0.03, 0.08, 0.0015),
        "month_day": (0.05, 0.15, 0.003),
        "year_rest_missing": (0.02, 0.04, 0.001),
        "year_only": (0.01, 0.02, 0.02),
        "one_part": (0.01, 0.02, 0.1),
        "different": (0.01, 0.01, 0.8712),
    },
    "documents": {
        "equal": (0.75, 0.5, 0.0005),
        "near": (0.08, 0.2, 0.002),
        "renewable_differs": (0.13, 0.25, 0.55),
        "permanent_differs": (0.04, 0.05, 0.4475),
    },
    "token": {"equal": (0.92, 0.9, 0.3), "different": (0.08, 0.1, 0.7)},
    "sketch": {
        "exact": (0.65, 0.4, 0.01),
        "close": (0.15, 0.25, 0.02),
        "partial": (0.1, 0.2, 0.12),
        "different": (0.1, 0.15, 0.85),
    },
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

#: Levels that differ for a reason other than an error (a paper was renewed). A careless clerk makes them little more
#: frequent: among erring matches their share is at most its generic ratio to clean ones times that of all matches.
NO_ERROR: Final[dict[Kind, tuple[str, ...]]] = {"documents": ("renewable_differs",)}


def generic_shares(variable: Variable) -> npt.NDArray[np.float64]:
    """Return float64[3, levels]: generic m of clean and of erring matches, and u; level 0 is 0, rows sum to 1."""
    if variable.kind == "similarity":
        shares = _similarity_shares()
    else:
        shares = np.array([_SHARES[variable.kind][level] for level in variable.levels[1:]]).T
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
