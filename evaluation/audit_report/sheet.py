"""The record of processing and the impact assessment, filled from the agreement.

In the shape of the notification under Law 09-08 (Morocco) and of articles 30 and 35 of the GDPR. What a program cannot
know is marked for counsel or for the institution.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from contract.agreement import Agreement, PayloadColumn, RegisterTerms, SignedAgreement
from contract.audit_report import Hits
from contract.registers import REGISTERS
from contract.signing import fingerprint
from evaluation.audit_report.language import Texts, texts
from evaluation.audit_report.page import render
from evaluation.audit_report.report import ReportFile, column_words, verdict_of

_SECURITY = range(1, 7)
_RISKS = ("key", "units", "payload", "history", "attacks")


def render_sheet(
    signed: SignedAgreement, code: str, reports: Sequence[ReportFile] = (), moment: datetime | None = None
) -> str:
    """Return the sheet as one HTML page.

    Args:
        signed: The agreement with its signatures.
        code: ``fr``, ``ar`` or ``en``.
        reports: Audit reports of its submissions: their figures fill the impact assessment.
        moment: When the page is made; now by default.

    Raises:
        InputError: There is no such language.
        AgreementError: A report is about another agreement.
        SignatureError: A signature on the agreement or a report does not verify.
    """
    signed.check_signatures()
    language, agreement = texts(code), signed.agreement
    made = moment or datetime.now(UTC)
    gate = agreement.gate
    return render(
        "sheet.html",
        language,
        made,
        agreement=agreement,
        state=_state(signed, language, made),
        fingerprints={party.name: fingerprint(party.signing_key) for party in agreement.parties},
        registers=[_register(terms, agreement, language) for terms in agreement.registers],
        security=[
            language.text(
                f"sheet.security_{number}",
                **(
                    {
                        "profile": language.text(f"profiles.{agreement.profile.name}"),
                        "cap": language.number(agreement.caps.persons_per_key),
                    }
                    if number == 2
                    else {}
                ),
            )
            for number in _SECURITY
        ],
        audits=[_audited(file, agreement, language) for file in reports],
        measures=language.text(
            "sheet.measures_text",
            union=language.percent(gate.union_leakage),
            pass_=language.percent(gate.pass_leakage),
            joined=language.percent(gate.payload_joined),
        ),
        risks=[language.text(f"report.risk_{name}") for name in _RISKS],
    )


def coarsening_words(column: PayloadColumn, language: Texts) -> str:
    """Return how a column is coarsened, in a language's words."""

    def number(value: int) -> str:
        return language.number(value) if column.coarsen != "year" else str(value)

    width = language.number(column.width) if column.width else ""
    rule = "year_band" if column.coarsen == "year" and column.width else column.coarsen
    parts = [language.text(f"coarsening.{rule}", **({"width": width} if column.width else {}))]
    parts += [
        language.text(f"coarsening.{name}", value=number(value))
        for name, value in (("least", column.least), ("most", column.most))
        if value is not None
    ]
    if column.exact_from is not None:
        parts.append(language.text("coarsening.exact_from", year=column.exact_from))
    return " · ".join(parts)


def _state(signed: SignedAgreement, language: Texts, moment: datetime) -> str:
    agreement = signed.agreement
    if moment.date() >= agreement.expires_on:
        return language.text("sheet.expired", day=language.language.date(agreement.expires_on))
    if waiting := signed.missing():
        return language.text("sheet.waiting", parties=language.language.together(list(waiting)))
    return language.text("sheet.live", day=language.language.date(agreement.expires_on))


def _register(terms: RegisterTerms, agreement: Agreement, language: Texts) -> dict[str, Any]:
    schema = REGISTERS.get(terms.name)
    travels = {column.column for column in (*terms.attributes, *terms.events)}
    held = [*schema.attributes, *schema.events] if schema else []

    def rules(columns: Sequence[PayloadColumn]) -> list[tuple[str, str]]:
        return [(column_words(one.column, language), coarsening_words(one, language)) for one in columns]

    return {
        "name": language.known("registers", terms.name) or terms.name,
        "holder": agreement.party(terms.holder).title or terms.holder,
        "fields": [column_words(name, language) for name in terms.fields],
        "attributes": rules(terms.attributes),
        "events": rules(terms.events),
        "withheld": [column_words(name, language) for name in held if name not in travels],
    }


def _audited(file: ReportFile, agreement: Agreement, language: Texts) -> dict[str, Any]:
    verdict, _ = verdict_of(file, agreement)
    report = file.report
    full, payload = report.at_overlap(1.0), report.payload
    rows = []
    if full is not None:
        rows.append((language.text("sheet.risk_lu"), full.union))
    if payload is not None and payload.joined is not None:
        rows.append((language.text("sheet.risk_payload"), payload.joined))
    if payload is not None and payload.details.get("points/4/total"):
        found = Hits(hits=int(payload.details["points/4/hits"]), total=int(payload.details["points/4/total"]))
        rows.append((language.text("sheet.risk_points"), found))
    title = language.text(
        "sheet.audited",
        register=language.known("registers", report.register_name) or report.register_name,
        vintage=report.vintage,
        verdict=language.text(f"verdict.{verdict}"),
    )
    return {"title": title, "rows": rows, "id": report.id}
