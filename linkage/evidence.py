"""What EM iterates over: patterns with their counts, and one step of expectation and maximisation.

The rules by which shares lean on each other are those of `em`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from linkage.plan import ComparisonPlan
from linkage.priors import (
    ALIKE_BINS,
    CONTRADICTIONS,
    KIND_WEIGHT,
    LOCAL_SHARE,
    LOCAL_WEIGHT,
    MATCH_KINDS,
    MATCH_PRIOR,
    MATCH_WEIGHT,
    MAX_ERRING,
    NAMESAKE_EQUAL,
    NO_ERROR,
    OTHER_SHARE,
    OTHER_WEIGHT,
    POOL_SHARE,
    POOL_WEIGHT,
    RELAXED_SHARE,
    RELAXED_WEIGHT,
    UNLIKE_BINS,
    generic_shares,
)

RARE_SHARE: Final = 0.002  # a level rarer than this in a pass is taken for one that its key rules out
LEAST_SHARE: Final = 1e-12
KINDS: Final = len(MATCH_KINDS)
_NAMES: Final = frozenset({"given", "family", "full"})

Table = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]


_plain: Any = njit(nogil=True, cache=True)


@_plain
def _add_up(cell: Any, weight: Any, total: Any) -> None:
    """Add the weight (float64[N]) of each pattern to the cells of its levels (int64[V, N])."""
    for variable in range(cell.shape[0]):
        for at in range(cell.shape[1]):
            total[np.uint64(cell[variable, at])] += weight[at]


@_plain
def _add_cells(cell: Any, table: Any, total: Any) -> None:
    """Add the cells of each pattern's levels (int64[V, N]) to its total (float64[N]), variable by variable."""
    for at in range(cell.shape[1]):
        found = total[at]
        for variable in range(cell.shape[0]):
            found += table[np.uint64(cell[variable, at])]
        total[at] = found


@dataclass(frozen=True)
class State:
    """m: float64[K, V, L]; u: float64[P, V, L]; mix: float64[P, K + 1], the last column of other pairs."""

    m: Table
    u: Table
    mix: Table

    def moved(self, before: State) -> float:
        """Return the largest change of any parameter."""
        pairs = ((self.m, before.m), (self.u, before.u), (self.mix, before.mix))
        return max(float(np.abs(now - then).max(initial=0)) for now, then in pairs)


