"""m by pair of registers, where the data allow: the last part of EM.

Registers differ: one is keyed carelessly, another holds numbers that the next never has. After EM over all pairs has
converged it goes on with, for each pair of registers,

- an m of its own for those variables whose shares among the matches differ from all by more than a test allows
  (likelihood ratio against the Bayesian information criterion, Schwarz 1978). Pairs of one person are not
  independent, so that the ratio is divided by a design effect (Kish 1965). An own m leans to that of the others;
- its own share of erring matches, leaning to that of all.

λ stays that of the pass: by pair of registers it took namesakes of registers with few persons in common for matches
(F1 of foreigners_pl .797 to .789, of the synthetic registers .992 to .990). u is that of the pass, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from linkage.evidence import KINDS, Evidence, Index, State, Table
from linkage.patterns import PatternCounts
from linkage.plan import ComparisonPlan
from linkage.priors import KIND_WEIGHT, MATCH_WEIGHT

PAIR_WEIGHT: Final = 100.0  # pseudo-pairs that draw an own m to that of all pairs of registers
DESIGN_EFFECT: Final = 10.0  # five records of a person make ten pairs


class RegisterPairs(NamedTuple):
    """What pairs of registers have of their own.

    Attributes:
        pairs: Places of two registers in the plan, lower first, in order.
        m: float64[G, K, V, L], before what a pass's key rules out.
        kinds: Pass to float64[G, K], shares of each kind among the matches.
    """

    pairs: tuple[tuple[int, int], ...]
    m: Table
    kinds: Mapping[str, Table]

    def kept(self, used: npt.NDArray[np.bool_]) -> RegisterPairs:
        """Return the same with 1 in places that are no levels (bool[V, L] says which are)."""
        return self._replace(m=np.where(used, self.m, 1.0))

    def places(self, register_a: npt.NDArray[np.uint16], register_b: npt.NDArray[np.uint16]) -> Index:
        """Return int64[n]: the number of each pair of registers, -1 for one that no pair of records came from."""
        size = max([int(register_a.max(initial=0)), int(register_b.max(initial=0)), *(b for _, b in self.pairs)]) + 1
        number = np.full((size, size), -1, dtype=np.int64)
        for at, (a, b) in enumerate(self.pairs):
            number[a, b] = number[b, a] = at
        return np.asarray(number[register_a, register_b])


def pairs_in(counts: Mapping[str, PatternCounts]) -> tuple[tuple[int, int], ...]:
    """Return the pairs of registers that any pass compared, in order."""
    found = {
        pair
        for part in counts.values()
        for pair in zip(part.register_a.tolist(), part.register_b.tolist(), strict=True)
    }
    return tuple(sorted(found))


def by_register_pair(
    counts: Mapping[str, PatternCounts], plan: ComparisonPlan, pairs: tuple[tuple[int, int], ...]
) -> tuple[npt.NDArray[np.uint8], Table, Index, Index]:
    """Return levels, counts, pass and pair of registers of all patterns, in order."""
    levels, number, which, group = (
        [np.empty((0, len(plan.variables)), np.uint8)],
        [np.empty(0)],
        [np.empty(0, np.int64)],
        [np.empty(0, np.int64)],
    )
    places = RegisterPairs(pairs, np.empty(0), {})
    for at, name in enumerate(plan.passes):
        found = counts.get(name, PatternCounts.empty())
        levels.append(plan.levels_of(found.pattern))
        number.append(found.count.astype(np.float64))
        which.append(np.full(len(found.pattern), at, dtype=np.int64))
        group.append(places.places(found.register_a, found.register_b))
    return np.concatenate(levels), np.concatenate(number), np.concatenate(which), np.concatenate(group)


def differing(tally: Table, m: Table, used: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return bool[G, V]: whether a variable's shares among the matches of a pair of registers are its own.

    Args:
        tally: float64[K, G, V, L], expected matches of each kind.
        m: float64[K, V, L], shares over all pairs of registers.
        used: bool[V, L], levels that are levels.
    """
    number = tally.sum(axis=-1, keepdims=True)
    share = np.where(tally > 0, tally / np.maximum(number, 1e-300), 1.0)
    expected = np.where(used, m, 1.0)[:, None]
    ratio = 2 * np.where(tally > 0, tally * np.log(share / expected), 0.0).sum(axis=(0, 3))
    kinds = np.maximum((number >= 1).sum(axis=(0, 3)), 1)  # a kind without a match frees nothing
    freedom = kinds * np.maximum(used.sum(axis=-1) - 1, 1)
    return np.asarray(ratio / DESIGN_EFFECT > freedom * np.log(np.maximum(number.sum(axis=(0, 3)), 2)))


