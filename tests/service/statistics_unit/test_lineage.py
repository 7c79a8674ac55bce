"""The ledger of persons, and clusterings that continue earlier ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from contract.errors import NotFoundError
from linkage.person_ids import assign
from service.db.base import Database
from service.statistics_unit.continuation import COMPONENT, Earlier, before_of
from service.statistics_unit.lineage import record_run, state_of_run
from service.statistics_unit.persons import LINK_COLUMNS, Subjects, links_of
from service.statistics_unit.subject_models import SubjectsBase
from service.statistics_unit.subjects import forget_runs, forget_subjects
from tests.contract.builders import make_agreement

AGREEMENT = make_agreement()[0]
NAMES = sorted(terms.name for terms in AGREEMENT.registers)


def links(persons: dict[str, str]) -> pl.DataFrame:
    """Return links of subjects of the first register."""
    rows = [(NAMES[0], subject, person) for subject, person in sorted(persons.items())]
    return pl.DataFrame(rows, schema=dict.fromkeys(LINK_COLUMNS, pl.String), orient="row")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    SubjectsBase.metadata.create_all(made.engine)
    yield made
    made.close()


FIRST, SECOND = {"a": "P", "b": "P", "c": "Q"}, {"a": "P", "b": "Q", "c": "Q", "d": "R"}


def test_an_earlier_run_is_read_again_bit_for_bit(database: Database) -> None:
    record_run(database, "s" * 64, "1" * 32, "2024", links(FIRST))
    before = state_of_run(database, "1" * 32)
    churn = record_run(database, "s" * 64, "2" * 32, "2025", links(SECOND))
    record_run(database, "s" * 64, "3" * 32, "2024", links({"a": "P"}))
    assert state_of_run(database, "1" * 32).equals(before)
    assert state_of_run(database, "2" * 32)["person"].to_list() == ["P", "Q", "Q", "R"]
    assert state_of_run(database, "3" * 32).height == 1
    assert (churn["move"], churn["create"], churn["subjects_renamed"]) == (1, 1, 1)
    with pytest.raises(NotFoundError):
        state_of_run(database, "4" * 32)


def test_a_repeated_chunk_says_the_same_and_writes_nothing(database: Database) -> None:
    record_run(database, "s" * 64, "1" * 32, "2024", links(FIRST))
    once = record_run(database, "s" * 64, "2" * 32, "2025", links(SECOND))
    assert record_run(database, "s" * 64, "2" * 32, "2025", links(SECOND)) == once
    assert state_of_run(database, "2" * 32).height == 4


def test_erased_subjects_and_forgotten_runs_leave_nothing(database: Database) -> None:
    record_run(database, "s" * 64, "1" * 32, "2024", links(FIRST))
    record_run(database, "s" * 64, "2" * 32, "2025", links(SECOND))
    forget_subjects(database, [(NAMES[0], "b")])
    assert state_of_run(database, "1" * 32)["subject"].to_list() == [f"{NAMES[0]}/a", f"{NAMES[0]}/c"]
    forget_runs(database, ["1" * 32])
    assert state_of_run(database, "2" * 32)["person"].to_list() == ["P", "Q", "R"]
    forget_runs(database, ["2" * 32])
    record_run(database, "s" * 64, "3" * 32, "2026", links({}))
    assert state_of_run(database, "3" * 32).is_empty()


def subjects(names: Iterable[str]) -> Subjects:
    frame = pl.DataFrame({"register": NAMES[0], "subject_ref": sorted(names)})
    return Subjects(frame, pa.table({"pass": [], "handle": [], "subject": []}))


def pairs(edges: list[tuple[int, int, float]]) -> pa.Table:
    a, b, probability = (np.array(column) for column in zip(*edges, strict=True))
    return pa.table({"a": a, "b": b, "probability": probability, "weight": probability})


def test_a_vintage_continues_the_persons_of_the_one_before() -> None:
    old, edges = subjects("abcdef"), pairs([(0, 1, 0.55), (2, 3, 0.9), (4, 5, 0.9)])
    first = links_of(old, edges, AGREEMENT, {})
    known = {(row[0], row[1]): row[2] for row in first.iter_rows()}
    # d is gone, g is new with f; a and b tremble below one half
    new = subjects("abcefg")
    later = links_of(new, pairs([(0, 1, 0.47), (3, 4, 0.9), (4, 5, 0.9)]), AGREEMENT, known, Earlier(first, edges))
    person = dict(zip(later["subject_ref"], later["person_id"], strict=True))
    before = dict(zip(first["subject_ref"], first["person_id"], strict=True))
    assert {name: person[name] for name in "abcef"} == {name: before[name] for name in "abcef"}
    assert person["g"] == person["e"]


def test_whoever_lost_a_companion_is_looked_at_again() -> None:
    first = links({"a": "P", "b": "P", "c": "Q", "d": "R"})
    made = before_of(
        Earlier(first, pairs([(0, 1, 0.9), (1, 2, 0.2)])), subjects("acd").frame, np.zeros(3, dtype=np.int64), []
    )
    assert made.bereft.tolist() == [True, False, False]  # c had but an unlikely edge with b
    assert made.labels.tolist() == [0, 1, 2]
    assert len(made.a) == 0


FAMILIES, MEMBERS = 30, 4


def family(name: str) -> int:
    return int(name[1:3])


def a_vintage(draw: np.random.Generator, names: list[str], odds: dict[tuple[str, str], float]) -> pa.Table:
    """Return pairs of subjects; log odds tremble by less than the tolerance."""
    place = {name: at for at, name in enumerate(sorted(names))}
    ends = sorted(
        (*sorted((place[one], place[other])), value)
        for (one, other), value in odds.items()
        if one in place and other in place
    )
    return pairs([(a, b, 1 / (1 + np.exp(-value - draw.uniform(-0.4, 0.4)))) for a, b, value in ends])


def test_untouched_persons_keep_their_ids_all_of_them_and_every_earlier_vintage_stands(database: Database) -> None:
    draw = np.random.default_rng(7)
    names = [f"f{at:02}{member}" for at in range(FAMILIES) for member in range(MEMBERS)]
    of = {at: [name for name in names if family(name) == at] for at in range(FAMILIES)}
    odds = {(one, other): draw.normal(1, 3) for own in of.values() for one in own for other in own if one < other}
    odds |= {(of[at][0], of[at + 1][0]): -2.0 for at in range(FAMILIES - 1)}  # namesakes, never likely
    table = a_vintage(draw, names, odds)
    made = links_of(subjects(names), table, AGREEMENT, {})
    record_run(database, "s" * 64, "0" * 32, "2020", made.select(LINK_COLUMNS))
    stated = {"0" * 32: state_of_run(database, "0" * 32)}
    for number in range(1, 5):
        chosen = set(draw.choice(FAMILIES, 3, replace=False).tolist())
        for pair in odds:
            if {family(pair[0]), family(pair[1])} <= chosen:
                odds[pair] = draw.normal(1, 3)
        lost = next(name for name in names if family(name) in chosen)
        fresh = f"f{max(chosen):02}{MEMBERS + number}"
        odds |= {(name, fresh): 2.0 for name in names if family(name) == family(fresh)}
        names = [*(name for name in names if name != lost), fresh]
        earlier, known = Earlier(made, table), {row[:2]: row[2] for row in made.select(LINK_COLUMNS).iter_rows()}
        table = a_vintage(draw, names, odds)
        now = subjects(names)
        later = links_of(now, table, AGREEMENT, known, earlier)
        same = sorted({row[1] for row in known} & {name for name in names if family(name) not in chosen})
        untouched = later.join(made, on=["register", "subject_ref"], suffix="_before")
        untouched = untouched.filter(pl.col("subject_ref").is_in(same))
        assert untouched.height == len(same) > 100
        assert untouched["person_id"].equals(untouched["person_id_before"])
        # naming the changed components alone gives what naming all gives
        references = [f"{NAMES[0]}/{name}" for name in sorted(names)]
        labels = later["person_id"].rank("dense").cast(pl.Int64).to_numpy() - 1
        everybody = assign(labels, references, {"/".join(key): person for key, person in known.items()})
        assert later["person_id"].to_list() == everybody
        run = str(number) * 32
        record_run(database, "s" * 64, run, str(2020 + number), later.select(LINK_COLUMNS))
        stated[run] = state_of_run(database, run)
        assert stated[run]["person"].to_list() == later["person_id"].to_list()
        for earlier_run, state in stated.items():
            assert state_of_run(database, earlier_run).equals(state)
        made = later
    # objects of runs that tell no component are continued just the same
    again = links_of(now, table, AGREEMENT, known, earlier._replace(links=earlier.links.drop(COMPONENT)))
    assert again.drop(COMPONENT).equals(made.drop(COMPONENT))
