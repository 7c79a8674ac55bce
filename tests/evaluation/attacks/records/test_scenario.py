"""Persons, encoders and scenarios: distinct, deterministic, and no order that gives the truth away."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.audit_report import wilson
from evaluation.attacks.records import Persons, scenario, synthetic_persons
from evaluation.attacks.records.plain_filters import PlainFilters
from evaluation.attacks.records.result import share_named
from tests.evaluation.attacks.records.conftest import ENCODERS, KEY, persons_of


def test_synthetic_persons_are_distinct_and_the_same_every_time():
    one, other = synthetic_persons(300, 4), synthetic_persons(300, 4)
    assert one == other != synthetic_persons(300, 5)
    assert len(one) == len(np.unique(one.values)) == 300


def test_grams_are_tagged_and_dates_have_their_place():
    somebody = Persons(("li",), ("",), ("19840517",))
    assert somebody.grams[0][-7:] == [
        "date0:19", "date1:98", "date2:84", "date3:40", "date4:05", "date5:51", "date6:17",
    ]  # fmt: skip
    assert {gram.split(":")[0] for gram in somebody.grams[0]} == {"given"} | {f"date{place}" for place in range(7)}
    assert somebody.incidence.sum() == len(somebody.grams[0]) == 10


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_a_scenario_keeps_the_truth_and_hides_the_order(name):
    persons = persons_of(400)
    made = scenario(ENCODERS[name], persons, KEY, 0.5, seed=2)
    again = scenario(ENCODERS[name], persons, KEY, 0.5, seed=2)
    assert np.array_equal(made.bits, again.bits)
    assert len(made.bits) == len(made.truth) == len(set(made.truth.tolist())) == 200
    assert abs(np.corrcoef(made.truth, np.arange(200))[0, 1]) < 0.25
    assert np.array_equal(made.bits, ENCODERS[name].encode(persons.take(made.truth), KEY))


def test_rows_are_encodings_of_their_persons():
    persons = persons_of(400)
    filters = PlainFilters().encode(persons, KEY)
    positions = dict(zip(persons.vocabulary, PlainFilters().positions(persons.vocabulary, KEY), strict=True))
    for row in range(0, 400, 50):
        expected = set(np.concatenate([positions[gram] for gram in persons.grams[row]]).tolist())
        assert set(np.flatnonzero(filters[row]).tolist()) == expected


def test_an_overlap_outside_its_range_is_refused():
    for overlap in (0.0, 1.5):
        with pytest.raises(ValueError, match="overlap"):
            scenario(ENCODERS["plain"], persons_of(400), KEY, overlap, seed=2)


@given(st.integers(0, 500), st.integers(1, 500))
def test_wilson_limits_enclose_the_share(hits, more):
    trials = hits + more
    low, high = wilson(hits, trials)
    assert 0 <= low <= hits / trials + 1e-12
    assert hits / trials - 1e-12 <= high <= 1


def test_wilson_limits_of_a_published_example():
    # 81 of 263: Newcombe 1998, table I, method 3
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


def test_nothing_attacked_is_nobody_named():
    result = share_named("none", np.zeros(0, bool), 0.1)
    assert (result.named, result.interval, result.details["rows"]) == (0.0, (0.0, 1.0), 0)
