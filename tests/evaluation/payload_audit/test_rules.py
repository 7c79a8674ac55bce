"""The default coarsening keeps the bound; what the gate must refuse passes it by far."""

from __future__ import annotations

import dataclasses
import json
from datetime import date

import pytest

from connectors.coarsening import FINE_PERSONS, PAY_PERSONS, payload_rule
from connectors.drafting import canonical_proposal
from contract.agreement import GateTerms, PayloadColumn
from contract.registers import REGISTERS
from evaluation.payload_audit.audit import audit_payload
from evaluation.payload_audit.synthetic import synthetic_payload
from evaluation.synthetic import SyntheticCountry, generate

MADE = date(2026, 1, 1)
BOUND = GateTerms().payload_joined


@pytest.fixture(scope="module")
def country() -> SyntheticCountry:
    return generate(5000, 1)


@pytest.mark.parametrize("register", REGISTERS)
def test_the_draft_keeps_the_bound(country: SyntheticCountry, register: str) -> None:
    audit = audit_payload(synthetic_payload(country, canonical_proposal(register, created_on=MADE)), persons=50)
    assert audit.holds(BOUND), audit.joined
    figures = audit.figures()
    assert figures.joined == audit.joined.named
    assert figures.rows == audit.rows
    assert json.loads(json.dumps(audit.document()))["joined"]["named"]["high"] <= BOUND


def test_exact_pay_with_employer_and_month_passes_the_bound(country: SyntheticCountry) -> None:
    proposal = canonical_proposal("social_security", created_on=MADE)
    exact = (
        PayloadColumn(column="employer_no"),
        PayloadColumn(column="period"),
        PayloadColumn(column="pay_centimes"),
    )
    audit = audit_payload(synthetic_payload(country, dataclasses.replace(proposal, events=exact)), persons=50)
    assert audit.joined.named.share > 0.99
    assert not audit.holds(BOUND)
    keyed = (PayloadColumn(column="employer_no", coarsen="pseudonym"), *exact[1:])
    again = audit_payload(synthetic_payload(country, dataclasses.replace(proposal, events=keyed)), persons=50)
    assert again.joined.named == audit.joined.named


def test_crossing_days_single_out_nearly_everybody_and_the_report_says_so(country: SyntheticCountry) -> None:
    proposal = canonical_proposal("border_crossing", created_on=MADE)
    audit = audit_payload(synthetic_payload(country, proposal), persons=200)
    assert audit.points == ("crossed_at",)
    assert audit.unicity[3].alone.share > 0.9
    assert audit.figures().details["points/4/total"] == audit.unicity[3].alone.total


def test_more_persons_get_finer_bands() -> None:
    def rule(column: str, persons: int, register: str = "social_security") -> PayloadColumn | None:
        return payload_rule(register, column, persons, MADE)

    assert [rule("birth_date", persons).width for persons in (0, PAY_PERSONS)] == [10, 5]  # type: ignore[union-attr]
    assert rule("pay_centimes", PAY_PERSONS - 1) is None
    assert rule("pay_centimes", PAY_PERSONS).width == 400000  # type: ignore[union-attr]
    assert rule("monthly_pay", FINE_PERSONS, "work_contract").most == 12000  # type: ignore[union-attr]
    assert rule("employer_no", 10**9) is None
    assert rule("activity", FINE_PERSONS - 1, "work_contract") is None
    assert rule("period", 0) == PayloadColumn(column="period")
