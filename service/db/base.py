"""Engine, sessions and the base of all models.

- `Database.write` is one transaction with one writer at a time: `BEGIN IMMEDIATE` on SQLite, an
  advisory lock on PostgreSQL. What is read in it stays true until it commits, so that "look, then
  act, then log" needs no retry. Keep it short: no hashing of big files inside.
- `Database.read` is a snapshot that blocks nobody.
- SQLite runs with WAL and `synchronous=FULL`: NORMAL can lose a committed transaction on power loss.
- A database that does not answer becomes a `StorageError`; nothing of the transaction remains.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import DateTime, Dialect, Engine, MetaData, create_engine, event, make_url, text
from sqlalchemy.exc import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.types import TypeDecorator

from contract.errors import StorageError

_WRITER_LOCK = 0x5741534C  # "WASL": the advisory lock of the one writer, per database
_BUSY_MILLISECONDS = 30_000
_READ_ONLY = "wasl_read_only"


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC, aware in Python on every database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Base of every table of a unit. Constraints are named by rule, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def make_engine(url: str) -> Engine:
    """Return an engine for a database URL; a SQLite file's folder is made if it is missing."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        options = {"timeout": _BUSY_MILLISECONDS / 1000, "check_same_thread": False}
        engine = create_engine(parsed, connect_args=options, hide_parameters=True)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = create_engine(
        parsed, pool_pre_ping=True, pool_size=10, max_overflow=10, pool_timeout=30, hide_parameters=True
    )
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: the driver's own never says IMMEDIATE
    # secure_delete: what is deleted is overwritten with zeros, and does not live on in free pages
    pragmas = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
    for pragma in (*pragmas, f"busy_timeout={_BUSY_MILLISECONDS}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Any) -> None:
    read_only = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _begin_postgresql(connection: Any) -> None:
    if not connection.get_execution_options().get(_READ_ONLY, False):
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _WRITER_LOCK})


class Database:
    """One database and its two kinds of transaction."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        self._write = sessionmaker(self.engine, expire_on_commit=False)
        options: dict[str, Any] = {_READ_ONLY: True}
        if self.engine.dialect.name == "postgresql":
            options["isolation_level"] = "REPEATABLE READ"
        self._read = sessionmaker(self.engine.execution_options(**options), expire_on_commit=False)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open the one writing transaction; commit at the end, roll back on any exception.

        Raises:
            StorageError: The database does not answer, or is full.
        """
        with _storage_errors(), self._write.begin() as session:
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a reading transaction; nothing of it is kept.

        Raises:
            StorageError: The database does not answer.
        """
        with _storage_errors(), self._read() as session:
            yield session

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise StorageError("The database does not answer.") from error
    except DatabaseError as error:
        if isinstance(error, IntegrityError | ProgrammingError | DataError | NotSupportedError):
            raise  # a fault of ours, not of the database
        raise StorageError("The database does not answer.") from error
    except InterfaceError as error:
        raise StorageError("The database does not answer.") from error
