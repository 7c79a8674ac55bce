"""Links that no pass found: how many there are, and draws of them.

Mostly one record differs from all others of its person, and it alone is lost: of 1 135 pieces beside the largest that
persons of 50 000 fell into, 1 117 were of one register, nearly all a single subject. So missed links are estimated and
drawn by the subject that is lost, register by register, and within a register by groups of subjects that are alike to
find: who is hard to find is lost more often, and a register may hold many of another group who are rightly alone.

*How many.* Passes are captures. f1 and f2 subjects hang on the rest of their person by pairs that at most one,
at most two passes found. Chao's estimator f1 (f1 - 1) / (2 (f2 + 1)) (1987) of those that hang on nothing is a lower
bound, for it takes all subjects as equally hard to find; the first jackknife, f1 (Burnham and Overton 1978), allows
for subjects of their own difficulty and mostly overstates. The estimate is their geometric mean, and each of them lies
one standard deviation of its logarithm away (docs/adr/0015-intervals.md has the figures).

*Which.* A draw takes as many subjects that are alone, at random. Each takes a subject with f1 for its pattern, and goes
to a person of its stratum with records in the registers that the pattern's person has, and with events at the distance
in time that the pattern has: whoever is insured now and lost a contract lost one of now. Time is compared in the
register whose distances vary least.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from linkage.cluster import register_masks
from linkage.errors import EvidenceError
from linkage.pairs import SubjectPairs

LIKELY: Final = 0.5  # pairs that captures are counted on: who hangs on a doubtful one alone is the hardest to find
LEAST_SPREAD: Final = 0.4
_JITTER: Final = 60.0  # days
_FAR: Final = 1e6  # days: more than any two moments are apart

Index = npt.NDArray[np.int64]
Masks = npt.NDArray[np.uint64]
Real = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MissedLinks:
    """Subjects of a register that are alone because no pass found a link to the rest of their person.

    Attributes:
        register: Number of the register.
        expected: How many; the median of what draws take.
        spread: Standard deviation of its logarithm.
        company: int64, subjects of the register whose persons show in which registers the rest of a person is. Empty:
            any person of the stratum who has records in other registers.
        among: int64, subjects of the register that may be lost; None: all.
        group: Number of their group: draws of two groups are not the same.
    """

    register: int
    expected: float
    spread: float = 0.0
    company: Index = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    among: Index | None = None
    group: int = 0


def estimate_missed(
    register_of_subject: npt.NDArray[Any],
    pairs: SubjectPairs,
    passes: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    groups: npt.NDArray[Any] | None = None,
) -> list[MissedLinks]:
    """Estimate the links that no pass found, by register and group; those without any are left out.

    Where no likely pair was found by two passes nothing is known of them, and the list is empty.

    Args:
        register_of_subject: Integer[n], the register of each subject.
        pairs: Pairs of subjects with calibrated probabilities.
        passes: Integer[m], how many passes found each pair.
        labels: Integer[n], the person of each subject.
        groups: Integer[n], at least 0: subjects of a register and a group are about as hard to find. One group by
            default.
    """
    register, person = np.asarray(register_of_subject, np.int64), np.asarray(labels, np.int64)
    group = np.zeros(len(register), dtype=np.int64) if groups is None else np.asarray(groups, np.int64)
    found = np.asarray(passes, np.int64)
    likely = (person[pairs.a] == person[pairs.b]) & (pairs.probability >= LIKELY)
    best = np.zeros(len(register), dtype=np.int64)
    for ends in (pairs.a, pairs.b):
        np.maximum.at(best, ends[likely], found[likely])
    if best.max(initial=0) < 2:
        return []
    estimates = []
    for number, alike in np.unique(np.stack([register, group], axis=1), axis=0).tolist():
        own = (register == number) & (group == alike)
        once = np.flatnonzero(own & (best == 1))
        twice = int((own & (best == 2)).sum())
        if len(once):
            # of a single one Chao's numerator would be 0: half a pair stands for it
            chao = max(len(once) - 1, 0.5) * len(once) / (2 * (twice + 1))
            spread = max(abs(np.log(len(once) / chao)) / 2, LEAST_SPREAD)
            expected, among = float(np.sqrt(chao * len(once))), np.flatnonzero(own)
            estimates.append(MissedLinks(number, expected, float(spread), once, among, alike))
    return estimates


def sensitivities(
    register_of_subject: npt.NDArray[Any], labels: npt.NDArray[Any], missed: Sequence[MissedLinks]
) -> dict[int, float]:
    """Return, by register, the share of its subjects with a person in other registers whose link to it was found.

    Args:
        register_of_subject: Integer[n], the register of each subject.
        labels: Integer[n], the person of each subject.
        missed: Of `estimate_missed`; registers without an entry miss nothing.
    """
    register, person = np.asarray(register_of_subject, np.int64), np.asarray(labels, np.int64)
    held = np.zeros(int(person.max(initial=-1)) + 1, dtype=np.uint64)
    bit = register_masks(register, range(int(register.max(initial=-1)) + 1))
    np.bitwise_or.at(held, person, bit)
    linked = held[person] != bit
    lost: dict[int, float] = {}
    for links in missed:
        lost[links.register] = lost.get(links.register, 0.0) + links.expected * float(np.exp(links.spread**2 / 2))
    found = {number: int((linked & (register == number)).sum()) for number in np.unique(register).tolist()}
    return {number: count / (count + lost.get(number, 0.0)) if count else 1.0 for number, count in found.items()}


class Company(NamedTuple):
    """The rest of the persons of subjects that were found, one row a subject: whom a lost one belongs to.

    Attributes:
        held: uint64, the registers that the rest has subjects in; 0: any other register.
        near: int64, of those registers the one that time is compared in; -1: all.
        after: float64, days from the subject's events to those of the rest in that register.
    """

    held: Masks
    near: Index
    after: Real


@dataclass(frozen=True)
class Fragments:
    """What missed links are drawn over.

    Attributes:
        missed: The links, by register.
        company: For each of them.
        register: int64[n], of each subject.
        bit: uint64[n], its bit.
        one: Registers in which a person has at most one subject.
        stratum: int64[n]; missed links join persons of one stratum (of their first subjects).
        moment: float64[n], when each subject's events lie, in days of any origin, at least 0.
    """

    missed: tuple[MissedLinks, ...]
    company: tuple[Company, ...]
    register: Index
    bit: Masks
    one: frozenset[int]
    stratum: Index
    moment: Real

    @classmethod
    def of(
        cls,
        register: Index,
        one: Collection[int],
        stratum: Index,
        moment: Real,
        point: Index,
        missed: Sequence[MissedLinks],
    ) -> Fragments:
        """Prepare draws over the subjects of a point estimate.

        Raises:
            EvidenceError: There are more than 64 registers, or a number of links is not finite or negative.
        """
        if any(not (np.isfinite(m.expected) and m.expected >= 0 and 0 <= m.spread < np.inf) for m in missed):
            raise EvidenceError("Numbers of missed links are not negative.")
        width = max([int(register.max(initial=-1)), *(m.register for m in missed)]) + 1
        bit = register_masks(register, range(width))
        shape = (int(point.max(initial=-1)) + 1, width)
        place = point * width + register
        held = np.bincount(place, minlength=shape[0] * width).reshape(shape)
        when = np.bincount(place, moment, shape[0] * width).reshape(shape) / np.maximum(held, 1)
        ordered = sorted(missed, key=lambda links: (links.register, links.group))
        company: list[Company] = []
        for number in sorted({links.register for links in ordered}):
            own = [links for links in ordered if links.register == number]
            company += _companies(own, held, when, point, moment)
        return cls(tuple(ordered), tuple(company), register, bit, frozenset(one), stratum, moment)

    def merged(self, cluster: Index, seed: int, draw: int) -> Index:
        """Return each subject's cluster, named by its first subject, after a draw of missed links."""
        for number in dict.fromkeys(links.register for links in self.missed):
            own = [
                (links, company)
                for links, company in zip(self.missed, self.company, strict=True)
                if links.register == number
            ]
            random = np.random.Generator(np.random.PCG64([seed, draw, number]))
            cluster = self._given(cluster, own, random)
        return cluster

    def _given(self, cluster: Index, own: list[tuple[MissedLinks, Company]], random: np.random.Generator) -> Index:
        """Give single subjects of a register to persons: of each group so many."""
        number = own[0][0].register
        size = np.bincount(cluster, minlength=len(cluster))
        held = np.zeros(len(cluster), dtype=np.uint64)
        np.bitwise_or.at(held, cluster, self.bit)
        single = (size == 1) & (self.register == number)
        error = random.standard_normal()  # how far the estimator errs is the same for all groups of a register
        quota, tried, like = [], [], []
        for links, company in own:
            alone = np.flatnonzero(single) if links.among is None else links.among[single[links.among]]
            quota.append(int(random.poisson(links.expected * np.exp(links.spread * error))))
            tried.append(random.permutation(alone)[: 2 * quota[-1]])  # some find nobody in their stratum
            rows = random.integers(0, len(company.held), size=len(tried[-1]))
            like.append(Company(company.held[rows], company.near[rows], company.after[rows]))
        lost = np.concatenate(tried)
        wanted = Company(*(np.concatenate([getattr(part, name) for part in like]) for name in Company._fields))
        if not len(lost):
            return cluster
        group = np.empty(len(cluster), dtype=np.int64)
        group[lost] = np.repeat(np.arange(len(own)), [len(some) for some in tried])
        others = np.flatnonzero(size)
        others = random.permutation(others[~np.isin(others, lost)])
        bit = self.bit[lost[0]]
        if number in self.one:
            others = others[held[others] & bit == 0]
        pairs = [np.empty((0, 2), dtype=np.int64)]
        for mask, near in sorted(set(zip(wanted.held.tolist(), wanted.near.tolist(), strict=True))):
            mine = (wanted.held == np.uint64(mask)) & (wanted.near == near)
            fits = others[held[others] == np.uint64(mask)] if mask else others[held[others] & ~bit != 0]
            when = self.moment[lost[mine]] + wanted.after[mine]
            pairs.append(self._nearest((lost[mine], when), (fits, self._when(cluster, size, near)[fits]), random))
        found, moved = np.concatenate(pairs), np.arange(len(cluster))
        found = found[np.sort(np.unique(found[:, 1], return_index=True)[1])]  # a person that is nearest twice: once
        for place, most in enumerate(quota):
            rows = np.flatnonzero(group[found[:, 0]] == place)
            chosen = found[np.sort(random.permutation(rows)[:most])]
            moved[chosen.max(axis=1)] = chosen.min(axis=1)
        return np.asarray(moved[cluster])

    def _when(self, cluster: Index, size: Index, near: int) -> Real:
        """Return the mean moment of each cluster's subjects of one register; -1: of all its subjects."""
        if near < 0:
            return np.asarray(np.bincount(cluster, self.moment, len(cluster)) / np.maximum(size, 1))
        own = self.register == near
        count = np.bincount(cluster[own], minlength=len(cluster))
        return np.asarray(np.bincount(cluster[own], self.moment[own], len(cluster)) / np.maximum(count, 1))

    def _nearest(self, lost: tuple[Index, Real], others: tuple[Index, Real], random: np.random.Generator) -> Index:
        """Pair each lost subject with the person of its stratum that is nearest in time: int64[p, 2].

        Both (subjects or clusters, moments) are moved by some months at random first. Who is nearest to several goes to
        the first of them.
        """
        (left, _), (right, _) = lost, others
        if not len(left) or not len(right):
            return np.empty((0, 2), dtype=np.int64)
        keys = [
            self.stratum[side] * _FAR + np.clip(moment + random.normal(0.0, _JITTER, len(side)), 0, _FAR / 3)
            for side, moment in (lost, others)
        ]
        order = np.argsort(keys[1], kind="stable")
        sorted_keys, right = keys[1][order], right[order]
        after = np.searchsorted(sorted_keys, keys[0])
        sides = np.stack([np.maximum(after - 1, 0), np.minimum(after, len(right) - 1)])
        gaps = np.abs(sorted_keys[sides] - keys[0])
        nearest = np.where(gaps[0] <= gaps[1], sides[0], sides[1])
        _, first = np.unique(nearest, return_index=True)
        first = np.sort(first[gaps.min(axis=0)[first] < _FAR / 2])
        return np.stack([left[first], right[nearest[first]]], axis=1)


