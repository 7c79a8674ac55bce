"""What the demo says at its end: linkage quality, indicators beside the truth, and what to do next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

SHOWN = ("workers_insured", "workers_authorised", "workers_both", "gap_exempt", "gap_expired", "gap_none")
_KEYS = ["indicator", "residence", "period", "breakdown", "category"]


def compare_indicators(raw: pl.DataFrame, truth: Path) -> dict[str, Any]:
    """Return how far raw indicators lie from the recorded truth.

    Args:
        raw: Indicators of our own links, unprotected.
        truth: `indicators_recorded.csv`.

    Returns:
        Cells compared, share equal, median and 95th percentile of the relative difference over totals of 100 and
        more, and the last year's headline figures (ours, recorded).
    """
    columns = [*_KEYS, "value"]
    ours = raw.select(columns).with_columns(pl.col("period").cast(pl.String), pl.col("value").cast(pl.Float64))
    recorded = pl.read_csv(truth, infer_schema=False).select(columns).with_columns(pl.col("value").cast(pl.Float64))
    both = recorded.join(ours, on=_KEYS, how="left", suffix="_ours")
    large = both.filter((pl.col("value") >= 100) & (pl.col("breakdown") == "total")).with_columns(
        ((pl.col("value_ours").fill_null(0.0) - pl.col("value")).abs() / pl.col("value")).alias("off")
    )
    last = str(both["period"].max())
    headline = both.filter(
        (pl.col("period") == last)
        & (pl.col("breakdown") == "total")
        & pl.col("indicator").is_in(list(SHOWN))
        & pl.col("residence").is_in(["all", ""])
    ).sort("indicator")
    return {
        "cells": both.height,
        "share_equal": float((both["value"] == both["value_ours"]).fill_null(value=False).mean() or 0.0),  # type: ignore[arg-type]
        "median_relative_difference": _quantile(large, 0.5),
        "p95_relative_difference": _quantile(large, 0.95),
        "year": last,
        "headline": {
            row["indicator"]: {"ours": row["value_ours"], "recorded": row["value"]} for row in headline.to_dicts()
        },
    }


def _quantile(frame: pl.DataFrame, share: float) -> float:
    found = frame["off"].quantile(share)
    return float(found) if found is not None else 0.0


def words(result: dict[str, Any]) -> str:
    """Return the demo's result for people."""
    lines = ["", "Wasl demo - synthetic people only", ""]
    lines.append(
        f"{result['registers']} registers, {result['records']} records -> {result['persons']} persons, "
        f"{result['subject_pairs']} pairs, {result['seconds']:.0f} s"
    )
    quality = result.get("quality")
    if quality:
        lines += ["", f"{'linkage':<18} precision  recall     F1"]
        for name in ("cross_register", "pairwise", "bcubed"):
            rates = quality[name]
            lines.append(f"{name:<18} {rates['precision']:9.3f} {rates['recall']:7.3f} {rates['f1']:6.3f}")
    window = result["trajectories"]["window"]
    lines += [
        "",
        f"{result['trajectories']['spells']} spells" + (f", {window['start']} to {window['end']}" if window else ""),
    ]
    if window is None:
        lines.append("No event has a usable date: there is no observation window, so no spell and no figure.")
    indicators = result.get("indicators")
    if indicators:
        lines += ["", f"{'at 31 December ' + indicators['year']:<24} {'recorded':>9} {'Wasl':>9}"]
        for name, pair in indicators["headline"].items():
            ours = "" if pair["ours"] is None else f"{pair['ours']:.0f}"
            lines.append(f"{name:<24} {pair['recorded']:9.0f} {ours:>9}")
        lines.append(
            f"Totals of 100 and more lie {indicators['median_relative_difference']:.1%} (median) and "
            f"{indicators['p95_relative_difference']:.1%} (95th percentile) from what exact links give."
        )
    release = result.get("release")
    if release:
        lines += ["", f"Released by two persons: {release['cells']} cells, {release['suppressed']} suppressed."]
    if result.get("out"):
        lines += ["", "Written: " + ", ".join(result["out"])]
    lines += ["", "Next:"]
    if result.get("pages"):
        lines += [f"  open {address}  ({name} unit)" for name, address in result["pages"].items()]
        lines += [f"  sign in as {name}: password in {place}" for name, place in result.get("accounts", {}).items()]
        lines.append("  stop with Ctrl+C")
    else:
        lines += [
            "  wasl demo --serve             look at both units' pages",
            "  wasl demo --keep DIR          keep everything the parties wrote",
            "  docs/guides                   what each user does on real machines",
        ]
    return "\n".join(lines)
