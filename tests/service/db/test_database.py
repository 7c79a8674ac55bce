"""The database behaves alike on SQLite and PostgreSQL: one writer, atomic writes, honest failures."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from contract.errors import StorageError
from service.db.base import Database, make_engine
from service.db.migrate import upgrade
from service.db.models import Meta, Nonce, all_metadata


@pytest.fixture
def database(database_url: str):
    made = Database(database_url)
    upgrade(made.engine)
    yield made
    made.close()


def test_migrations_make_exactly_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, all_metadata()) == []


def test_upgrading_twice_changes_nothing(database: Database) -> None:
    with database.write() as session:
        session.add(Meta(name="a", value="b"))
    upgrade(database.engine)
    with database.read() as session:
        assert session.scalars(select(Meta.value)).all() == ["b"]


def test_an_exception_leaves_nothing_behind(database: Database) -> None:
    def fail() -> None:
        with database.write() as session:
            session.add(Meta(name="a", value="b"))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.read() as session:
        assert session.scalars(select(Meta)).all() == []


def test_read_modify_write_by_many_threads_loses_no_increment(database: Database) -> None:
    with database.write() as session:
        session.add(Meta(name="count", value="0"))

    def increment() -> None:
        for _ in range(5):
            with database.write() as session:
                row = session.get_one(Meta, "count")
                row.value = str(int(row.value) + 1)

    threads = [threading.Thread(target=increment) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert session.get_one(Meta, "count").value == "20"


def test_moments_come_back_aware_and_equal(database: Database) -> None:
    moment = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
    with database.write() as session:
        session.add(Nonce(agreement_id="a", party="p", nonce="n", expires_at=moment))
    with database.read() as session:
        assert session.scalars(select(Nonce.expires_at)).one() == moment


def test_sqlite_is_durable_and_checks_foreign_keys(tmp_path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'a.sqlite'}")
    with database.read() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert session.execute(text("PRAGMA synchronous")).scalar() == 2
        assert session.execute(text("PRAGMA foreign_keys")).scalar() == 1
    database.close()


def test_a_damaged_sqlite_file_is_a_storage_error(tmp_path) -> None:
    path = tmp_path / "a.sqlite"
    path.write_bytes(b"this is no database " * 500)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(StorageError):
        upgrade(database.engine)
    with pytest.raises(StorageError), database.read() as session:
        session.execute(text("SELECT 1"))
    database.close()


def test_a_stopped_postgresql_is_a_storage_error_and_work_goes_on_after_its_return(postgresql) -> None:
    database = Database(postgresql.get_uri())
    with database.read() as session:
        session.execute(text("SELECT 1"))
    postgresql.stop()
    try:
        with pytest.raises(StorageError), database.write() as session:
            session.execute(text("SELECT 1"))
    finally:
        postgresql.ensure_postgres_running()
    with database.read() as session:
        assert session.execute(text("SELECT 1")).scalar() == 1
    database.close()


def test_a_failed_statement_does_not_quote_what_it_was_given(database_url: str) -> None:
    asked, engine = text("SELECT 1 FROM no_such_table WHERE name = :name"), make_engine(database_url)
    with pytest.raises(DBAPIError) as refused, engine.connect() as connection:
        connection.execute(asked, {"name": "SECRET-VALUE"})
    engine.dispose()
    assert "no_such_table" in str(refused.value)
    assert "SECRET-VALUE" not in str(refused.value)
