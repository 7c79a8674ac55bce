"""Least cuts of persons that are larger than their registers allow.

Average link joins two groups while the mean evidence between them is above zero. That is too little for a
person who would then have far more subjects in one register than others have there: such persons are mostly
two, held together by a few middling edges. So persons above their registers' limits are cut where the
evidence is least (Stoer and Wagner 1997), part by part, while the mean evidence across the cut is below
`DOUBTED`. Persons of a usual size are not cut: their least cuts are mostly right (docs/adr/0006).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from linkage.agglomeration import DENSE_NODES, Graph, agglomerate

#: Mean log odds across a cut below which an oversized person is two (probability .73).
DOUBTED: Final = 1.0
#: Standard deviations above the mean at which a person has too many subjects of a register, but two are never too many.
_FAR: Final = 3.0
_ALWAYS: Final = 2.0

Index = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_kernel: Any = njit(nogil=True, cache=True)


def size_limits(person: Index, register_of_subject: Index, one_record_registers: Collection[int]) -> Real:
    """Return float64[registers]: how many subjects of each register a person has at most, if not oversized.

    Mean and standard deviation are over the persons that have one at all. No set of fewer than eleven persons
    has one so far above. Registers with one record a person need no limit: theirs is infinite.

    Args:
        person: int64[n], a number from 0 of each subject's person, -1 where that is not known.
        register_of_subject: int64[n].
        one_record_registers: Registers in which a person has at most one subject.
    """
    limits = np.full(int(register_of_subject.max(initial=-1)) + 1, np.inf)
    top = int(person.max(initial=-1)) + 1
    for register in range(len(limits)):
        if register not in one_record_registers:
            persons, total, squares = _moments(person, register_of_subject, register, top)
            mean = total / max(persons, 1)
            deviation = np.sqrt(max(squares / max(persons, 1) - mean * mean, 0.0))
            limits[register] = max(_ALWAYS, mean + _FAR * deviation)
    return limits


@_kernel
def _moments(person: Any, register_of_subject: Any, register: int, top: int) -> Any:
    """Return how many persons have the register, their subjects there, and the sum of squares."""
    count = np.zeros(top, dtype=np.int64)
    for at in range(len(person)):
        if register_of_subject[at] == register and person[at] >= 0:
            count[person[at]] += 1
    return (count > 0).sum(), count.sum(), (count * count).sum()


def least_cut(weight: Real) -> tuple[float, Flags]:
    """Return a cut of a graph in two: its weight, and bool[k] of one side.

    The least of the cuts of the phase (Stoer and Wagner 1997). It is the least cut of all where no weight is
    negative; with negative weights, for which no fast way is known, it is a cut of the weight returned.

    Args:
        weight: float64[k, k], symmetric, k >= 2; the diagonal does not count.
    """
    k = len(weight)
    between = weight.copy()
    np.fill_diagonal(between, 0.0)
    into, alive = np.arange(k), np.ones(k, dtype=np.bool_)
    best, side = float("inf"), np.zeros(k, dtype=np.bool_)
    for left in range(k, 1, -1):
        tied, waiting = between[0].copy(), alive.copy()
        waiting[0] = False
        before, last, value = 0, 0, 0.0
        for _ in range(left - 1):
            before, last = last, int(np.argmax(np.where(waiting, tied, -np.inf)))
            waiting[last] = False
            value = float(tied[last])
            tied += between[last]
        if value < best:
            best, side = value, into == last
        into[into == last] = before
        alive[last] = False
        between[before] += between[last]
        between[:, before] = between[before]
        between[before, before] = 0.0
    return best, side


@_kernel
def _least_cut(weight: Any, side: Any) -> float:
    """`least_cut` for the kernel: overwrites `weight`, writes the side."""
    k = len(weight)
    into, alive, best = np.arange(k), np.ones(k, dtype=np.bool_), np.inf
    tied, waiting = np.empty(k), np.empty(k, dtype=np.bool_)
    for at in range(k):
        weight[at, at] = 0.0
    for left in range(k, 1, -1):
        for at in range(k):
            tied[at], waiting[at] = weight[0, at], alive[at] and at > 0
        last, before, value = 0, 0, 0.0
        for _ in range(left - 1):
            before, last = last, -1
            for at in range(k):
                if waiting[at] and (last < 0 or tied[at] > tied[last]):
                    last = at
            waiting[last] = False
            value = tied[last]
            for at in range(k):
                tied[at] += weight[last, at]
        if value < best:
            best = value
            for at in range(k):
                side[at] = into[at] == last
        alive[last] = False
        for at in range(k):
            if into[at] == last:
                into[at] = before
            weight[before, at] += weight[last, at]
        for at in range(k):
            weight[at, before] = weight[before, at]
        weight[before, before] = 0.0
    return best


def split_oversized(person: Index, register_of_subject: Index, graph: Graph, absent: float, limits: Real) -> Index:
    """Cut persons with more subjects of a register than its limit, where the evidence is least.

    Args:
        person: int64[n], each subject's person, named by its smallest subject.
        register_of_subject: int64[n].
        graph: Over subjects: sorted edges with their evidence.
        absent: Evidence of a pair without an edge.
        limits: Of `size_limits`.

    Returns:
        int64[n], persons named in the same way.
    """
    over = np.zeros(len(person), dtype=np.bool_)
    for register in np.flatnonzero(np.isfinite(limits)):
        _mark(person, register_of_subject, int(register), float(limits[register]), over)
    subjects = np.flatnonzero(over[person])
    if not len(subjects):
        return person
    subjects = subjects[np.argsort(person[subjects], kind="stable")]
    own = person[subjects]
    bounds = np.r_[np.flatnonzero(np.r_[True, own[1:] != own[:-1]]), len(own)].astype(np.int64)
    inside = np.flatnonzero(over[person[graph.a]] & (person[graph.a] == person[graph.b]))
    inside = inside[np.argsort(person[graph.a[inside]], kind="stable")]
    a, b, evidence = graph.a[inside], graph.b[inside], graph.evidence[inside]
    edge_bounds = np.searchsorted(person[a], np.r_[own[bounds[:-1]], len(person)]).astype(np.int64)
    cut = person.copy()
    _cut(cut, subjects, bounds, edge_bounds, a, b, evidence, register_of_subject, limits, absent, DOUBTED, DENSE_NODES)
    large = np.repeat(np.diff(bounds) > DENSE_NODES, np.diff(edge_bounds))
    if large.any():  # too large for a square: joined again, by what is not doubted
        far = Graph(graph.size, graph.mask, a[large], b[large], evidence[large], graph.seen[inside][large])
        members = subjects[np.repeat(np.diff(bounds) > DENSE_NODES, np.diff(bounds))]
        cut[members] = agglomerate(far, DOUBTED, absent)[members]
    return cut


@_kernel
def _mark(person: Any, register_of_subject: Any, register: int, limit: float, over: Any) -> None:
    """Mark persons (by their names) with more subjects of a register than its limit."""
    count = np.zeros(len(person), dtype=np.int64)
    for at in range(len(person)):
        if register_of_subject[at] == register:
            count[person[at]] += 1
            over[person[at]] |= count[person[at]] > limit


@_kernel
def _cut(
    person: Any,
    subjects: Any,
    bounds: Any,
    edge_bounds: Any,
    a: Any,
    b: Any,
    evidence: Any,
    register_of_subject: Any,
    limits: Any,
    absent: float,
    doubted: float,
    largest: int,
) -> None:
    """Cut person by person, part by part; write the parts, named by their smallest subject, into `person`."""
    place = np.empty(len(person), dtype=np.int64)
    for one in range(len(bounds) - 1):
        low, k = bounds[one], bounds[one + 1] - bounds[one]
        if k > largest:
            continue
        whole = np.full((k, k), absent)
        for row in range(k):
            place[subjects[low + row]] = row
        for edge in range(edge_bounds[one], edge_bounds[one + 1]):
            row, column = place[a[edge]], place[b[edge]]
            whole[row, column] = evidence[edge]
            whole[column, row] = evidence[edge]
        part, parts, looked = np.zeros(k, dtype=np.int64), 1, 0
        while looked < parts:
            rows = np.flatnonzero(part == looked)
            count = np.bincount(register_of_subject[subjects[low + rows]], minlength=len(limits))
            if (count > limits).any():
                side = np.zeros(len(rows), dtype=np.bool_)
                value = _least_cut(whole[rows][:, rows], side)
                away = side.sum()
                if value < doubted * away * (len(rows) - away):
                    for at in range(len(rows)):
                        if side[at]:
                            part[rows[at]] = parts
                    parts += 1
                    continue  # what is left of this part is looked at again
            looked += 1
        name = np.full(parts, -1, dtype=np.int64)
        for row in range(k):  # subjects come in order: a part is named by its first
            if name[part[row]] < 0:
                name[part[row]] = subjects[low + row]
            person[subjects[low + row]] = name[part[row]]
