"""Units with something on every page: agreements, submissions, runs in every state, tables, releases, accounts."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import polars as pl

from contract.canonical import canonical_json, digest
from contract.errors import ConfigurationError
from contract.submission import seal_info
from service.accounts import passwords
from service.accounts.accounts import create_account
from service.runs import ledger
from service.runs.actors import Actor
from service.runs.port import ChunkPlan, ChunkResult, Outcome, Run
from service.runs.queue import STAGES
from service.runs.worker import LEASE
from service.statistics_unit.cohorts import try_cohort
from service.statistics_unit.disclosure_models import CohortRun
from service.statistics_unit.releases import decide_release, propose_cohort_release, propose_release
from service.statistics_unit.review_sheet import FORMAT
from service.statistics_unit.trajectories import PROTECTED
from service.statistics_unit.workflow import put_frame
from service.unit import Unit
from tests.service.parties import World, make_parcel, open_parcel, pack, parquet, patch, payload
from trajectories.cohorts import dummy_run, read_cohort
from trajectories.definitions import INDICATORS
from trajectories.indicators import INDICATOR_SCHEMA
from trajectories.measures.stocks import STATES

PASSWORD = "sept oliviers et un vélo"
ROLES: dict[str, tuple[str, ...]] = {
    "linker": ("operator",),
    "counter": ("statistician",),
    "checker": ("output_checker",),
    "officer": ("privacy_officer",),
    "keeper": ("admin",),
}
HOLDERS = {"social_security": "cnss", "border_crossing": "dgsn"}
YEARS = ("2019", "2020", "2021", "2022", "2023")
CATEGORIES = (("total", "total"), ("sex", "F"), ("sex", "M"), ("activity", "F"))
WORKER = "worker:test"


def add_accounts(world: World, **more: tuple[str, ...]) -> None:
    # Cheap hashes, real in everything else: what a hash costs is tested with the accounts.
    with mock.patch.multiple(passwords, _MEMORY_KIB=1024, _ITERATIONS=1):
        for name, roles in {**ROLES, **more}.items():
            create_account(world.unit.database, name, roles, PASSWORD)


def bare_half() -> bytes:
    """The statistics half of a register whose agreement lets no column travel."""
    tables = payload()
    tables["records.parquet"] = tables["records.parquet"].drop_columns(["sex"])
    tables["events.parquet"] = tables["events.parquet"].drop_columns(["period"])
    return pack({name: parquet(table) for name, table in tables.items()})


def submit(world: World, register: str, vintage: str, *, whole: bool = True) -> str:
    """Push a submission as its institution would, or stop after half of its first file."""
    holder, number = HOLDERS[register], digest(f"{register}/{vintage}".encode())[:32]
    parcel = make_parcel(
        world,
        signer=holder,
        institution=holder,
        register_name=register,
        vintage=vintage,
        submission_id=number,
        half=None if register == "social_security" else bare_half(),
        info=seal_info(world.agreement.id, register, vintage, number),
    )
    opened = open_parcel(world, parcel, party=holder)
    assert opened.status_code == 200, opened.text
    for file in opened.json()["files"]:
        content = parcel.files[file["name"]]
        sent = patch(world, parcel, file["name"], 0, content if whole else content[: len(content) // 2], party=holder)
        assert sent.status_code == 200, sent.text
        if not whole:
            return parcel.id
    done = world.send("POST", f"/api/v1/submissions/{parcel.id}/complete", party=holder)
    assert done.status_code == 200, done.text
    return parcel.id


def start(world: World, kind: str, vintage: str) -> Run:
    with world.unit.database.write() as session:
        return ledger.enqueue(session, kind, world.agreement.id, vintage, {"submissions": {}}, "account:linker")


def advance(world: World, run: Run, stage: str, chunks: int, done: int, digests: dict[str, str] | None = None) -> Run:
    """Open the next stage of a run and do some of its chunks, as a worker does."""
    with world.unit.database.write() as session:
        plans = [ChunkPlan(f"{stage}-{number}") for number in range(chunks)]
        assert ledger.open_stage(session, ledger.as_run(ledger.find(session, run.id)), stage, plans, WORKER)
    work_on(world, run.id, done, digests)
    with world.unit.database.read() as session:
        return ledger.as_run(ledger.find(session, run.id))


def work_on(world: World, run_id: str, chunks: int, digests: dict[str, str] | None = None) -> None:
    """Do so many free chunks of the oldest running run, which must be this one."""
    with world.unit.database.write() as session:
        for _ in range(chunks):
            claimed = ledger.claim(session, WORKER, LEASE)
            assert claimed is not None
            run, chunk = claimed
            assert run.id == run_id
            made = (digests or {}).get(chunk.stage, digest(chunk.name.encode()))
            ledger.complete(session, run, chunk, ChunkResult(made), WORKER, drawn=False)


def succeed(world: World, kind: str, vintage: str, quality: dict[str, Any], digests: dict[str, str]) -> Run:
    run = start(world, kind, vintage)
    for stage in STAGES[kind]:
        run = advance(world, run, stage, 1, 1, digests)
    with world.unit.database.write() as session:
        assert ledger.finish(session, run, Outcome(digest(vintage.encode()), quality), WORKER)
        return ledger.as_run(ledger.find(session, run.id))


def fail(world: World, kind: str, vintage: str) -> Run:
    run = advance(world, start(world, kind, vintage), STAGES[kind][0], 3, 1)
    error = ConfigurationError("The statistics unit's address is not set.", advice="Set WASL_STATISTICS_URL.")
    with world.unit.database.write() as session:
        ledger.fail(session, run, error.problem(), WORKER)
    return run


LINKAGE_QUALITY = {
    "passes": {
        "birth": {
            "pairs": 182_340,
            "patterns": 412,
            "match_rate": 0.0213,
            "estimated_matches": 3883.4,
            "estimated_links": 3871,
            "probability_histogram": [0] * 20,
            "variables": {
                "full": {
                    "levels": ["exact", "close", "disagree"],
                    "m": [0.81, 0.15, 0.04],
                    "u": [0.003, 0.02, 0.977],
                    "weight": [8.08, 2.91, -4.61],
                    "missing": 0.012,
                    "touched_by_key": False,
                },
                "birth_year": {
                    "levels": ["exact", "disagree"],
                    "m": [0.99, 0.01],
                    "u": [0.95, 0.05],
                    "weight": [0.06, -2.32],
                    "missing": 0.0,
                    "touched_by_key": True,
                },
            },
        }
    },
    "inverted": [],
    "converged": True,
    "rows": {"birth": 24_120},
}
STATISTICS_QUALITY = {
    "merge": {"subjects": 9_412, "subject_pairs": 4_210},
    "cluster": {"subjects": 9_412, "persons": 5_207, "persons_seen_before": 4_988},
    "records": {"border_crossing": 8_110, "social_security": 3_020},
    "trajectories": {
        "spells": 12_431,
        "window": {"start": "2019-01-01", "end": "2024-01-01"},
        "left_out": ["consular"],
        "losses": [{"register": "border_crossing", "reason": "date", "rows": 12}],
    },
}


def table() -> pl.DataFrame:
    """A protected table of plausible size, suppressed cells included."""
    rows = []
    for place, indicator in enumerate(INDICATORS):
        for residence in indicator.residence:
            for year, period in enumerate(YEARS):
                for part, (breakdown, category) in enumerate(CATEGORIES):
                    value: float | None = 1200.0 + 55 * place + 85 * year - 300 * part
                    if indicator.kind == "ratio":
                        value = 0.61 + 0.03 * year - 0.05 * part
                    elif indicator.kind == "median":
                        value = 4.5 - 0.5 * year
                    if indicator.code.startswith("gap_none") and part:
                        value = None
                    rows.append((indicator.code, residence, period, breakdown, category, value, None, None, True))
    for before in STATES:
        for after in STATES:
            share = None if after == "both" else 0.4 if before == after else 0.15
            rows.append((f"transition_{before}_{after}", "all", YEARS[-1], "total", "total", share, None, None, True))
    linked = pl.when(pl.col("indicator").str.starts_with("workers")).then(pl.col("value") - 12).otherwise("value")
    return pl.DataFrame(rows, schema=INDICATOR_SCHEMA, orient="row").with_columns(linked=linked)


def store_tables(unit: Unit) -> str:
    """Store what the last stage of a computation makes and return its digest."""
    frames = {PROTECTED: put_frame(unit.store, table())}
    return unit.store.put(io.BytesIO(canonical_json({"frames": frames, "window": None})))[0]


def sheet_pair(number: int, probability: float) -> dict[str, Any]:
    """A pair of a review sheet: a border crosser and an insured one who may be the same."""
    levels = {"given": "close", "family": "exact_rare", "birth_date": "year_month", "sex": "equal"}
    union = ["workers_union", "all", {"2022": -1, "2023": -1}]
    side = {"records": 1, "events": 7, "person": 1, "single": False}
    return {
        "number": number,
        "a": 2 * number,
        "b": 2 * number + 1,
        "probability": probability,
        "together": probability > 0.5,
        "weight": 0.25,
        "passes": [
            {"pass": "birth", "probability": probability, "levels": levels},
            {"pass": "name", "probability": 0.31, "levels": {**levels, "given": "missing"}},
        ],
        "compared": {"sex": "equal", "birth_year": "near"},
        "sides": [
            {**side, "register": "border_crossing", "months": {"presence": {"2022": "4–9", "2023": "10–12"}}},
            {**side, "register": "social_security", "single": True, "months": {}},
        ],
        "others": {
            "named": [{"register": "border_crossing", "person": "a", "probability": [0.98, None]}],
            "more": 2,
        },
        "effects": {
            "same": {"persons": -1, "changes": True, "figures": [union]},
            "different": {"persons": 0, "changes": False, "figures": []},
        },
    }


def store_sheet(unit: Unit) -> str:
    """Store a review sheet of four pairs, the last of them of the calibration sample, and return its digest."""
    pairs = [sheet_pair(number, share) for number, share in ((1, 0.52), (2, 0.44), (3, 0.7), (4, 0.97))]
    sheet = {"format": FORMAT, "years": list(YEARS), "pairs": pairs, "listed": [0, 1, 2], "sample": [3]}
    return unit.store.put(io.BytesIO(canonical_json(sheet)))[0]


COHORT = """name = "arrived in 2021"
[population]
entry = "arrival"
from = 2021-01-01
to = 2022-01-01
[follow_up]
months = 12
[tables]
variables = ["permit", "insured_work"]
by = ["sex"]
"""


def add_cohort(world: World, run: Run) -> str:
    """A cohort with released tables: those of its dummy persons, as if they were a vintage's."""
    counter = Actor("account:counter", frozenset({"statistician"}))
    digest_of_cohort = try_cohort(world.unit, counter, COHORT).digest
    stored = put_frame(world.unit.store, dummy_run(read_cohort(COHORT), 500).table)
    with world.unit.database.write() as session:
        session.add(
            CohortRun(
                id="c" * 32,
                cohort_digest=digest_of_cohort,
                run_id=run.id,
                agreement_id=run.agreement_id,
                vintage=run.vintage,
                state="done",
                tag=digest(b"tag"),
                table_digest=stored,
                report=canonical_json(
                    {"cells": 61, "not_shown": 10, "populations_too_alike": [], "cohort": digest_of_cohort}
                ).decode(),
                run_by=counter.name,
                run_at=datetime.now(UTC),
            )
        )
    release = propose_cohort_release(world.unit, counter, "c" * 32)
    decide_release(world.unit, Actor("account:checker", frozenset({"output_checker"})), release.id, approve=True)
    return digest_of_cohort


