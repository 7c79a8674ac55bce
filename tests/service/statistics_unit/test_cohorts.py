"""Cohorts at the unit: dummy data first, two people, differencing refused, erasure reaches them, every way in alike."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from typer.testing import CliRunner

from contract.errors import ConflictError, ForbiddenError, NotFoundError
from service.accounts.accounts import create_account
from service.runs.actors import CHECKER, OPERATOR, STATISTICIAN, Actor
from service.statistics_unit import cohorts, releases
from service.statistics_unit.disclosure_models import Cohort as CohortRow
from service.statistics_unit.queries import DifferencingError
from service.statistics_unit.start import start_statistics
from tests.service.linkage_unit.builders import VINTAGE, Federation, Register, make_registers
from tests.service.statistics_unit.test_computation import linked, newest
from trajectories.cohorts import CohortError
from wasl.cli.root import app
from wasl.cli.runs import RefusedByUnitError

ANNE = Actor("account:anne", frozenset({STATISTICIAN, CHECKER}))
OMAR = Actor("account:omar", frozenset({CHECKER}))
TOML = """
name = "first contract in the window"
[population]
entry = "first_authorised"
from = 2019-01-01
to = 2024-01-01
[follow_up]
months = 6
[tables]
variables = ["insured_work"]
"""


@pytest.fixture(scope="module")
def registers() -> dict[str, Register]:
    return make_registers()


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory, registers: dict[str, Register]) -> Iterator[Federation]:
    yield from linked(tmp_path_factory.mktemp("cohorts"), registers)


def test_from_definition_to_release_by_two_people(federation: Federation) -> None:
    unit, run = federation.units["statistics"], newest(federation)
    digest = cohorts.read_cohort(TOML).digest
    with pytest.raises(NotFoundError, match="cohort"):
        cohorts.run_cohort(unit, ANNE, digest, run.id)
    for act in (lambda: cohorts.try_cohort(unit, OMAR, TOML), lambda: cohorts.run_cohort(unit, OMAR, digest, run.id)):
        with pytest.raises(ForbiddenError):
            act()
    tried = cohorts.try_cohort(unit, ANNE, TOML)
    assert (tried.digest, tried.tried_with_present_code) == (digest, True)
    made = cohorts.run_cohort(unit, ANNE, digest, run.id)
    assert cohorts.run_cohort(unit, ANNE, digest, run.id).id == made.id
    table = cohorts.cohort_table(unit, made.id)
    members = table.filter(table["table"] == "members")
    assert members["value"].drop_nulls().min() >= 10
    assert made.report["dummy_digest"] == tried.dummy_digest
    proposed = releases.propose_cohort_release(unit, ANNE, made.id)
    with pytest.raises(ForbiddenError, match="of their own"):
        releases.decide_release(unit, ANNE, proposed.id, approve=True)
    with pytest.raises(NotFoundError):
        releases.released_table(unit, proposed.id)
    assert releases.decide_release(unit, OMAR, proposed.id, approve=True).state == "approved"
    assert releases.released_table(unit, proposed.id).equals(table)
    with pytest.raises(NotFoundError):
        releases.propose_cohort_release(unit, ANNE, "0" * 32)


def test_real_data_need_a_dummy_run_with_the_code_in_force(federation: Federation) -> None:
    unit, run = federation.units["statistics"], newest(federation)
    tried = cohorts.try_cohort(unit, ANNE, TOML.replace("months = 6", "months = 7"))
    with unit.database.write() as session:
        session.get_one(CohortRow, tried.digest).dummy_code = "0" * 64
    with pytest.raises(ConflictError, match="other code"):
        cohorts.run_cohort(unit, ANNE, tried.digest, run.id)
    with pytest.raises(CohortError, match="selects nobody"):
        cohorts.try_cohort(unit, ANNE, TOML.replace("months = 6", "months = 8\n").replace("from", "max_age = 1\nfrom"))


def test_cohorts_that_select_too_few_are_refused(federation: Federation) -> None:
    unit, run = federation.units["statistics"], newest(federation)
    early = TOML.replace("from = 2019-01-01", "from = 2001-01-01").replace("to = 2024-01-01", "to = 2002-01-01")
    with pytest.raises(CohortError, match="selects nobody"):
        cohorts.run_cohort(unit, ANNE, cohorts.try_cohort(unit, ANNE, early).digest, run.id)


def test_the_command_runs_a_cohort_as_a_person_who_may(
    federation: Federation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = federation.units["statistics"]
    for name, role in (("nadia", "statistician"), ("karim", "output_checker")):
        create_account(unit.database, name, [role], "sept oliviers et un vélo")
    password, file, out = tmp_path / "password", tmp_path / "cohort.toml", tmp_path / "tables.csv"
    password.write_text("sept oliviers et un vélo")
    file.write_text(TOML)
    monkeypatch.setenv("WASL_ACCOUNT_PASSWORD_FILE", str(password))
    with served(federation.clients["statistics"].app) as url:
        run = ["cohort", "run", str(file), "--url", url, "--propose", "--out", str(out), "--json"]
        answer = CliRunner().invoke(app, [*run, "--account", "nadia"])
        assert answer.exit_code == 0, answer.output
        made = json.loads(
            [line for line in answer.stdout.splitlines() if line.startswith("{")][-1]
        )  # beside the unit's log
        assert made["vintage"] == VINTAGE
        assert out.read_text().startswith("table,variable,month")
        assert releases.list_releases(unit)[0].id == made["release"]
        assert releases.list_releases(unit)[0].state == "proposed"
        refused = CliRunner().invoke(app, [*run, "--account", "karim"])
        assert isinstance(refused.exception, RefusedByUnitError)
        password.write_text("another one altogether")
        assert isinstance(CliRunner().invoke(app, [*run, "--account", "nadia"]).exception, ForbiddenError)


@contextmanager
def served(application: Any) -> Iterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, lifespan="off", log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


def test_the_interface_asks_for_the_same_people(federation: Federation) -> None:
    client, run = federation.clients["statistics"], newest(federation)
    people = {"anne": ANNE, "omar": OMAR, "op": Actor("operator:local", frozenset({OPERATOR}))}
    client.app.state.actor_of = lambda request: people.get(request.headers.get("x-test", ""))
    source = {"source": TOML.replace("first contract", "contract")}
    for who, status in (("", 401), ("op", 403), ("omar", 403), ("anne", 201)):
        answer = client.post("/api/v1/cohorts", json=source, headers={"x-test": who})
        assert answer.status_code == status, answer.text
    digest = answer.json()["digest"]
    path = f"/api/v1/cohorts/{digest}/runs"
    assert client.post(path, json={"run_id": run.id}, headers={"x-test": "op"}).status_code == 403
    made = client.post(path, json={"run_id": run.id}, headers={"x-test": "anne"})
    assert made.status_code == 201, made.text
    assert client.get(path, headers={"x-test": "omar"}).json()["runs"][0]["id"] == made.json()["id"]
    own = f"/api/v1/cohorts/runs/{made.json()['id']}"
    assert client.get(f"{own}/tables.csv", headers={"x-test": "op"}).status_code == 403
    csv = client.get(f"{own}/tables.csv", headers={"x-test": "anne"}).text
    assert csv.splitlines()[0].startswith("table,variable,month")
    assert client.post(f"{own}/release", headers={"x-test": "omar"}).status_code == 403
    proposed = client.post(f"{own}/release", headers={"x-test": "anne"}).json()
    where = f"/api/v1/releases/{proposed['id']}"
    assert client.post(f"{where}/approve", headers={"x-test": "anne"}).status_code == 403
    assert client.post(f"{where}/approve", headers={"x-test": "op"}).status_code == 403
    assert client.post(f"{where}/approve", headers={"x-test": "omar"}).status_code == 200
    assert client.get(f"{where}/tables.csv", headers={"x-test": "anne"}).text == csv
    listed = client.get("/api/v1/cohorts", headers={"x-test": "omar"}).json()["cohorts"]
    assert digest in {one["digest"] for one in listed}


def test_a_rerun_is_the_same_and_erasure_reaches_cohorts(
    tmp_path: Path, registers: dict[str, Register], monkeypatch: pytest.MonkeyPatch
) -> None:
    for federation in linked(tmp_path, registers):
        unit, first = federation.units["statistics"], newest(federation)
        digest = cohorts.try_cohort(unit, ANNE, TOML).digest
        made = cohorts.run_cohort(unit, ANNE, digest, first.id)
        approved = releases.propose_release(unit, ANNE, first.id)
        assert approved.report["populations_too_alike"] == []
        assert approved.report["mechanism"]["method"] == "cell-key perturbation"
        releases.decide_release(unit, OMAR, approved.id, approve=True)

        start_statistics(unit.database, federation.agreement.id, VINTAGE)
        federation.work("statistics")
        second = newest(federation)
        again = cohorts.run_cohort(unit, ANNE, digest, second.id)
        assert (again.id != made.id, again.table_digest, again.tag) == (True, made.table_digest, made.tag)
        assert cohorts.list_cohort_runs(unit, digest)[-1].state == "superseded"
        with pytest.raises(ConflictError, match="superseded"):
            releases.propose_cohort_release(unit, ANNE, made.id)
        same = releases.propose_release(unit, ANNE, second.id)
        assert same.table_digest == approved.table_digest

        gone = sorted(registers["work_contract"].persons)[:2]
        body = json.dumps({"register_name": "work_contract", "subject_refs": gone}).encode()
        assert federation.send("statistics", "POST", "/api/v1/subjects/retract", "cnss", body).status_code == 200
        federation.work("statistics")
        third = newest(federation)
        assert {one.state for one in cohorts.list_cohort_runs(unit, digest)} == {"superseded"}
        with pytest.raises(NotFoundError):
            cohorts.cohort_table(unit, again.id)
        with pytest.raises(DifferencingError):
            cohorts.run_cohort(unit, ANNE, digest, third.id)
        later = releases.propose_release(unit, ANNE, third.id)
        assert later.report["populations_too_alike"] == [f"release {approved.id[:8]}"]
        with pytest.raises(DifferencingError):
            releases.decide_release(unit, OMAR, later.id, approve=True)
        assert releases.decide_release(unit, OMAR, later.id, approve=False).state == "refused"

        # A person taken back while a cohort is under way is in no cohort's tables.
        other = cohorts.try_cohort(unit, ANNE, TOML.replace("months = 6", "months = 12")).digest
        monkeypatch.setattr(cohorts, "cohort_tables", retracting(federation, registers, cohorts.cohort_tables))
        with pytest.raises(ConflictError, match="superseded while"):
            cohorts.run_cohort(unit, ANNE, other, third.id)
        assert cohorts.list_cohort_runs(unit, other) == []


def retracting(federation: Federation, registers: dict[str, Register], tables: Any) -> Any:
    """Return `cohort_tables` during which an institution takes a person back."""

    def made(*arguments: Any) -> Any:
        found = tables(*arguments)
        last = sorted(registers["work_contract"].persons)[2:3]
        message = json.dumps({"register_name": "work_contract", "subject_refs": last}).encode()
        assert federation.send("statistics", "POST", "/api/v1/subjects/retract", "cnss", message).status_code == 200
        federation.work("statistics")
        return found

    return made
