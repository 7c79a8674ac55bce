import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage import agglomeration
from linkage.agglomeration import Graph, agglomerate, components, rounds, summed


def random_graph(seed: int, n: int, edges: int, masked: float = 0.3) -> Graph:
    draw = np.random.default_rng(seed)
    ends = draw.integers(0, n, (edges, 2))
    ends = ends[ends[:, 0] != ends[:, 1]]
    size = draw.integers(1, 4, n)
    mask = np.where(draw.random(n) < masked, np.uint64(1) << draw.integers(0, 3, n).astype(np.uint64), np.uint64(0))
    a, b, evidence, seen = summed(ends[:, 0], ends[:, 1], draw.normal(1, 4, len(ends)), np.ones(len(ends), np.int64))
    return Graph(size, mask, a, b, evidence * seen, np.minimum(seen, size[a] * size[b]))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(0, 120))
def test_kernel_and_rounds_give_the_same_clusters(seed: int, n: int, edges: int) -> None:
    graph = random_graph(seed, n, edges)
    assert agglomerate(graph, 0.0, -0.4).tolist() == rounds(graph, 0.0, -0.4).tolist()


def test_components_beyond_the_kernel_are_cut_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = random_graph(5, 400, 900)
    whole = agglomerate(graph, 0.5, -0.4)
    monkeypatch.setattr(agglomeration, "DENSE_NODES", 8)
    assert agglomerate(graph, 0.5, -0.4).tolist() == whole.tolist()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_components_are_named_by_their_smallest_node(seed: int) -> None:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = random_graph(seed, 30, 25)
    found = components(30, graph.a, graph.b)
    _, wanted = connected_components(coo_array((np.ones(len(graph.a)), (graph.a, graph.b)), shape=(30, 30)))
    first = [int(np.flatnonzero(wanted == label)[0]) for label in wanted]
    assert found.tolist() == first
