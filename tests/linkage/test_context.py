import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.cluster import cluster
from linkage.context import core_pairs, in_context
from linkage.errors import EvidenceError
from linkage.pairs import SubjectPairs


def pairs_of(edges: list[tuple[int, int, float]]) -> SubjectPairs:
    columns = zip(*sorted(edges), strict=True) if edges else ((), (), ())
    a, b, probability = (np.array(column, dtype=kind) for column, kind in zip(columns, (int, int, float), strict=True))
    return SubjectPairs(a, b, probability, np.zeros(len(a)))


def chances(register: list[int], edges: list[tuple[int, int, float]], one: tuple[int, ...] = ()) -> list[float]:
    return in_context(np.array(register), one, pairs_of(edges)).probability.tolist()


def test_a_lone_pair_keeps_its_probability() -> None:
    edges = [(at, at + 1, chance) for at, chance in zip(range(0, 8, 2), (0.1, 0.5, 0.7, 0.9), strict=True)]
    assert chances([0] * 8, edges) == pytest.approx([0.1, 0.5, 0.7, 0.9])


def test_all_pairs_between_two_cores_share_one_probability() -> None:
    # 0 and 1 are sure; 2 hangs on both, on one by more
    found = chances([0, 0, 0], [(0, 1, 0.99999), (0, 2, 0.9), (1, 2, 0.3)])
    assert found[1] == found[2]
    assert 0.3 < found[1] < 0.9
    assert found[0] > 0.99


def test_cores_that_exclude_each_other_are_not_one_person() -> None:
    found = chances([0, 1, 1], [(0, 1, 0.99999), (0, 2, 0.6), (1, 2, 0.6)], one=(1,))
    assert found[0] > 0.99
    assert found[1:] == [0.0, 0.0]


def world(seed: int, persons: int = 1000):
    """Persons of one to six records that are surely one; some lost one that erred, some have a whole namesake.

    A pair between two fragments has log odds that tell half the truth: they do not depend on size.
    """
    draw = np.random.default_rng(seed)
    edges, truth, subject = [], [], 0
    for person in range(persons):
        size, other = int(draw.integers(1, 7)), int(draw.integers(1, 7))
        lost = draw.random() < 0.5
        split = 1 if lost and draw.random() < 0.95 else other
        own = np.arange(subject, subject + size)
        far = np.arange(subject + size, subject + size + split)
        subject += size + split
        truth += [2 * person] * size + [2 * person + (0 if lost else 1)] * split
        for group in (own, far):
            edges += [(int(i), int(j), 0.9999) for at, i in enumerate(group) for j in group[at + 1 :]]
        odds = draw.normal(0.7 if lost else -0.7, 1.2)
        edges += [(int(i), int(j), 1 / (1 + np.exp(-odds - draw.normal(0, 0.3)))) for i in own for j in far]
    return pairs_of(edges), np.array(truth)


@pytest.mark.parametrize("seed", range(3))
def test_groups_of_records_that_differ_alike_are_another_person(seed: int) -> None:
    pairs, truth = world(seed)
    register = np.zeros(len(truth), dtype=int)
    same = truth[pairs.a] == truth[pairs.b]
    chance = in_context(register, (), pairs).probability
    doubtful = pairs.probability < 0.99
    before, after = (np.mean((p[doubtful] - same[doubtful]) ** 2) for p in (pairs.probability, chance))
    assert after < 0.6 * before
    biased, sound = (abs(p.sum() / same.sum() - 1) for p in (pairs.probability, chance))
    assert sound < 0.5 * biased
    shift = core_pairs(register, (), pairs).shift
    assert shift[0] > 0 > shift[1] >= shift[2]


def test_nothing_and_what_cannot_be() -> None:
    assert chances([0, 0], []) == []
    assert core_pairs(np.zeros(2), (), pairs_of([])).shift.tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(EvidenceError):
        chances([0], [(0, 1, 0.5)])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9), st.floats(0, 1)).filter(lambda edge: edge[0] < edge[1]),
        max_size=25,
        unique_by=lambda edge: edge[:2],
    ),
    st.lists(st.integers(0, 2), min_size=10, max_size=10),
)
def test_properties(edges: list[tuple[int, int, float]], register: list[int]) -> None:
    pairs = pairs_of(edges)
    found = in_context(np.array(register), (1,), pairs)
    assert ((found.probability >= 0) & (found.probability <= 1)).all()
    cores = core_pairs(np.array(register), (1,), pairs)
    labels = cluster(10, np.array(register), (1,), pairs.a, pairs.b, pairs.probability)
    for core in set(cores.core.tolist()):  # a core holds no two records of a `one` register
        held = [register[at] for at in np.flatnonzero(cores.core == core)]
        assert held.count(1) < 2
    assert len(labels) == len(cores.core)
    assert (np.diff(cores.shift) <= 0).all()
