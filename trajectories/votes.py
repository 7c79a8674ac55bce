"""What most of a person's records say: one vote a record, whatever its register."""

from __future__ import annotations

import polars as pl

from trajectories.events import Events
from trajectories.intervals import Ints


def record_votes(events: Events, person_of_record: Ints, column: str, counts: pl.Expr) -> pl.DataFrame:
    """Return `person` and `value`: each person's most frequent value of a column of records, sorted by person.

    Ties go to the smallest in string order; a person without any vote has no row.

    Args:
        events: Their records vote.
        person_of_record: Person of each record, -1 for none.
        column: `birth_year`, `sex` or `nationality`.
        counts: Which values (column `value`) have a vote.
    """
    text = pl.col(column)
    if events.records[column].dtype == pl.String:
        text = text.str.strip_chars()
        text = pl.when(text != "").then(text)
    return (
        events.records.lazy()
        .select(value=text)
        .with_columns(person=pl.Series(person_of_record))
        .filter((pl.col("person") >= 0) & pl.col("value").is_not_null() & counts)
        .group_by("person", "value")
        .len()
        .with_columns(order=pl.col("value").cast(pl.String))
        .sort("person", "len", "order", descending=[False, True, False])
        .unique("person", keep="first", maintain_order=True)
        .select("person", "value")
        .collect()
    )
