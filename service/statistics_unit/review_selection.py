"""Which pairs a reviewer is shown, and what a decision would do to the persons around them.

- *Borderline* pairs: probability nearest one half first. They are listed by expected effect: p (1 - p) times one more
  than the figures that the decision moves (`review_effect`).
- *Calibration sample*: pairs that are linked, drawn at random by their subjects' references, so that a later
  computation draws the same ones. The share that reviewers call one person estimates the precision of the links.
- *Changes*: the subjects around a pair are clustered anew as the next computation will do it, with the pair as
  must-link and as cannot-link. Components of likely edges are apart from each other, so all of it is one clustering.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from linkage.agglomeration import components
from linkage.cluster import LIKELY, absent_evidence, cluster, register_masks
from linkage.draws import uniform
from linkage.mincut import size_limits
from linkage.pairs import SubjectPairs

#: Pairs whose effect is computed, and those of them that are listed; pairs of the calibration sample.
CANDIDATES: Final = 400
LISTED: Final = 200
SAMPLED: Final = 100
#: Subjects around a pair beyond which its effect is not computed: such a component is a fault, not a person.
LARGEST: Final = 300
_BORDERLINE: Final = (0.02, 0.98)
_SEED: Final = 7

Index = npt.NDArray[np.int64]
Person = tuple[int, ...]


class Change(NamedTuple):
    """Persons (their subjects) that a decision would take apart, and those it would make."""

    lost: tuple[Person, ...]
    gained: tuple[Person, ...]


class Grouping(NamedTuple):
    """Subjects by group, to ask for a group's members.

    Attributes:
        label: int64[n].
        order: int64[n], subjects sorted by label.
        bounds: int64[labels + 1].
    """

    label: Index
    order: Index
    bounds: Index

    @classmethod
    def of(cls, label: Index) -> Grouping:
        """Group by label (0, 1, ...)."""
        order = np.argsort(label, kind="stable").astype(np.int64)
        bounds = np.searchsorted(label[order], np.arange(int(label.max(initial=-1)) + 2)).astype(np.int64)
        return cls(label, order, bounds)

    def members(self, subject: int) -> Index:
        """Return the subjects of a subject's group, sorted."""
        at = int(self.label[subject])
        return self.order[self.bounds[at] : self.bounds[at + 1]]


def borderline(pairs: SubjectPairs) -> Index:
    """Return rows of the pairs nearest one half, at most `CANDIDATES`; decided ones (0 or 1) are none."""
    low, high = _BORDERLINE
    rows = np.flatnonzero((pairs.probability >= low) & (pairs.probability <= high))
    doubt = np.abs(pairs.probability[rows] - 0.5)
    return rows[np.lexsort((pairs.b[rows], pairs.a[rows], doubt))][:CANDIDATES]


def calibration_sample(pairs: SubjectPairs, labels: Index, references: pl.Series) -> Index:
    """Return rows of `SAMPLED` linked pairs, drawn by a hash of their subjects' references (hexadecimal)."""
    rows = np.flatnonzero(labels[pairs.a] == labels[pairs.b])
    key = references.str.slice(0, 15).str.to_integer(base=16, strict=False).fill_null(0).to_numpy().astype(np.int64)
    drawn = uniform(_SEED, 0, key[pairs.a[rows]], key[pairs.b[rows]])
    return rows[np.lexsort((pairs.b[rows], pairs.a[rows], drawn))][:SAMPLED]


def changes_of(
    register: Index, single: Sequence[int], pairs: SubjectPairs, labels: Index, rows: Sequence[int]
) -> list[dict[bool, Change]]:
    """Return, for each pair chosen, what must-link (True) and cannot-link (False) would change.

    A decision that is impossible (two records of a register with one record a person) or whose surroundings are too
    large is left out.

    Args:
        register: int64[n], register of each subject.
        single: Registers with one record a person.
        pairs: All pairs, sorted.
        labels: int64[n], the person of each subject.
        rows: Rows of `pairs`.
    """
    n = len(register)
    likely = pairs.probability > LIKELY
    parts = Grouping.of(components(n, pairs.a[likely], pairs.b[likely]))
    persons = Grouping.of(labels)
    first = np.searchsorted(pairs.a, np.arange(n + 1))
    mask = register_masks(register, single)
    absent = absent_evidence(pairs.a, pairs.b, pairs.probability, mask)
    asked: list[tuple[int, bool, Index]] = []
    columns: list[list[npt.NDArray[np.float64] | Index]] = [[], [], []]
    offset = 0
    for place, row in enumerate(rows):
        chosen = around(parts, persons, int(pairs.a[row]), int(pairs.b[row]))
        if len(chosen) > LARGEST:
            continue
        edges = edges_among(pairs, first, chosen)
        ends = [np.searchsorted(chosen, end[edges]) for end in (pairs.a, pairs.b)]
        for same in (True, False):
            if same and mask[pairs.a[row]] & mask[pairs.b[row]]:
                continue
            probability = np.where(edges == row, float(same), pairs.probability[edges])
            for column, values in zip(columns, (ends[0] + offset, ends[1] + offset, probability), strict=True):
                column.append(values)
            asked.append((place, same, chosen))
            offset += len(chosen)
    found: list[dict[bool, Change]] = [{} for _ in rows]
    if not asked:
        return found
    whole = np.concatenate([chosen for _, _, chosen in asked])
    a, b, probability = (np.concatenate(column) for column in columns)
    limits = size_limits(labels, register, single)
    made = cluster(offset, register[whole], single, a, b, probability, absent=absent, limits=limits)
    start = 0
    for place, same, chosen in asked:
        own = made[start : start + len(chosen)]
        start += len(chosen)
        before, after = _groups(chosen, labels[chosen]), _groups(chosen, own)
        found[place][same] = Change(tuple(sorted(before - after)), tuple(sorted(after - before)))
    return found


def around(parts: Grouping, persons: Grouping, a: int, b: int) -> Index:
    """Return the subjects that a decision on a pair may move: of both components of likely edges, persons whole."""
    near = np.unique(np.concatenate([parts.members(a), parts.members(b)]))
    if len(near) > LARGEST:
        return near
    return np.unique(np.concatenate([near, *(persons.members(int(subject)) for subject in near)]))


def edges_among(pairs: SubjectPairs, first: npt.NDArray[np.integer], chosen: Index) -> Index:
    """Return the rows of the pairs inside a set of subjects; `first` says where each subject's pairs begin."""
    rows = np.concatenate([np.arange(first[subject], first[subject + 1]) for subject in chosen]).astype(np.int64)
    return rows[np.isin(pairs.b[rows], chosen)]


def _groups(chosen: Index, label: Index) -> set[Person]:
    groups: dict[int, list[int]] = {}
    for subject, own in zip(chosen.tolist(), label.tolist(), strict=True):
        groups.setdefault(own, []).append(subject)
    return {tuple(group) for group in groups.values()}
