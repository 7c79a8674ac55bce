"""From edges to persons, trajectories and releases."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select, text

from contract.errors import ConflictError, ForbiddenError, NotFoundError
from service.linkage_unit.start import start_linkage
from service.runs.actors import CHECKER, OPERATOR, STATISTICIAN, Actor, operator_token
from service.runs.port import RunState
from service.runs.queue import JobQueue
from service.statistics_unit import links, releases
from service.statistics_unit.start import latest_run, start_statistics
from service.statistics_unit.subject_models import PersonLink
from service.statistics_unit.subjects import subjects_database
from tests.service.linkage_unit.builders import (
    VINTAGE,
    Federation,
    Register,
    agreement_of_pairs,
    make_registers,
    open_federation,
)

ANNE = Actor("account:anne", frozenset({STATISTICIAN, CHECKER}))
OMAR = Actor("account:omar", frozenset({CHECKER}))


@pytest.fixture(scope="module")
def registers() -> dict[str, Register]:
    return make_registers()


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory, registers: dict[str, Register]) -> Iterator[Federation]:
    """Shared by all tests that take nothing away from it."""
    yield from linked(tmp_path_factory.mktemp("computation"), registers)


@pytest.fixture
def own_federation(tmp_path: Path, registers: dict[str, Register]) -> Iterator[Federation]:
    yield from linked(tmp_path, registers)


def linked(folder: Path, registers: dict[str, Register]) -> Iterator[Federation]:
    made = open_federation(folder)
    link(made, registers, VINTAGE)
    yield made
    made.close()


def link(federation: Federation, registers: dict[str, Register], vintage: str) -> None:
    federation.push_all(registers, vintage)
    start_linkage(federation.units["linkage"].database, federation.agreement.id, vintage)
    federation.work("linkage")
    federation.work("statistics")


def persons(federation: Federation, vintage: str = VINTAGE) -> dict[tuple[str, str], str]:
    table = links.read_links(federation.units["statistics"].settings, federation.agreement.id, vintage)
    return {(row[0], row[1]): row[2] for row in table.iter_rows()}


def newest(federation: Federation, vintage: str = VINTAGE):
    with federation.units["statistics"].database.read() as session:
        return latest_run(session, federation.agreement.id, vintage)


def test_persons_are_found_and_every_subject_is_one_of_them(
    federation: Federation, registers: dict[str, Register]
) -> None:
    truth = {name: register.persons for name, register in registers.items()}
    found = persons(federation)
    assert set(found) == {(name, subject) for name, own in truth.items() for subject in own}
    precision, recall = agreement_of_pairs(truth, found)
    assert precision > 0.97
    assert recall > 0.97
    single = [person for (register, _), person in found.items() if register == "social_security"]
    assert len(single) == len(set(single))


def test_records_spells_and_indicators_come_of_the_links(
    federation: Federation, registers: dict[str, Register]
) -> None:
    settings, agreement_id = federation.units["statistics"].settings, federation.agreement.id
    records = links.read_records(settings, agreement_id, VINTAGE)
    assert {name: frame.height for name, frame in records.items()} == {
        name: len(register.persons) for name, register in registers.items()
    }
    assert "subject_ref" not in records["work_contract"].columns
    spells = links.read_spells(settings, agreement_id, VINTAGE)
    assert set(spells["person_id"]) <= set(persons(federation).values())
    assert set(spells["channel"]) == {"presence", "authorised_work", "insured_work"}
    raw = links.read_indicators(settings, agreement_id, VINTAGE, raw=True)
    workers = raw.filter(
        (pl.col("indicator") == "workers_authorised")
        & (pl.col("residence") == "all")
        & (pl.col("breakdown") == "total")
        & (pl.col("period") == "2022")
    )
    assert workers["value"].to_list() == [float(len(set(records["work_contract"]["person_id"])))]
    protected = links.read_indicators(settings, agreement_id, VINTAGE)
    assert protected["protected"].all()
    counts = protected.filter(~pl.col("indicator").str.contains("median|coverage|protection"))["value"].drop_nulls()
    assert ((counts % 5) == 0).all()


def test_computing_again_gives_the_same_digest_and_persons(federation: Federation) -> None:
    first, before = newest(federation), persons(federation)
    start_statistics(federation.units["statistics"].database, federation.agreement.id, VINTAGE)
    federation.work("statistics")
    again = newest(federation)
    assert again.id != first.id
    assert again.result_digest == first.result_digest
    assert persons(federation) == before
    assert again.quality["cluster"]["persons_seen_before"] == again.quality["cluster"]["persons"]


def test_persons_outlive_a_vintage(own_federation: Federation) -> None:
    federation = own_federation
    before = persons(federation)
    link(federation, make_registers(140, salt="another key"), "2026-01")
    after = persons(federation, "2026-01")
    assert set(before) & set(after)
    kept = [before[subject] == after[subject] for subject in before if subject in after]
    assert sum(kept) / len(kept) > 0.97
    assert persons(federation) == before


def test_a_retracted_subject_is_gone_at_once(own_federation: Federation, registers: dict[str, Register]) -> None:
    federation, unit = own_federation, own_federation.units["statistics"]
    before, first = persons(federation), newest(federation)
    proposed = releases.propose_release(unit, ANNE, first.id)
    objects = {*unit.store.digests(), *unit.subjects.digests()}
    gone = sorted(registers["work_contract"].persons)[:3]
    body = json.dumps({"register_name": "work_contract", "subject_refs": [*gone, gone[0]]}).encode()
    path = "/api/v1/subjects/retract"
    assert federation.send("statistics", "POST", path, "dgsn", body).status_code == 403
    assert federation.send("statistics", "POST", path, "lu", body).status_code == 403
    answer = federation.send("statistics", "POST", path, "cnss", body)
    assert (answer.status_code, answer.json()) == (200, {"retracted": 3})
    assert federation.send("statistics", "POST", path, "cnss", body).json() == {"retracted": 0}
    assert len(JobQueue(federation.units["statistics"].database).runs()) == 2
    federation.work("statistics")
    after = persons(federation)
    assert set(before) - set(after) == {("work_contract", subject) for subject in gone}
    assert all(after[subject] == before[subject] for subject in after)
    assert newest(federation).result_digest != first.result_digest
    records = links.read_records(unit.settings, federation.agreement.id, VINTAGE)
    assert records["work_contract"].height == len(registers["work_contract"].persons) - 3
    left = {*unit.store.digests(), *unit.subjects.digests()}
    # among them pairs, links, records, spells, figures, corrected figures, log, cells, population, index, review sheet
    assert len(objects - left) == 12
    assert proposed.table_digest in left
    with subjects_database(unit.settings) as database, database.read() as session:
        assert not set(gone) & set(session.scalars(select(PersonLink.subject_ref)))
    with pytest.raises(ConflictError, match="computed anew"):
        releases.decide_release(unit, OMAR, proposed.id, approve=True)
    assert releases.decide_release(unit, OMAR, proposed.id, approve=False).state == "refused"


def test_a_retracted_submission_is_left_out_of_the_next_computation(own_federation: Federation) -> None:
    federation = own_federation
    manifest_id = newest(federation).parameters["submissions"]["border_crossing"]
    path = f"/api/v1/submissions/{manifest_id}/retract"
    assert federation.send("statistics", "POST", path, "dgsn").status_code == 200
    run = start_statistics(federation.units["statistics"].database, federation.agreement.id, VINTAGE)
    assert sorted(run.parameters["submissions"]) == ["social_security", "work_contract"]
    federation.work("statistics")
    assert {register for register, _ in persons(federation)} == {"social_security", "work_contract"}


def test_links_lie_in_the_subjects_database_alone(federation: Federation) -> None:
    settings = federation.units["statistics"].settings
    found = persons(federation)
    with subjects_database(settings) as database, database.read() as session:
        assert set(session.scalars(select(PersonLink.person_id))) == set(found.values())
    assert settings.subjects_dir.stat().st_mode & 0o777 == 0o700
    subject = next(iter(found))[1].encode()
    for path in sorted(settings.data_dir.glob("statistics.sqlite*")):
        assert subject not in path.read_bytes()
    with federation.units["statistics"].database.read() as session:
        tables = session.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
    assert "person_links" not in tables


def test_a_release_needs_two_people(federation: Federation) -> None:
    unit, run = federation.units["statistics"], newest(federation)
    with pytest.raises(ForbiddenError):
        releases.propose_release(unit, OMAR, run.id)
    proposed = releases.propose_release(unit, ANNE, run.id)
    with pytest.raises(ForbiddenError, match="of their own"):
        releases.decide_release(unit, ANNE, proposed.id, approve=True)
    with pytest.raises(ForbiddenError):
        releases.decide_release(unit, Actor("operator:local", frozenset({OPERATOR})), proposed.id, approve=True)
    with pytest.raises(NotFoundError):
        releases.released_table(unit, proposed.id)
    assert releases.decide_release(unit, OMAR, proposed.id, approve=True).state == "approved"
    table = releases.released_table(unit, proposed.id)
    assert table["protected"].all()
    assert (table["value"].is_null() == table["linked"].is_null()).all()
    assert table["linked"].drop_nulls().len()
    with pytest.raises(ConflictError, match="approved already"):
        releases.decide_release(unit, OMAR, proposed.id, approve=False)


def test_the_interface_gives_protected_figures_only(federation: Federation) -> None:
    client, run = federation.clients["statistics"], newest(federation)
    token = {"Authorization": f"Bearer {operator_token(federation.units['statistics'].settings)}"}
    path = f"/api/v1/runs/{run.id}/indicators"
    assert client.get(path).status_code == 401
    assert client.get(path, headers=token).status_code == 403
    assert client.post("/api/v1/releases", json={"run_id": run.id}, headers=token).status_code == 403
    client.app.state.actor_of = lambda request: {"anne": ANNE, "omar": OMAR}.get(request.headers.get("x-test", ""))
    seen = client.get(path, headers={"x-test": "anne"}).json()["indicators"]
    assert seen
    assert all(row["protected"] for row in seen)
    proposed = client.post("/api/v1/releases", json={"run_id": run.id}, headers={"x-test": "anne"})
    assert proposed.status_code == 201, proposed.text
    where = f"/api/v1/releases/{proposed.json()['id']}"
    assert client.get(f"{where}/tables.csv", headers={"x-test": "anne"}).status_code == 404
    assert client.post(f"{where}/approve", headers={"x-test": "omar"}).json()["state"] == "approved"
    table = client.get(f"{where}/tables.csv", headers={"x-test": "anne"})
    assert table.text.splitlines()[0].startswith("indicator,residence,period")
    assert client.get(path + "?form=csv", headers={"x-test": "anne"}).text == table.text
    forms = {
        name: client.get(f"{where}/{name}", headers={"x-test": "omar"}).content
        for name in ("tables.parquet", "tables.sdmx.csv", "structure.xml")
    }
    parquet = pl.read_parquet(io.BytesIO(forms["tables.parquet"]))
    assert {"resident_stock", "retention_12", "net_migration", "pay_gap"} <= set(parquet["indicator"])
    assert parquet["lower"].is_null().equals(parquet["value"].is_null())  # what is shown has an interval
    assert forms["tables.sdmx.csv"].count(b"\n") == parquet.height + 1
    assert b"RETENTION_12" in forms["structure.xml"]
    assert client.get(f"{where}/tables.parquet").status_code == 401
    listed = client.get("/api/v1/releases", headers={"x-test": "omar"}).json()["releases"]
    assert listed[0]["state"] == "approved"
    started = client.post(
        "/api/v1/runs", json={"agreement_id": federation.agreement.id, "vintage": VINTAGE}, headers=token
    )
    assert started.json()["state"] == RunState.QUEUED
    missing = client.post(
        "/api/v1/runs", json={"agreement_id": federation.agreement.id, "vintage": "1999"}, headers=token
    )
    assert missing.status_code == 409


def test_nothing_to_read_before_a_computation(tmp_path: Path) -> None:
    federation = open_federation(tmp_path)
    with pytest.raises(NotFoundError):
        links.read_links(federation.units["statistics"].settings, federation.agreement.id, VINTAGE)
    federation.close()
