"""Agreements at a unit: nothing runs without every signature, the approval and the unit's own keys."""

from __future__ import annotations

import pytest

from contract.agreement import APPROVAL_CONTEXT, SIGNATURE_CONTEXT, ProfileTerms, Signature, SignedAgreement
from contract.errors import AgreementError, SignatureError
from contract.signing import sign
from service.agreements.service import install_agreement, live_agreement
from tests.service.parties import World, make_parcel, open_parcel


def hand_in(world: World, party: str, kind: str, *, context: str | None = None, named: str | None = None):
    made = context or (SIGNATURE_CONTEXT if kind == "signatures" else APPROVAL_CONTEXT)
    given = Signature(party=named or party, signature=sign(made, world.agreement, world.keys[party].signing))
    body = given.model_dump_json().encode()
    return world.send("POST", f"/api/v1/agreements/{world.agreement.id}/{kind}", party=party, body=body)


@pytest.fixture
def bare(migrated_url: str, worlds) -> World:
    """A unit that knows the agreement without any signature."""
    world = worlds(migrated_url, install=False)
    with world.unit.database.write() as session:
        install_agreement(world.unit, session, SignedAgreement(agreement=world.agreement))
    return world


def test_an_agreement_becomes_live_with_the_last_signature(bare: World) -> None:
    for party, kind in (("cnss", "signatures"), ("dgsn", "signatures"), ("cndp", "approval")):
        assert open_parcel(bare, make_parcel(bare)).json()["type"] == "urn:wasl:error:agreement.refused"
        assert hand_in(bare, party, kind).status_code == 200
        assert hand_in(bare, party, kind).status_code == 200  # again: harmless
    with bare.unit.database.read() as session:
        assert live_agreement(session, bare.agreement.id) == bare.agreement
    assert open_parcel(bare, make_parcel(bare)).status_code == 200
    actions = bare.actions()
    assert (actions.count("agreement:sign"), actions.count("agreement:approve")) == (2, 1)
    answer = bare.send("GET", f"/api/v1/agreements/{bare.agreement.id}", party="su")
    assert SignedAgreement.model_validate(answer.json()) == bare.signed()


def test_signatures_that_are_not_ones_own_or_for_another_purpose_are_refused(bare: World) -> None:
    assert hand_in(bare, "cnss", "signatures", named="dgsn").status_code == 403
    assert hand_in(bare, "cnss", "signatures", context=APPROVAL_CONTEXT).status_code == 401
    assert hand_in(bare, "cnss", "approval").status_code == 403
    assert hand_in(bare, "cndp", "signatures").status_code == 403
    assert hand_in(bare, "lu", "signatures").status_code == 403
    assert bare.actions().count("request:refuse") == 5


def test_installing_checks_own_keys_profile_and_signatures(worlds) -> None:
    world = worlds(install=False)
    unit, agreement = world.unit, world.agreement

    def install(signed: SignedAgreement) -> None:
        with unit.database.write() as session:
            install_agreement(unit, session, signed)

    strangers = worlds(install=False)
    with pytest.raises(AgreementError, match="other keys"):
        install(strangers.signed())
    clear = agreement.model_copy(update={"profile": ProfileTerms(name="clear")})
    with pytest.raises(AgreementError, match="clear"):
        install(SignedAgreement(agreement=clear))
    good = world.signed()
    with pytest.raises(SignatureError):
        install(good.model_copy(update={"approval": Signature(party="cndp", signature="A" * 86)}))
    install(good)
    before = len(world.audit())
    install(good)
    assert len(world.audit()) == before
