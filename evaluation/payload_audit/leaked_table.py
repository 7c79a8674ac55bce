"""A join with a leaked table: the attack that names people.

The attacker holds the whole register's table of one month in clear (`evaluation.payload_audit.knowledge`), coarsens it
by the agreement's own rules, which are no secret, and looks for persons of the payload who can be nobody else. A keyed
employer code counts as solved: who holds the whole table recognises employers by their headcounts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import polars as pl

from connectors.payload import coarsen
from contract.agreement import PayloadColumn
from contract.audit_report import Hits
from evaluation.payload_audit.knowledge import HOME, LEAKED_ATTRIBUTES, knowledge_of
from evaluation.payload_audit.tables import REFERENCES, PayloadTables, months_of

_GAP: Final = "\x1f"
_EMPTY: Final = "\x1e"
_OPEN: Final = "9999-12"
#: Rules that leave a month readable.
_DATED: Final = frozenset({"keep", "date", "month"})


@dataclass(frozen=True)
class Joined:
    """What a join named.

    Attributes:
        named: Persons of the payload joined to exactly one person of the leaked table, and rightly.
        wrong: Persons joined to exactly one other person.
        columns: Released columns that the join used.
        month: The leaked month, None where the whole history was leaked or no month is in common.
    """

    named: Hits
    wrong: int
    columns: tuple[str, ...]
    month: str | None


def join_leaked(tables: PayloadTables, *, nationality: bool = False) -> Joined:
    """Return the worst join with one leaked month: the fullest, and the latest with at least half its persons.

    Args:
        tables: Payload and truth.
        nationality: The attacker also knows everybody's nationality, not only who is a citizen.
    """
    sides = _sides(tables, nationality=nationality)
    months = leaked_months(sides.payload) if sides.dated else [None]
    return max((sides.join(month) for month in months), key=lambda one: (one.named.high, one.named.hits))


def join_history(tables: PayloadTables) -> Joined:
    """Return the join with a leak of all months at once: a what-if that the bound does not cover."""
    return _sides(tables, nationality=False).join(None)


def leaked_months(rows: pl.DataFrame) -> list[str | None]:
    """Return the months to try, `YYYY-MM`; None alone where no row has one.

    Args:
        rows: `subject_ref`, `from` and `to`, months.
    """
    begun = rows.get_column("from").drop_nulls().unique().sort()
    persons = [_within(rows, month).get_column("subject_ref").n_unique() for month in begun.to_list()]
    if not persons:
        return [None]
    fullest = persons.index(max(persons))
    latest = max(place for place, count in enumerate(persons) if 2 * count >= max(persons))
    return [begun[place] for place in sorted({fullest, latest})]


def _within(rows: pl.DataFrame, month: str) -> pl.DataFrame:
    return rows.filter((pl.col("from") <= month) & (pl.col("to").fill_null(_OPEN) >= month))


@dataclass(frozen=True)
class _Sides:
    """Both tables in the payload's terms: `subject_ref`, columns of the person and of the rows, `from` and `to`."""

    payload: pl.DataFrame
    leaked: pl.DataFrame
    person: tuple[str, ...]
    rows: tuple[str, ...]
    dated: bool

    def join(self, month: str | None) -> Joined:
        """Join for one leaked month, or for the whole history."""
        rows = (*self.rows, *(("from",) if self.dated and month is None else ()))
        seen, known = (
            _described(_within(side, month) if month is not None else side, self.person, rows)
            for side in (self.payload, self.leaked)
        )
        claims = _claims(seen, known, self.person)
        right = claims.filter(pl.col("claimed") == pl.col("subject_ref")).height
        return Joined(Hits(hits=right, total=seen.height), claims.height - right, (*self.person, *rows), month)