def _companies(own: Sequence[MissedLinks], held: Index, when: Real, person: Index, moment: Real) -> list[Company]:
    """Return the company of the links of one register; a single row of nothing where none is known.

    Args:
        own: Links of the register.
        held: int64 (persons, registers), subjects.
        when: float64 (persons, registers), mean moments.
        person: int64[n], of each subject.
        moment: float64[n], of each subject.
    """
    number, width = own[0].register, held.shape[1]
    rests: list[npt.NDArray[np.bool_]] = []
    gaps: list[Real] = []
    for links in own:
        counts = held[person[links.company]]
        counts[:, number] -= 1
        rests.append(counts > 0)
        gaps.append(when[person[links.company]] - moment[links.company][:, None])
    # Contracts begin when insurance does, crossings lie anywhere: the register whose distances vary least says most.
    spread = np.full(width, np.inf)
    everything, distances = np.concatenate(rests), np.concatenate(gaps)
    for other in range(width):
        if other != number and everything[:, other].any():
            own_gaps = distances[everything[:, other], other]
            spread[other] = np.median(np.abs(own_gaps - np.median(own_gaps)))
    spread[number] = np.finfo(np.float64).max  # its own register only where there is no other
    made = []
    for rest, gap in zip(rests, gaps, strict=True):
        if not len(rest):
            nobody = np.zeros(1, dtype=np.uint64)
            made.append(Company(nobody, np.full(1, -1), np.zeros(1)))
            continue
        near = np.where(rest, spread, np.inf).argmin(axis=1)
        masks = (rest.astype(np.uint64) << np.arange(width, dtype=np.uint64)).sum(axis=1)
        made.append(Company(masks, near, gap[np.arange(len(gap)), near]))
    return made
