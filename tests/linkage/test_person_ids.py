import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.errors import EvidenceError
from linkage.person_ids import ID_DIGITS, assign


def named(clusters: list[str], previous: dict[str, str] | None = None) -> dict[str, str]:
    """Return reference to id for clusters written as strings of one-letter references."""
    refs = [ref for cluster in clusters for ref in cluster]
    labels = np.array([at for at, cluster in enumerate(clusters) for _ in cluster])
    return dict(zip(refs, assign(labels, refs, previous), strict=True))


def test_new_ids_depend_on_the_members_alone() -> None:
    first, second = named(["ab", "c"]), named(["c", "ba"])
    assert first == second
    assert first["a"] == first["b"] != first["c"]
    assert len(first["a"]) == ID_DIGITS


def test_a_cluster_keeps_its_id_when_somebody_joins() -> None:
    before = named(["ab", "c"])
    after = named(["abd", "c"], before)
    assert after["d"] == before["a"]
    assert after["c"] == before["c"]


def test_a_split_leaves_the_id_with_the_larger_part() -> None:
    before = named(["abc"])
    after = named(["ab", "c"], before)
    assert after["a"] == before["a"]
    assert after["c"] != before["a"]


def test_a_merge_keeps_the_id_of_most_subjects_and_ends_the_other() -> None:
    before = named(["abc", "de"])
    after = named(["abcde"], before)
    assert set(after.values()) == {before["a"]}


def test_an_id_does_not_go_to_a_minority_when_its_heir_has_another() -> None:
    before = named(["abcd", "efg"])
    after = named(["abcdef", "g"], before)
    assert after["a"] == before["a"]
    assert after["g"] not in set(before.values())


@given(st.lists(st.integers(0, 4), min_size=8, max_size=8), st.lists(st.integers(0, 4), min_size=8, max_size=8))
def test_ids_name_clusters_one_to_one_and_settle(first: list[int], second: list[int]) -> None:
    refs = list("abcdefgh")
    before = dict(zip(refs, assign(np.array(first), refs), strict=True))
    after = assign(np.array(second), refs, before)
    assert len(set(zip(second, after, strict=True))) == len(set(second)) == len(set(after))
    again = assign(np.array(second), refs, dict(zip(refs, after, strict=True)))
    assert again == after


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(EvidenceError):
        assign(np.array([0]), ["a", "b"])
    with pytest.raises(EvidenceError):
        assign(np.array([0, 1]), ["a", "a"])
