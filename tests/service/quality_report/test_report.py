"""Quality reports of a whole linkage: what they say, what they hide, who gets them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ConflictError, NotFoundError
from service.linkage_unit.start import start_linkage
from service.quality_report.document import diagnosis, quality_document
from service.quality_report.linkage import protected
from service.quality_report.routes import report_of
from service.quality_report.suppression import LEAST, hidden, hidden_cells, hidden_curve
from service.runs.actors import CHECKER, OFFICER, Actor, operator_token
from service.runs.queue import JobQueue
from service.statistics_unit.report import report_sections
from service.web.quality_page import report_page
from tests.service.linkage_unit.builders import VINTAGE, Federation, make_registers, open_federation
from tests.service.web.scene import LINKAGE_QUALITY, STATISTICS_QUALITY

PERSONS = 120


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    made = open_federation(tmp_path_factory.mktemp("report"))
    made.push_all(make_registers(PERSONS))
    start_linkage(made.units["linkage"].database, made.agreement.id, VINTAGE)
    for role in ("linkage", "statistics"):
        made.work(role)
    yield made
    made.close()


def run_of(federation: Federation, role: str) -> str:
    run = JobQueue(federation.units[role].database).runs()[-1]  # the first
    assert run.error is None
    return run.id


def report(federation: Federation, role: str) -> dict[str, Any]:
    return report_of(federation.units[role], run_of(federation, role))


def numbers(found: Any, path: str = "") -> Iterator[tuple[str, int]]:
    """Every whole number of a document with the place it stands at."""
    if isinstance(found, dict):
        for name, own in found.items():
            yield from numbers(own, f"{path}/{name}")
    elif isinstance(found, list):
        for own in found:
            yield from numbers(own, path)
    elif isinstance(found, int) and not isinstance(found, bool):
        yield path, found


def test_a_linkage_reports_blocking_scores_thresholds_and_what_cannot_be_linked(federation: Federation) -> None:
    found = report(federation, "linkage")
    assert (found["format"], found["unit"], found["run"]["vintage"]) == ("wasl-quality/1", "linkage", VINTAGE)
    own = found["linkage"]
    raw = JobQueue(federation.units["linkage"].database).status(found["run"]["id"]).quality
    for name, blocking in own["blocking"].items():
        assert blocking["rows"] == raw["rows"][name] == sum(one[name]["rows"] for one in raw["registers"].values())
        assert blocking["pairs"] == raw["passes"][name]["pairs"]
        assert 0 < blocking["blocks"] <= blocking["rows"]
    shown = [count for count in own["scores"]["pairs"] if count is not None]
    assert 0 < sum(shown) <= sum(one["pairs"] for one in raw["passes"].values())
    half = next(point for point in own["thresholds"] if point["threshold"] == 0.5)
    assert half["precision"] > 0.9
    assert {example["kind"] for example in own["masked_pairs"]} >= {"match"}
    for passes in own["registers"].values():
        for one in passes.values():
            assert one["unlinkable"]["share"] == 0.0  # every made-up row has a name and a whole birth date
            assert one["linked"]["share"] is None or one["linked"]["share"] > 0.5
            assert one["missing"]["given"] == 0.0


def test_a_computation_reports_persons_by_register_and_what_the_edges_brought(federation: Federation) -> None:
    found, linkage = report(federation, "statistics"), report(federation, "linkage")
    assert found["linkage"] == linkage["linkage"]
    own = found["computation"]
    assert own["overall"]["precision"]["value"] > 0.95
    for name, one in own["producers"].items():
        assert one["no_row"]["subjects"] == 0
        for other, link in one["linked"].items():
            assert link["share"] == pytest.approx(0.85, abs=0.12), (name, other)
            assert link["corrected"]["low"] <= link["corrected"]["value"] <= link["corrected"]["high"]
    assert set(own["cells"]) == {"border_crossing", "work_contract", "social_security"}


@pytest.mark.parametrize("role", ["linkage", "statistics"])
def test_no_small_count_leaves_a_unit(federation: Federation, role: str) -> None:
    found = report(federation, role)
    # sizes of figures rather than of people, and shares or weights that happen to be whole
    names = "from|step|patterns|blocks|largest_block|suppressed_below|value|low|high|share|precision|recall|in_pass/.*"
    other = re.compile(f"/({names}|m|u|weight|prior|probability|missing/.*|expected_matches|missed_pairs)(/|$)")
    small = [(path, number) for path, number in numbers(found) if 0 < number < LEAST and not other.search(path)]
    assert small == []
    text = json.dumps(found)
    assert "handle" not in text
    assert "subject_ref" not in text


def test_a_diagnosis_holds_one_register_alone(federation: Federation) -> None:
    whole = report(federation, "statistics")
    own = diagnosis(whole, "work_contract")
    assert own["linked"] == whole["computation"]["producers"]["work_contract"]
    assert own["passes"] == whole["linkage"]["registers"]["work_contract"]
    assert own["cells"] == whole["computation"]["cells"]["work_contract"]
    assert set(own["registers"]) == set(own["run"]["submissions"]) == {"work_contract"}
    assert set(own) == {
        *("format", "unit", "run", "register", "registers", "suppressed_below"),
        *("linked", "passes", "cells"),
    }
    assert set(diagnosis(report(federation, "linkage"), "work_contract")) >= {"passes"}
    with pytest.raises(NotFoundError):
        diagnosis(whole, "consular")


@pytest.mark.parametrize(
    ("code", "role", "register"),
    [("fr", "statistics", None), ("ar", "linkage", None), ("en", "statistics", "work_contract")],
)
def test_the_page_stands_alone_and_says_in_tables_what_charts_draw(
    federation: Federation, code: str, role: str, register: str | None
) -> None:
    found = report(federation, role)
    page = report_page(found if register is None else diagnosis(found, register), code)
    assert f'<html lang="{code}" dir="{"rtl" if code == "ar" else "ltr"}">' in page
    assert not re.findall(r'(?:src|href)="(?!#)', page)
    assert "<script" not in page
    assert page.count("<h1>") == 1
    assert page.count("<svg") == page.count("<figure") >= (3 if register else 6)
    assert page.count("<caption>") == page.count("<table>") >= page.count("<figure")
    if register is None:
        assert found["digest"] in page
    else:
        assert "Diagnosis for Foreign work contracts" in page
        assert "Threshold curve" not in page


def test_who_gets_a_report_and_that_it_is_recorded(federation: Federation) -> None:
    client, run_id = federation.clients["linkage"], run_of(federation, "linkage")
    path = f"/api/v1/runs/{run_id}/quality-report"
    assert client.get(path).status_code == 401
    token = {"Authorization": f"Bearer {operator_token(federation.units['linkage'].settings)}"}
    answer = client.get(path, headers=token)
    assert answer.json() == report(federation, "linkage")
    page = client.get(path, params={"form": "html", "lang": "en", "register": "work_contract"}, headers=token)
    assert page.headers["content-type"].startswith("text/html")
    assert 'filename="quality-2025-01-work_contract' in page.headers["content-disposition"]
    assert "Unlinkable records" in page.text
    assert client.get(path, params={"register": "../x"}, headers=token).status_code == 404
    assert client.get(path, params={"form": "pdf"}, headers=token).status_code == 422
    people = {"checker": Actor("account:c", frozenset({CHECKER})), "officer": Actor("account:o", frozenset({OFFICER}))}
    client.app.state.actor_of = lambda request: people.get(request.headers.get("x-test", ""))
    assert client.get(path, headers={"x-test": "checker"}).status_code == 403
    assert client.get(path, headers={"x-test": "officer"}).status_code == 200
    client.app.state.actor_of = lambda _request: None
    from sqlalchemy import select

    from service.audit.models import AuditEntry

    with federation.units["linkage"].database.read() as session:
        entries = session.scalars(select(AuditEntry.document).where(AuditEntry.action == "run:report")).all()
    assert [json.loads(entry)["details"]["register"] for entry in entries] == ["", "work_contract", ""]


def test_runs_without_a_result_and_of_earlier_versions(federation: Federation) -> None:
    unit = federation.units["linkage"]
    waiting = start_linkage(unit.database, federation.agreement.id, VINTAGE)
    with pytest.raises(ConflictError):
        quality_document(unit, waiting.id)
    JobQueue(unit.database).cancel(waiting.id, "operator:test")
    with pytest.raises(NotFoundError):
        quality_document(unit, "0" * 32)
    old = protected(LINKAGE_QUALITY)
    assert "scores" not in old
    assert old["blocking"] == {"birth": {"rows": 24_120}}
    document = {**report(federation, "linkage"), "linkage": old}
    assert "m- and u-probabilities of pass birth" in report_page(document, "en")
    assert "assessment" not in STATISTICS_QUALITY["cluster"]
    computation = report_sections(federation.units["statistics"], _statistics_run(federation))["computation"]
    assert computation["cells"]["work_contract"]["decision"]["rule"] == "words"


def _statistics_run(federation: Federation) -> Any:
    return JobQueue(federation.units["statistics"].database).status(run_of(federation, "statistics"))


@given(st.lists(st.integers(0, 40), max_size=12))
def test_hidden_cells_cannot_be_worked_out_from_their_total(counts: list[int]) -> None:
    shown = hidden_cells(counts)
    gone = [count for count, seen in zip(counts, shown, strict=True) if seen is None]
    assert all(seen is None or seen == 0 or seen >= LEAST for seen in shown)
    assert all(seen is None or seen == count for count, seen in zip(counts, shown, strict=True))
    if gone and any(seen for seen in shown):
        assert len(gone) > 1
        assert sum(gone) >= LEAST
    if all(count == 0 or count >= LEAST for count in counts):
        assert not gone


@given(st.lists(st.integers(0, 60), min_size=1, max_size=10))
def test_no_two_points_of_a_curve_differ_by_a_few_links(steps: list[int]) -> None:
    links = [sum(steps[place:]) for place in range(len(steps))]
    shown = hidden_curve([{"threshold": place, "links": count} for place, count in enumerate(links)])
    seen = [point["links"] for point in shown]
    assert seen == sorted(seen, reverse=True)
    assert all(not 0 < high - low < LEAST for high, low in pairwise([*seen, 0]))


def test_a_count_is_hidden_with_what_it_leaves_over() -> None:
    assert [hidden(count, 100) for count in (0, 1, 9, 10, 90, 91, 99, 100)] == [0, None, None, 10, 90, None, None, 100]
