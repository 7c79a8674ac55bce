"""Do intervals hold the truth, and how far are values from it: indicators of a link map against the recorded truth."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from contract.errors import InputError

KEYS: Final = ["indicator", "residence", "period", "breakdown", "category"]
LARGE: Final = 1000
_FLOWS_AND_STOCKS: Final = (
    "resident_stock",
    "inflow",
    "outflow",
    "workers_insured",
    "workers_authorised",
    "workers_both",
    "workers_union",
)


def compare_intervals(ours: pl.DataFrame, truth: pl.DataFrame, *, large: int = LARGE) -> dict[str, Any]:
    """Compare an indicator table with the truth.

    Args:
        ours: Indicator table with `value`, `lower`, `upper`.
        truth: The same keys, `value`; as text or numbers.
        large: Stocks and flows are compared in groups of more persons than this.

    Returns:
        `cells` with a true value and an interval, `coverage` (share whose interval holds the truth), the same by
        indicator, `missed_low` and `missed_high` (shares with the truth below and above), and of stocks and flows over
        `large`: their number, the share within 3 %, the largest relative difference. Shares are None of nothing.

    Raises:
        InputError: The tables have no cell in common.
    """
    number = pl.col("value").cast(pl.Float64, strict=False).alias("true")
    joined = ours.join(truth.select(*(pl.col(key).cast(pl.String) for key in KEYS), number), on=KEYS, how="inner")
    if joined.is_empty():
        raise InputError("The two indicator tables have no cell in common.")
    judged = joined.drop_nulls(["true", "value", "lower", "upper"]).with_columns(
        low=pl.col("true") < pl.col("lower"), high=pl.col("true") > pl.col("upper")
    )
    held = judged.with_columns(held=~pl.col("low") & ~pl.col("high"))
    by_indicator = held.group_by("indicator").agg(pl.col("held").mean(), cells=pl.len()).sort("indicator")
    sizeable = joined.filter(pl.col("indicator").is_in(_FLOWS_AND_STOCKS) & (pl.col("true") > large)).with_columns(
        off=(pl.col("value") - pl.col("true")).abs() / pl.col("true")
    )
    return {
        "cells": held.height,
        "coverage": held["held"].mean(),
        "coverage_by_indicator": {row["indicator"]: row["held"] for row in by_indicator.to_dicts()},
        "missed_low": held["low"].mean(),
        "missed_high": held["high"].mean(),
        "large_cells": sizeable.height,
        "within_3_percent": (sizeable["off"] <= 0.03).mean() if sizeable.height else None,
        "largest_difference": sizeable["off"].max(),
    }
