"""`wasl bench vintage`: what it costs to cluster a new vintage of which little changed.

Pairs of subjects are made up. A person has one to five subjects (2.5 on average) in six registers, three of which
hold one record a person; 93 % of a person's pairs are found, with log odds around 6 (standard deviation 3). Every
subject has 1.2 chance pairs, around -3.5 (1.5). In the next vintage the log odds of all pairs move, as after
another fit (normal, .1, and .02 times themselves). Of the persons that changed, a third has a subject whose data
were corrected (all its pairs are drawn anew, a fifth of them lost), a third lost a subject, a third has a new one.

Subjects are numbered by register and reference, as at the statistics unit, so that a person's subjects lie far
apart in memory. All figures are processor seconds, the least of the repeats, after a run to compile.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from evaluation.benchmarks.machine import machine, versions
from linkage.cluster import cluster, labels_of
from linkage.incremental import Before, Reclustered, likely_components, recluster
from linkage.pairs import SubjectPairs
from service.statistics_unit.continuation import COMPONENT, Earlier, before_of

REGISTERS: Final = 6
ONE_RECORD: Final = [0, 2, 4]
_SIZES: Final = (0.2, 0.35, 0.25, 0.15, 0.05)
_FOUND: Final = 0.93
_CHANCE: Final = 1.2
_FLOOR: Final = -4.6  # log odds of probability .01, the least that leaves the linkage unit
_REPEATS: Final = 3

Index = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
_T = TypeVar("_T")


class Vintage(NamedTuple):
    """Subjects (`register`, `subject_ref`, sorted), their registers' numbers (int64[n]) and their pairs."""

    subjects: pl.DataFrame
    register: Index
    pairs: SubjectPairs


def two_vintages(persons: int, changed: float, seed: int) -> tuple[Vintage, Vintage]:
    """Make up two vintages; see the module's docstring."""
    draw = np.random.default_rng(seed)
    person, register = _subjects(persons, draw)
    n = len(person)
    first = np.flatnonzero(np.r_[True, np.diff(person) != 0])  # subjects lie person by person here
    # 0 as it was, 1 one subject corrected, 2 one lost, 3 one new
    kind = np.where(draw.random(persons) < changed, draw.integers(1, 4, persons), 0)
    subject_kind = np.zeros(n, dtype=np.int64)
    subject_kind[first] = kind
    a, b, odds = _pairs(first, n, draw)
    later = odds * (1 + draw.normal(0, 0.02, len(odds))) + draw.normal(0, 0.1, len(odds))
    anew = (subject_kind[a] == 1) | (subject_kind[b] == 1)
    later[anew] = np.where(person[a] == person[b], draw.normal(6, 3, len(a)), draw.normal(-3.5, 1.5, len(a)))[anew]
    there = ~(anew & (draw.random(len(a)) < 0.2))
    key = draw.permutation(n)
    order = np.lexsort((key, register))
    number = np.empty(n, dtype=np.int64)
    number[order] = np.arange(n)
    ends = (number[a], number[b])
    references = pl.Series(key[order]).cast(pl.String).str.zfill(32)
    frame = pl.DataFrame({"register": pl.Series(register[order]).cast(pl.String), "subject_ref": references})
    made = []
    for stays, value, kept in (
        (subject_kind[order] != 3, odds, np.ones(len(a), dtype=np.bool_)),
        (subject_kind[order] != 2, later, there),
    ):
        now = np.cumsum(stays) - 1
        held = kept & stays[ends[0]] & stays[ends[1]]
        left, right = (now[end[held]] for end in ends)
        made.append(Vintage(frame.filter(stays), register[order][stays], _sorted(left, right, value[held])))
    return made[0], made[1]


def _subjects(persons: int, draw: np.random.Generator) -> tuple[Index, Index]:
    """Return person and register of each subject; a person's subjects lie in registers that follow each other."""
    size = draw.choice(np.arange(1, len(_SIZES) + 1), persons, p=_SIZES)
    person = np.repeat(np.arange(persons), size)
    place = np.arange(len(person)) - np.repeat(np.cumsum(size) - size, size)
    return person, (np.repeat(draw.integers(0, REGISTERS, persons), size) + place) % REGISTERS


