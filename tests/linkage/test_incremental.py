import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.cluster import absent_evidence, cluster, register_masks
from linkage.errors import EvidenceError
from linkage.incremental import Before, recluster
from linkage.pairs import SubjectPairs

N = 24


def pairs_of(edges: dict[tuple[int, int], float]) -> SubjectPairs:
    keys = sorted(edges)
    ends = np.array(keys, dtype=np.int64).reshape(-1, 2)
    return SubjectPairs(ends[:, 0], ends[:, 1], np.array([edges[key] for key in keys]), np.zeros(len(keys)))


def clustered(register: np.ndarray, pairs: SubjectPairs, one: tuple[int, ...] = (1,)) -> Before:
    absent = absent_evidence(pairs.a, pairs.b, pairs.probability, register_masks(register, one))
    labels = cluster(len(register), register, one, pairs.a, pairs.b, pairs.probability, absent=absent)
    return Before(pairs.a, pairs.b, pairs.probability, labels, np.zeros(len(register), dtype=np.bool_), absent)


graphs = st.dictionaries(
    st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)).filter(lambda pair: pair[0] < pair[1]),
    st.floats(0.01, 1),
    max_size=40,
)
registers = st.lists(st.integers(0, 2), min_size=N, max_size=N).map(np.array)


@settings(max_examples=80, deadline=None)
@given(graphs, graphs, registers)
def test_without_tolerance_it_is_the_full_clustering(first: dict, second: dict, register: np.ndarray) -> None:
    before = clustered(register, pairs_of(first))
    found = recluster(register, (1,), pairs_of(second), before, tolerance=0.0)
    now = pairs_of(second)
    whole = cluster(N, register, (1,), now.a, now.b, now.probability, absent=before.absent)
    assert found.labels.tolist() == whole.tolist()


@settings(max_examples=60, deadline=None)
@given(graphs, registers, st.integers(0, N - 1), st.integers(0, N - 1), st.floats(0.01, 1))
def test_untouched_components_keep_their_persons(
    edges: dict, register: np.ndarray, left: int, right: int, probability: float
) -> None:
    before = clustered(register, pairs_of(edges))
    changed = dict(edges)
    if left != right:
        changed[min(left, right), max(left, right)] = probability
    found = recluster(register, (1,), pairs_of(changed), before)
    same = ~found.changed
    assert (
        left == right
        or edges == changed
        or not same[[left, right]].all()
        or (left, right) not in set(changed) - set(edges)
    )
    for label in set(before.labels[same].tolist()):
        own = before.labels == label
        assert same[own].all()
        assert len(set(found.labels[own].tolist())) == 1
        assert (found.labels == found.labels[own][0]).sum() == own.sum()


def test_trembling_evidence_does_not_flap() -> None:
    register = np.zeros(2, dtype=np.int64)
    before = clustered(register, pairs_of({(0, 1): 0.55}))
    steps = [recluster(register, (), pairs_of({(0, 1): chance}), before) for chance in (0.45, 0.52, 0.3)]
    assert [step.labels.tolist() for step in steps] == [[0, 0], [0, 0], [0, 1]]
    assert steps[0].pairs.probability.tolist() == [0.55]  # so that drift in small steps adds up


def test_a_lost_companion_and_a_new_subject_are_changes() -> None:
    register = np.zeros(3, dtype=np.int64)
    before = clustered(register, pairs_of({(0, 1): 0.9}))
    bereft = before._replace(bereft=np.array([True, False, False]), labels=np.array([0, 0, -1]))
    assert recluster(register, (), pairs_of({(0, 1): 0.9}), bereft).changed.tolist() == [True, True, True]


def test_no_subjects_and_no_edges() -> None:
    none = pairs_of({})
    assert (
        recluster(np.empty(0, dtype=np.int64), (), none, clustered(np.empty(0, dtype=np.int64), none)).labels.tolist()
        == []
    )
    three = np.zeros(3, dtype=np.int64)
    assert recluster(three, (), none, clustered(three, pairs_of({(0, 2): 0.9}))).labels.tolist() == [0, 1, 2]


def test_what_cannot_be_is_refused() -> None:
    register = np.zeros(3, dtype=np.int64)
    before = clustered(register, pairs_of({(0, 1): 0.9}))
    unsorted = SubjectPairs(np.array([1, 0]), np.array([2, 1]), np.array([0.5, 0.5]), np.zeros(2))
    with pytest.raises(EvidenceError):
        recluster(register, (), unsorted, before)
    with pytest.raises(EvidenceError):
        recluster(register, (), pairs_of({}), before._replace(labels=np.zeros(2, dtype=np.int64)))
