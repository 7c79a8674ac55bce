"""What a unit holds under an agreement: everything that must go when its retention ends.

Objects are found from the rows that name them, and in turn from the JSON objects that name further ones, so that a new
stage of a run is covered without a word here. An object that another agreement names as well stays.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contract.agreement import Frozen
from contract.canonical import canonical_json
from service.relay.models import RelayRow
from service.runs.models import RunChunk, RunRow
from service.statistics_unit.disclosure_models import CohortRun
from service.statistics_unit.models import EdgesDelivery, Release, ReleaseState, SubjectRetraction
from service.statistics_unit.review_models import ReviewDecision
from service.storage import ContentStore
from service.submissions.models import Submission, SubmissionFile, SubmissionObject
from service.unit import Unit

_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_INDEX_BYTES = 4 << 20  # larger objects are tables, not lists of digests
STORES = ("store", "subjects")

#: Every table of a unit: what happens to an agreement's rows when its retention ends. A new table must be entered here.
FATE: dict[str, str] = {
    "relay_messages": "deleted",
    "submission_objects": "deleted",
    "subject_retractions": "deleted",
    "review_decisions": "deleted",
    "submissions": "kept: signed manifests and receipts, which name digests and no person",
    "submission_files": "kept: names, sizes and digests of files that are gone",
    "edges_deliveries": "kept: signed manifests of edges that are gone",
    "runs": "kept: what was computed when, with aggregates",
    "run_chunks": "kept: what was computed when, with digests of objects that are gone",
    "releases": "kept: approved releases are public; the tables of others are deleted",
    "population_queries": "deleted",
    "cohorts": "of no agreement: definitions name no person",
    "cohort_runs": "kept: what was asked when; the tables of those not released are deleted",
    "agreements": "kept: the public document",
    "agreement_signatures": "kept: the public document",
    "erasures": "kept: the evidence itself",
    "audit_entries": "kept: the log never forgets, and holds no person",
    "audit_checkpoints": "kept: the log never forgets",
    "audit_cosignatures": "kept: the log never forgets",
    "accounts": "of no agreement",
    "account_sessions": "of no agreement",
    "nonces": "forgotten by themselves within minutes",
    "meta": "of no agreement",
}


class Stored(Frozen):
    """An object in a store (`place` ``store`` or ``subjects``); `kind` is what the evidence calls it."""

    kind: str
    place: str
    digest: str
    size: int


class Inventory(Frozen):
    """What goes: objects, and how many rows, uploads and runs with person links."""

    objects: tuple[Stored, ...] = ()
    relay_messages: int = 0
    relay_characters: int = 0
    retractions: int = 0
    review_decisions: int = 0
    uploads: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing of a person is left."""
        rows = self.relay_messages or self.retractions or self.review_decisions
        return not (self.objects or rows or self.uploads)


def as_text(inventory: Inventory) -> str:
    """Return the canonical JSON text of the table's column."""
    return canonical_json(inventory).decode()


def take_inventory(unit: Unit, session: Session, agreement_id: str) -> Inventory:
    """Return what this unit holds under an agreement.

    Raises:
        StorageError: The disk does not answer.
    """
    kept = _closure(unit, (name for name, _ in _named(session, agreement_id, others=True)))
    found: dict[tuple[str, str], Stored] = {}
    for digest, kind in _named(session, agreement_id, others=False):
        for inner in sorted(_closure(unit, [digest]) - kept):
            for place in _places(unit, inner):
                size = unit.store_at(place).path(inner).stat().st_size
                found.setdefault((place, inner), Stored(kind=kind, place=place, digest=inner, size=size))
    messages = session.execute(select(RelayRow.size).where(RelayRow.agreement_id == agreement_id)).scalars().all()
    retractions = session.scalars(
        select(SubjectRetraction.sequence).where(SubjectRetraction.agreement_id == agreement_id)
    ).all()
    decisions = select(func.count()).select_from(ReviewDecision).where(ReviewDecision.agreement_id == agreement_id)
    return Inventory(
        objects=tuple(found[key] for key in sorted(found)),
        relay_messages=len(messages),
        relay_characters=sum(messages),
        retractions=len(retractions),
        review_decisions=session.scalar(decisions) or 0,
        uploads=tuple(_uploads(unit, session, agreement_id)),
        runs=tuple(session.scalars(select(RunRow.id).where(RunRow.agreement_id == agreement_id).order_by(RunRow.id))),
    )


