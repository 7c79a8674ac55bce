"""Scores are counted from cell sizes; here they are held against a plain enumeration of pairs."""

from itertools import combinations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.scoring import score

RECORDS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=25
)


def _frames(rows):
    truth = pl.DataFrame(
        {
            "register": [r for r, _, _ in rows],
            "record_id": [str(i) for i in range(len(rows))],
            "entity_id": [f"e{e}" for _, e, _ in rows],
        }
    )
    links = truth.select("register", "record_id").with_columns(pl.Series("person_id", [f"p{p}" for _, _, p in rows]))
    return links, truth


@settings(deadline=None, max_examples=50)
@given(RECORDS)
def test_pairwise_equals_enumeration(rows):
    links, truth = _frames(rows)
    true = found = both = 0
    for (ra, ea, pa), (rb, eb, pb) in combinations(rows, 2):
        if ra == rb == "a":
            continue
        true += ea == eb
        found += pa == pb
        both += ea == eb and pa == pb
    result = score(links, truth, one_record_registers=["a"])["pairwise"]
    assert result["precision"] == pytest.approx(both / found if found else 1.0)
    assert result["recall"] == pytest.approx(both / true if true else 1.0)


@settings(deadline=None, max_examples=50)
@given(RECORDS)
def test_bcubed_equals_enumeration(rows):
    links, truth = _frames(rows)
    precision = recall = 0.0
    for _, e, p in rows:
        together = sum(1 for _, e2, p2 in rows if e2 == e and p2 == p)
        precision += together / sum(1 for _, _, p2 in rows if p2 == p)
        recall += together / sum(1 for _, e2, _ in rows if e2 == e)
    result = score(links, truth)["bcubed"]
    assert result["precision"] == pytest.approx(precision / len(rows))
    assert result["recall"] == pytest.approx(recall / len(rows))


def test_a_perfect_map_scores_one_everywhere():
    truth = pl.DataFrame({"register": ["a", "b", "b"], "record_id": ["1", "1", "2"], "entity_id": ["x", "x", "y"]})
    links = truth.rename({"entity_id": "person_id"})
    result = score(links, truth)
    assert result["pairwise"]["f1"] == result["cross_register"]["f1"] == result["bcubed"]["f1"] == 1.0
    assert result["exact_persons"] == 1.0


def test_a_record_without_a_link_is_a_person_of_its_own():
    truth = pl.DataFrame({"register": ["a", "b"], "record_id": ["1", "1"], "entity_id": ["x", "x"]})
    nothing = pl.DataFrame(schema={"register": pl.String, "record_id": pl.String, "person_id": pl.String})
    result = score(nothing, truth)
    assert result["pairwise"]["recall"] == 0.0
    assert result["exact_persons"] == 0.0


def test_groups_are_scored_apart():
    truth = pl.DataFrame(
        {"register": ["a", "b", "a", "b"], "record_id": ["1", "1", "2", "2"], "entity_id": ["x", "x", "y", "y"]}
    )
    links = truth.select("register", "record_id").with_columns(pl.Series("person_id", ["p", "p", "q", "r"]))
    groups = pl.DataFrame({"entity_id": ["x", "y"], "group": ["SEN", "FRA"]})
    by_group = score(links, truth, groups=groups)["by_group"]
    assert by_group["SEN"]["recall"] == 1.0
    assert by_group["FRA"]["recall"] == 0.0