class Evidence:
    """All patterns of all passes with their counts, and what never changes while EM runs."""

    def __init__(self, levels: npt.NDArray[np.uint8], number: Table, which: Index, plan: ComparisonPlan) -> None:
        """Prepare patterns: levels uint8[N, V], pairs with each float64[N], and its pass int64[N]."""
        self.plan = plan
        self.relaxed = False  # whether the anchor is in proportion to the others found
        self.shape = (len(plan.passes), len(plan.variables), int(plan.sizes.max()))
        self.levels, self.number, self.which = levels, number, which
        row = self.which[None, :] * self.shape[1] + np.arange(self.shape[1])[:, None]
        self.cell = row * self.shape[2] + self.levels.T  # [V, N]: place in a table [P, V, L]
        self.pairs = np.bincount(self.which, weights=self.number, minlength=self.shape[0])
        self.used = np.arange(self.shape[2])[None, :] < plan.sizes.astype(np.int64)[:, None]  # [V, L]
        self.used[:, 0] = False
        self.touched, core = (
            np.array([[v.name in names[name] for v in plan.variables] for name in plan.passes], dtype=np.bool_)
            for names in (plan.touched, plan.core)
        )
        depth = self.touched.astype(np.int64) + core
        self.m_passes = (depth <= np.maximum(depth.min(axis=0), 1)[None]).astype(np.float64)[:, :, None]
        tokens = np.array([variable.kind == "token" for variable in plan.variables], dtype=np.bool_)
        by_name = np.array([bool(_NAMES & plan.core[name]) for name in plan.passes], dtype=np.bool_)
        self.namesake = by_name[:, None] & tokens[None, :] & ~self.touched
        self.u_passes = (~self.touched & ~self.namesake).astype(np.float64)[:, :, None]
        self.generic = np.zeros((KINDS + 1, *self.shape[1:]))
        for at, variable in enumerate(plan.variables):
            shares = generic_shares(variable)
            self.generic[:, at, : shares.shape[1]] = shares
        self.lean = np.tile(self.generic[-1][None], (self.shape[0], 1, 1))  # [P, V, L]: generic u of each pass
        self.lean[self.namesake, 1:3] = (NAMESAKE_EQUAL, 1 - NAMESAKE_EQUAL)
        self.contradicting = np.zeros((KINDS, *self.shape[1:]), dtype=np.bool_)
        for at, variable in enumerate(plan.variables):
            last = len(variable.levels)
            self.contradicting[1:, at, last - CONTRADICTIONS[variable.kind] : last] = True
            if variable.kind == "similarity":
                self.contradicting[:, at, : UNLIKE_BINS + 1] = True
        self.renewed = np.zeros_like(self.contradicting)
        for at, variable in enumerate(plan.variables):
            for level in NO_ERROR.get(variable.kind, ()):
                self.renewed[1:, at, variable.levels.index(level)] = True
        self.alike = np.zeros(self.shape[1:], dtype=np.bool_)
        for at, variable in enumerate(plan.variables):
            self.alike[at, ALIKE_BINS + 1 :] = variable.kind == "similarity"
        self.other_weight = max(OTHER_WEIGHT, OTHER_SHARE * float(self.pairs.sum()))
        weight = np.where(
            (self.touched | self.namesake)[:, :, None],
            np.maximum(LOCAL_WEIGHT, LOCAL_SHARE * self.pairs)[:, None, None],
            np.maximum(POOL_WEIGHT, POOL_SHARE * self.pairs)[:, None, None],
        )
        self.lean_weight = weight  # pseudo-pairs behind what the u of a pass leans to
        marginal = self._normalised(self._tally(self.number) + LOCAL_WEIGHT * self.generic.mean(axis=0)[None])
        # what the key forces says nothing: its u leans to the shares among the pass's pairs
        self.local_lean = np.where(core[:, :, None], marginal, self.lean)
        self.forced = core
        # levels that a key rules out cannot be held against a match that the key brought together
        seen = self._tally(self.number) / np.maximum(self.pairs, 1)[:, None, None]
        self.possible = np.where(core[:, :, None], seen / (seen + RARE_SHARE), 1.0)

    def _normalised(self, table: Table) -> Table:
        table = np.where(self.used, np.maximum(table, LEAST_SHARE), 0.0)
        return np.asarray(table / table.sum(axis=-1, keepdims=True))

    def _tally(self, weight: Table) -> Table:
        """Sum weights (one a pattern) by pass, variable and level."""
        total = np.zeros(int(np.prod(self.shape)))
        _add_up(self.cell, weight, total)
        return total.reshape(self.shape)

    def start(self, rate: float) -> State:
        u = np.where(self.touched[:, :, None], self.local_lean, self.lean)
        mix = np.tile([*[rate / KINDS] * KINDS, 1 - rate], (self.shape[0], 1))
        return State(self.generic[:-1], u, mix)

    def log(self, table: Table) -> Table:
        return np.log(np.where(self.used, np.maximum(table, LEAST_SHARE), 1.0)).ravel()

    def m_of_passes(self, m: Table) -> Table:
        """Return float64[K, P, V, L]: m in each pass, given that the key agrees."""
        return self._normalised(m[:, None] * self.possible[None])

    def possible_of_passes(self) -> dict[str, Table]:
        """Return pass to float64[V, L]: factors for what its key rules out."""
        return {
            name: np.maximum(np.broadcast_to(self.possible[at], self.shape[1:]), LEAST_SHARE)
            for at, name in enumerate(self.plan.passes)
        }

    def expect(self, state: State) -> tuple[Table, float]:
        """Return each pattern's class probabilities (float64[K + 1, N]) and the penalised log likelihood."""
        joint = np.log(state.mix).T[:, self.which]
        for kind, table in enumerate(self.m_of_passes(state.m)):
            _add_cells(self.cell, self.log(table), joint[kind])
        _add_cells(self.cell, self.log(state.u), joint[-1])
        top = joint.max(axis=0)
        total = top + np.log(np.exp(joint - top).sum(axis=0))
        return np.exp(joint - total), float((self.number * total).sum()) + self.penalty(state)

    def penalty(self, state: State) -> float:
        a, b = MATCH_PRIOR
        other = state.mix[:, -1]
        prior = float((a * np.log1p(-other) + b * np.log(other)).sum())
        for kind in range(KINDS):
            prior += MATCH_WEIGHT * float((self.generic[kind].ravel() * self.log(state.m[kind])).sum())
        log_u = self.log(state.u).reshape(self.shape)
        lean = np.where(self.forced[:, :, None], self.local_lean, self.lean)
        return prior + float((self.lean_weight * lean * log_u).sum())

    def maximise(self, belongs: Table) -> State:
        tallies = [self._tally(self.number * share) for share in belongs]
        m = np.stack(
            [
                self._normalised((tally * self.m_passes).sum(axis=0) + MATCH_WEIGHT * generic)
                for tally, generic in zip(tallies[:-1], self.generic[:-1], strict=True)
            ]
        )
        whole = self._normalised(
            (np.sum(tallies[:-1], axis=0) * self.m_passes).sum(axis=0) + MATCH_WEIGHT * self.generic[:-1].sum(axis=0)
        )
        m = self.capped(m, whole)
        others = tallies[-1]
        pool = self._normalised((others * self.u_passes).sum(axis=0) + self.other_weight * self.generic[-1])
        lean = np.where(self.namesake[:, :, None], self.lean, pool[None])
        lean = np.where(self.forced[:, :, None], self.local_lean, lean)
        weight = self.lean_weight
        if self.relaxed:
            found = np.bincount(self.which, weights=self.number * belongs[-1], minlength=self.shape[0])
            weight = np.minimum(weight, np.maximum(RELAXED_WEIGHT, RELAXED_SHARE * found)[:, None, None])
        u = self._normalised(others + weight * lean)
        u = self._normalised(np.where(self.alike, np.minimum(u, self.generic[-1]), u))
        return State(m, u, self._mix(belongs))

    def capped(self, m: Table, whole: Table) -> Table:
        """Hold contradictions of matches at `MAX_ERRING` times their generic shares, renewed numbers near those of all.

        A second class of matches is free to take up whatever the first does not explain: namesakes, or
        people of one household, if it may contradict itself like them. Where similarity is all there is
        (profile `record`), no match may lie among what random pairs look like.

        Args:
            m: float64[K, V, L], the shares as counted.
            whole: float64[V, L], the shares among matches of all kinds.
        """
        ratio = self.generic[:-1] / np.where(self.used, self.generic[0], 1.0)
        limit = np.where(self.contradicting, MAX_ERRING * self.generic[:-1], np.where(self.renewed, ratio * whole, 1.0))
        held = self.contradicting | self.renewed
        capped = np.where(held, np.minimum(m, limit), m)
        kept = np.where(held, 0.0, capped).sum(axis=-1, keepdims=True)
        room = 1 - np.where(held, capped, 0.0).sum(axis=-1, keepdims=True)
        return np.asarray(np.where(held, capped, capped * room / np.maximum(kept, LEAST_SHARE)))

    def _mix(self, belongs: Table) -> Table:
        size = self.shape[0]
        kinds = np.stack([np.bincount(self.which, weights=self.number * one, minlength=size) for one in belongs[:-1]])
        matches = kinds.sum(axis=0)
        overall = (kinds.sum(axis=1) + 1) / (kinds.sum() + KINDS)
        share = (kinds.T + KIND_WEIGHT * overall) / (matches[:, None] + KIND_WEIGHT)
        a, b = MATCH_PRIOR
        rate = (matches + a) / (self.pairs + a + b)
        return np.concatenate([rate[:, None] * share, (1 - rate)[:, None]], axis=1)

    def agreement(self, state: State) -> float:
        """Return how much more matches agree than other pairs: positive unless the classes are turned round.

        Levels are weighed as the generic shares weigh them, each kind of matches by its share.
        """
        kinds = state.mix[:, :-1].sum(axis=0)
        generic = np.log(np.where(self.used, self.generic[0], 1.0)) - np.log(np.where(self.used, self.generic[-1], 1.0))
        matches = np.tensordot(kinds / kinds.sum(), state.m, axes=1)
        others = (state.u * self.pairs[:, None, None]).sum(axis=0) / max(float(self.pairs.sum()), 1.0)
        return float(((matches - others) * generic).sum())
