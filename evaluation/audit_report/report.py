"""The audit report as a page: from the signed figures to words that people can sign."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from contract.agreement import Agreement
from contract.audit_override import AuditDossier
from contract.audit_report import AuditReport, ControlFigures, Hits, Reason, SignedAuditReport
from contract.audit_verdict import POSITIVE_CONTROLS, behaved
from contract.errors import InputError
from evaluation.audit_report.language import Texts, texts
from evaluation.audit_report.page import render

_RISKS = ("key", "units", "payload", "history", "nationality", "attacks", "errors", "small")


@dataclass(frozen=True)
class ReportFile:
    """An audit report as it was read, with the SHA-256 of the file's bytes."""

    dossier: AuditDossier
    sha256: str

    @property
    def report(self) -> AuditReport:
        """The figures."""
        return self.dossier.report.report


def read_report(path: Path) -> ReportFile:
    """Read a signed audit report, or the dossier that lies beside a submission.

    Raises:
        InputError: No such file, or it is neither.
    """
    try:
        content = path.read_bytes()
    except OSError:
        raise InputError("There is no readable audit report here.", where={"file": path.name}) from None
    dossier: AuditDossier
    try:
        dossier = AuditDossier.model_validate_json(content)
    except ValidationError:
        try:
            dossier = AuditDossier(report=SignedAuditReport.model_validate_json(content))
        except ValidationError:
            raise InputError(
                "The file is not a signed audit report.",
                where={"file": path.name},
                advice="It is audit.json in the submission's folder, made by `wasl audit encodings`.",
            ) from None
    return ReportFile(dossier, hashlib.sha256(content).hexdigest())


def verdict_of(file: ReportFile, agreement: Agreement | None) -> tuple[str, tuple[Reason, ...]]:
    """Return the verdict and its reasons: derived again from the figures where the agreement is known.

    Raises:
        GateRefusedError: The report is about another agreement, or its override does not hold.
        SignatureError: The report or the override is not signed by whom it must.
    """
    if agreement is None:
        return file.report.verdict, file.report.reasons
    return file.dossier.standing(agreement)


def render_report(
    file: ReportFile, code: str, agreement: Agreement | None = None, moment: datetime | None = None
) -> str:
    """Return the report as one HTML page.

    Args:
        file: From `read_report`.
        code: ``fr``, ``ar`` or ``en``.
        agreement: With it the signature is verified, the verdict derived again and the bounds shown.
        moment: When the page is made; now by default.

    Raises:
        InputError: There is no such language. Otherwise as `verdict_of`.
    """
    language = texts(code)
    verdict, reasons = verdict_of(file, agreement)
    report = file.report
    return render(
        "report.html",
        language,
        moment,
        file=file,
        report=report,
        agreement=agreement,
        verdict=verdict,
        reasons=[reason_words(reason, language) for reason in reasons],
        full=report.at_overlap(1.0),
        controls=[_control(one, language) for one in report.controls],
        held=sum(figure.held for figure in report.structure),
        broken=[
            (place_words(one.check, language), place_words(one.where, language), one)
            for one in report.structure
            if not one.held
        ],
        attacks=[(attack_words(one.name, language), one) for one in report.attacks if one.named is not None],
        payload=_payload(report, language),
        bounds=bounds(agreement, language) if agreement is not None else [],
        risks=[language.text(f"report.risk_{name}") for name in _RISKS],
    )


def reason_words(reason: Reason, language: Texts) -> str:
    """Return a reason in a language's words."""
    counted = reason.code in {"structure", "too_few"}
    found, bound = (
        language.number(value, 4) if counted else language.percent(value, 2) for value in (reason.found, reason.bound)
    )
    place = place_words(reason.where, language)
    return language.text(f"reasons.{reason.code}", place=place, found=found, bound=bound)


def place_words(where: str, language: Texts) -> str:
    """Return where something was found in a language's words; names of passes and fields stay as they are."""
    control = where.removeprefix("the control ")
    if control != where:
        return language.text("places.the control", name=language.known("controls", control) or control)
    found = language.known("controls", where) or language.known("places", where)
    if found is None and ", " in where:
        return " · ".join(place_words(part, language) for part in where.split(", "))
    return found or where


def attack_words(name: str, language: Texts) -> str:
    """Return an attack's name in a language's words; what follows the known name stays as it is."""
    plain = name.replace("_", " ")
    known = sorted(language.catalogue["attacks"], key=len, reverse=True)
    found = next((one for one in known if plain.startswith(one.replace("_", " "))), None)
    if found is None:
        return name
    rest = plain[len(found) :].strip(" ,()")
    return language.text(f"attacks.{found}") + (f" ({language.language.isolate(rest)})" if rest else "")


def column_words(name: str, language: Texts) -> str:
    """Return a column's name in a language's words; an institution's own column stays as it is."""
    return language.known("columns", name) or name


def bounds(agreement: Agreement, language: Texts) -> list[tuple[str, str]]:
    """Return the agreement's bounds, named."""
    gate = agreement.gate
    shares = {
        "union": gate.union_leakage,
        "pass": gate.pass_leakage,
        "pairs": gate.known_pairs_leakage,
        "record": gate.record_leakage,
        "joined": gate.payload_joined,
        "unique": gate.payload_unique,
    }
    named = [(language.text(f"report.bound_{name}"), language.percent(share)) for name, share in shares.items()]
    return [*named, (language.text("report.bound_persons"), language.number(gate.audit_persons))]


def _control(control: ControlFigures, language: Texts) -> dict[str, Any]:
    least = POSITIVE_CONTROLS.get(control.name)
    expected = (
        language.text("report.at_least", share=language.percent(least))
        if least is not None
        else language.text("report.by_chance", share=language.percent(control.baseline, 3))
    )
    return {
        "name": language.text(f"controls.{control.name}"),
        "expected": expected,
        "found": control.found,
        "behaved": behaved(control),
    }


def _payload(report: AuditReport, language: Texts) -> dict[str, Any] | None:
    """The payload's figures by kind; shares stand in the report's details as two entries each."""
    payload = report.payload
    if payload is None:
        return None
    details = payload.details
    names = [name.removesuffix("/hits") for name in details if name.endswith("/hits")]
    shares = {name: Hits(hits=int(details[f"{name}/hits"]), total=int(details[f"{name}/total"])) for name in names}
    joined = [
        (language.text(f"report.joined_{name}"), found)
        for name, found in (
            ("month", payload.joined),
            ("nationality", shares.get("joined/nationality")),
            ("history", shares.get("joined/history")),
        )
        if found is not None
    ]
    points = [
        (number, shares[f"points/{number}"], shares[f"points_described/{number}"])
        for number in range(1, 10)
        if shares.get(f"points/{number}", Hits(hits=0, total=0)).total
    ]
    combinations = [
        (name.removeprefix("alone/").split("+"), found) for name, found in shares.items() if name.startswith("alone/")
    ]
    # a whole row of columns is said in two words
    longest = max((len(columns) for columns, _ in combinations), default=0)
    alone = [
        (
            language.text("report.all_columns")
            if len(columns) == longest and longest > 3
            else " + ".join(column_words(one, language) for one in columns),
            found,
        )
        for columns, found in sorted(combinations, key=lambda one: (len(one[0]), one[0]))
    ]
    return {
        "figures": payload,
        "joined": joined,
        "points": points,
        "alone": alone,
        "alone_before": shares.get("alone_before"),
    }
