"""Uniqueness: how many persons of the register share a combination of released values (k-anonymity, Sweeney 2002)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from contract.audit_report import Hits
from evaluation.payload_audit.tables import REFERENCES, PayloadTables

_NO_LIMIT: Final = 1 << 31
#: Class sizes reported: lowest and highest.
CLASS_SIZES: Final = ((1, 1), (2, 2), (3, 4), (5, 9), (10, 99), (100, _NO_LIMIT))


def size_name(low: int, high: int) -> str:
    """Return how a range of class sizes is written: 1, 3-4, 100+."""
    return str(low) if low == high else f"{low}-{high}" if high < _NO_LIMIT else f"{low}+"


@dataclass(frozen=True)
class Classes:
    """One combination of columns.

    Attributes:
        columns: The combination.
        persons: Persons by the size of the smallest class they are in, sizes as in `CLASS_SIZES`.
        rows: Rows whose values no other person has.
    """

    columns: tuple[str, ...]
    persons: dict[str, int]
    rows: Hits

    @property
    def alone(self) -> Hits:
        """Persons whom at least one of their rows singles out."""
        return Hits(hits=self.persons["1"], total=sum(self.persons.values()))


def classes(frame: pl.DataFrame, columns: Sequence[str]) -> Classes:
    """Count how many persons share each combination of values; an empty value is a value.

    Args:
        frame: `subject_ref` and the columns, one row a record or event.
        columns: The combination.
    """
    by = list(columns)
    sizes = frame.select(*by, "subject_ref", pl.col("subject_ref").n_unique().over(by).alias("size"))
    smallest = sizes.group_by("subject_ref").agg(pl.col("size").cast(pl.Int64).min()).get_column("size")
    persons = {size_name(*bounds): int(smallest.is_between(*bounds).sum()) for bounds in CLASS_SIZES}
    return Classes(tuple(by), persons, Hits(hits=int((sizes.get_column("size") == 1).sum()), total=frame.height))


def plausible_frame(tables: PayloadTables) -> tuple[pl.DataFrame, list[str], list[str]]:
    """Return the released rows with their attributes, and the names of the attributes and of the event columns.

    A day's order of crossings is not an outsider's knowledge: times are cut to their day.
    """
    attributes = [name for name in tables.records.columns if name not in REFERENCES]
    if not tables.events.height:
        return tables.records.select("subject_ref", *attributes), attributes, []
    frame = tables.released_events()
    events = [name for name in tables.events.columns if name not in REFERENCES]
    cut = {terms.column for terms in tables.terms.events if terms.coarsen == "date"}
    # an attribute that has an event column's name came in under a suffix
    named = {name: f"{name}_record" if name in events else name for name in attributes}
    frame = frame.with_columns(pl.col(name).str.slice(0, 10) for name in events if name in cut)
    return frame.select("subject_ref", *named.values(), *events), list(named.values()), events


def uniqueness(tables: PayloadTables) -> list[Classes]:
    """Return every combination that somebody might plausibly know.

    All attributes; each event column alone and with all attributes; all event columns; everything.
    """
    frame, attributes, events = plausible_frame(tables)
    wanted = [tuple(attributes), *((name,) for name in events), *((*attributes, name) for name in events)]
    wanted += [tuple(events), (*attributes, *events)]
    distinct = [one for place, one in enumerate(wanted) if one and one not in wanted[:place]]
    return [classes(frame, columns) for columns in distinct]
