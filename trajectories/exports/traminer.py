"""Sequences in the forms of TraMineR's `seqformat`: STS, SPS, DSS, TSE, SPELL.

Time is months from 1, the first month of the window. States are those of `trajectories.exports.months.STATES`.

| form | rows | columns |
|---|---|---|
| STS | person | `id`, one column a month |
| SPS | person | `id`, `sequence`: `(P,4)-(PR,12)` |
| DSS | person | `id`, `sequence`: distinct successive states `P-PR` |
| TSE | event | `id`, `time`, `event`, `person_id`: the state entered, time 0 for the first month |
| SPELL | spell | `id`, `begin`, `end` (both included), `states` |

`id` is the person's pseudonym; in TSE, where `seqecreate` takes whole numbers (before TraMineR 2.2-3 nothing else), it
is the person's row in STS, from 1, and `person_id` the pseudonym. How R reads them stands in the statistician's guide.

Source: Gabadinho, Ritschard, Mueller and Studer, Analyzing and visualizing state sequences in R with TraMineR, Journal
of Statistical Software 40(4), 2011, section 5.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from trajectories.exports.months import STATES, Months

FORMS: Final = ("STS", "SPS", "DSS", "TSE", "SPELL")


def sequences(months: Months, form: str) -> pl.DataFrame:
    """Return the sequences in one of `FORMS`."""
    return {"STS": _sts, "SPS": _sps, "DSS": _dss, "TSE": _tse, "SPELL": _spell}[form](months)


def from_spell(table: pl.DataFrame, labels: list[str]) -> Months:
    """Return the months that a SPELL table was made from: the form loses nothing."""
    persons = table["id"].unique().sort().to_list()
    place = {person: n for n, person in enumerate(persons)}
    codes = np.zeros((len(persons), len(labels)), dtype=np.uint8)
    for person, begin, end, state in table.iter_rows():
        codes[place[person], begin - 1 : end] = STATES.index(state)
    return Months(persons, labels, codes)


def _states(codes: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> pl.Series:
    return pl.Series(list(STATES), dtype=pl.String).gather(codes.astype(np.int64))


def _sts(months: Months) -> pl.DataFrame:
    columns = {f"m{label}": _states(months.codes[:, place]) for place, label in enumerate(months.labels)}
    return pl.DataFrame({"id": pl.Series(months.persons, dtype=pl.String), **columns})


def _spell(months: Months) -> pl.DataFrame:
    size, width = months.codes.shape
    starts = np.ones((size, width), dtype=np.bool_)
    starts[:, 1:] = months.codes[:, 1:] != months.codes[:, :-1]
    person, begin = np.nonzero(starts)
    end = np.full(len(begin), width)
    same = person[1:] == person[:-1]
    end[:-1][same] = begin[1:][same]
    return pl.DataFrame(
        {
            "id": pl.Series(months.persons, dtype=pl.String).gather(person),
            "begin": begin + 1,
            "end": end,
            "states": _states(months.codes[person, begin]),
        }
    )


def _sps(months: Months) -> pl.DataFrame:
    text = pl.format("({},{})", "states", pl.col("end") - pl.col("begin") + 1)
    return (
        _spell(months)
        .group_by("id", maintain_order=True)
        .agg(sequence=text)
        .with_columns(pl.col("sequence").list.join("-"))
    )


def _dss(months: Months) -> pl.DataFrame:
    return (
        _spell(months)
        .group_by("id", maintain_order=True)
        .agg(sequence=pl.col("states"))
        .with_columns(pl.col("sequence").list.join("-"))
    )


def _tse(months: Months) -> pl.DataFrame:
    number = pl.col("id").rle_id().cast(pl.Int64) + 1  # rows are sorted by person
    return _spell(months).select(id=number, time=pl.col("begin") - 1, event=pl.col("states"), person_id=pl.col("id"))