def _named(session: Session, agreement_id: str, *, others: bool) -> Iterator[tuple[str, str]]:
    """Yield the digests that rows of an agreement (or of all others) name, and what they are."""

    def of(column: Any) -> Any:
        return column != agreement_id if others else column == agreement_id

    objects = select(SubmissionObject.sha256, SubmissionObject.place, SubmissionObject.name).join(
        Submission, Submission.manifest_id == SubmissionObject.manifest_id
    )
    for digest, place, name in session.execute(objects.where(of(Submission.agreement_id))):
        tables = "pass_tables" if name.startswith("pass-") else "payload"
        yield digest, "subject_lists" if place == "subjects" else tables
    files = select(SubmissionFile.sha256).join(Submission, Submission.manifest_id == SubmissionFile.manifest_id)
    for digest in session.scalars(files.where(of(Submission.agreement_id))):
        yield digest, "pass_tables"  # a killed process may have stored a file that no other row names
    edges = select(EdgesDelivery.object_digest).where(of(EdgesDelivery.agreement_id))
    yield from ((digest, "edges") for digest in session.scalars(edges) if digest)
    releases = select(Release.table_digest).where(of(Release.agreement_id))
    if not others:
        releases = releases.where(Release.state != ReleaseState.APPROVED)
    for digest in session.scalars(releases):
        yield digest, "release_drafts"
    cohorts = select(CohortRun.table_digest).where(of(CohortRun.agreement_id))
    yield from ((digest, "cohort_tables") for digest in session.scalars(cohorts) if digest)
    if others:  # this agreement's own approved releases stay as well
        approved = select(Release.table_digest).where(
            Release.agreement_id == agreement_id, Release.state == ReleaseState.APPROVED
        )
        yield from ((digest, "releases") for digest in session.scalars(approved))
    chunks = select(RunChunk, RunRow.parameters).join(RunRow, RunRow.id == RunChunk.run_id)
    for chunk, parameters in session.execute(chunks.where(of(RunRow.agreement_id))):
        for text in (chunk.digest, chunk.summary, chunk.parameters, parameters):
            yield from ((digest, "results") for digest in _DIGEST.findall(text or ""))


def _closure(unit: Unit, digests: Iterable[str]) -> set[str]:
    """Return those of the digests that are in a store, and the objects that they name in turn."""
    found: set[str] = set()
    waiting = list(digests)
    while waiting:
        digest = waiting.pop()
        places = [] if digest in found else _places(unit, digest)
        if places:
            found.add(digest)
            waiting += [inner for place in places for inner in _listed(unit.store_at(place), digest)]
    return found


def _places(unit: Unit, digest: str) -> list[str]:
    return [place for place in STORES if unit.store_at(place).has(digest)]


def _listed(store: ContentStore, digest: str) -> list[str]:
    path = store.path(digest)
    if path.stat().st_size > _INDEX_BYTES:
        return []
    with path.open("rb") as file:
        if file.read(1) not in {b"{", b"["}:
            return []
        file.seek(0)
        content = file.read()
    try:
        json.loads(content)
    except ValueError:
        return []
    return _DIGEST.findall(content.decode("utf-8", "replace"))


def _uploads(unit: Unit, session: Session, agreement_id: str) -> list[str]:
    """Return the folders of unfinished uploads, by name."""
    names = list(session.scalars(select(Submission.manifest_id).where(Submission.agreement_id == agreement_id)))
    runs = session.scalars(select(EdgesDelivery.run_id).where(EdgesDelivery.agreement_id == agreement_id))
    names += [f"edges-{run_id}" for run_id in runs]
    folder = unit.settings.data_dir / "uploads"
    return sorted(name for name in names if (folder / name).exists())
