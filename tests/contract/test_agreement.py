"""An agreement is live when all have signed, the officer approved, and it has not expired."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from contract.agreement import Agreement, GateTerms, PassTerms, SignedAgreement
from contract.errors import AgreementError, SignatureError
from tests.contract.builders import make_agreement, sign_all


def test_signed_by_all_and_approved_it_is_live():
    agreement, keys = make_agreement()
    sign_all(agreement, keys).check_live()


def test_its_id_survives_a_round_trip_through_json():
    agreement, _ = make_agreement()
    assert Agreement.model_validate_json(agreement.model_dump_json()).id == agreement.id


def test_a_missing_signature_is_named():
    agreement, keys = make_agreement()
    signed = sign_all(agreement, keys)
    partial = SignedAgreement(agreement=agreement, signatures=signed.signatures[:1], approval=signed.approval)
    assert partial.missing() == ("dgsn",)
    with pytest.raises(AgreementError, match="dgsn"):
        partial.check_live()


def test_without_approval_nothing_runs():
    agreement, keys = make_agreement()
    signed = sign_all(agreement, keys)
    with pytest.raises(AgreementError, match="cndp"):
        SignedAgreement(agreement=agreement, signatures=signed.signatures).check_live()


def test_it_expires():
    agreement, keys = make_agreement()
    with pytest.raises(AgreementError, match="expired"):
        sign_all(agreement, keys).check_live(datetime(2099, 1, 1, tzinfo=UTC))


def test_an_altered_agreement_does_not_verify():
    agreement, keys = make_agreement()
    signed = sign_all(agreement, keys)
    altered = agreement.model_copy(update={"purpose": "Something else"})
    with pytest.raises(SignatureError):
        SignedAgreement(agreement=altered, signatures=signed.signatures, approval=signed.approval).check_live()


def test_a_signature_is_not_an_approval():
    agreement, keys = make_agreement()
    signed = sign_all(agreement, keys)
    swapped = signed.signatures[0].model_copy(update={"party": "cndp"})
    with pytest.raises((SignatureError, AgreementError)):
        SignedAgreement(agreement=agreement, signatures=signed.signatures, approval=swapped).check_live()


@pytest.mark.parametrize(
    "changes",
    [
        {"parties": ()},
        {"epoch": 0},
        {"expires_on": "2025-01-01"},
        {"passes": [{"name": "a", "levels": [["shoe_size"]]}]},
        {"registers": [{"name": "r", "holder": "nobody", "fields": ["full_name"]}]},
        {"profile": {"name": "record", "diffusion": 5}},
        {"caps": {"persons_per_key": 0}},
        {"surprise": 1},
    ],
)
def test_an_agreement_that_is_not_whole_is_refused(changes):
    agreement, _ = make_agreement()
    with pytest.raises(ValidationError):
        Agreement.model_validate({**agreement.model_dump(mode="json"), **changes})


def test_a_pass_knows_what_its_key_decides():
    blocking_pass = PassTerms(name="p", levels=(("birth_year", "skeleton_pair"), ("text:suburb", "sex")))
    assert blocking_pass.touched == {"birth_date", "given", "family", "order", "full", "suburb", "sex"}


def test_two_parties_with_one_key_are_no_two_parties():
    agreement, keys = make_agreement()
    first, second, *others = agreement.parties
    shared = second.model_copy(update={"sealing_key": first.sealing_key})
    copied = agreement.model_copy(update={"parties": (first, shared, *others)})
    with pytest.raises(AgreementError, match="one key"):
        sign_all(copied, keys).check_live()


def test_bounds_looser_than_the_default_ones_are_named():
    assert GateTerms().looser == {}
    assert GateTerms(union_leakage=0.01, audit_persons=5000).looser == {}
    assert GateTerms(union_leakage=0.2, audit_persons=10).looser == {
        "union_leakage": (0.2, 0.05),
        "audit_persons": (10, 3000),
    }
