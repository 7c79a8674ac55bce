"""Intervals of what is released: linkage and noise together, in steps that say nothing of single persons.

Inside the unit a figure x has an interval [l, u] for the uncertainty of the links. A release shows x + noise. Its
interval is [x + noise - a, x + noise + b]: a and b are the distances x - l and u - x joined with the noise's (the root
of the sum of squares) and rounded up to two significant digits, to whole persons, to half months. So it is made of the
perturbed value and two coarse numbers, and holds what it claims: noise is independent of the links. That of a
corrected value is stretched to the figure of the links where it is shown farther out.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from trajectories.durations import Floats
from trajectories.extended import EVERY_INDICATOR

_Z95: Final = 1.959963984540054
_KEYS: Final = ("indicator", "residence", "period", "breakdown", "category")
#: Indicators that may be negative.
SIGNED: Final = frozenset({"net_migration", "pay_gap"})
_COUNTS: Final = sorted({one.code for one in EVERY_INDICATOR if one.kind == "count"})
_MONTHS: Final = sorted({one.code for one in EVERY_INDICATOR if one.kind in {"median", "survival_median"}})
_SHARES: Final = sorted(
    {one.code for one in EVERY_INDICATOR if one.kind in {"ratio", "incidence"}} - {"turnover", "sdg_8_8_1_proxy"}
)


def widened(published: pl.DataFrame, deviations: Floats, raw: pl.DataFrame) -> pl.DataFrame:
    """Return a protected table with intervals; that of a corrected value reaches as far as `linked`.

    Args:
        published: Protected table; its rows are in the order of `deviations`.
        deviations: float64, standard deviation of every value by noise alone; NaN where nothing is shown.
        raw: Raw table with `value`, `lower`, `upper`. Where it has no interval there is none.
    """
    inside = raw.select(*_KEYS, x=pl.col("value"), low=pl.col("lower"), high=pl.col("upper"))
    joined = published.join(inside, on=_KEYS, how="left", maintain_order="left")
    shown, x, low, high = (joined[name].fill_null(np.nan).to_numpy() for name in ("value", "x", "low", "high"))
    counts, months, shares, signed = (
        joined["indicator"].is_in(names).to_numpy() for names in (_COUNTS, _MONTHS, _SHARES, sorted(SIGNED))
    )
    noise = _Z95 * deviations.ravel()
    below, above = (
        np.where(months, np.ceil(2 * width) / 2, _two_digits(np.where(counts, np.ceil(width), width)))
        for width in (np.hypot(np.maximum(x - low, 0.0), noise), np.hypot(np.maximum(high - x, 0.0), noise))
    )
    lower = np.maximum(shown - below, np.where(signed, -np.inf, 0.0))
    upper = np.minimum(shown + above, np.where(shares, 1.0, np.inf))
    if "linked" in published.columns:
        links = published["linked"].fill_null(np.nan).to_numpy()
        lower, upper = np.fmin(lower, links), np.fmax(upper, links)
    there = np.isfinite(shown) & np.isfinite(low) & np.isfinite(high)
    lower, upper = (np.where(there, bound, np.nan) for bound in (lower, upper))
    return published.with_columns(pl.Series("lower", lower).fill_nan(None), pl.Series("upper", upper).fill_nan(None))


def _two_digits(width: Floats) -> Floats:
    """Return widths rounded up to two significant digits; 0 stays 0, NaN stays NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.where(width > 0, 10.0 ** (np.floor(np.log10(width)) - 1), 1.0)
    # what is two digits already does not move up by a rounding error of the division
    return np.asarray(np.ceil(np.round(width / step, 9)) * step, dtype=np.float64)
