"""The ledger of persons in the subjects database: who was who, in which vintage, as known after which run.

Rows are those of `linkage.lineage`; only the clustering job writes them. People see aggregates (`churn`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import polars as pl
from sqlalchemy import delete, insert, select, tuple_, update
from sqlalchemy.orm import Session

from contract.canonical import canonical_json
from contract.errors import NotFoundError
from linkage.lineage import FOREVER, LEDGER_SCHEMA, as_of, churn, record
from service.db.base import Database
from service.statistics_unit.subject_models import LineageRow, LineageRun

_ROWS_AT_ONCE = 5_000
_KEY_AT_ONCE = 500


def record_run(database: Database, series: str, run_id: str, vintage: str, links: pl.DataFrame) -> dict[str, float]:
    """Write what a run states; doing it again changes nothing. Returns the churn against what was known before.

    Args:
        database: The subjects database.
        series: The first agreement of the line of successors.
        run_id: The run.
        vintage: What it computed.
        links: `register`, `subject_ref`, `person_id`.
    """
    state = links.select(
        pl.concat_str("register", pl.lit("/"), "subject_ref").alias("subject"), pl.col("person_id").alias("person")
    )
    with database.write() as session:
        done = session.get(LineageRun, run_id)
        if done is not None:
            return dict(json.loads(done.churn))
        spoken = session.execute(select(LineageRun.known, LineageRun.vintage).where(LineageRun.series == series)).all()
        known = max((int(row[0]) for row in spoken), default=0) + 1
        ledger = _ledger(session, series, LineageRow.known_to == FOREVER)
        before = as_of(ledger, vintage)
        change = record(ledger, vintage, known, state, {str(row[1]) for row in spoken})
        _close(session, series, change.withdrawn, known)
        rows = [{"series": series, **row} for row in change.added.iter_rows(named=True)]
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            session.execute(insert(LineageRow), rows[start : start + _ROWS_AT_ONCE])
        found = churn(before, state)
        text = canonical_json(found).decode()
        session.add(LineageRun(run_id=run_id, series=series, vintage=vintage, known=known, churn=text))
    return found


def state_of_run(database: Database, run_id: str) -> pl.DataFrame:
    """Return `subject`, `person` as a run stated them, whatever was computed since (but for erased subjects).

    Raises:
        NotFoundError: The run is not in the ledger.
    """
    with database.read() as session:
        run = session.get(LineageRun, run_id)
        if run is None:
            raise NotFoundError("The run is not in the ledger of persons.")
        held = (LineageRow.known_from <= run.known) & (LineageRow.known_to > run.known)
        return as_of(_ledger(session, run.series, held), run.vintage, run.known)


def erase_subjects(database: Database, subjects: Iterable[tuple[str, str]]) -> None:
    """Take subjects (register, subject_ref) out of the ledger, from all times."""
    names = sorted(f"{register}/{reference}" for register, reference in subjects)
    with database.write() as session:
        for start in range(0, len(names), _KEY_AT_ONCE):
            session.execute(delete(LineageRow).where(LineageRow.subject.in_(names[start : start + _KEY_AT_ONCE])))


def forget_lineage(database: Database, run_ids: Iterable[str]) -> None:
    """Take runs out of the ledger: a series without runs goes, one that goes on keeps what later runs still state."""
    with database.write() as session:
        series = set(session.scalars(select(LineageRun.series).where(LineageRun.run_id.in_(sorted(run_ids)))))
        session.execute(delete(LineageRun).where(LineageRun.run_id.in_(sorted(run_ids))))
        for name in sorted(series):
            left = session.scalars(select(LineageRun.known).where(LineageRun.series == name)).all()
            own = LineageRow.series == name
            session.execute(
                delete(LineageRow).where(own, LineageRow.known_to <= min(left))
                if left
                else delete(LineageRow).where(own)
            )


def _close(session: Session, series: str, withdrawn: pl.DataFrame, known: int) -> None:
    keys = withdrawn.select("subject", "valid_from", "known_from").rows()
    columns = tuple_(LineageRow.subject, LineageRow.valid_from, LineageRow.known_from)
    for start in range(0, len(keys), _KEY_AT_ONCE // 2):
        chosen = columns.in_(keys[start : start + _KEY_AT_ONCE // 2])
        session.execute(update(LineageRow).where(LineageRow.series == series, chosen).values(known_to=known))


def _ledger(session: Session, series: str, condition: object) -> pl.DataFrame:
    columns = [getattr(LineageRow, name) for name in LEDGER_SCHEMA]
    rows = session.execute(select(*columns).where(LineageRow.series == series, condition))  # type: ignore[arg-type]
    return pl.DataFrame([tuple(row) for row in rows], schema=LEDGER_SCHEMA, orient="row")