def _pairs(first: Index, n: int, draw: np.random.Generator) -> tuple[Index, Index, Real]:
    """Return distinct pairs of subjects and their log odds."""
    size = np.diff(np.r_[first, n])
    found = []
    for left in range(len(_SIZES)):
        for right in range(left + 1, len(_SIZES)):
            own = first[size > right]
            found.append(np.stack([own + left, own + right]))
    inside = np.concatenate(found, axis=1)
    inside = inside[:, draw.random(inside.shape[1]) < _FOUND]
    chance = np.sort(draw.integers(0, n, (2, int(_CHANCE * n))), axis=0)
    both = np.concatenate([inside, chance[:, chance[0] != chance[1]]], axis=1)
    odds = np.concatenate([draw.normal(6, 3, inside.shape[1]), draw.normal(-3.5, 1.5, both.shape[1] - inside.shape[1])])
    _, distinct = np.unique(both[0] * n + both[1], return_index=True)
    return both[0][distinct], both[1][distinct], odds[distinct]


def _sorted(left: Index, right: Index, odds: Real) -> SubjectPairs:
    low, high = np.minimum(left, right), np.maximum(left, right)
    order = np.lexsort((high, low))
    value = np.maximum(odds[order], _FLOOR)
    return SubjectPairs(low[order], high[order], 1 / (1 + np.exp(-value)), value)


def bench(persons: int, *, changed: float = 0.01, seed: int = 1) -> dict[str, Any]:
    """Measure the clustering of a new vintage: in full, and continuing the one before.

    Args:
        persons: Persons of the first vintage.
        changed: Share of persons of whom something changed.
        seed: Of the data.

    Returns:
        Processor seconds of `full` (the clustering of the new vintage), `recluster` (the same, given the state of the
        one before in today's numbers), and `read` (what brings that state there: subjects matched by reference,
        pairs renumbered); `share` of the full clustering; sizes; whether all persons of unchanged components were kept.
    """
    _measured(*two_vintages(300, 0.1, seed), repeats=1)
    result = _measured(*two_vintages(persons, changed, seed), repeats=_REPEATS)
    return {
        "persons": persons,
        "changed_persons": changed,
        **result,
        "machine": machine(),
        "versions": versions(),
    }


def _measured(first: Vintage, second: Vintage, *, repeats: int) -> dict[str, Any]:
    labels = cluster(len(first.register), first.register, ONE_RECORD, *first.pairs[:3])
    component = labels_of(likely_components(first.register, ONE_RECORD, first.pairs))
    links = first.subjects.with_columns(
        pl.Series(labels).cast(pl.String).str.zfill(32).alias("person_id"), pl.Series(COMPONENT, component)
    )
    table = pa.table({name: getattr(first.pairs, name) for name in ("a", "b", "probability")})
    read, before = _timed(
        lambda: before_of(Earlier(links, table), second.subjects, second.register, ONE_RECORD), repeats
    )
    n = len(second.register)
    full, _ = _timed(lambda: cluster(n, second.register, ONE_RECORD, *second.pairs[:3]), repeats)
    again, found = _timed(lambda: recluster(second.register, ONE_RECORD, second.pairs, before), repeats)
    untouched, kept = _kept(before, found)
    return {
        "subjects": n,
        "pairs": len(second.pairs.a),
        "subjects_in_changed_components": int(found.changed.sum()),
        "persons_untouched": untouched,
        "persons_untouched_kept": kept,
        "cpu_seconds": {"full": round(full, 4), "recluster": round(again, 4), "read": round(read, 4)},
        "share": round(again / full, 4),
    }


def _timed(work: Callable[[], _T], repeats: int) -> tuple[float, _T]:
    """Return the least processor seconds of the repeats, and what the work made."""
    best, made = np.inf, None
    for _ in range(repeats):
        start = time.process_time()
        made = work()
        best = min(best, time.process_time() - start)
    assert made is not None
    return float(best), made


def _kept(before: Before, found: Reclustered) -> tuple[int, int]:
    """Return how many earlier persons have no subject in a changed component, and how many of them are as they were."""
    top = int(max(before.labels.max(initial=-1), found.labels.max(initial=-1))) + 1
    was = np.bincount(before.labels[~found.changed], minlength=top)
    now = np.bincount(found.labels, minlength=top)
    ties = np.unique(before.labels[~found.changed] * top + found.labels[~found.changed])
    then, after = ties // top, ties % top
    one_to_one = (np.bincount(then, minlength=top)[then] == 1) & (was[then] == now[after])
    return int((was > 0).sum()), int(one_to_one.sum())
