"""Values of indicators from figures, as arrays: one block an indicator, residence rule and year.

A value is NaN where it does not exist: a ratio with denominator 0, a median of nobody, a year without the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from trajectories.definitions import ALL, INDICATOR_COLUMNS, PUBLISHED_COLUMNS, Indicator
from trajectories.durations import Floats, aalen_johansen, kaplan_meier
from trajectories.extended import Extended, Term
from trajectories.figures import Figures, medians_of

Block = tuple[Indicator | Extended, str, int]

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
PUBLISHED_SCHEMA: Final = {**INDICATOR_SCHEMA, "linked": pl.Float64}


def blocks_of(indicators: Sequence[Indicator | Extended], years: Sequence[int]) -> list[Block]:
    """Return the blocks of a table in its order: indicator, residence rule, year."""
    return [(one, residence, year) for one in indicators for residence in one.residence for year in years]


def available(one: Indicator | Extended, figures: Figures) -> bool:
    """Return whether figures hold the measures (or the kept values) that an indicator is made of."""
    names = figures.measures
    if one.code in names:
        return True
    if isinstance(one, Indicator):
        return {one.numerator, one.denominator} <= names
    made = {
        "incidence": ("first_insured", "first_left", "first_censored"),
        "pay_gap": ("pay_migrants", "pay_nationals"),
    }.get(one.kind, tuple(measure for measure, _, _ in (*one.numerator, *one.denominator)))
    return {*made} <= names


def values_of(figures: Figures, indicators: Sequence[Indicator | Extended]) -> Floats:
    """Return float64 (blocks, categories)."""
    blocks = blocks_of(indicators, figures.years)
    rows = [_value(figures, *block) for block in blocks]
    return np.vstack(rows) if rows else np.zeros((0, len(figures.categories)))


def table_of(
    figures: Figures,
    indicators: Sequence[Indicator | Extended],
    values: Floats,
    lower: Floats | None = None,
    upper: Floats | None = None,
    linked: Floats | None = None,
) -> pl.DataFrame:
    """Return values (and the bounds of their intervals) as a table, raw: `protected` is false.

    Args:
        figures: Their categories and years.
        indicators: The table's.
        values: float64 (blocks, categories).
        lower: Of the interval, of the same shape.
        upper: Of the interval, of the same shape.
        linked: Figures of the links alone, of the same shape, where `values` are corrected.

    Returns:
        `INDICATOR_SCHEMA`, with `linked` `PUBLISHED_SCHEMA`.
    """
    blocks = blocks_of(indicators, figures.years)
    width = len(figures.categories)

    def column(array: Floats | None) -> pl.Series:
        flat = np.full(len(blocks) * width, np.nan) if array is None else array.ravel()
        return pl.Series(flat, dtype=pl.Float64).fill_nan(None)

    def repeated(names: list[str]) -> pl.Series:
        return pl.Series(np.repeat(np.array(names, dtype=object), width).tolist(), dtype=pl.String)

    made = pl.DataFrame(
        {
            "indicator": repeated([one.code for one, _, _ in blocks]),
            "residence": repeated([residence for _, residence, _ in blocks]),
            "period": repeated([str(year) for _, _, year in blocks]),
            "breakdown": pl.Series([name for name, _ in figures.categories] * len(blocks), dtype=pl.String),
            "category": pl.Series([name for _, name in figures.categories] * len(blocks), dtype=pl.String),
            "value": column(values),
            "lower": column(lower),
            "upper": column(upper),
            "protected": pl.Series([False] * (len(blocks) * width), dtype=pl.Boolean),
            "linked": column(linked),
        }
    )
    return made.select(INDICATOR_COLUMNS if linked is None else PUBLISHED_COLUMNS)


def _value(figures: Figures, one: Indicator | Extended, residence: str, year: int) -> Floats:
    if isinstance(one, Extended):
        return _extended(figures, one, residence, year)
    if one.kind == "median":
        found = medians_of(figures.histograms[one.code, residence, year])
        return np.array([np.nan if value is None else value for value in found])
    if one.kind == "count":
        return figures.counts[one.code, residence, year].astype(np.float64)
    above, below = (figures.counts[name, residence, year] for name in (one.numerator, one.denominator))
    return _ratio(above.astype(np.float64), below.astype(np.float64))


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.nan)


def _terms(figures: Figures, terms: tuple[Term, ...], residence: str, year: int) -> Floats:
    """Return the sum of terms; NaN where one of its years was not observed."""
    total = np.zeros(len(figures.categories))
    for measure, factor, back in terms:
        counts = figures.counts.get((measure, residence, year - back))
        total = total + (np.nan if counts is None else factor * counts)
    return total


def _extended(figures: Figures, one: Extended, residence: str, year: int) -> Floats:
    if one.kind == "count":
        return _terms(figures, one.numerator, residence, year)
    if one.kind == "ratio":
        above, below = (_terms(figures, terms, residence, year) for terms in (one.numerator, one.denominator))
        return one.scale * _ratio(above, below)
    if one.kind == "pay_gap":
        migrants, nationals = (
            np.array(
                [np.nan if value is None else value + 0.5 for value in medians_of(figures.histograms[name, ALL, year])]
            )
            for name in ("pay_migrants", "pay_nationals")
        )
        # Nationals have no nationality group: every group is held against all of them.
        groups = np.array([breakdown == "nationality_group" for breakdown, _ in figures.categories])
        return 1.0 - migrants / np.where(groups, nationals[0], nationals)
    if one.kind == "survival_median":
        events, censored = (figures.histograms[terms[0][0], ALL, year] for terms in (one.numerator, one.denominator))
        return kaplan_meier(events, censored).median()
    return _incidence(figures, one, year)


def _incidence(figures: Figures, one: Extended, year: int) -> Floats:
    month, place = int(one.scale), ("first_insured", "first_left").index(one.numerator[0][0])
    insured, left, censored = (
        figures.histograms[name, ALL, year] for name in ("first_insured", "first_left", "first_censored")
    )
    curves = aalen_johansen((insured, left), censored)
    if month >= insured.shape[-1]:
        return np.full(len(figures.categories), np.nan)
    # An estimate needs somebody who was observed beyond that month.
    observed = (insured + left + censored)[:, month + 1 :].sum(axis=-1) > 0
    return np.where(observed, curves.incidence[place][:, month], np.nan)
