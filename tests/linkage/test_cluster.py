import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.cluster import CERTAIN, closure_rate, cluster, evidence_of
from linkage.errors import EvidenceError


def labels(n: int, edges: list[tuple[int, int, float]], register: list[int] | None = None, one: tuple = ()):
    a, b, probability = (np.array(column) for column in zip(*edges, strict=True)) if edges else (np.empty(0),) * 3
    where = np.zeros(n, dtype=np.int64) if register is None else np.array(register)
    return cluster(n, where, one, a.astype(np.int64), b.astype(np.int64), probability.astype(float)).tolist()


def test_sure_pairs_join_and_unlikely_ones_do_not() -> None:
    assert labels(5, [(0, 1, 0.99), (2, 3, 0.2)]) == [0, 0, 1, 2, 3]
    assert labels(3, []) == [0, 1, 2]
    assert labels(0, []) == []
    assert labels(1, []) == [0]


def test_two_records_of_a_register_with_one_record_a_person_never_join() -> None:
    edges = [(0, 1, 0.999), (0, 2, 0.99), (1, 2, 0.9)]
    assert labels(3, edges, register=[0, 1, 1], one=(1,)) == [0, 0, 1]
    assert len(set(labels(3, edges, register=[0, 1, 1]))) == 1
    chain = [(0, 1, 0.9999), (1, 2, 0.9999)]
    assert labels(3, chain, register=[1, 0, 1], one=(1,)) in ([0, 0, 1], [0, 1, 1])


def test_one_chance_edge_does_not_join_two_well_knit_groups() -> None:
    groups = [(a, b, 0.999) for base in (0, 5) for a in range(base, base + 5) for b in range(a + 1, base + 5)]
    assert labels(10, [*groups, (0, 5, 0.98)]) == [0] * 5 + [1] * 5


def test_an_explicit_contradiction_outweighs_a_weaker_tie() -> None:
    assert len(set(labels(3, [(0, 1, 0.9), (1, 2, 0.9), (0, 2, 0.0001)]))) == 2


def test_a_chain_of_sure_edges_holds() -> None:
    assert labels(3, [(0, 1, 0.9999), (1, 2, 0.9999)]) == [0, 0, 0]


def test_large_components_are_cut_where_they_are_weak() -> None:
    draw = np.random.default_rng(0)
    n, size = 2000, 4
    edges = [
        (a, b, 0.995) for base in range(0, n, size) for a in range(base, base + size) for b in range(a + 1, base + size)
    ]
    chance = {(min(p), max(p)) for p in draw.integers(0, n, (1500, 2)).tolist() if p[0] // size != p[1] // size}
    found = labels(n, [*edges, *((a, b, 0.7) for a, b in sorted(chance))])
    assert found == [at // size for at in range(n)]


graphs = st.lists(
    st.tuples(st.integers(0, 11), st.integers(0, 11), st.floats(0, 1)).filter(lambda edge: edge[0] != edge[1]),
    max_size=40,
    unique_by=lambda edge: (min(edge[:2]), max(edge[:2])),
)


@settings(max_examples=100, deadline=None)
@given(graphs, st.lists(st.integers(0, 2), min_size=12, max_size=12), st.randoms(use_true_random=False))
def test_properties(edges: list, register: list[int], random) -> None:
    found = labels(12, edges, register, one=(1, 2))
    # labels are numbered by first subject; one-record registers hold; edges' order and direction mean nothing
    assert found == [list(dict.fromkeys(found)).index(label) for label in found]
    for one in (1, 2):
        held = [label for label, where in zip(found, register, strict=True) if where == one]
        assert len(held) == len(set(held))
    shuffled = [(b, a, p) for a, b, p in edges]
    random.shuffle(shuffled)
    assert labels(12, shuffled, register, one=(1, 2)) == found


@settings(max_examples=60, deadline=None)
@given(graphs)
def test_clusters_lie_inside_the_components_of_likely_edges(edges: list) -> None:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    likely = [(a, b) for a, b, p in edges if p > 0.5]
    rows, columns = ([pair[side] for pair in likely] for side in (0, 1))
    _, component = connected_components(coo_array((np.ones(len(likely)), (rows, columns)), shape=(12, 12)))
    found = labels(12, edges)
    for label in set(found):
        assert len({component[at] for at in range(12) if found[at] == label}) == 1


def test_evidence_is_monotone_and_bounded() -> None:
    evidence = evidence_of(np.linspace(0, 1, 1001))
    assert (np.diff(evidence) >= 0).all()
    assert np.isfinite(evidence).all()
    assert np.abs(evidence[1:-1]).max() < 10
    assert evidence_of(np.array([0.0, 1e-300, 1 - 1e-16, 1.0])).tolist()[::3] == [-CERTAIN, CERTAIN]


@settings(max_examples=100, deadline=None)
@given(graphs, st.booleans())
def test_what_a_reviewer_decided_holds_whatever_the_rest_says(edges: list, same: bool) -> None:
    others = [(a, b, min(max(p, 1e-9), 1 - 1e-9)) for a, b, p in edges if not {a, b} <= {0, 1}]
    found = labels(12, [*others, (0, 1, float(same))])
    assert (found[0] == found[1]) is same


def test_the_closure_rate_is_read_from_sure_wedges() -> None:
    mask = np.zeros(3000, dtype=np.uint64)
    base = np.arange(0, 3000, 3)
    a, b = np.concatenate([base, base, base + 1]), np.concatenate([base + 1, base + 2, base + 2])
    assert closure_rate(a, b, np.full(3000, 0.99), mask) > 0.99
    assert closure_rate(a[:2000], b[:2000], np.full(2000, 0.99), mask) < 0.02


@pytest.mark.parametrize(
    ("a", "b", "probability"),
    [
        ([0], [1], [float("nan")]),
        ([0], [1], [1.5]),
        ([0], [9], [0.5]),
        ([-1], [1], [0.5]),
        ([1], [1], [0.5]),
        ([0, 1], [1], [0.5]),
    ],
)
def test_what_cannot_be_is_refused(a: list, b: list, probability: list) -> None:
    with pytest.raises(EvidenceError):
        cluster(3, np.zeros(3), (), np.array(a), np.array(b), np.array(probability))


def test_registers_fit_the_subjects() -> None:
    none = np.empty(0)
    with pytest.raises(EvidenceError):
        cluster(3, np.zeros(2), (), none, none, none)
