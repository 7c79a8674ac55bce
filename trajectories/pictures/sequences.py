"""Sequence index plot and chronogram of joint states by month.

The index plot has one line a person: it is microdata and is drawn for dummy or synthetic persons, or inside the unit.
Source: Gabadinho, Ritschard, Mueller and Studer, Journal of Statistical Software 40(4), 2011, section 6.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

from trajectories.exports.months import STATES, Months
from trajectories.exports.traminer import sequences
from trajectories.pictures.theme import Picture, Theme, finished, rows_of

#: Lines of an index plot, at most.
LINES: Final = 300


def shares_by_month(months: Months) -> pl.DataFrame:
    """Return `month`, `state`, `persons`, `share` of every state that occurs: the chronogram's table."""
    width = len(months.labels)
    counts = np.stack([(months.codes == code).sum(axis=0) for code in range(len(STATES))])
    present = [code for code in range(len(STATES)) if counts[code].any()]
    return pl.DataFrame(
        {
            "month": [label for _ in present for label in months.labels],
            "state": [STATES[code] for code in present for _ in range(width)],
            "persons": counts[present].ravel() if present else np.zeros(0, dtype=np.int64),
            "share": (counts[present] / max(len(months.persons), 1)).ravel() if present else np.zeros(0),
        }
    )


def chronogram(table: pl.DataFrame, theme: Theme, axis: str) -> Picture:
    """Draw the share of each state by month, stacked.

    Args:
        table: Of `shares_by_month`, or its protected form with the same columns.
        theme: How it looks.
        axis: Title of the vertical axis.
    """
    import altair

    states = [state for state in STATES if state in set(table["state"])]
    shown = table.with_columns(pl.col("state").replace_strict({s: theme.word(s) for s in states}, default="?"))
    drawn = (
        altair.Chart(rows_of(shown), width=640, height=260)
        .mark_bar(stroke=theme.colours["grid"], strokeWidth=0.3)
        .encode(
            x=altair.X("month:O", axis=altair.Axis(title=None, labelOverlap=True)),
            y=altair.Y("share:Q", stack=True, axis=altair.Axis(title=axis, orient=theme.side, format="%")),
            color=altair.Color("state:N", scale=altair.Scale(**_scale(states, theme)), title=None),
        )
    )
    return finished(drawn, theme, table)


def lines_of(months: Months, lines: int = LINES) -> pl.DataFrame:
    """Return the SPELL form of at most so many persons, evenly chosen of all sorted by their sequences: 00000, ..."""
    order = np.lexsort(months.codes.T[::-1]) if len(months.persons) else np.zeros(0, dtype=np.int64)
    if len(order) > lines:
        order = order[np.linspace(0, len(order) - 1, lines).astype(np.int64)]
    names = [f"{place:05d}" for place in range(len(order))]
    return sequences(Months(names, months.labels, months.codes[order]), "SPELL")


def index_plot(months: Months, theme: Theme, axis: str, lines: int = LINES) -> Picture:
    """Draw one line a person; the table is `lines_of`.

    Args:
        months: Joint states of the persons.
        theme: How it looks.
        axis: Title of the horizontal axis.
        lines: How many at most.
    """
    import altair

    table = lines_of(months, lines)
    shown = table.with_columns(
        row=pl.col("id").cast(pl.Int64),
        begin=pl.col("begin") - 1,
        states=pl.col("states").map_elements(theme.word, pl.String),
    ).drop("id")
    states = [state for state in STATES if state in set(table["states"])]
    drawn = (
        altair.Chart(rows_of(shown), width=640, height=320)
        .mark_bar(height={"band": 1.0})
        .encode(
            x=altair.X("begin:Q", axis=altair.Axis(title=axis, grid=False), scale=altair.Scale(nice=False)),
            x2="end:Q",
            y=altair.Y("row:O", axis=None),
            color=altair.Color("states:N", scale=altair.Scale(**_scale(states, theme)), title=None),
        )
    )
    return finished(drawn, theme, table)


def _scale(states: list[str], theme: Theme) -> dict[str, Any]:
    """Return the colours of states: the same state has the same colour in every picture."""
    colours = dict(zip(STATES, theme.states, strict=True))
    return {"domain": [theme.word(state) for state in states], "range": [colours[state] for state in states]}
