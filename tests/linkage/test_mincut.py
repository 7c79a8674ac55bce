from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage import mincut
from linkage.cluster import cluster
from linkage.errors import EvidenceError
from linkage.mincut import _least_cut, least_cut, size_limits


def symmetric(values: list[float], k: int) -> np.ndarray:
    weight = np.zeros((k, k))
    weight[np.triu_indices(k, 1)] = values[: k * (k - 1) // 2]
    return weight + weight.T


weights = st.integers(2, 7).flatmap(
    lambda k: st.lists(st.floats(-6, 9), min_size=k * (k - 1) // 2, max_size=k * (k - 1) // 2).map(
        lambda values: symmetric(values, k)
    )
)


def across(weight: np.ndarray, side: np.ndarray) -> float:
    return float(weight[np.ix_(side, ~side)].sum())


@settings(max_examples=80, deadline=None)
@given(weights)
def test_kernel_and_twin_find_one_cut_and_it_weighs_what_they_say(weight: np.ndarray) -> None:
    value, side = least_cut(weight)
    found = np.zeros(len(weight), dtype=np.bool_)
    assert _least_cut(weight.copy(), found) == value
    assert found.tolist() == side.tolist()
    assert 0 < side.sum() < len(side)
    assert across(weight, side) == pytest.approx(value, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(weights)
def test_without_negative_weights_no_cut_is_less(weight: np.ndarray) -> None:
    weight = np.maximum(weight, 0.0)
    sides = (np.array([True, *rest]) for rest in product([True, False], repeat=len(weight) - 1) if not all(rest))
    assert least_cut(weight)[0] == pytest.approx(min(across(weight, side) for side in sides), abs=1e-9)


SINGLE = 40


def two_threes(between: dict[tuple[int, int], float], more: dict[tuple[int, int], float] | None = None) -> list[int]:
    """Cluster two groups of three sure subjects with edges between them, beside persons of one subject."""
    sure = {(a, b): 0.999 for base in (0, 3) for a in range(base, base + 3) for b in range(a + 1, base + 3)}
    edges = sure | between | (more or {})
    a, b = (np.array([pair[side] for pair in sorted(edges)]) for side in (0, 1))
    n = 6 + SINGLE
    return cluster(n, np.zeros(n), (), a, b, np.array([edges[pair] for pair in sorted(edges)]), absent=-0.4).tolist()


ALL_BETWEEN = {(a, b): 0.6 for a in range(3) for b in range(3, 6)}
APART, TOGETHER = [0, 0, 0, 1, 1, 1], [0] * 6


@pytest.mark.parametrize("between", [ALL_BETWEEN, {(2, 3): 0.98}], ids=["middling edges", "a chain of one edge"])
def test_two_persons_that_average_link_joins_are_cut(
    between: dict[tuple[int, int], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert two_threes(between)[:6] == APART
    monkeypatch.setattr(mincut, "DOUBTED", -np.inf)
    assert two_threes(between)[:6] == TOGETHER


def test_a_weaker_chain_average_link_leaves_apart_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mincut, "DOUBTED", -np.inf)
    assert two_threes({(2, 3): 0.9})[:6] == APART


def test_large_persons_that_the_evidence_holds_are_not_cut() -> None:
    assert two_threes(dict.fromkeys(ALL_BETWEEN, 0.95))[:6] == TOGETHER


def test_a_reviewers_decision_is_not_cut() -> None:
    assert two_threes(ALL_BETWEEN | {(2, 3): 1.0})[:6] == TOGETHER


def test_persons_of_a_usual_size_are_not_cut() -> None:
    # as many in every person: nobody is oversized, however weakly held
    n = 36
    a, b = (np.array([base + at for base in range(0, n, 3) for at in ends]) for ends in ((0, 0, 1), (1, 2, 2)))
    probability = np.tile([0.9, 0.6, 0.6], n // 3)
    assert len(set(cluster(n, np.zeros(n), (), a, b, probability).tolist())) == n // 3


def test_persons_beyond_the_kernel_are_cut_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mincut, "DENSE_NODES", 4)
    assert two_threes(ALL_BETWEEN)[:6] == APART
    assert two_threes(dict.fromkeys(ALL_BETWEEN, 0.95))[:6] == TOGETHER


def test_a_part_that_is_still_too_large_is_cut_again() -> None:
    base = range(0, 12, 3)
    sure = {(at + one, at + other): 0.999 for at in base for one, other in ((0, 1), (0, 2), (1, 2))}
    edges = sure | {(a, b): 0.6 for a in range(12) for b in range(a + 1, 12) if a // 3 != b // 3}
    a, b = (np.array([pair[side] for pair in sorted(edges)]) for side in (0, 1))
    n = 12 + SINGLE
    found = cluster(n, np.zeros(n), (), a, b, np.array([edges[pair] for pair in sorted(edges)]), limits=np.array([3.0]))
    assert found[:12].tolist() == [at // 3 for at in range(12)]


def test_limits_lie_three_deviations_above_the_mean_and_never_below_two() -> None:
    person = np.array([0, 0, 0, 1, 2, 2, 3, -1])
    register = np.array([0, 0, 0, 0, 1, 1, 2, 0])
    limits = size_limits(person, register, (2,))
    assert limits[0] == pytest.approx(2 + 3 * 1.0)  # persons of three and of one
    assert limits[1] == 2
    assert limits[2] == np.inf
    assert size_limits(person[:0], register[:0], ()).tolist() == []


def test_every_register_has_a_limit() -> None:
    none = np.empty(0)
    with pytest.raises(EvidenceError):
        cluster(2, np.array([0, 1]), (), none, none, none, limits=np.array([2.0]))
