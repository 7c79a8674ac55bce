"""Indicators of labour migration, from linked registers, by year and category.

The definition of every indicator stands in `trajectories.definitions`; the conventions in
docs/indicator-conventions.md. Reference dates t are 31 December of the years in the window. For S(t) = residents at t,
I = inflow and O = outflow of the year: S(t) = S(t - 1 year) + I - O. Registers see neither unemployment nor informal
work, so the workers are those insured, those authorised and their union (insured + authorised = union + both), and
gap_exempt + gap_expired + gap_none = insured - both. Concepts after the resolution on international labour migration
of the 20th International Conference of Labour Statisticians.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from trajectories.breakdowns import breakdowns_of
from trajectories.channels import Channels, build_channels
from trajectories.definitions import INDICATOR_COLUMNS, INDICATORS, Indicator
from trajectories.figures import Figures, count_figures
from trajectories.persons import describe_persons
from trajectories.tables import REFERENCE, LinkedRegisters, Preset, Window

INDICATOR_SCHEMA: Final = {
    "indicator": pl.String,
    "residence": pl.String,
    "period": pl.String,
    "breakdown": pl.String,
    "category": pl.String,
    "value": pl.Float64,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "protected": pl.Boolean,
}


def compute_figures(
    linked: LinkedRegisters,
    window: Window,
    preset: Preset = REFERENCE,
    groups: Mapping[str, str] | None = None,
    *,
    channels: Channels | None = None,
) -> Figures:
    """Return the counts behind the indicators: what disclosure control needs (`trajectories.disclosure.protect`).

    Args:
        linked: The registers with their links.
        window: Observation window.
        preset: How spells are made of events.
        groups: Nationality (alpha-3) to group. Default: `contract.nationality_groups`.
        channels: What `build_channels` gave for the same registers, window and preset, to save doing it twice.

    Raises:
        InputError: A value is not in its column's form.
    """
    built = channels or build_channels(linked, window, preset)
    return count_figures(built, breakdowns_of(built, describe_persons(built, groups)))


def compute_indicators(
    linked: LinkedRegisters,
    window: Window,
    preset: Preset = REFERENCE,
    groups: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """Return all indicators, raw: not for publication (`protected` is false).

    Returns:
        One row for each indicator, residence rule, year and category, as `INDICATOR_SCHEMA`; `value` is null for a
        ratio with denominator 0 and a median of nobody. `lower` and `upper` are null: no interval is claimed here.

    Raises:
        InputError: A value is not in its column's form.
    """
    return raw_indicators(compute_figures(linked, window, preset, groups))


def raw_indicators(figures: Figures) -> pl.DataFrame:
    """Return figures as an indicator table, raw."""
    rows = [row for indicator in INDICATORS for row in _rows(indicator, figures)]
    frame = pl.DataFrame(rows, schema=list(INDICATOR_COLUMNS[:6]), orient="row", infer_schema_length=None)
    return frame.with_columns(lower=None, upper=None, protected=pl.lit(value=False)).cast(INDICATOR_SCHEMA)  # type: ignore[arg-type]


def _rows(indicator: Indicator, figures: Figures) -> list[tuple[str, str, str, str, str, float | None]]:
    rows = []
    for residence in indicator.residence:
        for year in figures.years:
            values = _values(indicator, residence, year, figures)
            for (breakdown, category), value in zip(figures.categories, values, strict=True):
                rows.append((indicator.code, residence, str(year), breakdown, category, value))
    return rows


def _values(indicator: Indicator, residence: str, year: int, figures: Figures) -> list[float | None]:
    if indicator.kind == "median":
        return figures.medians[indicator.code, residence, year]
    if indicator.kind == "count":
        return [float(count) for count in figures.counts[indicator.code, residence, year]]
    above = figures.counts[indicator.numerator, residence, year]
    below = figures.counts[indicator.denominator, residence, year]
    return [a / b if b else None for a, b in zip(above, below, strict=True)]
