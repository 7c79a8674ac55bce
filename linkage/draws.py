"""Draws of partitions: how else the subjects might fall into persons, given the edges.

The point estimate says who is one person; its uncertainty passes on to every figure that is computed
from persons (Sadinle 2018, linkage averaging). A draw is another partition of the same subjects:

- *Cores* are clusters that hold at nearly certain evidence (`linkage.context`); no draw cuts them.
- Two cores are one person with the probability that they have in context, and one number
  decides for all edges between them: what makes one of them doubtful (a missing date, another
  spelling) makes the others doubtful too. Numbers come from a counter (`uniform`), so that a draw is the
  same whatever the order of edges, and a component that did not change draws the same again.
- Clusters of cores agglomerate as those of the point estimate do, cannot-link included. What is larger than its
  registers allow is cut as there (`linkage.mincut`), by the evidence and not by what the draw decided: size speaks
  against a doubtful join in every draw.
- Calibration errs by registers: `doubt` is the standard deviation, in log odds, of an error that all doubtful edges
  between two registers share. It is drawn anew in every draw; without it errors of single edges average out, and
  intervals shrink as populations grow, whatever the calibration is like.
- What links that no pass found would change is drawn apart (`linkage.detachment`).

Only subjects that differ from the point estimate are kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import ndtri

from linkage.agglomeration import Graph, agglomerate
from linkage.cluster import absent_evidence, check_evidence, register_masks
from linkage.context import core_pairs
from linkage.errors import EvidenceError
from linkage.mincut import size_limits, split_oversized
from linkage.pairs import SubjectPairs

DECIDED: Final = 6.0  # log odds of an edge between cores once a draw has decided it
LEAST: Final = 0.005  # core pairs less likely than this are never drawn together
DRAWS_SCHEMA: Final = pa.schema(
    [
        pa.field("draw", pa.int32(), nullable=False),
        pa.field("subject", pa.int64(), nullable=False),
        pa.field("person", pa.int64(), nullable=False),
    ]
)

Index = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PartitionDraws:
    """Draws of partitions.

    Attributes:
        point: int64[n], the point estimate's labels: 0, 1, ... by first subject.
        draws: Number of draws.
        table: `DRAWS_SCHEMA`, sorted: draw, subject and person of the subjects whose person differs from the point
            estimate. A person whose first subject comes first in a person of the point estimate has that
            person's label; another has n plus the number of its first subject.
    """

    point: Index
    draws: int
    table: pa.Table

    def labels(self, draw: int) -> Index:
        """Return int64[n]: each subject's person in one draw.

        Raises:
            EvidenceError: There is no such draw.
        """
        if not 0 <= draw < self.draws:
            raise EvidenceError("There is no such draw.", where={"draw": draw})
        number = self.table.column("draw").to_numpy()
        low, high = np.searchsorted(number, [draw, draw + 1])
        labels = self.point.copy()
        labels[self.table.column("subject").to_numpy()[low:high]] = self.table.column("person").to_numpy()[low:high]
        return labels

    def __iter__(self) -> Iterator[Index]:
        """Yield the labels of each draw."""
        return (self.labels(draw) for draw in range(self.draws))


def draw_partitions(
    register_of_subject: npt.NDArray[Any],
    one_record_registers: Collection[int],
    pairs: SubjectPairs,
    point: npt.NDArray[Any],
    *,
    draws: int,
    seed: int,
    doubt: float = 0.0,
) -> PartitionDraws:
    """Draw partitions of the subjects.

    Args:
        register_of_subject: Integer[n], the register of each.
        one_record_registers: Registers in which a person has at most one subject.
        pairs: Pairs of subjects with their own probabilities.
        point: Integer[n], the point estimate (`cluster.cluster`).
        draws: How many.
        seed: Same seed and same input, same draws; draw d does not depend on how many there are.
        doubt: Standard deviation of the calibration's error between two registers, in log odds.

    Raises:
        EvidenceError: Arrays do not fit together, or a number is not finite or negative.
    """
    register = np.asarray(register_of_subject, dtype=np.int64)
    n = len(register)
    labels = np.asarray(point, dtype=np.int64)
    check_evidence(n, register, pairs.a, pairs.b, pairs.probability)
    if len(labels) != n:
        raise EvidenceError("Every subject has one point estimate.")
    if draws < 0 or not 0 <= doubt < np.inf:
        raise EvidenceError("Neither the number of draws nor the doubt about calibration is negative.")
    cores = _cores(register, one_record_registers, pairs, labels)
    found = [_rows(draw, labels, cores.drawn(seed, draw, doubt)) for draw in range(draws)]
    table = pa.concat_tables([DRAWS_SCHEMA.empty_table(), *found]).combine_chunks()
    return PartitionDraws(labels, draws, table)


def uniform(seed: int, draw: int, *keys: Index) -> Real:
    """Return one number in [0, 1) for each row of keys: SplitMix64 (Steele, Lea and Flood 2014) as a counter."""
    state = _mixed(np.array([seed], dtype=np.int64).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15))
    for key in (np.array([draw], dtype=np.int64), *keys):
        state = _mixed((state ^ key.astype(np.uint64)) + np.uint64(0x9E3779B97F4A7C15))
    return np.asarray((state >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def _mixed(state: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(state ^ (state >> np.uint64(31)))


@dataclass(frozen=True)
class _Cuts:
    """What is needed to cut a drawn person that is too large."""

    register: Index  # int64[n]
    mask: npt.NDArray[np.uint64]  # uint64[n], of registers with one record a person
    limits: Real  # float64[registers], of `mincut.size_limits`
    within: Real  # float64[n], mean log odds inside a core, at its first subject
    between: Real  # float64[m], log odds between the cores of an edge
    absent: float  # log odds between cores that no edge joins

    def cut(self, person: Index, core: Index, graph: Graph) -> Index:
        """Cut persons (int64[n], named by their first subjects) that are larger than their registers allow."""
        over = np.zeros(len(person), dtype=np.bool_)
        for register in np.flatnonzero(np.isfinite(self.limits)):
            own = np.bincount(person[self.register == register], minlength=len(person))
            over |= own > self.limits[register]
        if not over.any():
            return person
        subjects = np.flatnonzero(over[person])
        subjects = subjects[np.argsort(core[subjects], kind="stable")]
        names, start, size = np.unique(core[subjects], return_index=True, return_counts=True)
        inside = np.flatnonzero(over[person[graph.a]] & (person[graph.a] == person[graph.b]))
        ends = np.searchsorted(names, graph.a[inside]), np.searchsorted(names, graph.b[inside])
        own_core = np.arange(len(names))
        left, right = np.concatenate([own_core, ends[0]]), np.concatenate([own_core, ends[1]])
        odds = np.concatenate([self.within[names], self.between[inside]])
        # every subject of the one core with every subject of the other
        number = size[left] * size[right]
        which = np.repeat(np.arange(len(left)), number)
        place = np.arange(len(which)) - np.repeat(np.cumsum(number) - number, number)
        a = subjects[start[left][which] + place // size[right][which]]
        b = subjects[start[right][which] + place % size[right][which]]
        kept = (a < b) | (left != right)[which]
        a, b, evidence = np.minimum(a, b)[kept], np.maximum(a, b)[kept], odds[which][kept]
        order = np.lexsort((b, a))
        every = np.ones(len(person), dtype=np.int64)
        seen = np.ones(len(order), dtype=np.int64)
        pairs = Graph(every, self.mask, a[order], b[order], evidence[order], seen)
        return split_oversized(person, self.register, pairs, self.absent, self.limits)


@dataclass(frozen=True)
class _Cores:
    """The uncertain part of the graph: cores (named by their first subject) and the doubtful edges between them."""

    core: Index  # int64[n], each subject's core
    graph: Graph  # over subjects; nodes that are no core have no edge
    chance: Real  # float64[m], probability that an edge's cores are one person
    low: Index  # int64[m], the lower register of an edge's cores (of their first subjects)
    high: Index  # int64[m], the higher one
    cuts: _Cuts | None  # None if no person is cut

    def drawn(self, seed: int, draw: int, doubt: float) -> Index:
        """Return int64[n]: each subject's cluster in a draw, named by its first subject."""
        chance = self.chance
        if doubt:
            shift = doubt * ndtri(uniform(seed, draw, -1 - self.low, -1 - self.high))
            chance = 1 / (1 + np.exp(-shift) * (1 - chance) / chance)
        yes = uniform(seed, draw, self.graph.a, self.graph.b) < chance
        pairs = self.graph.size[self.graph.a] * self.graph.size[self.graph.b]
        decided = self.graph._replace(evidence=np.where(yes, DECIDED, -DECIDED) * pairs, seen=pairs)
        person = np.asarray(agglomerate(decided, 0.0, -DECIDED)[self.core])
        return person if self.cuts is None else self.cuts.cut(person, self.core, self.graph)


