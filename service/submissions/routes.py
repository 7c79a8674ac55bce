"""HTTP interface of submissions: as in docs/architecture.md."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header
from pydantic import BaseModel

from contract.audit_override import AccompaniedManifest
from contract.receipt import SignedReceipt
from service.errors import TooLargeError
from service.requests import Body, Caller, SignedCaller, UnitOf
from service.submissions import service
from service.submissions.queries import owned
from service.unit import Unit

router = APIRouter(prefix="/api/v1/submissions", tags=["submissions"])


class FileState(BaseModel):
    """A file of this unit's half: `offset` bytes of `size` have arrived."""

    name: str
    offset: int
    size: int


class SubmissionAnswer(BaseModel):
    """Where a submission stands. `chunk_bytes` is the longest chunk this unit takes."""

    manifest_id: str
    state: str
    files: list[FileState]
    chunk_bytes: int
    receipt: SignedReceipt | None


class Offset(BaseModel):
    """The offset to go on from."""

    offset: int


@router.post("")
def open_submission(signed: AccompaniedManifest, unit: UnitOf, caller: SignedCaller) -> SubmissionAnswer:
    """Open a submission with its audit, or find it again; answers how much of each file has arrived."""
    caller.require("institution")
    return _answer(unit, caller, service.open_submission(unit, caller, signed))


@router.get("/{manifest_id}")
def read_submission(manifest_id: str, unit: UnitOf, caller: SignedCaller) -> SubmissionAnswer:
    """Give state, offsets and receipt."""
    caller.require("institution")
    return _answer(unit, caller, manifest_id)


@router.patch("/{manifest_id}/files/{name}")
def append_chunk(
    manifest_id: str,
    name: str,
    unit: UnitOf,
    caller: SignedCaller,
    body: Body,
    upload_offset: Annotated[int, Header(ge=0, le=2**53)],
) -> Offset:
    """Append the body to a file at `Upload-Offset`; on 409 `upload.offset`, go on from `where.offset`."""
    caller.require("institution")
    if len(body) > unit.settings.chunk_bytes:
        raise TooLargeError("The chunk is too long.")
    return Offset(offset=service.append_chunk(unit, caller, manifest_id, name, upload_offset, body))


@router.post("/{manifest_id}/complete")
def complete_submission(manifest_id: str, unit: UnitOf, caller: SignedCaller) -> SignedReceipt:
    """Check and accept the submission; answers the receipt, the same each time."""
    caller.require("institution")
    return service.complete_submission(unit, caller, manifest_id)


@router.post("/{manifest_id}/retract")
def retract_submission(manifest_id: str, unit: UnitOf, caller: SignedCaller) -> SubmissionAnswer:
    """Take the submission back; its tables are deleted."""
    caller.require("institution")
    service.retract_submission(unit, caller, manifest_id)
    return _answer(unit, caller, manifest_id)


def _answer(unit: Unit, caller: Caller, manifest_id: str) -> SubmissionAnswer:
    with unit.database.read() as session:
        submission = owned(session, caller, manifest_id)
        return SubmissionAnswer(
            manifest_id=manifest_id,
            state=submission.state,
            files=[FileState(name=file.name, offset=file.received, size=file.size) for file in submission.files],
            chunk_bytes=unit.settings.chunk_bytes,
            receipt=SignedReceipt.model_validate_json(submission.receipt) if submission.receipt else None,
        )
