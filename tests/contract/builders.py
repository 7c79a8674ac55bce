"""Small agreements and parties with real keys, for tests of what the parties share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contract.agreement import (
    APPROVAL_CONTEXT,
    SIGNATURE_CONTEXT,
    Agreement,
    Party,
    PassTerms,
    RegisterTerms,
    Signature,
    SignedAgreement,
)
from contract.sealing import sealing_public_text
from contract.signing import public_text, sign


@dataclass(frozen=True)
class Keys:
    signing: Ed25519PrivateKey
    sealing: X25519PrivateKey


def make_keys() -> Keys:
    return Keys(Ed25519PrivateKey.generate(), X25519PrivateKey.generate())


def make_agreement(**changes) -> tuple[Agreement, dict[str, Keys]]:
    roles = {
        "cnss": "institution",
        "dgsn": "institution",
        "lu": "linkage_unit",
        "su": "statistics_unit",
        "cndp": "privacy_officer",
    }
    keys = {name: make_keys() for name in roles}
    agreement = Agreement(
        **{
            "title": "Test",
            "purpose": "Statistics of labour migration",
            "epoch": 1,
            "created_on": date(2026, 1, 1),
            "expires_on": date(2099, 1, 1),
            "retention_until": date(2099, 6, 1),
            "parties": tuple(
                Party(
                    name=name,
                    role=role,
                    signing_key=public_text(keys[name].signing),
                    sealing_key=sealing_public_text(keys[name].sealing),
                )
                for name, role in roles.items()
            ),
            "registers": (
                RegisterTerms(name="social_security", holder="cnss", fields=("full_name", "birth_date")),
                RegisterTerms(
                    name="border_crossing", holder="dgsn", fields=("family_name", "given_names", "birth_date")
                ),
            ),
            "passes": (
                PassTerms(
                    name="birth", levels=(("birth_year", "birth_month", "birth_day"), ("birth_year", "initial_pair"))
                ),
            ),
            **changes,
        }
    )
    return agreement, keys


def sign_all(agreement: Agreement, keys: dict[str, Keys]) -> SignedAgreement:
    return SignedAgreement(
        agreement=agreement,
        signatures=tuple(
            Signature(party=party.name, signature=sign(SIGNATURE_CONTEXT, agreement, keys[party.name].signing))
            for party in agreement.with_role("institution")
        ),
        approval=Signature(party="cndp", signature=sign(APPROVAL_CONTEXT, agreement, keys["cndp"].signing)),
    )
