"""Figures corrected for links that were missed: what a release shows first, beside the figure of the links.

A link that no pass found makes one person two. Both count as residents, and nobody of the two is insured *and*
authorised. So a figure of the links errs to one side, and the more records a person has, the farther. Draws that let
subjects stand alone which were all but lost (`linkage.detachment`) show by how much: as far as those draws move a count
on average, missed links have moved it already, and the correction moves it back.

Counts are sums over persons, so corrections add up as counts do: over categories, and in
stock + inflow = stock + outflow, insured + authorised = both + union, exempt + expired + none + both = insured. Ratios
are made of corrected counts. Medians and other values that are no sums of counts are not corrected.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contract.errors import InputError
from trajectories.definitions import PUBLISHED_COLUMNS, Indicator
from trajectories.durations import Floats
from trajectories.extended import Extended
from trajectories.figures import Figures, Key
from trajectories.values import table_of, values_of


def corrections_of(figures: Figures, detached: Iterable[Figures]) -> dict[Key, Floats]:
    """Return the mean change of every count when subjects that draws let stand alone come home: float64.

    Args:
        figures: The point estimate's.
        detached: Of `trajectories.uncertainty.figures_of_draws`, over draws of `linkage.detachment`.

    Raises:
        InputError: There is no draw.
    """
    total = {key: np.zeros(len(counts)) for key, counts in figures.counts.items()}
    number = 0
    for one in detached:
        number += 1
        if one is not figures:
            for key, counts in one.counts.items():
                total[key] += figures.counts[key] - counts
    if not number:
        raise InputError("A correction needs at least one draw.")
    return {key: change / number for key, change in total.items()}


def with_missed(figures: Figures, drawn: Iterable[Figures], detached: Iterable[Figures]) -> Iterator[Figures]:
    """Yield draws in which links are doubtful *and* missed: one of each, whose changes add up to first order.

    Args:
        figures: The point estimate's.
        drawn: Of draws of doubtful links.
        detached: Of as many draws of `linkage.detachment`.

    Yields:
        drawn + figures - detached, counts and histograms, nothing below 0.
    """
    for one, other in zip(drawn, detached, strict=True):
        both = one if other is figures else one + figures - other
        yield replace(
            both,
            counts={key: np.maximum(row, 0) for key, row in both.counts.items()},
            histograms={key: np.maximum(row, 0) for key, row in both.histograms.items()},
        )


def corrected(figures: Figures, corrections: Mapping[Key, NDArray[Any]]) -> Figures:
    """Return figures with corrections added, counts not below 0; histograms are those of the links.

    Counts are float64, or int64 if their corrections are.
    """
    counts = {
        key: np.maximum(counts + corrections[key], 0) if key in corrections else counts
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
        `trajectories.values.PUBLISHED_SCHEMA`; the intervals hold both figures.
    """
    made = table_of(figures, indicators, values_of(corrected(figures, corrections), indicators))
    value = pl.when(pl.col("linked").is_null()).then(None).otherwise(pl.col("value").fill_null(pl.col("linked")))
    table = made.drop("lower", "upper").with_columns(links.select("lower", "upper", linked="value")).with_columns(value)
    return table.with_columns(
        lower=pl.when(pl.col("lower").is_not_null()).then(pl.min_horizontal("lower", "value")),
        upper=pl.when(pl.col("upper").is_not_null()).then(pl.max_horizontal("upper", "value")),
    ).select(PUBLISHED_COLUMNS)
