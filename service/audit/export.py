"""The whole log as one file that anybody verifies offline (`contract.audit_log.verify_bundle`)."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from contract.audit_log import AuditBundle, Cosignature, SignedCheckpoint
from contract.canonical import canonical_json
from contract.errors import StorageError
from service.agreements.service import list_agreements
from service.audit.log import checkpoint
from service.audit.models import AuditCheckpoint, AuditCosignature, AuditEntry
from service.keys import UnitKeys


def export_bundle(session: Session, keys: UnitKeys, unit: str, path: Path) -> AuditBundle:
    """Write the whole log with checkpoints, cosignatures and agreements to a file that verifies offline.

    Raises:
        IntegrityError: The log was edited or cut.
        StorageError: The file cannot be written.
    """
    checkpoint(session, keys, unit)
    session.flush()
    cosignatures = session.scalars(
        select(AuditCosignature).order_by(AuditCosignature.size, AuditCosignature.agreement_id, AuditCosignature.party)
    )
    bundle = AuditBundle.model_validate(
        {
            "unit": unit,
            "signing_key": keys.signing_public,
            "entries": tuple(session.scalars(select(AuditEntry.document).order_by(AuditEntry.sequence))),
            "checkpoints": tuple(
                SignedCheckpoint.model_validate_json(document)
                for document in session.scalars(select(AuditCheckpoint.document).order_by(AuditCheckpoint.size))
            ),
            "cosignatures": tuple(
                Cosignature(agreement_id=row.agreement_id, party=row.party, size=row.size, signature=row.signature)
                for row in cosignatures
            ),
            "agreements": tuple(list_agreements(session)),
        }
    )
    try:
        path.write_bytes(canonical_json(bundle))
    except OSError as error:
        raise StorageError("The audit bundle cannot be written.", where={"file": path.name}) from error
    return bundle
