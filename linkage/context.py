"""The probability that two subjects are one person, given all the edges around them.

A pair's own probability speaks for the pair alone. Other pairs tell more: subjects that are surely one person
form a *core*, and whether two cores are one person is one question, however many pairs lie between them. Its
log odds are the mean of those pairs', a pair without an edge counting as in `cluster`, plus a term for size.

*Size.* A record that differs by an error mostly stands alone. Where two or more records agree with each other and
differ from the rest in the same way, they are mostly another person (a namesake, a relative). The prior odds
thus depend on the smaller core's size, and are read from the run itself: within each class of sizes the share of
matches is estimated anew by expectation-maximisation, the evidence being left as it is (Saerens, Latinne and
Decaestecker 2002). The odds never rise with size. What this is worth: docs/adr/0009-model-and-calibration.md.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from linkage.agglomeration import Graph, agglomerate, summed
from linkage.cluster import absent_evidence, check_evidence, evidence_of, register_masks
from linkage.pairs import SubjectPairs

CORE_EVIDENCE: Final = 5.0  # mean log odds (probability .993) above which subjects are one core
SIZES: Final = (1, 2, 4)  # classes of the smaller core's size: one subject, two or three, four and more
SHARE_WEIGHT: Final = 10.0  # pseudo-pairs that draw a class's share of matches to that of all
_LARGEST: Final = 60.0  # log odds beyond this make no difference to a probability
_TOLERANCE: Final = 1e-9
_ITERATIONS: Final = 1000

Index = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]


class CorePairs(NamedTuple):
    """Cores and the pairs of cores that some edge joins.

    Attributes:
        core: int64[n], each subject's core, named by its first subject.
        graph: Nodes are subjects, of which a core's first stands for it; edges join cores that exclude no other.
        odds: float64[m], log odds (natural) that an edge's two cores are one person.
        within: float64[n], mean log odds of the pairs inside a core, at its first subject; 0 without a pair.
        shift: float64[len(SIZES)], what the smaller core's size adds to log odds.
    """

    core: Index
    graph: Graph
    odds: Real
    within: Real
    shift: Real


def core_pairs(
    register_of_subject: npt.NDArray[Any], one_record_registers: Collection[int], pairs: SubjectPairs
) -> CorePairs:
    """Find the cores, and weigh the evidence between them.

    Args:
        register_of_subject: Integer[n], the register of each subject.
        one_record_registers: Registers in which a person has at most one subject.
        pairs: Pairs of subjects with their own probabilities.

    Raises:
        EvidenceError: Arrays do not fit together, or a probability is not one.
    """
    n = len(register_of_subject)
    register = np.asarray(register_of_subject, dtype=np.int64)
    check_evidence(n, register, pairs.a, pairs.b, pairs.probability)
    mask = register_masks(register, one_record_registers)
    absent = absent_evidence(pairs.a, pairs.b, pairs.probability, mask)
    every = np.ones(len(pairs.a), dtype=np.int64)
    graph = Graph(np.ones(n, dtype=np.int64), mask, *summed(pairs.a, pairs.b, evidence_of(pairs.probability), every))
    core = agglomerate(graph, CORE_EVIDENCE, absent)
    size = np.bincount(core, minlength=n)
    masks = np.zeros(n, dtype=np.uint64)
    np.bitwise_or.at(masks, core, mask)
    a, b = core[graph.a], core[graph.b]
    inside = a == b
    held = np.bincount(a[inside], weights=graph.evidence[inside], minlength=n)
    found = np.bincount(a[inside], weights=graph.seen[inside], minlength=n)
    whole = size * (size - 1) / 2
    within = (held + (whole - found) * absent) / np.maximum(whole, 1)
    a, b, total, seen = summed(a[~inside], b[~inside], graph.evidence[~inside], graph.seen[~inside])
    free = masks[a] & masks[b] == 0
    a, b, total, seen = a[free], b[free], total[free], seen[free]
    product = size[a] * size[b]
    mean = np.clip((total + (product - seen) * absent) / np.maximum(product, 1), -_LARGEST, _LARGEST)
    kind = np.searchsorted(SIZES, np.minimum(size[a], size[b]), side="right") - 1
    shift = _shifts(mean, kind)
    odds = np.clip(mean + shift[kind], -_LARGEST, _LARGEST)
    return CorePairs(core, Graph(size, masks, a, b, total, seen), odds, np.clip(within, -_LARGEST, _LARGEST), shift)


def _probability(odds: Real) -> Real:
    return np.asarray(1 / (1 + np.exp(-odds)))


def _shifts(odds: Real, kind: Index) -> Real:
    """Return what each class of sizes adds to log odds: its own prior odds less those of all."""
    if not len(odds):
        return np.zeros(len(SIZES))
    number = np.bincount(kind, minlength=len(SIZES))
    every = float(np.clip(_probability(odds).mean(), 1e-6, 1 - 1e-6))
    prior = np.log(every) - np.log1p(-every)
    share = np.full(len(SIZES), every)
    for _ in range(_ITERATIONS):
        match = _probability(odds + (np.log(share) - np.log1p(-share) - prior)[kind])
        matches = np.bincount(kind, weights=match, minlength=len(SIZES))
        after = (matches + SHARE_WEIGHT * every) / (number + SHARE_WEIGHT)
        moved, share = float(np.abs(after - share).max()), after
        if moved < _TOLERANCE:
            break
    return np.asarray(np.minimum.accumulate(np.log(share) - np.log1p(-share) - prior))


def in_context(
    register_of_subject: npt.NDArray[Any], one_record_registers: Collection[int], pairs: SubjectPairs
) -> SubjectPairs:
    """Return the pairs with the probability of one person given all edges; arguments and errors as `core_pairs`.

    Two subjects of a core have its own mean, two of cores that exclude each other 0.
    """
    return context_of(core_pairs(register_of_subject, one_record_registers, pairs), pairs)


def context_of(cores: CorePairs, pairs: SubjectPairs) -> SubjectPairs:
    """Return the pairs that the cores were made from with their probabilities in context."""
    n = np.int64(len(cores.core))
    ends = cores.core[pairs.a], cores.core[pairs.b]
    low, high = np.minimum(*ends), np.maximum(*ends)
    keys = cores.graph.a * n + cores.graph.b
    probability = np.where(low == high, _probability(cores.within)[low], 0.0)
    if len(keys):
        wanted = low * n + high
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        probability = np.where(keys[at] == wanted, _probability(cores.odds)[at], probability)
    return pairs._replace(probability=probability)


def questions(cores: CorePairs, pairs: SubjectPairs) -> Index:
    """Return int64[m]: the question that each pair belongs to; all pairs between two cores are one person or none."""
    ends = cores.core[pairs.a], cores.core[pairs.b]
    keys = np.minimum(*ends) * np.int64(len(cores.core)) + np.maximum(*ends)
    return np.unique(keys, return_inverse=True)[1].astype(np.int64)
