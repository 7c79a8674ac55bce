"""Figures corrected for links that were missed: what a release shows first, beside the figure of the links.

A link that no pass found makes one person two. Both count as residents, and nobody of the two is insured *and*
authorised. So a figure of the links errs to one side, and the more records a person has, the farther. Draws that hold
the links and add the links which are estimated to be missing (`linkage.missed`) show by how much: the correction of a
count is the mean change of that count over the draws. It is Rubin's (1987) combined estimate, of draws in which nothing
but missed links is drawn; the doubtful ones stay as the evidence decided them.

Counts are sums over persons, so corrections add up as counts do: over categories, and in
stock + inflow = stock + outflow, insured + authorised = both + union, exempt + expired + none + both = insured. Ratios
are made of corrected counts. Medians and other values that are no sums of counts are not corrected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from contract.errors import InputError
from trajectories.definitions import PUBLISHED_COLUMNS, Indicator
from trajectories.durations import Floats
from trajectories.extended import Extended
from trajectories.figures import Figures, Key
from trajectories.values import table_of, values_of


def corrections_of(figures: Figures, draws: Iterator[Figures]) -> dict[Key, Floats]:
    """Return the mean change of every count over draws of missed links: float64, over the categories.

    Args:
        figures: The point estimate's.
        draws: Of `trajectories.uncertainty.figures_of_draws`, over partitions that hold the point estimate but for
            missed links.

    Raises:
        InputError: There is no draw.
    """
    total = {key: np.zeros(len(counts)) for key, counts in figures.counts.items()}
    number = 0
    for one in draws:
        number += 1
        if one is not figures:
            for key, counts in one.counts.items():
                total[key] += counts - figures.counts[key]
    if not number:
        raise InputError("A correction needs at least one draw.")
    return {key: change / number for key, change in total.items()}


def corrected(figures: Figures, corrections: Mapping[Key, Floats]) -> Figures:
    """Return figures with their corrections: counts as float64, not below 0; histograms are those of the links."""
    counts = {
        key: np.maximum(counts + corrections[key], 0.0) if key in corrections else counts
        for key, counts in figures.counts.items()
    }
    return replace(figures, counts=counts)


def corrected_table(
    figures: Figures,
    corrections: Mapping[Key, Floats],
    indicators: Sequence[Indicator | Extended],
    links: pl.DataFrame,
) -> pl.DataFrame:
    """Return the table of corrected figures beside those of the links, raw.

    Args:
        figures: The point estimate's.
        corrections: Of `corrections_of`.
        indicators: The table's.
        links: The point estimate's own table of the same indicators, with intervals.

    Returns:
        `trajectories.values.PUBLISHED_SCHEMA`; the intervals hold both figures, and reach farther by the correction
        to its side: the number of lost records is nearer to a lower bound, and their partners are a guess, so a
        correction falls short rather than goes too far.
    """
    made = table_of(figures, indicators, values_of(corrected(figures, corrections), indicators))
    value = pl.when(pl.col("linked").is_null()).then(None).otherwise(pl.col("value").fill_null(pl.col("linked")))
    table = made.drop("lower", "upper").with_columns(links.select("lower", "upper", linked="value")).with_columns(value)
    change = pl.col("value") - pl.col("linked")
    low, high = pl.col("lower") + pl.min_horizontal(change, 0.0), pl.col("upper") + pl.max_horizontal(change, 0.0)
    low = pl.when(pl.col("lower") >= 0).then(pl.max_horizontal(low, 0.0)).otherwise(low)
    return table.with_columns(
        lower=pl.when(pl.col("lower").is_not_null()).then(pl.min_horizontal(low, "value")),
        upper=pl.when(pl.col("upper").is_not_null()).then(pl.max_horizontal(high, "value")),
    ).select(PUBLISHED_COLUMNS)
