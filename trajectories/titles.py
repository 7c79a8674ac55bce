"""Titles and jobs: the spells below the channels, with what they say.

A channel says whether somebody has a permit; titles say which one. Where titles of a channel overlap, one holds on each
day: the kind of higher priority, then the one issued last. Jobs are never merged over employers: several at once stay
several spells.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from trajectories.channels import Channels
from trajectories.events import owned
from trajectories.intervals import Ints, month_start

TITLE_SCHEMA: Final = {
    "person_id": pl.String,
    "channel": pl.String,
    "start": pl.Date,
    "end": pl.Date,
    "kind": pl.String,
    "detail": pl.String,
    "overlapped": pl.Boolean,
}
JOB_SCHEMA: Final = {
    "person_id": pl.String,
    "employer": pl.String,
    "start": pl.Date,
    "end": pl.Date,
    "months_declared": pl.Int64,
    "concurrent": pl.Boolean,
}
#: Kinds of permit, the strongest first; any other comes after them.
PERMIT_PRIORITY: Final = ("residence", "registration")


def title_spells(channels: Channels) -> pl.DataFrame:
    """Return who held which title on which day: disjoint within person and channel, clipped to the window.

    Returns:
        `TITLE_SCHEMA`, sorted: `kind` and `detail` are permit type and motive, or activity and occupation;
        `overlapped` marks a spell on whose days another title was valid too, and lost.
    """
    parts = []
    for channel, table, kind, detail in (
        ("permit", channels.events.permits, "permit_type", "motive"),
        ("authorised_work", channels.events.contracts, "activity", "occupation"),
    ):
        person, start, end, issued = owned(table, channels.person_of_record, "start", "end", "issued")
        mine = np.append(channels.person_of_record, -1)[table["record"].to_numpy()] >= 0
        held = table.filter(pl.Series(mine)).select(
            kind=pl.col(kind).fill_null(""), detail=pl.col(detail).fill_null("")
        )
        order = {name: rank for rank, name in enumerate(PERMIT_PRIORITY)}
        rank = held["kind"].replace_strict(order, default=len(order), return_dtype=pl.Int64).to_numpy()
        start = np.maximum(start, channels.window.first_day)
        end = np.minimum(end, channels.window.end_day)
        rows, begins, stops, crowd = _winners(person, start, end, np.asarray(rank), issued, held)
        parts.append(
            held[rows].with_columns(
                person=pl.Series(person[rows]),
                channel=pl.lit(channel),
                start=_dates(begins),
                end=_dates(stops),
                overlapped=pl.Series(crowd > 1),
            )
        )
    table = pl.concat(parts).join(channels.persons, on="person", how="left", maintain_order="left")
    return table.sort("person", "channel", "start").select(list(TITLE_SCHEMA))


def _winners(
    person: Ints, start: Ints, end: Ints, rank: Ints, issued: Ints, held: pl.DataFrame
) -> tuple[Ints, Ints, Ints, Ints]:
    """Return the winning title (row) of every stretch between boundaries, its bounds, and how many were valid."""
    frame = held.with_columns(
        row=pl.int_range(pl.len()), person=pl.Series(person), start=pl.Series(start), end=pl.Series(end)
    ).with_columns(rank=pl.Series(rank), issued=pl.Series(issued))
    frame = frame.filter(pl.col("start") < pl.col("end"))
    cuts = pl.concat([frame.select("person", day="start"), frame.select("person", day="end")]).unique()
    cuts = cuts.sort("person", "day").with_columns(until=pl.col("day").shift(-1).over("person")).drop_nulls("until")
    # Every stretch lies inside or outside a title, never across its bounds.
    joined = cuts.join(frame, on="person").filter(
        (pl.col("start") <= pl.col("day")) & (pl.col("until") <= pl.col("end"))
    )
    joined = joined.with_columns(crowd=pl.len().over("person", "day"))
    keys = ["person", "day", "rank", "issued", "start", "kind", "detail"]
    best = joined.sort(keys, descending=[False, False, False, True, True, False, False]).unique(
        ["person", "day"], keep="first", maintain_order=True
    )
    return _joined(best)


def _joined(best: pl.DataFrame) -> tuple[Ints, Ints, Ints, Ints]:
    """Put neighbouring stretches of one title together where the same number of titles was valid."""
    row, day, until, crowd = (best[name].to_numpy().astype(np.int64) for name in ("row", "day", "until", "crowd"))
    opens = np.ones(len(row), dtype=np.bool_)
    opens[1:] = (row[1:] != row[:-1]) | (day[1:] != until[:-1]) | ((crowd[1:] > 1) != (crowd[:-1] > 1))
    first = np.flatnonzero(opens)
    last = np.append(first[1:], len(row)) - 1 if len(row) else first
    return row[first], day[first], until[last], crowd[first]


def _dates(days: Ints) -> pl.Series:
    return pl.Series(days.astype(np.int32)).cast(pl.Date)


def job_spells(channels: Channels) -> pl.DataFrame:
    """Return runs of declared months by person and employer, clipped to the window; jobs at once stay apart.

    Returns:
        `JOB_SCHEMA`, sorted: `concurrent` marks a run during which another employer declared the person too.
    """
    table = channels.events.declarations
    mine = np.append(channels.person_of_record, -1)[table["record"].to_numpy()] >= 0
    person, month, days = owned(table, channels.person_of_record, "month", "days")
    held = table.filter(pl.Series(mine)).select(employer=pl.col("employer").fill_null(""))
    rows = held.with_columns(person=pl.Series(person), month=pl.Series(month), days=pl.Series(days))
    months = rows.filter(pl.col("days") >= 1).select("person", "employer", "month").unique()
    months = months.with_columns(crowd=pl.len().over("person", "month")).sort("person", "employer", "month")
    run = (pl.col("month") - pl.int_range(pl.len()).over("person", "employer")).alias("run")
    jobs = months.with_columns(run).group_by("person", "employer", "run", maintain_order=True)
    found = jobs.agg(
        first=pl.col("month").min(), last=pl.col("month").max(), months_declared=pl.len(), crowd=pl.col("crowd").max()
    )
    start = np.maximum(month_start(found["first"].to_numpy()), channels.window.first_day)
    end = np.minimum(month_start(found["last"].to_numpy() + 1), channels.window.end_day)
    found = found.with_columns(
        start=_dates(start),
        end=_dates(end),
        concurrent=pl.col("crowd") > 1,
        months_declared=pl.col("months_declared").cast(pl.Int64),
    ).filter(pl.col("start") < pl.col("end"))
    named = found.join(channels.persons, on="person", how="left", maintain_order="left")
    return named.sort("person", "start", "employer").select(list(JOB_SCHEMA))
