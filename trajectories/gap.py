"""Why registers disagree: the gap between insured and authorised taken apart, and coverage corrected for link error.

Two registers linked with sensitivity s (share of true links that are found) and a rate f of false links show a coverage
L where the true one is C: L = s C + f (1 - C), so C = (L - f) / (s - f). A person whose contract was not found looks
like one without: of the insured who are authorised, a share 1 - s lies in the gap. That part is estimated and shown
as `unlinked`, so that the gap is not blamed on people whom the linkage lost.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from contract.errors import InputError
from trajectories.definitions import ALL
from trajectories.durations import Floats
from trajectories.figures import Figures

PARTS: Final = ("exempt", "expired", "unlinked", "other_permit", "residual")
_COUNTS: Final = (
    "gap_total",
    "gap_exempt",
    "gap_expired",
    "gap_other_permit",
    "gap_residual",
    "both_not_exempt",
)
GAP_SCHEMA: Final = {
    "period": pl.String,
    "breakdown": pl.String,
    "category": pl.String,
    "part": pl.String,
    "persons": pl.Float64,
    "share": pl.Float64,
}


def corrected_coverage(observed: Floats, sensitivity: float, false_rate: float = 0.0) -> Floats:
    """Return coverage corrected for link error, C = (L - f) / (s - f), within 0 to 1; NaN stays NaN.

    Args:
        observed: L, the coverage seen.
        sensitivity: s, share of true links that are found.
        false_rate: f, probability that somebody without a true link got a false one.

    Raises:
        InputError: A rate is outside [0, 1], or s is not above f: then links say nothing about coverage.
    """
    _check(sensitivity, false_rate)
    return np.clip((observed - false_rate) / (sensitivity - false_rate), 0.0, 1.0)


def _check(sensitivity: float, false_rate: float) -> None:
    if not (0 <= false_rate <= 1 and 0 <= sensitivity <= 1):
        raise InputError("Sensitivity and rate of false links lie between 0 and 1.")
    if sensitivity <= false_rate:
        raise InputError("Links that find no more true pairs than false ones say nothing about coverage.")


def decompose_gap(figures: Figures, sensitivity: float) -> pl.DataFrame:
    """Return the parts of the gap: insured and not authorised, 15 or more, at 31 December.

    An insured person whose link was missed shows nothing that a link would bring: no contract, no former contract, no
    permit. So it looks residual (or exempt, by nationality). Whatever a link brings is seen with probability s: of n
    persons found authorised, expired or with another permit, n (1 - s) / s more are expected among the residual. Those
    of the authorised are `unlinked`, the others go back to their part; together never more than the residual holds.

    Args:
        figures: With the counts of `trajectories.measures.work.count_gap`.
        sensitivity: s, share of the insured with records elsewhere whose link to them is found.

    Returns:
        `GAP_SCHEMA`: for each year and category the five `PARTS` in order; they sum to the gap, their shares to 1 (NaN
        where nobody is in the gap).

    Raises:
        InputError: The sensitivity is outside (0, 1].
    """
    _check(sensitivity, 0.0)
    frames = []
    for year in figures.years:
        counts = {name: figures.counts[name, ALL, year].astype(np.float64) for name in _COUNTS}
        lost = (1 - sensitivity) / sensitivity
        residual = counts["gap_residual"]
        missed = [lost * counts[name] for name in ("both_not_exempt", "gap_expired", "gap_other_permit")]
        wanted = np.sum(missed, axis=0)
        given = np.where(wanted > residual, residual / np.maximum(wanted, 1e-12), 1.0)
        unlinked, expired, other = (given * part for part in missed)
        parts = {
            "exempt": counts["gap_exempt"],
            "expired": counts["gap_expired"] + expired,
            "unlinked": unlinked,
            "other_permit": counts["gap_other_permit"] + other,
            "residual": residual - unlinked - expired - other,
        }
        whole = counts["gap_total"]
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = {name: np.where(whole > 0, part / whole, np.nan) for name, part in parts.items()}
        frames += [
            pl.DataFrame(
                {
                    "period": str(year),
                    "breakdown": breakdown,
                    "category": category,
                    "part": list(PARTS),
                    "persons": [float(parts[name][place]) for name in PARTS],
                    "share": [float(shares[name][place]) for name in PARTS],
                }
            )
            for place, (breakdown, category) in enumerate(figures.categories)
        ]
    return pl.concat(frames) if frames else pl.DataFrame(schema=GAP_SCHEMA)
