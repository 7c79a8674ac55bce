"""What people do on pages, by role: runs, releases, the audit log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from contract.audit_log import verify_bundle
from service.runs.actors import Actor
from service.statistics_unit.releases import propose_release
from service.web import cohorts
from tests.service.web.conftest import visitor
from tests.service.web.scene import (
    STATISTICS_QUALITY,
    add_accounts,
    advance,
    start,
    store_tables,
    submit,
    succeed,
    table,
)
from trajectories.cohorts import CohortError
from trajectories.exports import indicators_csv


def test_an_operator_starts_cancels_and_resumes_a_run(empty: Any) -> None:
    world = empty()
    add_accounts(world)
    for register in ("social_security", "border_crossing"):
        submit(world, register, "2024-12")
    operator, officer = visitor(world, "linker"), visitor(world, "officer")
    form = {"agreement_id": world.agreement.id, "vintage": "2024-12"}
    assert '<form method="post" action="/runs">' in operator.get("/overview").text
    assert '<form method="post" action="/runs">' not in officer.get("/overview").text
    assert officer.post("/runs", data=form).status_code == 403
    place = operator.post("/runs", data=form).headers["location"].split("?")[0]
    assert operator.post("/runs", data=form).status_code == 409
    run = operator.get(f"{place}.json").json()["run"]
    assert (run["state"], run["requested_by"]) == ("queued", "account:linker")
    assert set(run["parameters"]["submissions"]) == {"social_security", "border_crossing"}
    for change, state in (("cancel", "cancelled"), ("resume", "queued")):
        assert officer.post(f"{place}/{change}").status_code == 403
        assert operator.post(f"{place}/{change}").status_code == 303
        assert operator.get(f"{place}.json").json()["run"]["state"] == state
    assert operator.post(f"{place}/vanish").status_code == 404
    for action in ("run:start", "run:cancel", "run:resume"):
        assert {"action": action, "actor": "account:linker"} in [
            {"action": entry["action"], "actor": entry["actor"]} for entry in world.audit()
        ]


def test_a_release_needs_two_people(empty: Any) -> None:
    world = empty("statistics")
    add_accounts(world, both=("statistician", "output_checker"))
    run = succeed(world, "statistics", "2024-12", STATISTICS_QUALITY, {"trajectories": store_tables(world.unit)})
    counter, checker, both, officer = (visitor(world, name) for name in ("counter", "checker", "both", "officer"))

    assert officer.get("/trajectories.json").json()["table"] is None
    assert officer.get(f"/trajectories?run={run.id}").status_code == 404
    assert officer.get(f"/trajectories/table.csv?run={run.id}").status_code == 404
    assert counter.get("/trajectories.json").json()["may_propose"] is True
    assert checker.post("/releases", data={"run_id": run.id}).status_code == 403
    assert both.post("/releases", data={"run_id": run.id}).status_code == 303
    shown = counter.get("/trajectories.json").json()
    assert shown["may_propose"] is False
    (release,) = shown["releases"]
    place = f"/releases/{release['id']}"
    assert [client.post(f"{place}/approve").status_code for client in (counter, both)] == [403, 403]
    assert both.get("/trajectories.json").json()["releases"][0]["may_decide"] is False
    assert checker.get("/trajectories.json").json()["releases"][0]["may_decide"] is True
    assert checker.post(f"{place}/approve").headers["location"] == "/trajectories?notice=approved"

    answer = officer.get(f"/trajectories/table.csv?release={release['id']}")
    assert answer.content == indicators_csv(table())
    assert answer.headers["content-disposition"].startswith("attachment")
    assert officer.get("/trajectories.json").json()["table"]["source"]["kind"] == "release"
    assert "release:approve" in world.actions()


def test_a_table_is_filtered_by_its_address(units: Any) -> None:
    world, ids = units["statistics"]
    client = visitor(world, "counter")
    query = {"run": ids["first"], "breakdown": "sex", "indicator": "gap_none", "residence": "all"}
    found = client.get("/trajectories.json", params=query).json()["table"]
    assert [row["category"] for row in found["rows"]] == ["F", "M"]
    nothing = {"value": None, "lower": None, "upper": None, "linked": None}
    assert found["rows"][0]["values"] == dict.fromkeys(("2019", "2020", "2021", "2022", "2023"), nothing)
    page = client.get("/trajectories", params={**query, "lang": "en"}).text
    assert page.partition('<table class="indicators">')[2].count('<td class="number">c</td>') == 10
    lines = client.get("/trajectories/table.csv", params=query).text.splitlines()
    assert len(lines) == 1 + 2 * 5
    assert client.get("/trajectories", params={"breakdown": "absent"}).status_code == 200


@pytest.mark.parametrize(
    ("language", "activity", "beside"), [("fr", "Construction", "par les liens"), ("ar", "التشييد", "حسب الروابط")]
)
def test_categories_have_names_and_corrected_figures_stand_over_the_links(
    units: Any, language: str, activity: str, beside: str
) -> None:
    world, ids = units["statistics"]
    query = {"run": ids["first"], "breakdown": "activity", "residence": "all", "lang": language}
    page = visitor(world, "counter").get("/trajectories", params=query).text
    assert f"<td>{activity}</td>" in page
    assert page.count(beside) == 4 * 5  # the four kinds of workers, five years


def test_the_chart_shows_the_tables_own_figures(units: Any) -> None:
    world, _ = units["statistics"]
    client = visitor(world, "counter")
    answer = client.get("/trajectories/chart.svg", params={"lang": "en"})
    assert answer.headers["content-type"] == "image/svg+xml"
    for name in ("Workers insured", "Workers authorised", "Workers insured or authorised"):
        assert name in answer.text
    chart = client.get("/trajectories.json").json()["table"]["chart"]
    assert [row["period"] for row in chart] == ["2019", "2020", "2021", "2022", "2023"]
    assert "<script" not in answer.text


def test_flows_and_chronogram_are_drawn_beside_their_tables(units: Any) -> None:
    world, ids = units["statistics"]
    client = visitor(world, "counter")
    flows = client.get("/trajectories.json").json()["table"]["flows"]
    assert flows["rows"]["insured"] == {
        "both": None,
        "insured": 0.4,
        **dict.fromkeys(("authorised", "none", "absent"), 0.15),
    }
    cohort = f"/cohorts/{ids['cohort']}"
    for page, picture, words in (
        ("/trajectories", "/trajectories/flows", "insured only"),
        (cohort, f"{cohort}/states", "Presence + Residence permit"),
        (cohort, f"{cohort}/dummy", "Presence + Residence permit"),
    ):
        assert words in client.get(page, params={"lang": "en"}).text
        assert words in client.get(f"{picture}.svg", params={"lang": "en"}).text
        assert client.get(f"{picture}.png").content[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_cohort_of_too_few_dummy_persons_keeps_its_page(units: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: str) -> None:
        raise CohortError("The cohort has fewer than ten members.")

    world, ids = units["statistics"]
    monkeypatch.setattr(cohorts, "_dummy", nobody)
    page = visitor(world, "counter").get(f"/cohorts/{ids['cohort']}", params={"lang": "en"})
    assert page.status_code == 200
    assert "try it again" in page.text
    assert "/dummy.svg" not in page.text
    assert "Chronogram" in page.text


def test_the_log_verifies_on_its_page_and_offline(units: Any, tmp_path: Path) -> None:
    world, _ = units["statistics"]
    client = visitor(world, "officer")
    found = client.get("/audit.json", params={"verify": "yes"}).json()
    assert found["verification"]["whole"] is True
    bundle = tmp_path / "audit.json"
    bundle.write_bytes(client.get("/audit/bundle").content)
    verify_bundle(bundle)
    assert len(json.loads(bundle.read_bytes())["entries"]) == found["size"]


def test_the_log_is_paged_and_filtered(units: Any) -> None:
    world, _ = units["linkage"]
    client = visitor(world, "officer")
    first = client.get("/audit.json").json()
    second = client.get("/audit.json", params={"before": first["older"]}).json()
    numbers = [entry["sequence"] for entry in first["entries"] + second["entries"]]
    assert numbers == list(range(first["size"] - 1, first["size"] - 1 - len(numbers), -1))
    started = client.get("/audit.json", params={"action": "run:start"}).json()["entries"]
    assert {entry["action"] for entry in started} == {"run:start"}


def test_an_altered_log_is_called_so(empty: Any) -> None:
    world = empty()
    add_accounts(world)
    client = visitor(world, "officer")
    with world.unit.database.write() as session:
        session.execute(text("UPDATE audit_entries SET document = replace(document, 'keeper', 'nobody')"))
    assert client.get("/audit.json", params={"verify": "yes"}).json()["verification"]["whole"] is False
    assert 'class="problem"' in client.get("/audit", params={"verify": "yes"}).text


@pytest.mark.parametrize("role", ["linkage", "statistics"])
def test_empty_units_teach_the_first_step(empty: Any, role: str) -> None:
    world = empty(role, install=False)
    add_accounts(world)
    client = visitor(world, "linker")
    assert [step["kind"] for step in client.get("/overview.json").json()["steps"]] == ["install_agreement"]
    for path in ("/overview", "/agreement", "/submissions"):
        assert f"wasl agreement install FILE --role {role} --data FOLDER" in client.get(path).text
    for path in ("/runs", "/audit", *(["/trajectories"] if role == "statistics" else [])):
        assert client.get(path).status_code == 200


def test_a_newer_computation_blocks_the_release_of_an_older_one(empty: Any) -> None:
    world = empty("statistics")
    add_accounts(world)
    made = {"trajectories": store_tables(world.unit)}
    old = succeed(world, "statistics", "2024-12", STATISTICS_QUALITY, made)
    release = propose_release(world.unit, Actor("account:counter", frozenset({"statistician"})), old.id)
    advance(world, start(world, "statistics", "2024-12"), "merge", 1, 0)
    answer = visitor(world, "checker").post(f"/releases/{release.id}/approve")
    assert answer.status_code == 409
    assert "newest computation" in answer.text
