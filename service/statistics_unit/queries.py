"""The log of asked populations: two that differ by fewer than ten persons are not both answered.

Tables of two nearly equal populations give the few persons away by subtraction; noise alone holds for one cell, not for
hundreds of cells together (docs/adr/0013-cell-keys.md). So every population whose tables were released, or that a
cohort asked for, leaves its sketch, and the next one is compared with all of them: alone, and with the sum of any two.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contract.errors import WaslError
from service.agreements.service import get_agreement
from service.statistics_unit.disclosure_models import PopulationQuery
from service.statistics_unit.models import Release, ReleaseState
from service.statistics_unit.start import series_of
from service.unit import Unit
from trajectories.disclosure import THRESHOLD, PopulationSketch
from trajectories.disclosure.cell_keys import epoch_key


class DifferencingError(WaslError):
    """The population differs by too few persons from one whose tables are known."""

    code = "release.differencing"
    exit_code = 46
    http_status = 409
    default_advice = (
        "Subtracting the two tables would show single persons. Keep the earlier tables, or wait for a vintage in which "
        "more persons change; change a cohort's definition by more than a few persons."
    )


def release_key(unit: Unit, session: Session, agreement_id: str) -> bytes:
    """Return the noise key of an agreement's release epoch, which is its key epoch.

    Derived from the unit's own sealing key, so that it lies encrypted with it and in no database.
    """
    epoch = get_agreement(session, agreement_id).agreement.epoch
    secret = unit.keys.sealing.private_bytes_raw()
    return epoch_key(secret, series_of(session, agreement_id), str(epoch))


def log_population(
    session: Session, query_id: str, agreement_id: str, kind: str, definition: str, sketch: PopulationSketch, actor: str
) -> None:
    """Remember a population whose tables are shown."""
    session.add(
        PopulationQuery(
            id=query_id,
            agreement_id=agreement_id,
            series=series_of(session, agreement_id),
            kind=kind,
            definition=definition,
            sketch=sketch.to_bytes(),
            asked_by=actor,
            asked_at=datetime.now(UTC),
        )
    )


def known_populations(
    session: Session, agreement_id: str, *, apart_from: str = ""
) -> list[tuple[str, PopulationSketch]]:
    """Return the populations of approved releases and of cohorts, by kind and id, oldest first."""
    refused = select(Release.id).where(Release.state != ReleaseState.APPROVED)
    rows = session.scalars(
        select(PopulationQuery)
        .where(
            PopulationQuery.series == series_of(session, agreement_id),
            PopulationQuery.id != apart_from,
            PopulationQuery.id.not_in(refused),
        )
        .order_by(PopulationQuery.asked_at, PopulationQuery.id)
    )
    return [(f"{row.kind} {row.id[:8]}", PopulationSketch.from_bytes(row.sketch)) for row in rows]


def too_alike(session: Session, agreement_id: str, sketch: PopulationSketch, *, apart_from: str = "") -> list[str]:
    """Return the known populations (or pairs of them) that differ from this one by fewer than ten persons."""
    return sketch.alike_among(known_populations(session, agreement_id, apart_from=apart_from), THRESHOLD)


def stored_sketch(session: Session, query_id: str) -> PopulationSketch | None:
    """Return the sketch that a query left, if it left one."""
    row = session.get(PopulationQuery, query_id)
    return None if row is None else PopulationSketch.from_bytes(row.sketch)
