"""Agreements at a unit: installed by its operator, signed by institutions, approved by the privacy officer."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from contract.agreement import Agreement, Signature, SignedAgreement
from contract.canonical import canonical_json
from contract.errors import AgreementError, NotFoundError
from contract.succession import check_successor
from service.agreements.models import AgreementRow, AgreementSignature
from service.audit.actions import Action
from service.audit.log import append
from service.unit import Unit

_SIGNATURE, _APPROVAL = "signature", "approval"


def install_agreement(
    unit: Unit, session: Session, signed: SignedAgreement, *, actor: str = "operator:local"
) -> SignedAgreement:
    """Make an agreement known to this unit, with the signatures it has so far. Doing it again is harmless.

    Raises:
        AgreementError: It names other keys for this unit, the profile `clear` where that is not allowed, or a
            predecessor of the same or a later key epoch.
        SignatureError: A signature does not verify.
    """
    agreement = signed.agreement
    ours = agreement.with_role(unit.role)[0]
    if (ours.signing_key, ours.sealing_key) != (unit.keys.signing_public, unit.keys.sealing_public):
        raise AgreementError(
            "The agreement names other keys for this unit than its own.",
            advice="Compare fingerprints: an agreement with a stranger's key would send everything to the stranger.",
        )
    if agreement.profile.name == "clear" and not unit.settings.allow_clear_profile:
        raise AgreementError(
            "The profile `clear` hides nothing and is refused.", advice="It is for the evaluation on synthetic data."
        )
    signed.check_signatures()
    _check_predecessor(session, agreement)
    if session.get(AgreementRow, agreement.id) is None:
        session.add(
            AgreementRow(
                id=agreement.id,
                document=canonical_json(agreement).decode(),
                expires_on=agreement.expires_on,
                retention_until=agreement.retention_until,
                installed_at=datetime.now(UTC),
            )
        )
        session.flush()
        append(session, Action.AGREEMENT_INSTALL, actor=actor, agreement_id=agreement.id)
    for given in signed.signatures:
        _add(session, agreement, given, _SIGNATURE, Action.AGREEMENT_SIGN)
    if signed.approval is not None:
        _add(session, agreement, signed.approval, _APPROVAL, Action.AGREEMENT_APPROVE)
    return get_agreement(session, agreement.id)


def get_agreement(session: Session, agreement_id: str) -> SignedAgreement:
    """Return an installed agreement with the signatures so far.

    Raises:
        NotFoundError: It is not installed here.
    """
    row = session.get(AgreementRow, agreement_id)
    if row is None:
        raise NotFoundError("There is no such agreement at this unit.")
    signatures = session.scalars(
        select(AgreementSignature)
        .where(AgreementSignature.agreement_id == agreement_id)
        .order_by(AgreementSignature.party)
    ).all()
    given = {
        kind: tuple(Signature(party=row.party, signature=row.signature) for row in signatures if row.kind == kind)
        for kind in (_SIGNATURE, _APPROVAL)
    }
    return SignedAgreement(
        agreement=parse_agreement(row.document),
        signatures=given[_SIGNATURE],
        approval=given[_APPROVAL][0] if given[_APPROVAL] else None,
    )


def list_agreements(session: Session) -> list[SignedAgreement]:
    """Return all installed agreements, the oldest first."""
    ids = session.scalars(select(AgreementRow.id).order_by(AgreementRow.installed_at, AgreementRow.id)).all()
    return [get_agreement(session, agreement_id) for agreement_id in ids]


def lineage(session: Session, agreement_id: str) -> list[str]:
    """Return an agreement and, newest first, its predecessors as far as they are installed here.

    A successor continues its predecessor's persons and retractions.
    """
    found: list[str] = []
    wanted: str | None = agreement_id
    while wanted is not None and (row := session.get(AgreementRow, wanted)) is not None:
        found.append(wanted)
        wanted = parse_agreement(row.document).predecessor
    return found


def successors(session: Session, agreement_id: str) -> list[str]:
    """Return the installed agreements that name an agreement as their predecessor, in the order of their ids."""
    rows = session.scalars(select(AgreementRow).order_by(AgreementRow.id))
    return [row.id for row in rows if parse_agreement(row.document).predecessor == agreement_id]


def _check_predecessor(session: Session, agreement: Agreement) -> None:
    row = session.get(AgreementRow, agreement.predecessor) if agreement.predecessor else None
    if row is not None:
        check_successor(parse_agreement(row.document), agreement)


def live_agreement(session: Session, agreement_id: str, now: datetime | None = None) -> Agreement:
    """Return an agreement that is fully signed, approved and unexpired.

    Raises:
        NotFoundError: It is not installed here.
        AgreementError: It is not live.
    """
    signed = get_agreement(session, agreement_id)
    signed.check_live(now)
    return signed.agreement


def add_signature(session: Session, agreement_id: str, given: Signature) -> SignedAgreement:
    """Add an institution's signature. Doing it again is harmless.

    Raises:
        NotFoundError: The agreement is not installed here.
        AgreementError: The signer is not an institution of it.
        SignatureError: The signature does not verify.
    """
    agreement = get_agreement(session, agreement_id).agreement
    SignedAgreement(agreement=agreement, signatures=(given,)).check_signatures()
    _add(session, agreement, given, _SIGNATURE, Action.AGREEMENT_SIGN)
    return get_agreement(session, agreement_id)


def add_approval(session: Session, agreement_id: str, given: Signature) -> SignedAgreement:
    """Add the privacy officer's approval. Doing it again is harmless.

    Raises:
        NotFoundError: The agreement is not installed here.
        AgreementError: The signer is not its privacy officer.
        SignatureError: The signature does not verify.
    """
    agreement = get_agreement(session, agreement_id).agreement
    SignedAgreement(agreement=agreement, approval=given).check_signatures()
    _add(session, agreement, given, _APPROVAL, Action.AGREEMENT_APPROVE)
    return get_agreement(session, agreement_id)


def _add(session: Session, agreement: Agreement, given: Signature, kind: str, action: Action) -> None:
    if session.get(AgreementSignature, (agreement.id, given.party, kind)) is not None:
        return
    session.add(
        AgreementSignature(
            agreement_id=agreement.id,
            party=given.party,
            kind=kind,
            signature=given.signature,
            at=datetime.now(UTC),
        )
    )
    append(session, action, actor=f"party:{given.party}", agreement_id=agreement.id)


@lru_cache(maxsize=64)
def parse_agreement(document: str) -> Agreement:
    """Return the agreement of a stored document; kept, because every request needs one and none changes."""
    return Agreement.model_validate_json(document)
