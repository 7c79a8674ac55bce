import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.errors import EvidenceError
from linkage.lineage import (
    STATE_SCHEMA,
    applied,
    as_of,
    churn,
    empty_ledger,
    events,
    record,
    without,
)


def state(persons: dict[str, str]) -> pl.DataFrame:
    return pl.DataFrame(sorted(persons.items()), schema=STATE_SCHEMA, orient="row")


def kinds(before: dict[str, str], after: dict[str, str]) -> list[tuple]:
    return [row[:3] for row in events(state(before), state(after)).iter_rows()]


statements = st.lists(
    st.tuples(
        st.sampled_from(["2023", "2024", "2025"]),
        st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("PQR"), max_size=6),
    ),
    max_size=6,
)


@settings(max_examples=80, deadline=None)
@given(statements)
def test_every_state_that_was_ever_known_can_be_read_again(said: list[tuple[str, dict[str, str]]]) -> None:
    ledger, vintages = empty_ledger(), set[str]()
    for number, (vintage, persons) in enumerate(said, 1):
        change = record(ledger, vintage, number, state(persons), vintages)
        ledger = applied(ledger, change)
        vintages.add(vintage)
    for known in range(len(said) + 1):
        last = dict(said[:known])
        for vintage, persons in last.items():
            assert as_of(ledger, vintage, known).equals(state(persons))


@settings(max_examples=40, deadline=None)
@given(statements, st.sets(st.sampled_from("abcdef")))
def test_an_erased_subject_is_gone_from_all_times_and_nobody_else_is(said: list, erased: set[str]) -> None:
    ledger = empty_ledger()
    for number, (vintage, persons) in enumerate(said, 1):
        ledger = applied(
            ledger, record(ledger, vintage, number, state(persons), {name for name, _ in said[: number - 1]})
        )
    kept = without(ledger, erased)
    assert not set(kept["subject"]) & erased
    for known in range(1, len(said) + 1):
        for vintage, persons in dict(said[:known]).items():
            left = {subject: person for subject, person in persons.items() if subject not in erased}
            assert as_of(kept, vintage, known).equals(state(left))


def test_a_computation_writes_only_what_it_sees_differently() -> None:
    first = state({f"s{n:03}": f"p{n}" for n in range(100)})
    ledger = applied(empty_ledger(), record(empty_ledger(), "2024", 1, first))
    again = record(ledger, "2025", 2, first, ["2024"])
    assert again.added.height == again.withdrawn.height == 0
    other = first.with_columns(
        person=pl.when(pl.col("subject") == "s007").then(pl.lit("p8")).otherwise(pl.col("person"))
    )
    change = record(ledger, "2025", 2, other, ["2024"])
    assert change.added.height == 2  # what holds until 2025, and what from then on
    assert change.withdrawn.height == 1


def test_events_have_the_names_of_the_field() -> None:
    assert kinds({}, {"a": "P"}) == [("create", "P", None)]
    assert kinds({"a": "P"}, {"a": "P", "b": "P"}) == [("join", "P", None)]
    assert kinds({"a": "P", "b": "Q"}, {"a": "P", "b": "P"}) == [("merge", "Q", "P")]
    assert kinds({"a": "P", "b": "P"}, {"a": "P", "b": "Q"}) == [("split", "Q", "P")]
    assert kinds({"a": "P", "b": "P", "c": "Q"}, {"a": "P", "b": "Q", "c": "Q"}) == [("move", "Q", "P")]
    assert kinds({"a": "P", "b": "Q"}, {"b": "Q"}) == [("end", "P", None), ("leave", "P", None)]
    assert kinds({"a": "P"}, {"a": "P"}) == []


def test_churn_counts_lasting_subjects_with_another_id() -> None:
    report = churn(state({"a": "P", "b": "P", "c": "Q", "d": "R"}), state({"a": "P", "b": "Q", "c": "Q", "e": "S"}))
    assert report["subjects_lasting"] == 3
    assert report["subjects_renamed"] == 1
    assert report["churn"] == pytest.approx(1 / 3)
    assert report["move"] == report["leave"] == report["end"] == report["create"] == 1


def test_what_cannot_be_is_refused() -> None:
    twice = pl.DataFrame([("a", "P"), ("a", "Q")], schema=STATE_SCHEMA, orient="row")
    with pytest.raises(EvidenceError):
        record(empty_ledger(), "2024", 1, twice)
    ledger = applied(empty_ledger(), record(empty_ledger(), "2024", 5, state({"a": "P"})))
    with pytest.raises(EvidenceError):
        record(ledger, "2024", 5, state({"a": "P"}))
