"""The units judge the audit that accompanies a manifest, before they take a single byte of the files."""

from __future__ import annotations

import pytest

from contract.agreement import PassTerms
from contract.audit_override import AccompaniedManifest, AuditDossier
from tests.contract.audits import dossier_of, override_of, report_of, sign_report
from tests.service.parties import default_passes, make_parcel, push

SOUND = (
    PassTerms(name="birth", levels=(("birth_year", "birth_month", "birth_day", "initial_pair"),)),
    PassTerms(name="name", levels=(("skeleton_pair", "birth_year"),)),
)


@pytest.fixture(params=["linkage", "statistics"])
def strict(request, worlds):
    """A unit as in real life, which asks for an audit."""
    return worlds(role=request.param, allow_unaudited=False, passes=SOUND)


def opened(world, parcel, dossier):
    body = AccompaniedManifest(**parcel.signed.model_dump(), audit=dossier).model_dump_json().encode()
    return world.send("POST", "/api/v1/submissions", body=body)


def overridden(world, parcel, **figures):
    failed = sign_report(report_of(parcel.signed.manifest, world.agreement, **figures), world.keys["cnss"].signing)
    override = override_of(failed, world.keys["cnss"].signing, world.keys["cndp"].signing)
    return AuditDossier(report=failed, override=override)


def test_without_an_audit_nothing_is_taken(strict):
    answer = opened(strict, make_parcel(strict, passes=default_passes()), None)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:wasl:error:audit.refused"
    assert "submission:open" not in strict.actions()


def test_a_passing_audit_lets_a_submission_in_and_the_log_names_it(strict):
    parcel = make_parcel(strict, passes=default_passes())
    dossier = dossier_of(parcel.signed.manifest, strict.agreement, strict.keys)
    assert opened(strict, parcel, dossier).status_code == 200
    assert push(strict, parcel).status_code == 200
    entry = next(one for one in strict.audit() if one["action"] == "submission:open")
    assert entry["details"]["audit"] == "PASS"
    assert entry["details"]["audit_report"] == dossier.report.report.id
    assert "submission:override" not in strict.actions()


def test_a_failed_audit_is_refused_whatever_it_says_of_itself(strict):
    parcel = make_parcel(strict, passes=default_passes())
    lying = report_of(parcel.signed.manifest, strict.agreement, union=0.8, verdict="PASS")
    answer = opened(strict, parcel, AuditDossier(report=sign_report(lying, strict.keys["cnss"].signing)))
    assert answer.status_code == 422
    assert "80" in answer.json()["title"] or "81" in answer.json()["title"]


def test_an_override_of_two_signatures_lets_it_in_and_stands_in_the_log(strict):
    parcel = make_parcel(strict, passes=default_passes())
    dossier = overridden(strict, parcel, union=0.5)
    assert opened(strict, parcel, dossier).status_code == 200
    entry = next(one for one in strict.audit() if one["action"] == "submission:override")
    assert entry["object"] == parcel.id
    assert entry["details"]["operator"] == "Operator A"
    assert entry["details"]["officer"] == "Officer B"
    assert entry["details"]["reason"] == "Only synthetic people are in it."
    assert entry["details"]["audit_report"] == dossier.report.report.id
    assert push(strict, parcel).status_code == 200


def test_half_an_override_or_one_of_another_submission_does_not(strict):
    parcel, other = (make_parcel(strict, passes=default_passes(), vintage=name) for name in ("2024-12", "2025-01"))
    dossier = overridden(strict, parcel, union=0.5)
    half = AuditDossier(report=dossier.report, override=dossier.override.model_copy(update={"officer": None}))
    assert opened(strict, parcel, half).status_code == 422
    assert opened(strict, other, dossier).status_code == 422
    assert "submission:override" not in strict.actions()


def test_what_was_opened_without_an_audit_is_not_completed_once_one_is_asked_for(worlds, monkeypatch):
    lenient = worlds(role="linkage", allow_unaudited=True, passes=SOUND)
    parcel = make_parcel(lenient, passes=default_passes())
    assert opened(lenient, parcel, None).status_code == 200
    monkeypatch.setitem(vars(lenient.unit.settings), "allow_unaudited", False)  # the unit was started anew
    answer = push(lenient, parcel)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:wasl:error:audit.refused"
