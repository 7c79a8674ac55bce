"""The subjects database: which subject is which person, by run. Only the clustering job writes it.

It is a database of its own (`Settings.subjects_database`), apart from records and events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import delete, insert, select, text

from service.db.base import Database
from service.settings import Settings
from service.statistics_unit.lineage import erase_subjects, forget_lineage
from service.statistics_unit.review_pairs import erase_pairs, forget_pairs
from service.statistics_unit.subject_models import PersonLink, SubjectsBase

_ROWS_AT_ONCE = 10_000

Link = tuple[str, str, str]  # register, subject_ref, person_id


@contextmanager
def subjects_database(settings: Settings) -> Iterator[Database]:
    """Open the subjects database, made where it is missing, and close it again.

    Raises:
        StorageError: It does not answer.
    """
    settings.subjects_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = Database(settings.subjects_database)
    try:
        with database.write() as session:
            SubjectsBase.metadata.create_all(session.connection())
        yield database
    finally:
        database.close()


def write_links(database: Database, run_id: str, links: Iterable[Sequence[Any]]) -> None:
    """Write a run's links (of each row the first three: `Link`); a second writing of the same run replaces the first.

    Raises:
        StorageError: The database does not take them; those of before remain.
    """
    rows = [
        {"run_id": run_id, "register_name": register, "subject_ref": subject, "person_id": person}
        for register, subject, person, *_ in links
    ]
    with database.write() as session:
        session.execute(delete(PersonLink).where(PersonLink.run_id == run_id))
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            session.execute(insert(PersonLink), rows[start : start + _ROWS_AT_ONCE])


def forget_subjects(database: Database, subjects: Iterable[tuple[str, str]]) -> None:
    """Delete retracted subjects (register, subject_ref): links of all runs, ledger of persons, reviewed pairs."""
    erase_subjects(database, subjects := list(subjects))
    erase_pairs(database, subjects)
    with database.write() as session:
        for register, subject in sorted(subjects):
            own = (PersonLink.register_name == register, PersonLink.subject_ref == subject)
            session.execute(delete(PersonLink).where(*own))


def forget_runs(database: Database, runs: Iterable[str]) -> None:
    """Delete the links of runs, as at the end of their agreement's retention, and take them out of the ledger."""
    forget_lineage(database, runs := list(runs))
    forget_pairs(database, runs)
    with database.write() as session:
        if database.engine.dialect.name == "sqlite":
            session.execute(text("PRAGMA secure_delete=ON"))  # deleted rows are overwritten with zeros
        for run_id in sorted(runs):
            session.execute(delete(PersonLink).where(PersonLink.run_id == run_id))


def stored_links(database: Database, run_id: str) -> list[Link]:
    """Return a run's links, sorted by register and subject."""
    with database.read() as session:
        rows = session.execute(
            select(PersonLink.register_name, PersonLink.subject_ref, PersonLink.person_id)
            .where(PersonLink.run_id == run_id)
            .order_by(PersonLink.register_name, PersonLink.subject_ref)
        )
        return [(row[0], row[1], row[2]) for row in rows]
