"""What to do next, in every situation a unit can be in."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from contract.agreement import SignedAgreement
from service.web.overview import Situation, steps_of
from service.web.texts import STEPS
from tests.contract.builders import make_agreement, sign_all

AGREEMENT, KEYS = make_agreement()
LIVE = sign_all(AGREEMENT, KEYS)
TODAY = date(2026, 6, 1)


def vintage(*states: str) -> dict[str, Any]:
    registers = [{"register": f"r{place}", "state": state} for place, state in enumerate(states)]
    missing = [item["register"] for item in registers if item["state"] != "accepted"]
    return {"agreement_id": AGREEMENT.id, "vintage": "2024-12", "registers": registers, "missing": missing}


def run(state: str, trouble: Any = None) -> dict[str, Any]:
    return {
        "id": "a",
        "agreement_id": AGREEMENT.id,
        "vintage": "2024-12",
        "state": state,
        "active": state in {"queued", "running"},
        "trouble": trouble,
    }


def release(state: str) -> dict[str, Any]:
    return {"run_id": "a", "state": state, "proposed_by": "account:one"}


def steps(role: str = "linkage", roles: str = "operator", **changes: Any) -> list[tuple[str, str]]:
    given: dict[str, Any] = {"agreements": [LIVE], "vintages": [], "runs": [], "today": TODAY, **changes}
    found = steps_of(Situation(role=role, roles=frozenset(roles.split()), actor="account:one", **given))
    for step in found:
        for part in STEPS[step.kind]:
            assert part % step.values  # a step has every value that its text names
    return [(step.kind, step.urgency) for step in found]


WHOLE, PART = vintage("accepted", "accepted"), vintage("accepted", "accepted", "open")


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        ({"agreements": []}, [("install_agreement", "do")]),
        ({"agreements": [], "roles": "privacy_officer"}, [("install_agreement", "wait")]),
        ({"agreements": [SignedAgreement(agreement=AGREEMENT)]}, [("await_signatures", "wait")]),
        ({}, [("await_submissions", "wait")]),
        ({"vintages": [PART]}, [("await_registers", "wait"), ("start_partial", "wait")]),
        ({"vintages": [PART], "roles": "statistician"}, [("await_registers", "wait")]),
        ({"vintages": [vintage("accepted", "missing")]}, [("await_registers", "wait")]),
        ({"vintages": [WHOLE]}, [("start_run", "do")]),
        ({"vintages": [WHOLE], "roles": "privacy_officer"}, [("await_operator", "wait")]),
        ({"vintages": [WHOLE], "runs": [run("cancelled")]}, [("start_run", "do")]),
        ({"vintages": [WHOLE], "runs": [run("running")]}, [("watch_run", "wait")]),
        ({"vintages": [WHOLE], "runs": [run("running", {"title": "x"})]}, [("run_trouble", "problem")]),
        ({"vintages": [WHOLE], "runs": [run("failed")]}, [("run_failed", "do")]),
        ({"vintages": [WHOLE], "runs": [run("succeeded")]}, [("linked", "done")]),
        ({"role": "statistics", "vintages": [WHOLE]}, [("await_edges", "wait")]),
        ({"role": "statistics", "vintages": [PART]}, [("await_registers", "wait")]),
    ],
)
def test_next_steps(situation: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert steps(**situation) == expected


@pytest.mark.parametrize(
    ("roles", "releases", "expected"),
    [
        ("statistician", [], ("propose_release", "do")),
        ("operator", [], ("propose_release", "wait")),
        ("statistician", [release("refused")], ("propose_release", "do")),
        ("output_checker", [release("proposed")], ("decide_release", "wait")),  # it is this person's own
        ("output_checker", [{**release("proposed"), "proposed_by": "account:two"}], ("decide_release", "do")),
        ("statistician", [release("approved"), release("refused")], ("released", "done")),
    ],
)
def test_next_steps_of_a_release(roles: str, releases: list[dict[str, Any]], expected: tuple[str, str]) -> None:
    found = steps("statistics", roles, vintages=[WHOLE], runs=[run("succeeded")], releases=releases)
    assert found == [expected]


def test_an_agreement_that_ends_is_announced_in_time() -> None:
    assert steps(today=AGREEMENT.expires_on - timedelta(days=61))[0] == ("await_submissions", "wait")
    assert steps(today=AGREEMENT.expires_on - timedelta(days=60))[0] == ("agreement_expires", "problem")
    expired, keys = make_agreement(expires_on=date(2026, 2, 1), retention_until=date(2026, 2, 2))
    signed = sign_all(expired, keys)
    assert steps(agreements=[signed]) == [("agreement_expired", "problem")]
    successor, keys = make_agreement(predecessor=expired.id)
    assert steps(agreements=[signed, sign_all(successor, keys)]) == [("await_submissions", "wait")]
