"""Takes delivered edges in: opened, appended, checked, accepted; each step may be repeated.

Edges count only if the linkage unit signed for exactly the submissions that this unit holds: edges
over another submission of the same register would join one submission's linkage half to another's
statistics half.
"""

from __future__ import annotations

import io
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from contract.agreement import Agreement
from contract.canonical import canonical_json
from contract.edges import EDGES_CONTEXT, EDGES_FILE, EdgesManifest, SignedEdgesManifest
from contract.errors import ConflictError, NotFoundError, StorageError, SubmissionError
from contract.sealing import unseal_stream
from contract.signing import verify
from service.agreements.service import live_agreement
from service.audit.actions import Action
from service.audit.log import append
from service.errors import mark_recorded
from service.requests import Caller
from service.runs.edge_table import EdgeTableError, edges_digest, parquet_bytes, read_edges
from service.statistics_unit.models import DeliveryState, EdgesDelivery
from service.statistics_unit.start import enqueue_statistics
from service.storage import file_digest, temporary_folder
from service.submissions.queries import accepted_submissions, mark_used
from service.unit import Unit
from service.uploads import OffsetError, arrived, one_at_a_time, write_chunk


class HalvesError(SubmissionError):
    """The edges were made from other submissions than those this unit holds."""

    code = "edges.halves"
    default_advice = "Every register must be accepted at both units, then run the linkage of this vintage again."


@dataclass(frozen=True)
class Delivery:
    """Where a delivery stands: `offset` of `size` bytes have arrived for good."""

    run_id: str
    state: str
    offset: int
    size: int


def open_delivery(unit: Unit, caller: Caller, signed: SignedEdgesManifest) -> Delivery:
    """Open a delivery, or find it again.

    Raises:
        AgreementError: The agreement is not live.
        SignatureError: The linkage unit did not sign the manifest.
        HalvesError: It names other submissions than those accepted here.
        SubmissionError: It is of another agreement, or larger than this unit takes.
        ConflictError: Its run id is taken by another manifest.
    """
    manifest = signed.manifest
    with unit.database.write() as session:
        agreement = live_agreement(session, caller.agreement_id)
        _check_manifest(unit, agreement, signed)
        row = session.get(EdgesDelivery, manifest.run_id)
        document = canonical_json(signed).decode()
        if row is None:
            check_halves(session, manifest)
            row = EdgesDelivery(
                run_id=manifest.run_id,
                agreement_id=agreement.id,
                vintage=manifest.vintage,
                state=DeliveryState.OPEN,
                document=document,
                received=0,
                opened_at=datetime.now(UTC),
            )
            session.add(row)
            _log(session, Action.EDGES_OPEN, caller, manifest)
        elif row.document != document:
            raise ConflictError("Other edges were delivered under this run's id.", advice="Start the linkage again.")
        return _delivery(row, manifest)


def _check_manifest(unit: Unit, agreement: Agreement, signed: SignedEdgesManifest) -> None:
    manifest = signed.manifest
    if manifest.agreement_id != agreement.id:
        raise SubmissionError("The edges belong to another agreement.")
    verify(EDGES_CONTEXT, manifest, signed.signature, agreement.with_role("linkage_unit")[0].signing_key)
    if manifest.size > unit.settings.max_file_bytes:
        raise SubmissionError("The edges are larger than this unit takes.", advice="Ask the unit's operator.")


def check_halves(session: Session, manifest: EdgesManifest) -> None:
    """Refuse edges over submissions that are not those in force here.

    Raises:
        HalvesError: A register is missing here, or another submission of it is in force. A register of
            this unit that the linkage operator left out is no fault: it is left out here as well.
    """
    held = accepted_submissions(session, manifest.agreement_id, manifest.vintage)
    for register, manifest_id in sorted(manifest.submissions.items()):
        if register not in held:
            raise HalvesError("A register of these edges is not accepted here.", where={"register": register})
        if held[register].manifest_id != manifest_id:
            raise HalvesError("These are halves of two submissions.", where={"register": register})


def append_edges(unit: Unit, caller: Caller, run_id: str, offset: int, chunk: bytes) -> int:
    """Append a chunk and return the offset to go on from.

    Raises:
        NotFoundError: There is no such delivery.
        ConflictError: It is not open.
        OffsetError: The chunk does not start where the file ends; `where` names the offset.
        SubmissionError: The chunk goes beyond the file's size.
        StorageError: The disk does not take it.
    """
    path = _path(unit, run_id)
    with one_at_a_time(run_id), unit.database.write() as session:
        row, manifest = _find(session, caller, run_id)
        if row.state != DeliveryState.OPEN:
            raise ConflictError("The delivery is not open.")
        there = arrived(path, row.received)
        if there < row.received:
            row.received = there
            return there
        if offset != row.received:
            raise OffsetError("The chunk does not start where the file ends.", where={"offset": row.received})
        if offset + len(chunk) > manifest.size:
            raise SubmissionError("The chunk goes beyond the size in the manifest.")
        row.received = write_chunk(path, offset, chunk)
        return row.received