def _described(rows: pl.DataFrame, person: Sequence[str], columns: Sequence[str]) -> pl.DataFrame:
    """Return one row a person: `subject_ref`, the attributes and `rows`, all of the person's rows in some columns."""
    one = pl.concat_str([pl.lit(""), *(pl.col(name).fill_null(_EMPTY) for name in columns)], separator=_GAP)
    return (
        rows.select("subject_ref", *person, one.alias("row"))
        .group_by("subject_ref", *person)
        .agg(pl.col("row").sort().str.join("\n").alias("rows"))
    )


def _claims(seen: pl.DataFrame, known: pl.DataFrame, person: Sequence[str]) -> pl.DataFrame:
    """Return `subject_ref` and `claimed` of the persons who can be one person of the leaked table only.

    What is missing in the payload is no evidence: such persons are compared in what they have.
    """
    found = [pl.DataFrame(schema={"subject_ref": pl.String, "claimed": pl.String})]
    for held in product((True, False), repeat=len(person)):
        alike = seen.filter(*(pl.col(name).is_not_null() == one for name, one in zip(person, held, strict=True)))
        by = [*(name for name, one in zip(person, held, strict=True) if one), "rows"]
        sole = known.filter(pl.len().over(by) == 1).select(*by, pl.col("subject_ref").alias("claimed"))
        found.append(alike.join(sole, on=by, how="inner").select("subject_ref", "claimed"))
    return pl.concat(found)


def _sides(tables: PayloadTables, *, nationality: bool) -> _Sides:
    known = knowledge_of(tables.register)
    attributes = {terms.column: terms for terms in tables.terms.attributes}
    events = {terms.column: terms for terms in tables.terms.events}
    person = [terms for name in (*LEAKED_ATTRIBUTES, "nationality") if (terms := attributes.get(name))]
    shared = [terms for name in known.leaked if (terms := events.get(name))]
    when = [terms for name in known.month if (terms := events.get(name)) and terms.coarsen in _DATED]
    dated = bool(known.month) and len(when) == len(known.month)
    subjects = tables.records.select("record_ref", "subject_ref")

    def side(records: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
        if "nationality" in records.columns and not nationality:
            # a number tells citizens from foreigners, and no more
            records = records.with_columns((pl.col("nationality") == HOME).cast(pl.String))
        people = _persons(
            records.select("record_ref", *(terms.column for terms in person)).join(subjects, on="record_ref")
        )
        if not (shared or dated):
            return people
        months = {"from": when[0].column, "to": when[-1].column} if dated else {}
        held = rows.select(
            "record_ref",
            *(pl.col(terms.column).cast(pl.String) for terms in shared),
            *(months_of(rows.get_column(column)).alias(name) for name, column in months.items()),
        )
        return held.join(subjects, on="record_ref").join(people, on="subject_ref")

    return _Sides(
        payload=side(tables.records, tables.events),
        leaked=side(
            _coarse(tables, tables.clear_records, person), _coarse(tables, tables.clear_events, [*shared, *when])
        ),
        person=tuple(terms.column for terms in person),
        rows=tuple(terms.column for terms in shared),
        dated=dated,
    )


def _persons(records: pl.DataFrame) -> pl.DataFrame:
    """One row a person: of each column the most frequent value of the records, ties to the smallest.

    A leaked table describes a person once; how many records the register holds of somebody is not in it.
    """
    return records.group_by("subject_ref").agg(
        pl.col(name).drop_nulls().mode().min() for name in records.columns if name not in REFERENCES
    )


def _coarse(tables: PayloadTables, clear: pl.DataFrame, columns: Sequence[PayloadColumn]) -> pl.DataFrame:
    """The attacker's clear table in the payload's terms."""
    blank = pl.Series([None] * clear.height, dtype=pl.String)
    made = {
        terms.column: coarsen(
            clear.get_column(terms.column) if terms.column in clear.columns else blank, terms, tables.pseudonym_key
        ).cast(pl.String)
        for terms in columns
    }
    return pl.DataFrame({"record_ref": clear.get_column("record_ref"), **made})
