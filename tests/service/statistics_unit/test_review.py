"""Clerical review: masked pairs, decisions that the next computation follows exactly, undone and erased for good."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from contract.errors import ForbiddenError, NotFoundError
from service.audit.models import AuditEntry
from service.retention.erasure import erase
from service.runs.actors import CHECKER, OPERATOR, STATISTICIAN, Actor
from service.runs.edge_table import canonical_edges, edges_digest, parquet_bytes
from service.statistics_unit import links, review
from service.statistics_unit.review_contradictions import Decided, set_aside
from service.statistics_unit.review_decisions import decide_pairs
from service.statistics_unit.review_effect import band_of
from service.statistics_unit.review_models import ReviewDecision, Verdict
from service.statistics_unit.start import start_statistics
from service.statistics_unit.subject_models import ReviewPair
from service.statistics_unit.subjects import subjects_database
from tests.service.linkage_unit.builders import VINTAGE, Federation, Register, make_registers, open_federation
from tests.service.statistics_unit.test_computation import newest, persons
from tests.service.statistics_unit.test_edges import deliver, edge, make_edges, table

ANNE = Actor("account:anne", frozenset({STATISTICIAN}))
PAIRS = (
    ("border_crossing", "work_contract"),
    ("border_crossing", "social_security"),
    ("social_security", "work_contract"),
)


def true_handles(registers: dict[str, Register]) -> dict[str, dict[int, tuple[str, int]]]:
    """Register and true person to the subject and its handle in the pass of birth dates."""
    found: dict[str, dict[int, tuple[str, int]]] = {}
    for name, register in registers.items():
        for row in register.members["handles.parquet"].to_pylist():
            if row["pass"] == "birth":
                found.setdefault(name, {})[register.persons[row["subject_ref"]]] = (row["subject_ref"], row["handle"])
    return found


def edges_of(registers: dict[str, Register]) -> pa.Table:
    """Edges that are sure of most persons, and not of every seventh nor of some neighbours."""
    handles, rows = true_handles(registers), []
    for one, other in PAIRS:
        for person, (_, handle) in sorted(handles[one].items()):
            if person in handles[other]:
                sure = 0.999 if person % 7 else 0.4 + 0.02 * (person % 11)
                ends = {"handle_a": handle, "handle_b": handles[other][person][1]}
                rows.append(edge(0, register_a=one, register_b=other, probability=sure, **ends))
            if person % 13 == 5 and person + 1 in handles[other]:
                ends = {"handle_a": handle, "handle_b": handles[other][person + 1][1]}
                rows.append(edge(0, register_a=one, register_b=other, probability=0.3, **ends))
    return canonical_edges(table(rows))


@pytest.fixture(scope="module")
def registers() -> dict[str, Register]:
    return make_registers(90)


def opened(folder: Path, registers: dict[str, Register]) -> Iterator[Federation]:
    made: Any = open_federation(folder)
    made.parcels = made.push_all(registers)
    edges = edges_of(registers)
    signed = make_edges(made, parquet_bytes(edges), edges=edges.num_rows, result_digest=edges_digest(edges))
    assert deliver(made, *signed).status_code == 200
    made.work("statistics")
    yield made
    made.close()


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory, registers: dict[str, Register]) -> Iterator[Federation]:
    """Shared: every test leaves all pairs undecided and the last computation without decisions."""
    yield from opened(tmp_path_factory.mktemp("review"), registers)


@pytest.fixture
def own_federation(tmp_path: Path) -> Iterator[Federation]:
    yield from opened(tmp_path, make_registers(40))


def compute(federation: Federation) -> Any:
    start_statistics(federation.units["statistics"].database, federation.agreement.id, VINTAGE)
    federation.work("statistics")
    return newest(federation)


def stand(federation: Federation) -> review.Review:
    return review.read_review(federation.units["statistics"], newest(federation).id)


def say(federation: Federation, pair: int, verdict: Verdict) -> None:
    review.decide(federation.units["statistics"], ANNE, newest(federation).id, pair, verdict)


def raw_counts(federation: Federation) -> dict[tuple[str, str, str], float]:
    settings = federation.units["statistics"].settings
    raw = links.read_indicators(settings, federation.agreement.id, VINTAGE, raw=True)
    own = raw.filter(pl.col("breakdown") == "total").select("indicator", "residence", "period", "value")
    return {(row[0], row[1], row[2]): row[3] for row in own.iter_rows()}


def partition(found: dict[tuple[str, str], str]) -> set[frozenset[tuple[str, str]]]:
    return {frozenset(name for name, own in found.items() if own == person) for person in set(found.values())}


def names_of(federation: Federation, pair: int) -> list[tuple[str, str]]:
    with subjects_database(federation.units["statistics"].settings) as database, database.read() as session:
        row = session.scalars(select(ReviewPair).where(ReviewPair.number == pair)).one()
    return [tuple(name.split("/")) for name in (row.subject_a, row.subject_b)]  # type: ignore[misc]


def test_the_sheet_is_masked_and_in_order(federation: Federation, registers: dict[str, Register]) -> None:
    unit, found = federation.units["statistics"], stand(federation)
    assert len(found.listed) > 10
    assert len(found.sample) == 100
    weights = [found.sheet[number]["weight"] for number in found.listed]
    assert weights == sorted(weights, reverse=True)
    assert weights[0] > 0.25  # doubt alone is at most a quarter: the rest is figures that move
    text = json.dumps(list(found.sheet.values()))
    secrets = {subject for register in registers.values() for subject in register.persons}
    for register in registers.values():
        secrets |= {str(row["handle"]) for row in register.members["handles.parquet"].to_pylist()}
        secrets |= {row["record_ref"] for row in register.members["records.parquet"].to_pylist()}
        secrets |= {row["birth_date"] for row in register.members["records.parquet"].to_pylist()}
    assert not [secret for secret in [*secrets, *persons(federation).values()] if secret in text]
    pair = found.sheet[found.listed[0]]
    assert set(pair["effects"]) == {"same", "different"}
    assert pair["compared"]["sex"] in {"equal", "different"}
    assert {level for one in pair["passes"] for level in one["levels"]} >= {"given", "family", "birth_date", "sex"}
    bands = {band for side in pair["sides"] for own in side["months"].values() for band in own.values()}
    assert bands <= {band_of(months) for months in range(13)} == {"0", "1–3", "4–9", "10–12"}
    for path in sorted(unit.settings.data_dir.glob("statistics.sqlite*")):
        assert names_of(federation, found.listed[0])[0][1].encode() not in path.read_bytes()


def test_the_next_computation_does_what_was_decided_and_foretold(federation: Federation) -> None:
    found, before, first = stand(federation), persons(federation), newest(federation)
    assert first.parameters["decisions"]["count"] == 0
    counts, chosen, touched = raw_counts(federation), dict[int, Verdict](), set[str]()
    for number in found.listed:  # decisions on different persons that change something
        pair = found.sheet[number]
        verdict = Verdict.DIFFERENT if pair["together"] else Verdict.SAME
        ends = {before[name] for name in names_of(federation, number)}
        effect = pair["effects"].get(verdict.value)
        if effect and effect["figures"] and not ends & touched and list(chosen.values()).count(verdict) < 3:
            chosen[number], touched = verdict, touched | ends
    assert set(chosen.values()) == {Verdict.SAME, Verdict.DIFFERENT}
    for number, verdict in chosen.items():
        say(federation, number, verdict)
    foretold = stand(federation).pending_effect()
    run = compute(federation)
    assert run.parameters["decisions"]["count"] == len(chosen)
    assert run.quality["merge"]["decided_pairs"] == len(chosen)
    assert run.result_digest != first.result_digest
    after = persons(federation)
    for number, verdict in chosen.items():
        a, b = names_of(federation, number)
        assert (after[a] == after[b]) is (verdict == Verdict.SAME)
    moved = {key: value - counts[key] for key, value in raw_counts(federation).items() if value is not None}
    for (code, residence), years in foretold.items():
        for year, change in years.items():
            assert moved[code, residence, year] == change, (code, residence, year)
    said = {(code, residence, year) for (code, residence), years in foretold.items() for year in years}
    whole = {key for key, change in moved.items() if change and float(change).is_integer() and "median" not in key[0]}
    assert {key for key in whole if not key[0].startswith(("coverage", "protection", "overcoverage"))} <= said
    now = stand(federation)
    assert now.pending == []
    assert all(now.verdicts[number] == verdict for number, verdict in chosen.items())
    assert all(0.02 < now.sheet[number]["probability"] < 0.98 for number in chosen)  # what was estimated stays
    for number in chosen:
        say(federation, number, Verdict.UNDONE)
    assert compute(federation).parameters["decisions"]["count"] == 0
    # ids follow their lineage, so that a person who was split may have another; who belongs together is as before
    assert partition(persons(federation)) == partition(before)
    assert raw_counts(federation) == counts


def test_who_may_decide_what(federation: Federation) -> None:
    unit, run, found = federation.units["statistics"], newest(federation), stand(federation)
    number = found.listed[0]
    for roles in ({CHECKER}, {OPERATOR}, set[str]()):
        with pytest.raises(ForbiddenError):
            review.decide(unit, Actor("account:omar", frozenset(roles)), run.id, number, Verdict.SAME)
    with pytest.raises(NotFoundError):
        review.decide(unit, ANNE, run.id, 10_000, Verdict.SAME)
    say(federation, number, Verdict.SAME)
    say(federation, number, Verdict.DIFFERENT)  # thought better of: the last row counts
    say(federation, number, Verdict.DIFFERENT)
    assert [one.verdict for one in review.history(unit, found, [number])][:2] == ["different", "same"]
    assert review.last_of(unit, ANNE, stand(federation)) == number
    say(federation, number, Verdict.UNDONE)
    assert review.last_of(unit, ANNE, stand(federation)) is None


def test_a_contradiction_is_refused(federation: Federation) -> None:
    found = stand(federation)
    by_ends = {(pair["a"], pair["b"]): number for number, pair in found.sheet.items()}
    triangle = next(
        (by_ends[a, b], by_ends[b, c], by_ends[a, c])
        for a, b in by_ends
        for other, c in by_ends
        if other == b and (a, c) in by_ends
    )
    say(federation, triangle[0], Verdict.SAME)
    say(federation, triangle[1], Verdict.SAME)
    with pytest.raises(review.ContradictionError) as refused:
        say(federation, triangle[2], Verdict.DIFFERENT)
    assert (refused.value.code, refused.value.http_status) == ("review.contradiction", 409)
    say(federation, triangle[0], Verdict.UNDONE)
    say(federation, triangle[2], Verdict.DIFFERENT)
    with pytest.raises(review.ContradictionError):
        say(federation, triangle[0], Verdict.SAME)
    for number in triangle[1:]:
        say(federation, number, Verdict.UNDONE)


def test_decisions_go_with_their_subject_and_with_their_agreement(own_federation: Federation) -> None:
    federation, unit = own_federation, own_federation.units["statistics"]
    kept, gone = [number for number in stand(federation).listed if contract_subject(federation, number)][:2]
    for number in (kept, gone):
        say(federation, number, Verdict.SAME)
    old = newest(federation)
    body = {"register_name": "work_contract", "subject_refs": [contract_subject(federation, gone)]}
    path = "/api/v1/subjects/retract"
    assert federation.send("statistics", "POST", path, "cnss", json.dumps(body).encode()).status_code == 200
    federation.work("statistics")
    with pytest.raises(NotFoundError, match="review"):
        review.decide(unit, ANNE, old.id, kept, Verdict.DIFFERENT)
    found = stand(federation)
    assert gone not in found.sheet
    assert found.verdicts == {kept: Verdict.SAME}
    with unit.database.read() as session:
        assert session.scalars(select(ReviewDecision.pair)).all() == [kept]
        (entry,) = session.scalars(select(AuditEntry.document).where(AuditEntry.action == "review:erase"))
    assert json.loads(entry)["details"] == {"decisions": 1, "pairs": 1}
    with subjects_database(unit.settings) as database, database.read() as session:
        assert gone not in session.scalars(select(ReviewPair.number)).all()
    signed = erase(unit, federation.agreement.id)
    assert [one.items for one in signed.evidence.deleted if one.kind == "review_decisions"] == [1]
    with unit.database.read() as session:
        assert session.scalars(select(ReviewDecision)).all() == []
    with subjects_database(unit.settings) as database, database.read() as session:
        assert session.scalars(select(ReviewPair)).all() == []


def contract_subject(federation: Federation, pair: int) -> str | None:
    return dict(names_of(federation, pair)).get("work_contract")


def test_a_decided_pair_that_no_pass_found_is_added() -> None:
    pairs = pa.table({"a": [0, 2], "b": [3, 4], "probability": [0.6, 0.2], "weight": [1.0, -1.0], "passes": [2, 1]})
    assert decide_pairs(pairs, []) is pairs
    made = decide_pairs(pairs, [Decided(1, 2, 4, True), Decided(2, 0, 1, False)]).to_pylist()
    assert [(row["a"], row["b"], row["probability"], row["passes"], row["estimated"]) for row in made] == [
        (0, 1, 0.0, 1, 0.0),
        (0, 3, 0.6, 2, 0.6),
        (2, 4, 1.0, 1, 0.2),
    ]


subjects = st.integers(0, 7)
decisions = st.lists(
    st.tuples(subjects, subjects, st.booleans())
    .filter(lambda one: one[0] != one[1])
    .map(lambda one: (*sorted(one[:2]), one[2])),
    max_size=14,
)


@settings(max_examples=50, deadline=None)
@given(decisions, st.dictionaries(subjects, st.sampled_from(["one", "other"])))
def test_what_is_not_set_aside_can_all_hold(drawn: list[tuple[int, int, bool]], single: dict[int, str]) -> None:
    decided = [Decided(number, a, b, same) for number, (a, b, same) in enumerate(drawn)]
    kept = [one for one, out in zip(decided, set_aside(decided, single), strict=True) if not out]
    person = np.arange(8)
    for one in kept:
        if one.same:
            person[person == person[one.b]] = person[one.a]
    assert all(person[one.a] != person[one.b] for one in kept if not one.same)
    for group in set(person.tolist()):
        held = [single[at] for at in range(8) if person[at] == group and at in single]
        assert len(held) == len(set(held))
    assert set_aside(kept, single) == [False] * len(kept)