def fill_linkage(world: World) -> dict[str, str]:
    add_accounts(world)
    for vintage in ("2024-06", "2024-12", "2025-06", "2025-12"):
        submit(world, "social_security", vintage)
        submit(world, "border_crossing", vintage, whole=vintage != "2025-12")
    runs = {
        "succeeded": succeed(world, "linkage", "2024-06", LINKAGE_QUALITY, {}).id,
        "failed": fail(world, "linkage", "2024-12").id,
    }
    running = advance(world, start(world, "linkage", "2025-06"), "load", 2, 2)
    runs["running"] = advance(world, running, "count", 12, 5).id
    return runs


def fill_statistics(world: World) -> dict[str, str]:
    add_accounts(world)
    for vintage in ("2024-06", "2024-12"):
        submit(world, "social_security", vintage)
        submit(world, "border_crossing", vintage)
    made = {"trajectories": store_tables(world.unit), "review": store_sheet(world.unit)}
    first = succeed(world, "statistics", "2024-06", STATISTICS_QUALITY, made)
    second = succeed(world, "statistics", "2024-12", STATISTICS_QUALITY, made)
    release = propose_release(world.unit, Actor("account:counter", frozenset({"statistician"})), first.id)
    decide_release(world.unit, Actor("account:checker", frozenset({"output_checker"})), release.id, approve=True)
    cohort = add_cohort(world, first)
    waiting = propose_release(world.unit, Actor("account:counter", frozenset({"statistician"})), second.id)
    return {
        "first": first.id,
        "second": second.id,
        "approved": release.id,
        "proposed": waiting.id,
        "cohort": cohort,
    }
