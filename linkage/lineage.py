"""Lineage of persons: who was taken for which person, in which vintage, as known when.

A ledger of two times (Snodgrass 1999, bitemporal tables). *Valid* time is the vintage that a statement
is about; *known* time is the computation that made it (a running number). A row says: from vintage
`valid_from` until before `valid_to`, this subject is this person; stated by computation `known_from`,
withdrawn by `known_to`. A new computation writes only what it sees differently, and changes no belief
about other vintages. Nothing is overwritten, so that any earlier state can be read again; only
erasure (`without`) takes rows away.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Final, NamedTuple

import polars as pl

from linkage.errors import EvidenceError

END: Final = "~"  # after every vintage
FOREVER: Final = 2**62
LEDGER_SCHEMA: Final = {
    "subject": pl.String,
    "person": pl.String,
    "valid_from": pl.String,
    "valid_to": pl.String,
    "known_from": pl.Int64,
    "known_to": pl.Int64,
}
STATE_SCHEMA: Final = {"subject": pl.String, "person": pl.String}


class EventKind(StrEnum):
    """What happened to a person between two states."""

    CREATE = "create"  # a person of subjects that were nobody's
    JOIN = "join"  # a new subject came to a person
    MERGE = "merge"  # a person ended, its subjects are another's now
    SPLIT = "split"  # subjects left a person and are a new one
    MOVE = "move"  # subjects went from one person to another, both go on
    LEAVE = "leave"  # a subject is gone
    END = "end"  # a person without subjects


class Change(NamedTuple):
    """What a computation changes: rows to withdraw (with `known_to` set) and rows to add."""

    withdrawn: pl.DataFrame
    added: pl.DataFrame


def empty_ledger() -> pl.DataFrame:
    """Return a ledger without rows."""
    return pl.DataFrame(schema=LEDGER_SCHEMA)


def as_of(ledger: pl.DataFrame, vintage: str, known: int = FOREVER - 1) -> pl.DataFrame:
    """Return `subject`, `person`, sorted: who was who in a vintage, as known after computation `known`."""
    return (
        ledger.filter(
            (pl.col("valid_from") <= vintage)
            & (vintage < pl.col("valid_to"))
            & (pl.col("known_from") <= known)
            & (known < pl.col("known_to"))
        )
        .select("subject", "person")
        .sort("subject")
    )


def record(
    ledger: pl.DataFrame, vintage: str, known: int, state: pl.DataFrame, vintages: Collection[str] = ()
) -> Change:
    """Return what changes when a computation states who is who in a vintage.

    Args:
        ledger: The ledger so far.
        vintage: The vintage computed.
        known: The computation's running number, above all in the ledger.
        state: `subject`, `person` of all subjects of the vintage.
        vintages: Vintages computed so far; the statement holds until the next of them.

    Raises:
        EvidenceError: A subject stands twice, or a later computation has spoken already.
    """
    if state["subject"].n_unique() != state.height:
        raise EvidenceError("A subject stands twice.")
    if ledger.height and int(ledger.select(pl.max("known_from")).item()) >= known:
        raise EvidenceError("A later computation has spoken already.")
    if not vintage < END:
        raise EvidenceError("A vintage's name comes after the end of time.")
    until = min([name for name in vintages if name > vintage], default=END)
    current = ledger.filter(pl.col("known_to") == FOREVER)
    here = current.filter((pl.col("valid_from") <= vintage) & (vintage < pl.col("valid_to")))
    same = here.join(state, on=["subject", "person"], how="semi").select("subject")
    fresh = state.join(same, on="subject", how="anti")
    gone = here.join(same, on="subject", how="anti")
    times = {"known_from": pl.lit(known, pl.Int64), "known_to": pl.lit(FOREVER, pl.Int64)}
    pieces = [
        gone.filter(pl.col("valid_from") < vintage).with_columns(valid_to=pl.lit(vintage), **times),
        gone.filter(pl.col("valid_to") > until).with_columns(valid_from=pl.lit(until), **times),
        fresh.with_columns(valid_from=pl.lit(vintage), valid_to=pl.lit(until), **times),
    ]
    added = pl.concat([piece.select(list(LEDGER_SCHEMA)) for piece in pieces])
    return Change(
        gone.with_columns(known_to=pl.lit(known, pl.Int64)).select(list(LEDGER_SCHEMA)).sort("subject", "valid_from"),
        added.sort("subject", "valid_from"),
    )


def applied(ledger: pl.DataFrame, change: Change) -> pl.DataFrame:
    """Return the ledger with a change."""
    key = ["subject", "valid_from", "known_from"]
    kept = ledger.join(change.withdrawn, on=key, how="anti")
    return pl.concat([kept, change.withdrawn, change.added]).sort(key)


def without(ledger: pl.DataFrame, subjects: Collection[str]) -> pl.DataFrame:
    """Return the ledger with subjects erased, from all times."""
    return ledger.filter(~pl.col("subject").is_in(sorted(subjects)))


def events(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Return what happened between two states.

    Args:
        before: `subject`, `person`.
        after: The same later.

    Returns:
        `kind`, `person` (whom it happened to), `other` (merge: the person that goes on; split and move: where
        the subjects came from; else null), `subjects` (how many), sorted.
    """
    both = before.rename({"person": "was"}).join(after, on="subject", how="full", coalesce=True)
    living, lived = after.select("person").unique(), before.select("person").unique()
    stays = set(living.join(lived, on="person")["person"])
    counted = both.group_by("was", "person").agg(pl.len().alias("subjects"))
    rows: list[tuple[str, str, str | None, int]] = []
    made: set[str] = set()
    for was, person, number in counted.sort("was", "person", nulls_last=True).iter_rows():
        if was == person:
            continue
        if person is None:
            rows.append((EventKind.LEAVE, was, None, number))
        elif was is None:
            if person in stays:
                rows.append((EventKind.JOIN, person, None, number))
        elif was in stays:
            rows.append((EventKind.MOVE if person in stays else EventKind.SPLIT, person, was, number))
            made.add(person)
        else:
            rows.append((EventKind.MERGE, was, person, number))
    sizes = dict(after.group_by("person").agg(pl.len()).iter_rows())
    heirs = {row[1] for row in rows if row[0] == EventKind.MERGE}
    rows += [(EventKind.CREATE, person, None, size) for person, size in sizes.items() if person not in stays | made]
    rows += [(EventKind.END, person, None, 0) for person in lived["person"] if person not in stays | heirs]
    schema = {"kind": pl.String, "person": pl.String, "other": pl.String, "subjects": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("kind", "person", "other", nulls_last=True)


def churn(before: pl.DataFrame, after: pl.DataFrame) -> dict[str, float]:
    """Return aggregates of what happened: events by kind, and the share of lasting subjects with another person id."""
    happened = dict(events(before, after).group_by("kind").agg(pl.len()).iter_rows())
    lasting = before.join(after, on="subject", suffix="_after")
    moved = lasting.filter(pl.col("person") != pl.col("person_after")).height
    report: dict[str, float] = {kind.value: happened.get(kind.value, 0) for kind in EventKind}
    return report | {
        "subjects_lasting": lasting.height,
        "subjects_renamed": moved,
        "churn": moved / lasting.height if lasting.height else 0.0,
    }
