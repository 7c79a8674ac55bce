"""The pages: self-contained, in three languages, with every figure and place to sign."""

from __future__ import annotations

import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from contract.agreement import PayloadColumn
from contract.audit_override import AuditDossier, GateRefusedError, NamedSignature, Override, OverrideStatement
from contract.audit_report import REPORT_CONTEXT, Hits, SignedAuditReport
from contract.errors import InputError, SignatureError
from contract.signing import sign
from evaluation.audit_report.language import CODES, texts
from evaluation.audit_report.report import (
    ReportFile,
    attack_words,
    place_words,
    read_report,
    reason_words,
    render_report,
    verdict_of,
)
from evaluation.audit_report.sheet import coarsening_words, render_sheet
from tests.contract.audits import override_of
from tests.contract.builders import make_agreement, sign_all
from tests.evaluation.audit_report.scene import MOMENT, every_reason, scene, signed_file

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Takes a page apart: tags with attributes, text, and whether every tag was closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "title"} & set(self.open):
            self.words += data


def checked(html: str, code: str) -> Page:
    """Take a page apart and check what every page must be."""
    page = Page(html)
    assert not page.open
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object"}
    assert not re.search(r"https?:|url\(|@import", html)
    root = next(attributes for tag, attributes in page.tags if tag == "html")
    assert root == {"lang": code, "dir": "rtl" if code == "ar" else "ltr"}
    assert all(attributes.get("scope") in {"col", "row"} for tag, attributes in page.tags if tag == "th")
    assert [tag for tag, _ in page.tags if tag == "h1"] == ["h1"]
    assert "{" not in page.words
    return page


@pytest.mark.parametrize("code", CODES)
def test_a_report_says_everything_and_fetches_nothing(tmp_path: Path, code: str) -> None:
    agreement, keys, report = scene()
    assert report.verdict == "PASS"
    file = read_report(signed_file(tmp_path / "audit.json", report, keys))
    html = render_report(file, code, agreement, MOMENT)
    page, language = checked(html, code), texts(code)
    for identifier in (agreement.id, report.manifest_id, report.id, report.files[0].sha256):
        assert identifier in page.words
    assert hashlib.sha256((tmp_path / "audit.json").read_bytes()).hexdigest() in page.words
    assert language.text("verdict.PASS") in page.words
    assert language.text("report.signature_verified") in page.words
    assert html.count('class="line"') == 6
    for share in (report.leakage[0].union, report.payload.joined, Hits(hits=700, total=1000)):
        assert language.interval(share) in page.words
    if code == "fr":
        assert "0,83" in page.words
        assert "1,25 %" in page.words.replace("\u202f", " ").replace("\u00a0", " ")
        assert render_report(file, code, agreement, MOMENT) == html


@pytest.mark.parametrize("code", CODES)
def test_a_refused_report_gives_its_reasons_and_the_override(tmp_path: Path, code: str) -> None:
    _, keys, report = scene()
    refused = report.model_copy(update={"verdict": "FAIL", "reasons": every_reason()})
    signed = SignedAuditReport.model_validate_json(signed_file(tmp_path / "a.json", refused, keys).read_text())
    statement = OverrideStatement(
        agreement_id=report.agreement_id,
        manifest_id=report.manifest_id,
        report_id=refused.id,
        reason="A test of <the> page & its words",
        made_at=MOMENT,
    )
    named = NamedSignature(party="cnss", name="Operator & Co", signature="x")
    dossier = AuditDossier(report=signed, override=Override(statement=statement, operator=named, officer=named))
    html = render_report(ReportFile(dossier, "d" * 64), code)
    page, language = checked(html, code), texts(code)
    # nobody checked the override: the page keeps the report's own word
    assert language.text("verdict.FAIL") in page.words
    assert language.text("verdict.OVERRIDDEN") not in page.words
    assert "A test of <the> page & its words" in page.words
    assert language.text("report.signature_unverified") in page.words
    for reason in refused.reasons:
        assert reason_words(reason, language) in page.words


