import numpy as np
import pytest

from linkage.assessment import assess
from linkage.cluster import cluster
from linkage.errors import EvidenceError
from linkage.pairs import SubjectPairs

PASSES = 6


def world(seed: int, persons: int = 3000, chance: float = 0.45):
    """Persons in two registers; passes meet true pairs independently, namesakes meet with calibrated probabilities."""
    draw = np.random.default_rng(seed)
    register = np.repeat([0, 1], persons)
    met = draw.binomial(PASSES, chance, persons)
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
        assert abs(estimate.value - truth) < 0.015
    assert found.report()["linked_pairs"] == found.linked


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
