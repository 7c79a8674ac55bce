"""One running unit: its settings, keys, database and stores. What every room's functions are given."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Any

from contract.errors import ConfigurationError
from contract.sealing import random_id
from service.audit import log
from service.audit.actions import Action
from service.db.base import Database
from service.db.migrate import upgrade
from service.db.models import Meta
from service.keys import UnitKeys
from service.settings import Settings
from service.storage import ContentStore


@dataclass(frozen=True)
class Unit:
    """A unit and what it works with.

    `store` holds pass tables (linkage) or payload (statistics); `subjects` holds the lists of handles
    at the statistics unit, in a folder of their own (mode 0700) that only the clustering job reads.
    """

    settings: Settings
    keys: UnitKeys
    database: Database
    store: ContentStore
    subjects: ContentStore

    @property
    def role(self) -> str:
        """The unit's role in agreements: ``linkage_unit`` or ``statistics_unit``."""
        return self.settings.party_role

    def store_at(self, place: str) -> ContentStore:
        """Return the store that `SubmissionObject.place` names."""
        return self.subjects if place == "subjects" else self.store

    def record_refusal(
        self,
        *,
        actor: str,
        action: Action,
        code: str,
        agreement_id: str | None = None,
        obj: str = "",
        details: dict[str, Any] | None = None,
    ) -> None:
        """Log a refusal in a transaction of its own (that of the refused action was rolled back).

        Raises:
            StorageError: It cannot be recorded.
        """
        with self.database.write() as session:
            log.append(
                session,
                action,
                actor=actor,
                agreement_id=agreement_id,
                obj=obj,
                outcome="refused",
                details={"code": code, **(details or {})},
            )

    def close(self) -> None:
        """Log the stop and close the database."""
        with self.database.write() as session:
            log.append(session, Action.UNIT_STOP, actor=f"unit:{self.settings.role}")
        self.database.close()


def open_unit(settings: Settings, keys: UnitKeys) -> Unit:
    """Open a unit: bring its database up to date, check its audit log, clear what a killed process left.

    Raises:
        StorageError: Database or disk do not answer.
        IntegrityError: The audit log was altered: the unit does not start.
        ConfigurationError: The database is that of the other role.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database)
    upgrade(database.engine)
    with database.write() as session:
        log.verify_log(session, keys)
        role = session.get(Meta, "role")
        if role is not None and role.value != settings.role:
            raise ConfigurationError(
                "This database is that of the other unit.", advice="Give each unit a database of its own."
            )
        if role is None:
            session.add(Meta(name="role", value=settings.role))
            session.add(Meta(name="unit_id", value=random_id()))
        log.append(session, Action.UNIT_START, actor=f"unit:{settings.role}")
    shutil.rmtree(settings.data_dir / "tmp", ignore_errors=True)
    return Unit(
        settings=settings,
        keys=keys,
        database=database,
        store=ContentStore(settings.data_dir / "store"),
        subjects=ContentStore(settings.subjects_dir, mode=0o700),
    )
