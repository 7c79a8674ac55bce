"""Attacks on payloads small enough to count by hand."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.agreement import PayloadColumn
from evaluation.payload_audit.differencing import difference
from evaluation.payload_audit.leaked_table import join_history, join_leaked
from evaluation.payload_audit.trajectories import unicity
from evaluation.payload_audit.uniqueness import classes, uniqueness
from tests.evaluation.payload_audit.builders import payload

MONTH = PayloadColumn(column="period")
EXACT = (PayloadColumn(column="employer_no"), MONTH, PayloadColumn(column="pay_centimes"))
TWINS = [("1980-01-01", "F", "SEN"), ("1980-12-31", "F", "FRA"), ("1990-01-01", "M", "MAR")]
ONE_MONTH = [(0, "e1", "2024-01", "26", "300000"), (1, "e1", "2024-01", "26", "310000"), (2, "e2", "2024-01", "5", "9")]


def test_exact_pay_names_everybody_and_a_band_does_not() -> None:
    assert join_leaked(payload(TWINS, ONE_MONTH, event_rules=EXACT)).named.share == 1
    banded = (MONTH, PayloadColumn(column="pay_centimes", coarsen="band", width=1000000))
    found = join_leaked(payload(TWINS, ONE_MONTH, event_rules=banded))
    # the two women of 1980 hide each other, the man is alone
    assert (found.named.hits, found.named.total, found.wrong, found.month) == (1, 3, 0, "2024-01")


def test_a_keyed_employer_hides_nobody_from_who_holds_the_whole_table() -> None:
    rules = (MONTH, PayloadColumn(column="employer_no", coarsen="pseudonym"))
    alike = [("1980", "F", "SEN"), ("1980", "F", "SEN")]
    apart = [(0, "e1", "2024-01", "26", "1"), (1, "e2", "2024-01", "26", "1")]
    assert join_leaked(payload(alike, apart, event_rules=rules)).named.hits == 2
    assert join_leaked(payload(alike, apart, event_rules=(MONTH,))).named.hits == 0


def test_a_number_tells_citizens_and_only_a_nationality_tells_foreigners_apart() -> None:
    people = [("1980", "F", "SEN"), ("1980", "F", "FRA"), ("1980", "F", "MAR")]
    rules = (PayloadColumn(column="birth_date", coarsen="year"), PayloadColumn(column="nationality"))
    tables = payload(
        people, [(n, "e", "2024-01", "26", "1") for n in range(3)], event_rules=(MONTH,), attribute_rules=rules
    )
    assert join_leaked(tables).named.hits == 1
    assert join_leaked(tables, nationality=True).named.hits == 3


def test_what_is_missing_in_the_payload_is_no_evidence() -> None:
    people = [("1980", "F", "SEN"), ("1980", None, "SEN"), ("1980", "F", "SEN")]
    tables = payload(people, [(n, "e", "2024-01", "26", "1") for n in range(3)], event_rules=(MONTH,))
    assert join_leaked(tables).named.hits == 0


def test_the_whole_history_tells_more_than_a_month() -> None:
    people = [("1980", "F", "SEN"), ("1980", "F", "SEN")]
    events = [(n, "e", month, "26", "1") for n, month in ((0, "2024-01"), (1, "2024-01"), (1, "2024-02"))]
    tables = payload(people, events, event_rules=(MONTH,))
    assert join_history(tables).named.hits == 2
    # the latest month holds half as many persons as the fullest, so it counts as leaked too
    assert (join_leaked(tables).month, join_leaked(tables).named.hits) == ("2024-02", 1)


def test_a_month_that_does_not_travel_cannot_be_joined_on() -> None:
    people = [("1980", "F", "SEN"), ("1980", "F", "SEN")]
    events = [(0, "e", "2024-01", "26", "1"), (1, "e", "2024-02", "26", "1")]
    yearly = (PayloadColumn(column="period", coarsen="year"),)
    found = join_leaked(payload(people, events, event_rules=yearly))
    assert (found.named.hits, found.named.total, found.month) == (0, 2, None)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1970, 1973), st.sampled_from("FM"), st.integers(0, 3)), min_size=1, max_size=12))
def test_wider_bands_never_name_more(people: list[tuple[int, str, int]]) -> None:
    persons = [(str(year), sex, "SEN") for year, sex, _ in people]
    events = [(n, "e", "2024-01", "26", str(pay)) for n, (*_, pay) in enumerate(people)]

    def named(width: int) -> int:
        rule = PayloadColumn(column="pay_centimes", coarsen="band", width=width)
        return join_leaked(payload(persons, events, event_rules=(MONTH, rule))).named.hits

    assert named(1) >= named(2) >= named(4)
    signatures = [(year, sex, pay) for year, sex, pay in people]
    assert named(1) == sum(signatures.count(one) == 1 for one in signatures)


def test_classes_count_persons_not_rows() -> None:
    frame = pl.DataFrame({"subject_ref": ["a", "a", "b", "c"], "x": ["1", "1", "1", "2"]})
    found = classes(frame, ["x"])
    assert (found.alone.hits, found.alone.total) == (1, 3)
    assert found.persons == {"1": 1, "2": 2, "3-4": 0, "5-9": 0, "10-99": 0, "100+": 0}
    assert (found.rows.hits, found.rows.total) == (1, 4)


def test_every_column_alone_and_with_the_attributes_is_tried() -> None:
    combinations = [one.columns for one in uniqueness(payload(TWINS, ONE_MONTH, event_rules=EXACT))]
    assert combinations[0] == ("birth_date", "sex")
    assert ("pay_centimes",) in combinations
    assert ("birth_date", "sex", "employer_no") in combinations
    assert combinations[-1] == ("birth_date", "sex", "employer_no", "period", "pay_centimes")


def test_newcomers_of_a_month_are_singled_out_among_themselves() -> None:
    people = [("1980", "F", "SEN"), ("1980", "F", "SEN"), ("1990", "M", "SEN"), ("1990", "M", "SEN")]
    events = [(0, "e", "2024-01", "26", "1"), (1, "e", "2024-02", "26", "1")]
    events += [(2, "e", "2024-02", "26", "1"), (3, "e", "2024-02", "26", "1")]
    found = difference(payload(people, events, event_rules=(MONTH,)))
    assert found is not None
    assert (found.month, found.singled_out.hits, found.singled_out.total) == ("2024-02", 1, 3)
    assert found.alone_before.hits == 0
    assert difference(payload(people, events, event_rules=(PayloadColumn(column="days"),))) is None


def test_points_single_out_who_shares_them_with_nobody() -> None:
    people = [("1980", "F", "SEN"), ("1980", "F", "SEN"), ("1980", "M", "SEN")]
    # two persons share both months, the third has one of them: only sex tells it apart
    months = [(n, "e", month, "26", "1") for n in (0, 1) for month in ("2024-01", "2024-02")]
    tables = payload(people, [*months, (2, "e", "2024-01", "26", "1")], event_rules=(MONTH,))
    columns, found = unicity(tables, persons=10, seed=1)
    assert columns == ("period",)
    assert [(one.points, one.alone.hits, one.alone.total, one.described.hits) for one in found[:2]] == [
        (1, 0, 3, 1),
        (2, 0, 2, 0),
    ]
    assert found[2].alone.total == 0
    assert unicity(tables, persons=2, seed=3) == unicity(tables, persons=2, seed=3)


@pytest.mark.parametrize("register", ["consular", "own_register"])
def test_a_register_without_pay_is_joined_on_who_people_are(register: str) -> None:
    people = [("1980", "F", "SEN"), ("1980", "F", "FRA"), ("1990", "M", "MAR")]
    tables = payload(people, [], register=register, event_rules=(), clear_columns=())
    assert (join_leaked(tables).named.hits, join_leaked(tables).named.total) == (1, 3)
    assert difference(tables) is None
    assert unicity(tables, persons=5, seed=1) == ((), [])
