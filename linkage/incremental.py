"""Clustering a new vintage: only where evidence changed are subjects clustered again.

Every vintage encodes afresh and fits its own model, so that each pair's probability moves a little.
An edge counts as changed when its evidence (log odds) moved by more than `TOLERANCE` or it came or went.
Clusters grow only along likely edges, and so only inside the components of edges that are likely before or
now (and not between two records of a `one` register): a component with a changed edge in it, a new subject
or one that lost a companion is clustered anew, the others keep their persons. Unlikely edges between
components, which are most of what comes and goes, decide nothing and make nothing dirty.

The tolerance is hysteresis too: ids do not flap while evidence trembles around zero. An unchanged component
keeps the evidence that it was clustered with, so that drift in small steps adds up to a change.

What is done on everything is one walk over both lists of pairs, which checks, compares and joins, and two
over the subjects; the rest is done on the changed components.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from linkage.agglomeration import components
from linkage.cluster import LIKELY, SOFT_LIMIT, cluster, evidence_of
from linkage.errors import EvidenceError
from linkage.pairs import SubjectPairs

TOLERANCE: Final = 1.0  # log odds

Index = npt.NDArray[np.int64]
_kernel: Any = njit(nogil=True, cache=True)
_FAULTS: Final = {
    1: "Pairs of subjects are not sorted.",
    2: "A pair names a subject that does not exist.",
    3: "A probability is not finite or lies outside 0 to 1.",
}


class Before(NamedTuple):
    """The earlier clustering, in the numbers that its subjects have now.

    Attributes:
        a, b: int64[m], its pairs (a < b, sorted); pairs of subjects that are gone are left out.
        probability: float64[m], what they were clustered with.
        labels: int64[n], person of each subject, -1 for a new one.
        bereft: bool[n], whether a subject lost a companion: one that it had a likely edge or a person with is gone.
        absent: Log odds of a pair without an edge, as used then.
        limits: float64[registers], `mincut.size_limits` as used then.
        component: int64[n], component of likely edges of each subject (numbers from 0 of the order of n), -1 for a
            new one. A person lies in one component; taking two for one is sound, but costs.
    """

    a: Index
    b: Index
    probability: npt.NDArray[np.float64]
    labels: Index
    bereft: npt.NDArray[np.bool_]
    absent: float
    limits: npt.NDArray[np.float64]
    component: Index


class Reclustered(NamedTuple):
    """A clustering that continues an earlier one.

    Attributes:
        labels: int64[n], numbered by first subject.
        pairs: What the next vintage compares with: this vintage's pairs, those that did not change with the evidence
            that they were clustered with.
        changed: bool[n], subjects of components that were clustered anew.
        component: int64[n], for the next vintage.
    """

    labels: Index
    pairs: SubjectPairs
    changed: npt.NDArray[np.bool_]
    component: Index


def recluster(
    register_of_subject: npt.NDArray[Any],
    one_record_registers: Collection[int],
    pairs: SubjectPairs,
    before: Before,
    *,
    tolerance: float = TOLERANCE,
) -> Reclustered:
    """Cluster subjects into persons, continuing an earlier clustering.

    Args:
        register_of_subject: Integer[n], the register of each subject.
        one_record_registers: Registers in which a person has at most one subject.
        pairs: This vintage's pairs (a < b, sorted).
        before: The earlier clustering.
        tolerance: How far an edge's log odds may move without being clustered anew. With 0 the result is the full
            clustering.

    Raises:
        EvidenceError: Arrays do not fit together, pairs are not sorted, or a probability is not one.
    """
    register = np.asarray(register_of_subject, dtype=np.int64)
    for one in (pairs, before):
        if not len(one.a) == len(one.b) == len(one.probability):
            raise EvidenceError("Pairs and probabilities have different lengths.")
    if not len(before.labels) == len(before.bereft) == len(before.component) == len(register):
        raise EvidenceError("Every subject has one earlier person and one component, or -1.")
    now, then = ((one.a, one.b, one.probability) for one in (pairs, before))
    probability = np.empty(len(pairs.a))
    fault, came, went, here, there = _compare(*now, *then, len(register), tolerance, probability)
    if fault:
        raise EvidenceError(_FAULTS[fault])
    evidence = evidence_of(pairs.probability[here]), evidence_of(before.probability[there])
    far = np.abs(evidence[0] - evidence[1]) > tolerance
    probability[here[far]] = pairs.probability[here[far]]
    grown = (pairs.probability[here] > LIKELY) & (before.probability[there] <= LIKELY)
    likely = np.concatenate([here[grown], came[pairs.probability[came] > LIKELY]])
    moved = np.concatenate([here[far], came])
    component, changed = _spread(
        before.component,
        (before.labels < 0) | before.bereft,
        (pairs.a[likely], pairs.b[likely]),
        (np.concatenate([pairs.a[moved], before.a[went]]), np.concatenate([pairs.b[moved], before.b[went]])),
        register,
        _single(register, one_record_registers),
    )
    subjects = np.flatnonzero(changed)
    inside = _inside(pairs.a, pairs.b, pairs.probability, changed, probability)
    within = SubjectPairs(
        np.searchsorted(subjects, pairs.a[inside]),
        np.searchsorted(subjects, pairs.b[inside]),
        *(column[inside] for column in (pairs.probability, pairs.weight)),
    )
    ends = (within.a, within.b, within.probability)
    own = cluster(
        len(subjects), register[subjects], one_record_registers, *ends, absent=before.absent, limits=before.limits
    )
    parts = likely_components(register[subjects], one_record_registers, within)
    component[subjects] = parts + (int(component.max(initial=-1)) + 1)
    labels = _numbered(before.labels, changed, own)
    return Reclustered(labels, pairs._replace(probability=probability), changed, component)


def likely_components(
    register_of_subject: npt.NDArray[Any], one_record_registers: Collection[int], pairs: SubjectPairs
) -> Index:
    """Return int64[n]: the smallest subject of each one's component of likely edges, outside of which no cluster grows.

    Edges between two records of a register with one record a person do not count.
    """
    register = np.asarray(register_of_subject, dtype=np.int64)
    likely = pairs.probability > LIKELY
    a, b = pairs.a[likely], pairs.b[likely]
    able = (register[a] != register[b]) | ~_single(register, one_record_registers)[register[a]]
    return components(len(register), a[able], b[able])


def _single(register: Index, one_record_registers: Collection[int]) -> npt.NDArray[np.bool_]:
    """Return bool[registers]: which hold one record a person."""
    return np.isin(np.arange(int(register.max(initial=-1)) + 1), sorted(one_record_registers))


@_kernel
def _compare(
    a: Any, b: Any, now: Any, a_then: Any, b_then: Any, then: Any, n: int, tolerance: float, carried: Any
) -> Any:
    """Walk over both lists of pairs: check them, carry evidence that did not move, and pick out the others.

    Evidence moves no more than log odds do, and a tenth of them beyond `SOFT_LIMIT`: where the odds' ratio is a
    little less than the tolerance allows, no logarithm is needed. The walk is as fast as its branches are seldom
    taken.

    Returns:
        A fault (0 for none); places of pairs that came, that went (among those of before), and of those in both
        lists that may have moved or are likely now and were not: here, and there.
    """
    near, near_if_sure, sure = 0.999 * np.exp(tolerance), 0.999 * np.exp(10 * tolerance), 1 / (1 + np.exp(-SOFT_LIMIT))
    i, j, last = 0, 0, np.int64(-1)
    came, went, both = 0, 0, 0
    # long enough for all; only what is used of them is touched
    came_at, here = np.empty(len(a), dtype=np.int64), np.empty(len(a), dtype=np.int64)
    went_at, there = np.empty(len(a_then), dtype=np.int64), np.empty(len(a_then), dtype=np.int64)
    unsorted, missing, unlike = False, False, False
    while i < len(a) or j < len(a_then):
        if i < len(a) and j < len(a_then) and (a[i] == a_then[j]) & (b[i] == b_then[j]):
            one, other, chance, was = a[i], b[i], now[i], then[j]
            carried[i] = was
            up, down = chance * (1 - was), was * (1 - chance)
            within = near_if_sure if (chance > sure) & (was > sure) else near
            if (up >= within * down) | (down >= within * up) | ((chance > LIKELY) & (was <= LIKELY)):
                here[both], there[both] = i, j
                both += 1
            i += 1
            j += 1
        elif j == len(a_then) or (i < len(a) and (a[i] < a_then[j] or (a[i] == a_then[j] and b[i] < b_then[j]))):
            one, other, chance, was = a[i], b[i], now[i], 0.0
            carried[i] = chance
            came_at[came] = i
            came += 1
            i += 1
        else:
            one, other, chance, was = a_then[j], b_then[j], 0.0, then[j]
            went_at[went] = j
            went += 1
            j += 1
        key = one * n + other
        unsorted |= (one >= other) | (key <= last)  # a list that is not sorted brings a pair that is not above the last
        missing |= (one < 0) | (other >= n)
        unlike |= not ((chance >= 0) & (chance <= 1) & (was >= 0) & (was <= 1))
        last = key
    fault = 1 if unsorted else 2 if missing else 3 if unlike else 0
    return fault, came_at[:came], went_at[:went], here[:both], there[:both]


@_kernel
def _spread(before: Any, new: Any, likely: Any, moved: Any, register: Any, single: Any) -> Any:
    """Return each subject's component, joined by edges that became likely, and whether something changed in it.

    A subject without an earlier component begins with one of its own. `likely` and `moved`: ends of edges.
    """
    n, known, fresh = len(before), 0, 0
    for at in range(n):
        known = max(known, before[at] + 1)
        fresh += before[at] < 0
    component = np.empty(n, dtype=np.int64)
    root = np.arange(known + fresh)
    dirty = np.zeros(known + fresh, dtype=np.bool_)
    for at in range(n):
        component[at] = before[at]
        if before[at] < 0:
            component[at] = known
            known += 1
        if new[at]:
            dirty[component[at]] = True
    for edge in range(len(likely[0])):
        one, other = likely[0][edge], likely[1][edge]
        if register[one] == register[other] and single[register[one]]:
            continue
        left, right = component[one], component[other]
        while root[left] != left:
            root[left] = root[root[left]]
            left = root[left]
        while root[right] != right:
            root[right] = root[root[right]]
            right = root[right]
        root[max(left, right)] = min(left, right)
    for at in range(known):  # roots are smaller than what they hold
        root[at] = root[root[at]]
        dirty[root[at]] |= dirty[at]
    for edge in range(len(moved[0])):
        left, right = root[component[moved[0][edge]]], root[component[moved[1][edge]]]
        dirty[left] |= left == right
    changed = np.empty(n, dtype=np.bool_)
    for at in range(n):
        component[at] = root[component[at]]
        changed[at] = dirty[component[at]]
    return component, changed


@_kernel
def _numbered(before: Any, changed: Any, own: Any) -> Any:
    """Return persons by first subject: those of before, of changed subjects (in their order) `own`."""
    top = 0
    for at in range(len(before)):
        top = max(top, before[at] + 1)
    name = np.full(top + len(own), -1, dtype=np.int64)
    labels = np.empty(len(before), dtype=np.int64)
    used, met = 0, 0
    for at in range(len(before)):
        person = before[at]
        if changed[at]:
            person = top + own[met]
            met += 1
        if name[person] < 0:
            name[person] = used
            used += 1
        labels[at] = name[person]
    return labels


@_kernel
def _inside(a: Any, b: Any, now: Any, changed: Any, carried: Any) -> Any:
    """Return the places of pairs inside what changed; they carry this vintage's evidence."""
    places = np.empty(len(a), dtype=np.int64)
    found = 0
    for at in range(len(a)):
        if changed[a[at]] and changed[b[at]]:
            places[found] = at
            found += 1
            carried[at] = now[at]
    return places[:found]
