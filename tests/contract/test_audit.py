"""The audit report's verdict and its override: figures decide, never the report's own word."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.agreement import GateTerms, PassTerms, ProfileTerms
from contract.audit_override import AuditDossier, GateRefusedError, Override, check_dossier
from contract.audit_report import AuditReport, ControlFigures, Hits, KnownPairs, StructureFigure, wilson
from contract.audit_verdict import by_chance, judge
from contract.errors import SignatureError, SubmissionError
from contract.submission import FileEntry, Manifest
from tests.contract.audits import WRONG_KEYS, dossier_of, hits, override_of, report_of, sign_report
from tests.contract.builders import make_agreement

DAY = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def world():
    agreement, keys = make_agreement()
    return agreement, keys, manifest_of(agreement)


def manifest_of(agreement, vintage="2024-12"):
    names = [f"pass-{one.name}.parquet" for one in agreement.passes]
    files = [FileEntry(name=name, half="linkage", sha256="a" * 64, size=1) for name in names]
    files.append(FileEntry(name="statistics.sealed", half="statistics", sha256="b" * 64, size=1))
    return Manifest(
        submission_id="0" * 32,
        agreement_id=agreement.id,
        epoch=1,
        vintage=vintage,
        institution="cnss",
        register_name="social_security",
        created_at=DAY,
        expires_at=datetime(2098, 1, 1, tzinfo=UTC),
        files=tuple(files),
    )


def codes(report, agreement):
    return [reason.code for reason in judge(report, agreement).reasons]


def test_a_report_within_the_bounds_passes_and_survives_its_json(world):
    agreement, keys, manifest = world
    dossier = dossier_of(manifest, agreement, keys)
    again = AuditDossier.model_validate_json(dossier.model_dump_json())
    assert again == dossier
    assert again.report.report.id == dossier.report.report.id
    assert check_dossier(again, manifest, agreement).verdict == "PASS"


@pytest.mark.parametrize(
    ("figures", "code"),
    [
        ({"union": 0.045}, "union_leakage"),  # the share is below 5 %, its upper limit is not
        ({"of_pass": 0.021}, "pass_leakage"),
        ({"known": 0.031}, "known_pairs_leakage"),
        ({"joined": 0.06}, "payload_joined"),
    ],
)
def test_each_bound_refuses_and_may_be_overridden(world, figures, code):
    agreement, keys, manifest = world
    dossier = dossier_of(manifest, agreement, keys, **figures)
    assert codes(dossier.report.report, agreement) == [code]
    with pytest.raises(GateRefusedError, match="FAIL") as refused:
        check_dossier(dossier, manifest, agreement)
    assert refused.value.exit_code == 45
    override = override_of(dossier.report, keys["cnss"].signing, keys["cndp"].signing)
    assert check_dossier(AuditDossier(report=dossier.report, override=override), manifest, agreement).verdict == "FAIL"


def test_bounds_are_the_agreements(world):
    _, _, manifest = world
    lenient, _ = make_agreement(gate=GateTerms(union_leakage=0.5, pass_leakage=0.5))
    strict, _ = make_agreement(gate=GateTerms(pass_leakage=0.001))
    report = report_of(manifest, lenient, union=0.3, of_pass=0.3)
    assert judge(report, lenient).verdict == "PASS"
    assert codes(report, strict) == ["union_leakage", "pass_leakage"]


def test_the_reports_own_word_counts_for_nothing(world):
    agreement, keys, manifest = world
    lying = report_of(manifest, agreement, union=0.8, verdict="PASS")
    dossier = AuditDossier(report=sign_report(lying, keys["cnss"].signing))
    with pytest.raises(GateRefusedError, match="FAIL"):
        check_dossier(dossier, manifest, agreement)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"controls": ()}, "incomplete"),
        ({"leakage": ()}, "incomplete"),
        ({"known_pairs": None}, "incomplete"),
        ({"known_pairs": KnownPairs(pairs=0, named=Hits(hits=0, total=0))}, "too_few"),
        ({"audit_version": "0"}, "incomplete"),
        ({"structure": ()}, "incomplete"),
        ({"attacked": 100}, "too_few"),
        ({"controls": (ControlFigures(name="bloom_blocks", found=Hits(hits=10, total=100)),)}, "control"),
        ({"controls": (ControlFigures(name="random_bits", found=Hits(hits=9, total=100), baseline=1e-4),)}, "control"),
    ],
)
def test_an_audit_that_proves_nothing_is_invalid_and_no_signature_helps(world, changes, code):
    agreement, keys, manifest = world
    signed = sign_report(report_of(manifest, agreement, **changes), keys["cnss"].signing)
    judgement = judge(signed.report, agreement)
    assert judgement.verdict == "INVALID"
    assert code in {reason.code for reason in judgement.reasons}
    override = override_of(signed, keys["cnss"].signing, keys["cndp"].signing)
    with pytest.raises(GateRefusedError, match="INVALID"):
        check_dossier(AuditDossier(report=signed, override=override), manifest, agreement)


def test_broken_structure_and_a_key_of_the_birth_date_alone_are_never_overridden(world):
    agreement, keys, manifest = world
    broken = (StructureFigure(check="mean weight", where="birth/given", found=31, least=62, most=66),)
    alone, alone_keys = make_agreement(
        passes=(PassTerms(name="birth", levels=(("birth_year",), ("birth_year", "birth_month", "birth_day"))),)
    )
    own = manifest_of(alone)
    for terms, held, of, changes in (
        (agreement, keys, manifest, {"structure": broken}),
        (alone, alone_keys, own, {}),
    ):
        signed = sign_report(report_of(of, terms, **changes), held["cnss"].signing)
        override = override_of(signed, held["cnss"].signing, held["cndp"].signing)
        with pytest.raises(GateRefusedError):
            check_dossier(AuditDossier(report=signed, override=override), of, terms)


def test_a_report_belongs_to_one_submission_and_its_institution(world):
    agreement, keys, manifest = world
    dossier = dossier_of(manifest, agreement, keys)
    with pytest.raises(SubmissionError, match="another submission"):
        check_dossier(dossier, manifest_of(agreement, "2025-01"), agreement)
    forged = AuditDossier(report=sign_report(dossier.report.report, keys["dgsn"].signing))
    with pytest.raises(SignatureError):
        check_dossier(forged, manifest, agreement)
    edited = dossier.report.model_copy(update={"report": report_of(manifest, agreement, union=0.0)})
    with pytest.raises(SignatureError):
        check_dossier(AuditDossier(report=edited), manifest, agreement)
    with pytest.raises(GateRefusedError, match="no audit report"):
        check_dossier(None, manifest, agreement)


def test_an_override_takes_both_signatures_over_this_very_report(world):
    agreement, keys, manifest = world
    dossier = dossier_of(manifest, agreement, keys, union=0.5)
    whole = override_of(dossier.report, keys["cnss"].signing, keys["cndp"].signing)
    for lacking in ("operator", "officer"):
        one = whole.model_copy(update={lacking: None})
        with pytest.raises(GateRefusedError, match="lacks the signature"):
            check_dossier(AuditDossier(report=dossier.report, override=one), manifest, agreement)
    renamed = whole.model_copy(update={"officer": whole.officer.model_copy(update={"name": "Somebody else"})})
    other_key = override_of(dossier.report, keys["cnss"].signing, keys["dgsn"].signing)
    by_institution = override_of(dossier.report, keys["cnss"].signing, keys["dgsn"].signing, officer="dgsn")
    for forged in (renamed, other_key, by_institution):
        with pytest.raises(SignatureError):
            check_dossier(AuditDossier(report=dossier.report, override=forged), manifest, agreement)
    of_other = dossier_of(manifest, agreement, keys, union=0.6)
    with pytest.raises(GateRefusedError, match="another audit report"):
        check_dossier(AuditDossier(report=of_other.report, override=whole), manifest, agreement)
    assert Override.model_validate_json(whole.model_dump_json()) == whole


def test_the_record_profile_has_a_bound_of_its_own():
    agreement, _ = make_agreement(profile=ProfileTerms(name="record"))
    files = (FileEntry(name="pass-record.parquet", half="linkage", sha256="a" * 64, size=1),)
    manifest = manifest_of(agreement)
    manifest = manifest.model_copy(update={"files": (*files, *manifest.half("statistics"))})
    controls = (
        ControlFigures(name="plain_filters", found=Hits(hits=995, total=1000)),
        ControlFigures(name="random_records", found=Hits(hits=1, total=1000), baseline=0.001),
        *WRONG_KEYS,
    )
    assert judge(report_of(manifest, agreement, union=0.004, controls=controls), agreement).verdict == "PASS"
    assert codes(report_of(manifest, agreement, union=0.006, controls=controls), agreement) == ["record_leakage"]


def test_nothing_is_estimated_where_nobody_was_left_out(world):
    agreement, _, manifest = world
    whole = report_of(manifest, agreement, union=0.045, subjects=3000)
    assert judge(whole, agreement).verdict == "PASS"
    sampled = report_of(manifest, agreement, union=0.045, subjects=3001)
    assert codes(sampled, agreement) == ["union_leakage"]


@given(total=st.integers(1, 4000), data=st.data())
def test_limits_enclose_the_share_and_more_hits_never_pass_where_fewer_failed(total, data):
    few = data.draw(st.integers(0, total))
    more = data.draw(st.integers(few, total))
    low, high = wilson(few, total)
    assert 0 <= low <= few / total <= high <= 1
    assert wilson(more, total)[1] >= high


def test_the_binomial_tail_is_the_binomial_tail():
    from scipy.stats import binom

    for found, share in ((hits(0.01, 500), 0.004), (hits(0.0, 10), 0.3), (hits(1.0, 20), 0.7), (hits(0.2, 60), 0.05)):
        assert by_chance(found, share) == pytest.approx(binom.sf(found.hits - 1, found.total, share), rel=1e-9)


def test_reasons_speak_and_a_report_knows_no_unknown_key(world):
    agreement, _, manifest = world
    report = report_of(manifest, agreement, union=0.5, of_pass=0.4)
    assert report.reasons[0].words().startswith("All passes together may name 5")
    document = {**report.model_dump(mode="json"), "note": "x"}
    with pytest.raises(ValueError, match="note"):
        AuditReport.model_validate(document)


def test_figures_that_cannot_be_are_no_figures(world):
    agreement, _, manifest = world
    for impossible in ({"hits": 3, "total": 2}, {"hits": -1, "total": 2}, {"hits": 0, "total": 10**10}):
        with pytest.raises(ValueError, match=r"hits|total"):
            Hits(**impossible)
    report = report_of(manifest, agreement).model_dump(mode="json")
    for name in ("clear \x1b[2K screen", "right \u202e to left", "x" * 200):
        report["structure"][0]["check"] = name
        with pytest.raises(ValueError, match="check"):
            AuditReport.model_validate(report)


@pytest.mark.parametrize("share", [1e-9, 0.5])
def test_a_control_of_a_thousand_million_is_judged_at_once(share):
    assert 0 <= by_chance(Hits(hits=10**8, total=10**9), share) <= 1


def test_a_control_that_attacked_nothing_and_rows_of_nobody_prove_nothing(world):
    agreement, _, manifest = world
    controls = report_of(manifest, agreement).controls
    empty = (*controls[:2], controls[2].model_copy(update={"found": Hits(hits=0, total=0)}), *controls[3:])
    assert codes(report_of(manifest, agreement, controls=empty), agreement) == ["too_few", "control"]
    one_row = (controls[0].model_copy(update={"found": Hits(hits=1, total=1)}), *controls[1:])
    assert codes(report_of(manifest, agreement, controls=one_row), agreement) == ["too_few"]
    read = {"found": Hits(hits=2900, total=2900), "baseline": 1.0}  # "a blind guess is always right"
    excused = (*controls[:3], controls[3].model_copy(update=read), *controls[4:])
    assert codes(report_of(manifest, agreement, controls=excused), agreement) == ["control"]
    full = report_of(manifest, agreement).leakage[0]
    untouched = tuple(one.model_copy(update={"named": Hits(hits=0, total=0)}) for one in full.passes)
    leakage = (full.model_copy(update={"passes": untouched}),)
    assert codes(report_of(manifest, agreement, leakage=leakage), agreement) == ["too_few"]
    nobody = report_of(manifest, agreement, subjects=0, attacked=0)
    assert judge(nobody, agreement).verdict == "INVALID"


def test_rows_that_a_wrong_key_reads_make_an_audit_invalid(world):
    """Encodings that any key reads are not keyed at all: a single row is one too many."""
    agreement, _, manifest = world
    for name in ("wrong_key", "wrong_epoch"):
        read = ControlFigures(name=name, found=Hits(hits=1, total=2900))
        controls = tuple(read if one.name == name else one for one in report_of(manifest, agreement).controls)
        assert codes(report_of(manifest, agreement, controls=controls), agreement) == ["control"]


def test_one_person_does_not_sign_an_override_twice(world):
    agreement, keys, manifest = world
    dossier = dossier_of(manifest, agreement, keys, union=0.5)
    twice = override_of(dossier.report, keys["cnss"].signing, keys["cndp"].signing, officer_name="operator  a")
    with pytest.raises(GateRefusedError, match="one person"):
        check_dossier(AuditDossier(report=dossier.report, override=twice), manifest, agreement)
    with pytest.raises(ValueError, match="reason"):
        override_of(dossier.report, keys["cnss"].signing, keys["cndp"].signing, reason="Fine\u202e words of a kind")


def test_what_a_dossier_stands_for_is_judged_not_told(world):
    agreement, keys, manifest = world
    signed = dossier_of(manifest, agreement, keys, union=0.5).report
    override = override_of(signed, keys["cnss"].signing, keys["cndp"].signing)
    assert AuditDossier(report=signed, override=override).standing(agreement)[0] == "OVERRIDDEN"
    asked = override.model_copy(update={"officer": None})
    assert AuditDossier(report=signed, override=asked).standing(agreement)[0] == "FAIL"
    forged = override.model_copy(update={"operator": override.officer})
    with pytest.raises(SignatureError):
        AuditDossier(report=signed, override=forged).standing(agreement)
    lying = sign_report(report_of(manifest, agreement, union=0.8, verdict="PASS"), keys["cnss"].signing)
    assert AuditDossier(report=lying).standing(agreement)[0] == "FAIL"
    elsewhere, _ = make_agreement(gate=GateTerms(union_leakage=0.9))
    with pytest.raises(GateRefusedError, match="another agreement"):
        AuditDossier(report=signed).standing(elsewhere)