def _cores(register: Index, one: Collection[int], pairs: SubjectPairs, point: Index) -> _Cores:
    found = core_pairs(register, one, pairs)
    graph, chance = found.graph, 1 / (1 + np.exp(-found.odds))
    kept = chance >= LEAST
    graph = graph._replace(a=graph.a[kept], b=graph.b[kept], evidence=graph.evidence[kept], seen=graph.seen[kept])
    ends = register[graph.a], register[graph.b]
    limits, cuts = size_limits(point, register, one), None
    if np.isfinite(limits).any():
        mask = register_masks(register, one)
        absent = absent_evidence(pairs.a, pairs.b, pairs.probability, mask)
        cuts = _Cuts(register, mask, limits, found.within, found.odds[kept], absent)
    return _Cores(found.core, graph, chance[kept], np.minimum(*ends), np.maximum(*ends), cuts)


def _rows(draw: int, point: Index, cluster: Index) -> pa.Table:
    """Return the subjects whose person differs from the point estimate."""
    n = len(point)
    first = np.full(n + 1, n, dtype=np.int64)
    np.minimum.at(first, point, np.arange(n))
    head = cluster if n else point
    # a cluster is named by its first subject: the point estimate's label where that is a first subject there too
    label = np.where(first[point[head]] == head, point[head], n + head)
    subject = np.flatnonzero(label != point)
    columns = [
        pa.array(np.full(len(subject), draw, dtype=np.int32)),
        pa.array(subject),
        pa.array(label[subject]),
    ]
    return pa.table(columns, schema=DRAWS_SCHEMA)