class _Paired(Evidence):
    """Patterns by pair of registers; what all of them share is estimated as in `Evidence`."""

    def __init__(
        self, counts: Mapping[str, PatternCounts], plan: ComparisonPlan, pairs: tuple[tuple[int, int], ...]
    ) -> None:
        levels, number, which, group = by_register_pair(counts, plan, pairs)
        super().__init__(levels, number, which, plan)
        self.groups = len(pairs)
        self.unit = which * self.groups + group
        row = self.unit[None, :] * self.shape[1] + np.arange(self.shape[1])[:, None]
        self.own_cell = row * self.shape[2] + levels.T  # [V, N]: place in a table [P, G, V, L]

    def of_units(self, m: Table) -> Table:
        """Return float64[K, P, G, V, L]: m (float64[K, G, V, L]) in each pass, given that the key agrees."""
        return self._normalised(m[:, None] * self.possible[None, :, None])

    def mix_of_units(self, mix: Table, kinds: Table) -> Table:
        """Return float64[P, G, K + 1]: λ of the pass, split as the matches of the pair of registers are."""
        rate = np.repeat(1 - mix[:, None, -1:], self.groups, axis=1)
        return np.concatenate([rate * kinds, 1 - rate], axis=2)

    def expect_by_pair(self, state: State, m: Table, kinds: Table) -> tuple[Table, float]:
        """As `expect`, with m (float64[K, G, V, L]) and shares of kinds (float64[P, G, K]) by pair of registers."""
        joint = np.log(self.mix_of_units(state.mix, kinds)).reshape(-1, KINDS + 1).T[:, self.unit]
        for kind, table in enumerate(self.of_units(m)):
            log_m = self.log(table)
            for cells in self.own_cell:
                joint[kind] += log_m[cells]
        log_u = self.log(state.u)
        for cells in self.cell:
            joint[-1] += log_u[cells]
        top = joint.max(axis=0)
        total = top + np.log(np.exp(joint - top).sum(axis=0))
        return np.exp(joint - total), float((self.number * total).sum()) + self.penalty(state)

    def tallies(self, belongs: Table) -> Table:
        """Return float64[K, G, V, L]: expected matches of each kind, from the passes that m is read from."""
        shape = (self.shape[0], self.groups, *self.shape[1:])
        found = []
        for share in belongs[:-1]:
            total = np.zeros(int(np.prod(shape)))
            for cells in self.own_cell:
                total += np.bincount(cells, weights=self.number * share, minlength=len(total))
            found.append((total.reshape(shape) * self.m_passes[:, None]).sum(axis=0))
        return np.stack(found)

    def own_m(self, tally: Table, m: Table, own: npt.NDArray[np.bool_]) -> Table:
        """Return float64[K, G, V, L]: m of each pair of registers, that of those without an own one if it has none.

        Args:
            tally: float64[K, G, V, L], expected matches.
            m: float64[K, V, L], shares over all pairs of registers.
            own: bool[G, V], which have an m of their own.
        """
        rest = np.where(own[None, :, :, None], 0.0, tally).sum(axis=1)
        generic = MATCH_WEIGHT * self.generic[:-1]
        rest = self.capped(self._normalised(rest + generic), self._normalised((rest + generic).sum(axis=0)))
        number = own.sum(axis=0)
        m = np.where(((number > 0) & (number < self.groups))[:, None], rest, m)
        found = self._normalised(tally + PAIR_WEIGHT * m[:, None])
        whole = self._normalised(tally.sum(axis=0) + PAIR_WEIGHT * m.sum(axis=0)[None])
        capped = [self.capped(found[:, at], whole[at]) for at in range(self.groups)]
        return np.where(own[None, :, :, None], np.stack(capped, axis=1), m[:, None])

    def own_kinds(self, belongs: Table) -> Table:
        """Return float64[P, G, K]: shares of kinds among the matches, of a pass leaning to the pair of registers'."""
        size = self.shape[0] * self.groups
        counted = [np.bincount(self.unit, weights=self.number * share, minlength=size) for share in belongs[:-1]]
        kinds = np.stack(counted, axis=-1).reshape(self.shape[0], self.groups, KINDS)
        overall = (kinds.sum(axis=(0, 1)) + 1) / (kinds.sum() + KINDS)
        by_pair = kinds.sum(axis=0)
        lean = (by_pair + KIND_WEIGHT * overall) / (by_pair.sum(axis=-1, keepdims=True) + KIND_WEIGHT)
        return np.asarray((kinds + KIND_WEIGHT * lean) / (kinds.sum(axis=-1, keepdims=True) + KIND_WEIGHT))


class PairedFit(NamedTuple):
    """A fit by pair of registers: what all share, what each has of its own, and how EM ended."""

    state: State
    own: RegisterPairs
    likelihood: float
    iterations: int
    converged: bool
    turned: bool


def fit_by_register_pair(
    counts: Mapping[str, PatternCounts], plan: ComparisonPlan, state: State, iterations: int, tolerance: float
) -> PairedFit:
    """Go on from a converged state until nothing moves by more than `tolerance`, or the iterations are used up."""
    pairs = pairs_in(counts)
    evidence = _Paired(counts, plan, pairs)
    evidence.relaxed = True
    m = np.repeat(state.m[:, None], len(pairs), axis=1)
    share = state.mix[:, :-1] / state.mix[:, :-1].sum(axis=1, keepdims=True)
    kinds = np.repeat(share[:, None], len(pairs), axis=1)
    belongs, likelihood = evidence.expect_by_pair(state, m, kinds)
    own = differing(evidence.tallies(belongs), state.m, evidence.used)
    done, moved = 0, np.inf
    while done < iterations and moved >= tolerance:
        after = evidence.maximise(belongs)
        after_m, after_kinds = evidence.own_m(evidence.tallies(belongs), after.m, own), evidence.own_kinds(belongs)
        changes = (np.abs(after_m - m).max(initial=0), np.abs(after_kinds - kinds).max(initial=0))
        moved = max(after.moved(state), *(float(change) for change in changes))
        state, m, kinds = after, after_m, after_kinds
        belongs, likelihood = evidence.expect_by_pair(state, m, kinds)
        done += 1
    found = RegisterPairs(
        pairs,
        m.transpose(1, 0, 2, 3),
        {name: kinds[at] for at, name in enumerate(plan.passes)},
    )
    return PairedFit(state, found, likelihood, done, moved < tolerance, evidence.agreement(state) <= 0)
