"""Average-link agglomeration of a weighted graph under cannot-link constraints.

Best pairs merge first while their mean evidence exceeds a threshold; a pair without an edge counts as
`absent`. Clusters that hold two records of one `one` register never merge. Only edges above the
threshold can start a merge, so that components of such edges are apart from each other: small ones
go through a Numba kernel, large ones through `rounds`, its NumPy twin, which merges mutual best
clusters round by round. Average link is reducible: both give one tree (Bruynooghe 1978).
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

#: Components of more nodes than this go through `rounds`: the kernel holds their pairs in a square.
DENSE_NODES: Final = 256

Index = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]
_kernel: Any = njit(nogil=True, cache=True)


class Graph(NamedTuple):
    """Nodes (clusters of subjects) and edges between them.

    Attributes:
        size: int64[n], subjects of each node.
        mask: uint64[n], bits of the `one` registers that the node holds a record of.
        a: int64[m], one end of each edge, below the other; each pair of nodes once.
        b: int64[m].
        evidence: float64[m], summed log odds of the edge's pairs of subjects.
        seen: int64[m], pairs of subjects that the sum is over.
    """

    size: Index
    mask: npt.NDArray[np.uint64]
    a: Index
    b: Index
    evidence: Real
    seen: Index


def summed(a: Index, b: Index, evidence: Real, count: Index) -> tuple[Index, Index, Real, Index]:
    """Sum the evidence and number of edges between the same two nodes (a < b), sorted."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    if ((low[1:] < low[:-1]) | ((low[1:] == low[:-1]) & (high[1:] < high[:-1]))).any():
        order = np.lexsort((high, low))
        low, high, evidence, count = low[order], high[order], evidence[order], count[order]
    new = np.ones(len(low), dtype=np.bool_)
    new[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    first = np.flatnonzero(new)
    if not len(first):
        return low, high, evidence, count
    return low[first], high[first], np.add.reduceat(evidence, first), np.add.reduceat(count, first)


def components(n: int, a: Index, b: Index) -> Index:
    """Return int64[n]: the smallest node of each node's connected component."""
    return np.asarray(_components(n, a, b))


@_kernel
def _grouped(group: Any, n: int) -> Any:
    """Return places by group (of n), in each as they came, and where each group begins and the last ends."""
    bounds, places = np.zeros(n + 1, dtype=np.int64), np.empty(len(group), dtype=np.int64)
    for at in range(len(group)):
        bounds[group[at] + 1] += 1
    for one in range(n):
        bounds[one + 1] += bounds[one]
    behind = bounds[:-1].copy()
    for at in range(len(group)):
        places[behind[group[at]]] = at
        behind[group[at]] += 1
    return places, bounds


@_kernel
def _components(n: int, a: Any, b: Any) -> Any:
    root = np.arange(n)
    for edge in range(len(a)):
        left, right = a[edge], b[edge]
        while root[left] != left:
            root[left] = root[root[left]]
            left = root[left]
        while root[right] != right:
            root[right] = root[root[right]]
            right = root[right]
        if left < right:
            root[right] = left
        elif right < left:
            root[left] = right
    for node in range(n):  # roots are smaller than what they hold
        root[node] = root[root[node]]
    return root


def agglomerate(graph: Graph, threshold: float, absent: float) -> Index:
    """Return int64[n]: each node's cluster, named by its smallest node.

    Args:
        graph: Nodes and edges.
        threshold: Clusters merge while their mean evidence exceeds this; at least 0.
        absent: Evidence of a pair of subjects without an edge; negative.
    """
    n = len(graph.size)
    pairs = graph.size[graph.a] * graph.size[graph.b]
    mean = (graph.evidence + (pairs - graph.seen) * absent) / np.maximum(pairs, 1)
    # a merge needs a positive sum, and so one edge that is positive by itself
    start = (mean > threshold) & (graph.mask[graph.a] & graph.mask[graph.b] == 0)
    component = components(n, graph.a[start], graph.b[start])
    inside = np.flatnonzero(component[graph.a] == component[graph.b])
    nodes, bounds = _grouped(component, n)
    members, edge_bounds = _grouped(component[graph.a[inside]], n)
    inside, roots = inside[members], np.flatnonzero(np.diff(bounds))
    bounds, edge_bounds = bounds[np.append(roots, n)], edge_bounds[np.append(roots, n)]
    parent = np.arange(n)
    edges = (graph.a[inside], graph.b[inside], graph.evidence[inside], graph.seen[inside])
    _walk(parent, nodes, bounds, edge_bounds, *edges, graph.size, graph.mask, threshold, absent, DENSE_NODES)
    sizes = np.diff(bounds)
    large = np.repeat(sizes > DENSE_NODES, np.diff(edge_bounds))
    if large.any():
        far = Graph(graph.size, graph.mask, *(part[large] for part in edges))
        found = rounds(far, threshold, absent)
        parent = np.where(np.isin(component, roots[sizes > DENSE_NODES]), found, parent)
    return parent


@_kernel
def _walk(
    parent: Any,
    nodes: Any,
    bounds: Any,
    edge_bounds: Any,
    a: Any,
    b: Any,
    evidence: Any,
    count: Any,
    size: Any,
    mask: Any,
    threshold: float,
    absent: float,
    largest: int,
) -> None:
    """Agglomerate component by component; write the clusters into `parent`."""
    place = np.empty(len(parent), dtype=np.int64)
    total = np.empty((largest, largest))
    mean = np.empty((largest, largest))
    own_size = np.empty(largest, dtype=np.int64)
    own_mask = np.empty(largest, dtype=np.uint64)
    into = np.empty(largest, dtype=np.int64)
    best = np.empty(largest, dtype=np.int64)
    for at in range(len(bounds) - 1):
        low, k = bounds[at], bounds[at + 1] - bounds[at]
        if k < 2 or k > largest:
            continue
        for row in range(k):
            node = nodes[low + row]
            place[node] = row
            own_size[row], own_mask[row], into[row] = size[node], mask[node], row
        for row in range(k):
            for column in range(k):
                total[row, column] = own_size[row] * own_size[column] * absent
        for edge in range(edge_bounds[at], edge_bounds[at + 1]):
            row, column = place[a[edge]], place[b[edge]]
            total[row, column] += evidence[edge] - count[edge] * absent
            total[column, row] = total[row, column]
        for row in range(k):
            for column in range(k):
                if row == column or own_mask[row] & own_mask[column]:
                    mean[row, column] = -np.inf
                else:
                    mean[row, column] = total[row, column] / (own_size[row] * own_size[column])
        _merge(k, total, mean, own_size, own_mask, into, best, threshold)
        for row in range(k):
            parent[nodes[low + row]] = nodes[low + into[row]]


@_kernel
def _best_of(k: int, row: int, mean: Any, into: Any) -> int:
    found = -1
    for column in range(k):  # ties go to the smaller number
        if into[column] == column and column != row and (found < 0 or mean[row, column] > mean[row, found]):
            found = column
    return found


@_kernel
def _merge(k: int, total: Any, mean: Any, size: Any, mask: Any, into: Any, best: Any, threshold: float) -> None:
    """Merge the best pair until none exceeds the threshold. `into` of a living cluster is itself."""
    for row in range(k):
        best[row] = _best_of(k, row, mean, into)
    for _ in range(k - 1):
        top = -1
        for row in range(k):
            if into[row] == row and best[row] >= 0 and (top < 0 or mean[row, best[row]] > mean[top, best[top]]):
                top = row
        if top < 0 or not mean[top, best[top]] > threshold:
            return
        left, right = min(top, best[top]), max(top, best[top])
        for row in range(k):
            if into[row] == right:
                into[row] = left
        size[left] += size[right]
        mask[left] |= mask[right]
        for row in range(k):
            if into[row] != row or row == left:
                continue
            total[left, row] += total[right, row]
            total[row, left] = total[left, row]
            value = -np.inf
            if mask[left] & mask[row] == 0:
                value = total[left, row] / (size[left] * size[row])
            mean[left, row] = value
            mean[row, left] = value
        for row in range(k):
            if into[row] != row:
                continue
            if row == left or best[row] == left or best[row] == right:
                best[row] = _best_of(k, row, mean, into)
            elif mean[row, left] > mean[row, best[row]] or (
                mean[row, left] == mean[row, best[row]] and left < best[row]
            ):
                best[row] = left


def _best_edge(n: int, a: Index, b: Index, score: Real) -> Index:
    """Return for each node the place of its best edge, -1 without; ties go to the smaller numbers."""
    order = np.lexsort((b, a, -score))
    best = np.full(n, -1, dtype=np.int64)
    backwards = order[::-1]  # the last assignment to a place stands: the best edge
    ends = np.stack([a[backwards], b[backwards]], axis=1).ravel()
    best[ends] = np.repeat(backwards, 2)
    return best


def rounds(graph: Graph, threshold: float, absent: float) -> Index:
    """Merge mutual best clusters, round by round, until none is left; as `agglomerate`."""
    n = len(graph.size)
    parent, size, mask = np.arange(n), graph.size.copy(), graph.mask.copy()
    a, b, evidence, count = graph.a, graph.b, graph.evidence, graph.seen
    while len(a):
        allowed = (mask[a] & mask[b]) == 0
        a, b, evidence, count = a[allowed], b[allowed], evidence[allowed], count[allowed]
        pairs = size[a] * size[b]
        mean = (evidence + (pairs - count) * absent) / pairs
        good = mean > threshold
        if not good.any():
            break
        best = _best_edge(n, a[good], b[good], mean[good])
        edge = np.arange(int(good.sum()))
        mutual = (best[a[good]] == edge) & (best[b[good]] == edge)
        into, gone = a[good][mutual], b[good][mutual]
        size[into] += size[gone]
        mask[into] |= mask[gone]
        moved = np.arange(n)
        moved[gone] = into
        parent = moved[parent]
        a, b = moved[a], moved[b]
        outside = a != b
        a, b, evidence, count = summed(a[outside], b[outside], evidence[outside], count[outside])
    return parent
