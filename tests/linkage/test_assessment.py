import numpy as np
import pytest

from linkage.assessment import assess
from linkage.cluster import cluster
from linkage.context import in_context
from linkage.errors import EvidenceError
from linkage.pairs import SubjectPairs

PASSES = 6


def world(seed: int, persons: int = 3000):
    """Persons in two registers, some easier to find than others; namesakes meet with calibrated probabilities."""
    draw = np.random.default_rng(seed)
    register = np.repeat([0, 1], persons)
    met = draw.binomial(PASSES, draw.beta(6, 6, persons))
    probability = np.where(draw.random(persons) < 0.95, 0.999, draw.uniform(0.3, 1, persons))
    true = draw.random(persons) < probability  # who is in both registers
    a, b = np.arange(persons), np.arange(persons) + persons
    seen = met > 0
    pairs = SubjectPairs(a[seen], b[seen], probability[seen], np.zeros(int(seen.sum())))
    labels = cluster(2 * persons, register, (0, 1), *pairs[:3])
    linked = labels[a] == labels[b]
    precision, recall = true[linked].mean(), (true & linked).sum() / true.sum()
    return register, pairs, met[seen], labels, precision, recall, (true & seen).sum() / true.sum()


@pytest.mark.parametrize("seed", range(5))
def test_intervals_hold_the_truth(seed: int) -> None:
    register, pairs, met, labels, precision, recall, completeness = world(seed)
    found = assess(register, (0, 1), pairs, met, labels)[None]
    for estimate, truth in ((found.precision, precision), (found.recall, recall), (found.completeness, completeness)):
        assert estimate.low <= truth <= estimate.high
        assert abs(estimate.value - truth) < (0.015 if estimate is found.precision else 0.04)
    assert found.report()["linked_pairs"] == found.linked


def test_pairs_that_no_pass_compared_count_at_their_cores_probability() -> None:
    # two sure cores of three; of nine pairs between them three were compared
    inside = [(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5)]
    edges = sorted([*((a, b, 0.99999) for a, b in inside), (0, 3, 0.98), (1, 4, 0.98), (2, 5, 0.98)])
    a, b, chance = (np.array(column) for column in zip(*edges, strict=True))
    pairs = SubjectPairs(a, b, chance, np.zeros(len(a)))
    found = assess(np.zeros(6), (), pairs, np.full(len(a), 3), np.zeros(6))[None]
    between = in_context(np.zeros(6), (), pairs).probability[a + 3 == b]
    assert len(set(between.tolist())) == 1
    within = in_context(np.zeros(6), (), pairs).probability[:2].sum() / 2
    assert found.linked == 15
    assert found.precision.value == pytest.approx((6 * within + 9 * between[0]) / 15)


def test_each_pair_of_registers_has_its_own_estimate() -> None:
    register = np.array([0, 0, 1, 2, 2])
    pairs = SubjectPairs(np.array([0, 0, 3]), np.array([1, 2, 4]), np.array([0.9, 0.8, 0.6]), np.zeros(3))
    found = assess(register, (1,), pairs, np.array([2, 2, 2]), np.array([0, 0, 0, 1, 1]))
    assert list(found) == [None, (0, 0), (0, 1), (2, 2)]
    assert [found[key].linked for key in found] == [4, 1, 2, 1]
    assert found[0, 0].precision.value == pytest.approx(0.9)
    # 1 and 2 were never compared; no pass misses anything, so that they were joined by chance
    assert found[0, 1].precision.value == pytest.approx(0.4)


def test_nothing_linked_and_nothing_at_all() -> None:
    none = SubjectPairs(*(np.empty(0, dtype=kind) for kind in (int, int, float, float)))
    for register in (np.empty(0, dtype=int), np.array([0]), np.array([0, 0, 1])):
        found = assess(register, (), none, np.empty(0, dtype=int), np.arange(len(register)))[None]
        assert (found.linked, found.missed, found.recall.value) == (0, 0.0, 1.0)


def test_what_cannot_be_is_refused() -> None:
    pairs = SubjectPairs(np.array([0]), np.array([1]), np.array([0.5]), np.zeros(1))
    for passes, labels in (([0], [0, 0]), ([1, 1], [0, 0]), ([1], [0])):
        with pytest.raises(EvidenceError):
            assess(np.zeros(2), (), pairs, np.array(passes), np.array(labels))
