"""Readers of a finished computation, for the harness that owns both units' folders in one process.

They read the unit's folders directly, beside a running unit or without one, and change nothing there.
No route of the service uses `read_links`, and the raw figures have no other way out.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from contract.errors import NotFoundError
from service.db.base import Database
from service.runs import ledger
from service.runs.port import Run
from service.settings import Settings
from service.statistics_unit.objects import read_frame, trajectory_frames
from service.statistics_unit.persons import LINK_COLUMNS
from service.statistics_unit.start import latest_run
from service.statistics_unit.subjects import stored_links, subjects_database
from service.statistics_unit.trajectories import PROTECTED, RAW, SPELLS
from service.storage import ContentStore


@dataclass(frozen=True)
class _Finished:
    run: Run
    records: tuple[str, ...]
    frames: dict[str, str]


class _ReadOnlyStore(ContentStore):
    """A store of another process: opening one for writing would clear what that process is writing."""

    def __init__(self, settings: Settings) -> None:
        self.folder = settings.data_dir / "store"


def _finished(settings: Settings, agreement_id: str, vintage: str) -> _Finished:
    database = Database(settings.database)
    try:
        with database.read() as session:
            run = latest_run(session, agreement_id, vintage)
            if run is None:
                raise NotFoundError("No computation of this vintage has ended.", advice="Run the linkage first.")
            records = tuple(result.digest for result in ledger.results(session, run.id, "records"))
            (last,) = ledger.results(session, run.id, "trajectories")
    finally:
        database.close()
    frames, _ = trajectory_frames(_ReadOnlyStore(settings), last.digest)
    return _Finished(run, records, frames)


def read_links(settings: Settings, agreement_id: str, vintage: str) -> pl.DataFrame:
    """Return `register`, `subject_ref`, `person_id` of the last computation, sorted.

    Raises:
        NotFoundError: No computation of this vintage has succeeded.
    """
    run = _finished(settings, agreement_id, vintage).run
    with subjects_database(settings) as database:
        links = stored_links(database, run.id)
    return pl.DataFrame(links, schema=dict.fromkeys(LINK_COLUMNS, pl.String), orient="row")


def read_records(settings: Settings, agreement_id: str, vintage: str) -> dict[str, pl.DataFrame]:
    """Return each register's records (`register`, `record`, `person_id`, attributes), by register.

    Raises:
        NotFoundError: No computation of this vintage has succeeded.
    """
    finished, store = _finished(settings, agreement_id, vintage), _ReadOnlyStore(settings)
    registers = sorted(finished.run.parameters["submissions"])
    return {name: read_frame(store, digest) for name, digest in zip(registers, finished.records, strict=True)}


def read_spells(settings: Settings, agreement_id: str, vintage: str) -> pl.DataFrame:
    """Return the spells (`trajectories.spells.SPELL_SCHEMA`).

    Raises:
        NotFoundError: No computation of this vintage has succeeded.
    """
    return read_frame(_ReadOnlyStore(settings), _finished(settings, agreement_id, vintage).frames[SPELLS])


def read_indicators(settings: Settings, agreement_id: str, vintage: str, *, raw: bool = False) -> pl.DataFrame:
    """Return the indicators, protected by default; raw ones are for evaluation on synthetic data.

    Raises:
        NotFoundError: No computation of this vintage has succeeded.
    """
    name = RAW if raw else PROTECTED
    return read_frame(_ReadOnlyStore(settings), _finished(settings, agreement_id, vintage).frames[name])
