"""Codes of events to the categories of tables, by the catalogue's concordances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl

from trajectories.catalogue import catalogue
from trajectories.intervals import Ints

#: Code list of each breakdown.
CODE_LISTS: Final[Mapping[str, str]] = {
    "sex": "sex/1",
    "nationality_group": "nationality_group/1",
    "age_group": "age_group/1",
    "activity": "isic4_section/4",
    "occupation": "isco08_major/08",
    "region": "region/2015",
}
#: Breakdowns by codes of events: event table, its column, concordance to the breakdown's code list.
CONCORDANCES: Final[Mapping[str, tuple[str, str, str]]] = {
    "activity": ("contracts", "activity", "isic4_division_section/1"),
    "occupation": ("contracts", "occupation", "isco08_major/1"),
    "region": ("permits", "prefecture", "prefecture_region/1"),
}


def positions_of(values: pl.Series, codes: Sequence[str]) -> Ints:
    """Return the position of each value among the codes as int64; -1 for another value, or none."""
    if not codes:
        return np.full(len(values), -1, dtype=np.int64)
    mapped = values.replace_strict({code: place for place, code in enumerate(codes)}, default=-1, return_dtype=pl.Int64)
    return mapped.fill_null(-1).to_numpy().astype(np.int64, copy=False)


def coded(events: pl.DataFrame, table: str) -> pl.DataFrame:
    """Return an event table with `<breakdown>_code` for each breakdown that is coded from it.

    Raises:
        CatalogueError: The catalogue lacks a code list or concordance.
    """
    columns = []
    for name, (source, column, concordance) in CONCORDANCES.items():
        if source == table:
            targets = catalogue().concordance(concordance).apply(events[column])
            codes = catalogue().code_list(CODE_LISTS[name]).codes
            columns.append(pl.Series(f"{name}_code", positions_of(targets, codes)))
    return events.with_columns(columns)
