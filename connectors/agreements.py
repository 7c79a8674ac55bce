"""The agreement at the institution: keep it, show what must be compared out of band, sign it, check that it lives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from connectors.client import UnitClient
from connectors.configuration import Configuration
from connectors.errors import ConnectorConfigurationError
from contract.agreement import SIGNATURE_CONTEXT, Agreement, RegisterTerms, Signature, SignedAgreement
from contract.errors import AgreementError, StorageError
from contract.signing import fingerprint, sign


def read_agreement(path: Path) -> SignedAgreement:
    """Read an agreement from a file: signed so far, or the bare document that the parties were sent.

    Raises:
        AgreementError: No such file, or not an agreement.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise AgreementError("There is no readable agreement in the connector's folder.") from None
    try:
        return SignedAgreement.model_validate_json(text)
    except ValidationError:
        pass
    try:
        return SignedAgreement(agreement=Agreement.model_validate_json(text))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        raise AgreementError(
            f"The file is not an agreement: {first['msg']}.",
            where={"file": path.name, "key": ".".join(str(part) for part in first["loc"])},
        ) from None


def keep_agreement(path: Path, signed: SignedAgreement) -> None:
    """Write an agreement into the connector's folder, replacing the one before in one step.

    Another agreement that was there moves to ``agreements/<id>.json``: its key has still to be destroyed one day.

    Raises:
        StorageError: The disk does not take it.
    """
    partial = path.with_suffix(".partial")
    try:
        before = _present(path)
        if before is not None and before.agreement.id != signed.agreement.id:
            earlier = _earlier(path, before.agreement.id)
            earlier.parent.mkdir(exist_ok=True)
            earlier.write_text(before.model_dump_json(indent=1), encoding="utf-8")
        partial.write_text(signed.model_dump_json(indent=1), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise StorageError(f"The agreement cannot be written: {os.strerror(error.errno or 0)}.") from None


def kept_agreement(path: Path, agreement_id: str | None = None) -> SignedAgreement:
    """Return the present agreement, or the present or an earlier one by its id or the id's first 8 characters.

    Raises:
        AgreementError: There is none.
    """
    if agreement_id is None:
        return read_agreement(path)
    found = {
        signed.agreement.id: signed
        for file in [path, *sorted(_earlier(path, "").parent.glob("*.json"))]
        if file.exists() and (signed := read_agreement(file)).agreement.id.startswith(agreement_id)
    }
    if len(found) != 1 or len(agreement_id) < 8:
        raise AgreementError("There is no agreement of this id in the connector's folder.")
    return next(iter(found.values()))


def _present(path: Path) -> SignedAgreement | None:
    """Return the agreement that is there, None where there is none or a damaged one."""
    try:
        return read_agreement(path)
    except AgreementError:
        return None


def _earlier(path: Path, agreement_id: str) -> Path:
    return path.parent / "agreements" / f"{agreement_id}.json"


def describe(signed: SignedAgreement) -> dict[str, Any]:
    """Return what people read before they sign: purpose, terms, who signed, and every party's key fingerprints."""
    agreement = signed.agreement
    return {
        "agreement_id": agreement.id,
        "title": agreement.title,
        "purpose": agreement.purpose,
        "epoch": agreement.epoch,
        "predecessor": agreement.predecessor,
        "expires_on": agreement.expires_on.isoformat(),
        "retention_until": agreement.retention_until.isoformat(),
        "registers": [register.name for register in agreement.registers],
        "passes": [blocking_pass.name for blocking_pass in agreement.passes],
        "profile": agreement.profile.name,
        "looser_bounds": {
            name: {"bound": own, "default": usual} for name, (own, usual) in agreement.gate.looser.items()
        },
        "parties": [
            {
                "name": party.name,
                "role": party.role,
                "signing_fingerprint": fingerprint(party.signing_key),
                "sealing_fingerprint": fingerprint(party.sealing_key),
            }
            for party in agreement.parties
        ],
        "waiting_for": list(signed.missing()),
    }


def check_own_part(agreement: Agreement, configuration: Configuration, public_keys: tuple[str, str]) -> RegisterTerms:
    """Check that an agreement gives this institution its own keys and register, and return the register's terms.

    Raises:
        AgreementError: It has other keys for this institution, or another holder of the register.
        ConnectorConfigurationError: The configuration maps none of the fields that the agreement compares.
    """
    party = agreement.party(configuration.institution)
    if (party.signing_key, party.sealing_key) != public_keys:
        raise AgreementError(
            "The agreement has other keys for this institution than its key store.",
            advice="Do not sign. Tell the others the fingerprints shown by `wasl connector status`.",
        )
    terms = agreement.register(configuration.register)
    if terms.holder != configuration.institution:
        raise AgreementError("The agreement names another holder of this register.")
    from connectors.identities import mapped_fields

    if not mapped_fields(configuration, agreement, terms):
        raise ConnectorConfigurationError("connector.toml maps none of the fields that the agreement compares.")
    return terms


def sign_and_post(
    signed: SignedAgreement, institution: str, key: Ed25519PrivateKey, clients: tuple[UnitClient, ...]
) -> SignedAgreement:
    """Sign an agreement, leave the signature at the units, and return the agreement as they hold it.

    Raises:
        UnitRefusedError: A unit does not have this agreement.
        UnitUnreachableError: A unit does not answer.
        SignatureError: A unit hands out a signature that does not verify.
    """
    mine = Signature(party=institution, signature=sign(SIGNATURE_CONTEXT, signed.agreement, key))
    for client in clients:
        client.post(f"/api/v1/agreements/{signed.agreement.id}/signatures", mine.model_dump_json())
    return refresh(merge(signed, SignedAgreement(agreement=signed.agreement, signatures=(mine,))), clients[:1])


def refresh(signed: SignedAgreement, clients: tuple[UnitClient, ...]) -> SignedAgreement:
    """Return the agreement with the signatures that units have gathered since, all verified.

    Raises:
        AgreementError: A unit hands out another agreement under this id.
        SignatureError: A signature does not verify.
    """
    for client in clients:
        answer = client.get(f"/api/v1/agreements/{signed.agreement.id}")
        try:
            theirs = SignedAgreement.model_validate(answer)
        except ValidationError:
            raise AgreementError("The unit's answer is not an agreement.") from None
        if theirs.agreement.id != signed.agreement.id:
            raise AgreementError("The unit hands out another agreement than the one asked for.")
        theirs.check_signatures()
        signed = merge(signed, theirs)
    return signed


def merge(one: SignedAgreement, other: SignedAgreement) -> SignedAgreement:
    """Return one agreement with the signatures of two copies."""
    held = {given.party: given for given in (*one.signatures, *other.signatures)}
    return SignedAgreement(
        agreement=one.agreement,
        signatures=tuple(held[name] for name in sorted(held)),
        approval=one.approval or other.approval,
    )