@pytest.mark.parametrize("code", CODES)
def test_an_override_shows_as_one_only_where_its_signatures_hold(code: str) -> None:
    agreement, keys, report = scene()
    leaky = report.model_copy(
        update={"payload": report.payload.model_copy(update={"joined": Hits(hits=900, total=1000)})}
    )
    signed = SignedAuditReport(report=leaky, signature=sign(REPORT_CONTEXT, leaky, keys["cnss"].signing))
    override = override_of(signed, keys["cnss"].signing, keys["cndp"].signing)
    page = checked(
        render_report(ReportFile(AuditDossier(report=signed, override=override), "d" * 64), code, agreement, MOMENT),
        code,
    )
    assert texts(code).text("verdict.OVERRIDDEN") in page.words
    unsigned = override.model_copy(update={"officer": override.officer.model_copy(update={"name": "Somebody else"})})
    with pytest.raises(SignatureError):
        render_report(ReportFile(AuditDossier(report=signed, override=unsigned), "d" * 64), code, agreement, MOMENT)
    broken = leaky.model_copy(update={"controls": ()})
    signed = SignedAuditReport(report=broken, signature=sign(REPORT_CONTEXT, broken, keys["cnss"].signing))
    file = ReportFile(AuditDossier(report=signed, override=override), "d" * 64)
    assert verdict_of(file, agreement)[0] == "INVALID"


def test_a_report_without_its_agreement_keeps_its_own_word_and_with_it_is_judged_again(tmp_path: Path) -> None:
    agreement, keys, report = scene()
    leaky = report.model_copy(
        update={"payload": report.payload.model_copy(update={"joined": Hits(hits=900, total=1000)})}
    )
    file = read_report(signed_file(tmp_path / "audit.json", leaky, keys))
    assert verdict_of(file, None)[0] == "PASS"
    verdict, reasons = verdict_of(file, agreement)
    assert verdict == "FAIL"
    assert [reason.code for reason in reasons] == ["payload_joined"]


def test_somebody_elses_report_is_refused(tmp_path: Path) -> None:
    agreement, keys, report = scene()
    other, _ = make_agreement()
    file = read_report(signed_file(tmp_path / "audit.json", report, keys))
    with pytest.raises(GateRefusedError, match="another agreement"):
        render_report(file, "fr", other)
    forged = read_report(signed_file(tmp_path / "forged.json", report, {**keys, "cnss": keys["dgsn"]}))
    with pytest.raises(SignatureError):
        render_report(forged, "fr", agreement)


@pytest.mark.parametrize("content", [None, "{}", "not JSON", "[" * 5000])
def test_what_is_no_report_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "audit.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError):
        read_report(path)


@pytest.mark.parametrize("code", CODES)
def test_the_sheet_is_filled_from_the_agreement_and_marks_the_rest(tmp_path: Path, code: str) -> None:
    agreement, keys, report = scene()
    file = read_report(signed_file(tmp_path / "audit.json", report, keys))
    language = texts(code)
    page = checked(render_sheet(sign_all(agreement, keys), code, [file], MOMENT), code)
    assert agreement.id in page.words
    assert agreement.purpose in page.words
    assert language.text("sheet.counsel") in page.words
    assert language.text("sheet.live", day=language.language.date(agreement.expires_on)) in page.words
    assert language.interval(report.payload.joined) in page.words
    assert language.text("columns.employer_no") in page.words  # withheld, and said so
    unsigned = sign_all(agreement, keys).model_copy(update={"approval": None})
    bare = checked(render_sheet(unsigned, code, (), MOMENT), code)
    assert language.text("sheet.risks_missing") in bare.words
    assert "cndp" in bare.words


def test_rules_and_attacks_are_said_in_words() -> None:
    french = texts("fr")
    rule = PayloadColumn(column="birth_date", coarsen="year", width=5, least=1955, exact_from=2000)
    assert (
        coarsening_words(rule, french) == "années par tranches de 5 · pas en dessous de 1955 · exactes à partir de 2000"
    )
    assert coarsening_words(PayloadColumn(column="x"), french) == "tel quel"
    assert attack_words("known pairs, ridge", french) == "apprentissage sur des paires connues (ridge)"
    assert attack_words("something new", french) == "something new"
    assert place_words("the control random_bits", french) == "le contrôle bits aléatoires"
    assert place_words("mean of handles, birth/given", french) == "moyenne des identifiants · birth/given"