def complete_delivery(unit: Unit, caller: Caller, run_id: str) -> Delivery:
    """Check the edges, accept them and start the computation; doing it again changes nothing.

    Raises:
        NotFoundError: There is no such delivery.
        ConflictError: It is not whole, or was refused or replaced.
        SubmissionError: The digest is wrong (send the file again), or the edges are not what the
            manifest says or of other submissions (refused for good).
        StorageError: Disk or database failed; complete it again.
    """
    path = _path(unit, run_id)
    with one_at_a_time(run_id):
        with unit.database.read() as session:
            row, manifest = _find(session, caller, run_id)
            if row.state == DeliveryState.ACCEPTED:
                return _delivery(row, manifest)
            if row.state != DeliveryState.OPEN:
                raise ConflictError(f"The delivery is {row.state}.", advice="Start the linkage again.")
            if row.received != manifest.size:
                raise ConflictError("The delivery is not whole yet.", where={"missing": manifest.size - row.received})
        if file_digest(path) != manifest.sha256:
            with unit.database.write() as session:
                session.get_one(EdgesDelivery, run_id).received = 0
            raise SubmissionError("The file is not the one in the manifest.", advice="Send it again from its start.")
        try:
            stored = _open_edges(unit, manifest, path)
            with unit.database.write() as session:
                delivery = _accept(session, caller, manifest, stored)
        except SubmissionError as error:
            _refuse(unit, caller, manifest, error)
            raise mark_recorded(error) from error.__cause__
        shutil.rmtree(path.parent, ignore_errors=True)
        return delivery


def _open_edges(unit: Unit, manifest: EdgesManifest, sealed: Path) -> str:
    """Unseal and check the edges; return the digest of the plain Parquet file in the store."""
    with temporary_folder(unit.settings.data_dir / "tmp") as folder:
        plain = folder / "edges.parquet"
        try:
            with sealed.open("rb") as source, plain.open("wb") as target:
                unseal_stream(unit.keys.sealing, source, target, manifest.seal_info())
        except OSError as error:
            raise StorageError("The disk does not take the opened edges.") from error
        table = read_edges(plain)
        if table.num_rows != manifest.edges or edges_digest(table) != manifest.result_digest:
            raise EdgeTableError("The edges are not those that the manifest names.")
        return unit.store.put(io.BytesIO(parquet_bytes(table)))[0]


def _accept(session: Session, caller: Caller, manifest: EdgesManifest, stored: str) -> Delivery:
    row, _ = _find(session, caller, manifest.run_id)
    live_agreement(session, manifest.agreement_id)
    check_halves(session, manifest)
    earlier = session.scalars(
        select(EdgesDelivery).where(
            EdgesDelivery.agreement_id == manifest.agreement_id,
            EdgesDelivery.vintage == manifest.vintage,
            EdgesDelivery.state == DeliveryState.ACCEPTED,
        )
    )
    now = datetime.now(UTC)
    for delivery in earlier:
        delivery.state, delivery.settled_at = DeliveryState.REPLACED, now
    row.state, row.settled_at, row.object_digest = DeliveryState.ACCEPTED, now, stored
    mark_used(session, sorted(manifest.submissions.values()), manifest.run_id)
    _log(session, Action.EDGES_ACCEPT, caller, manifest)
    session.flush()
    enqueue_statistics(session, manifest.agreement_id, manifest.vintage, caller.actor)
    return _delivery(row, manifest)


def _refuse(unit: Unit, caller: Caller, manifest: EdgesManifest, error: SubmissionError) -> None:
    with unit.database.write() as session:
        row = session.get_one(EdgesDelivery, manifest.run_id)
        row.state, row.settled_at = DeliveryState.REFUSED, datetime.now(UTC)
        append(
            session,
            Action.EDGES_REFUSE,
            actor=caller.actor,
            agreement_id=manifest.agreement_id,
            obj=manifest.run_id,
            outcome="refused",
            details={"code": error.code, "vintage": manifest.vintage},
        )
    shutil.rmtree(_path(unit, manifest.run_id).parent, ignore_errors=True)


def _path(unit: Unit, run_id: str) -> Path:
    if len(run_id) != 32 or not set(run_id) <= set("0123456789abcdef"):
        raise NotFoundError("There is no such delivery at this unit.")
    return unit.settings.data_dir / "uploads" / f"edges-{run_id}" / EDGES_FILE


def _find(session: Session, caller: Caller, run_id: str) -> tuple[EdgesDelivery, EdgesManifest]:
    row = session.get(EdgesDelivery, run_id)
    if row is None or row.agreement_id != caller.agreement_id:
        raise NotFoundError("There is no such delivery at this unit.")
    return row, SignedEdgesManifest.model_validate_json(row.document).manifest


def _delivery(row: EdgesDelivery, manifest: EdgesManifest) -> Delivery:
    return Delivery(row.run_id, row.state, row.received, manifest.size)


def _log(session: Session, action: Action, caller: Caller, manifest: EdgesManifest) -> None:
    append(
        session,
        action,
        actor=caller.actor,
        agreement_id=manifest.agreement_id,
        obj=manifest.run_id,
        details={"vintage": manifest.vintage, "edges": manifest.edges, "result_digest": manifest.result_digest},
    )
