"""Expectation-maximisation on pattern counts, over all passes at once.

The latent classes are two kinds of matches (see `priors`) and the other pairs.

- m belongs to persons and clerks, whatever key brought two records together: one table for all
  passes, read from the passes whose key touches the variable least; in a pass, given what its key
  rules out.
- u is pooled over the passes whose key does not touch the variable, and anchored to the generic u:
  where nearly all pairs match, erring matches would otherwise pass for others. The u of a pass leans
  to the pool by a share of the pass's pairs, so that it is its own where others are many (namesakes
  share their sex too) and the pool's where they are few. Where the key touches the variable it leans
  less, and what the key forces leans to the shares among the pass's pairs.
- Names tell sex and origin: among pairs that a key of names brought together, tokens of others agree
  more often than among random pairs. There u starts and leans on `NAMESAKE_EQUAL` (fields that depend on
  each other: the key's names stand for the dependence), and stays out of the pool.
- λ and the share of erring matches are estimated for each pass.
- The anchor holds EM to the right classes, but where others are one pair in a hundred it outweighs them.
  Once EM has converged it goes on with an anchor in proportion to the others found (`RELAXED_SHARE`).

Patterns, not pairs, are iterated over (Enamorado, Fifield and Imai 2019); missing values add no
evidence; pseudo-counts keep every share above zero. Several starts run for a few iterations, the best
penalised likelihood goes on (Biernacki, Celeux and Govaert 2003). A fit whose matches agree less than
its other pairs is refused as turned round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from linkage.errors import PatternError
from linkage.model import Model
from linkage.patterns import PatternCounts
from linkage.plan import ComparisonPlan
from linkage.priors import (
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
from linkage.quality import quality_of

MAX_ITERATIONS: Final = 1000
SHORT_RUN: Final = 15
RARE_SHARE: Final = 0.002  # a level rarer than this in a pass is taken for one that its key rules out
TOLERANCE: Final = 1e-5  # largest move of any share or rate in one iteration
_START_RATES: Final = (0.3, 0.7, 0.05)
_LEAST_SHARE: Final = 1e-12
_KINDS: Final = len(MATCH_KINDS)
_NAMES: Final = frozenset({"given", "family", "full"})

Table = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _State:
    """m: float64[K, V, L]; u: float64[P, V, L]; mix: float64[P, K + 1], the last column of other pairs."""

    m: Table
    u: Table
    mix: Table

    def moved(self, before: _State) -> float:
        """Return the largest change of any parameter."""
        pairs = ((self.m, before.m), (self.u, before.u), (self.mix, before.mix))
        return max(float(np.abs(now - then).max(initial=0)) for now, then in pairs)


class _Evidence:
    """All patterns of all passes with their counts, and what never changes while EM runs."""

    def __init__(self, counts: Mapping[str, PatternCounts], plan: ComparisonPlan) -> None:
        self.plan = plan
        self.relaxed = False  # whether the anchor is in proportion to the others found
        self.shape = (len(plan.passes), len(plan.variables), int(plan.sizes.max()))
        self.levels, self.number, self.which = _flattened(counts, plan)
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
        self.generic = np.zeros((_KINDS + 1, *self.shape[1:]))
        for at, variable in enumerate(plan.variables):
            shares = generic_shares(variable)
            self.generic[:, at, : shares.shape[1]] = shares
        self.lean = np.tile(self.generic[-1][None], (self.shape[0], 1, 1))  # [P, V, L]: generic u of each pass
        self.lean[self.namesake, 1:3] = (NAMESAKE_EQUAL, 1 - NAMESAKE_EQUAL)
        self.contradicting = np.zeros((_KINDS, *self.shape[1:]), dtype=np.bool_)
        for at, variable in enumerate(plan.variables):
            last = len(variable.levels)
            self.contradicting[1:, at, last - CONTRADICTIONS[variable.kind] : last] = True
            if variable.kind == "similarity":
                self.contradicting[:, at, : UNLIKE_BINS + 1] = True
        self.renewed = np.zeros_like(self.contradicting)
        for at, variable in enumerate(plan.variables):
            for level in NO_ERROR.get(variable.kind, ()):
                self.renewed[1:, at, variable.levels.index(level)] = True
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
        table = np.where(self.used, np.maximum(table, _LEAST_SHARE), 0.0)
        return np.asarray(table / table.sum(axis=-1, keepdims=True))

    def _tally(self, weight: Table) -> Table:
        """Sum weights (one a pattern) by pass, variable and level."""
        size = int(np.prod(self.shape))
        total = np.zeros(size)
        for cells in self.cell:
            total += np.bincount(cells, weights=weight, minlength=size)
        return total.reshape(self.shape)

    def start(self, rate: float) -> _State:
        u = np.where(self.touched[:, :, None], self.local_lean, self.lean)
        mix = np.tile([*[rate / _KINDS] * _KINDS, 1 - rate], (self.shape[0], 1))
        return _State(self.generic[:-1], u, mix)

    def log(self, table: Table) -> Table:
        return np.log(np.where(self.used, np.maximum(table, _LEAST_SHARE), 1.0)).ravel()

    def m_of_passes(self, m: Table) -> Table:
        """Return float64[K, P, V, L]: m in each pass, given that the key agrees."""
        return self._normalised(m[:, None] * self.possible[None])

    def expect(self, state: _State) -> tuple[Table, float]:
        """Return each pattern's class probabilities (float64[K + 1, N]) and the penalised log likelihood."""
        joint = np.log(state.mix).T[:, self.which]
        for kind, table in enumerate(self.m_of_passes(state.m)):
            log_m = self.log(table)
            for cells in self.cell:
                joint[kind] += log_m[cells]
        log_u = self.log(state.u)
        for cells in self.cell:
            joint[-1] += log_u[cells]
        top = joint.max(axis=0)
        total = top + np.log(np.exp(joint - top).sum(axis=0))
        return np.exp(joint - total), float((self.number * total).sum()) + self._penalty(state)

    def _penalty(self, state: _State) -> float:
        a, b = MATCH_PRIOR
        other = state.mix[:, -1]
        prior = float((a * np.log1p(-other) + b * np.log(other)).sum())
        for kind in range(_KINDS):
            prior += MATCH_WEIGHT * float((self.generic[kind].ravel() * self.log(state.m[kind])).sum())
        log_u = self.log(state.u).reshape(self.shape)
        lean = np.where(self.forced[:, :, None], self.local_lean, self.lean)
        return prior + float((self.lean_weight * lean * log_u).sum())

    def maximise(self, belongs: Table) -> _State:
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
        m = self._capped(m, whole)
        others = tallies[-1]
        pool = self._normalised((others * self.u_passes).sum(axis=0) + self.other_weight * self.generic[-1])
        lean = np.where(self.namesake[:, :, None], self.lean, pool[None])
        lean = np.where(self.forced[:, :, None], self.local_lean, lean)
        weight = self.lean_weight
        if self.relaxed:
            found = np.bincount(self.which, weights=self.number * belongs[-1], minlength=self.shape[0])
            weight = np.minimum(weight, np.maximum(RELAXED_WEIGHT, RELAXED_SHARE * found)[:, None, None])
        return _State(m, self._normalised(others + weight * lean), self._mix(belongs))

    def _capped(self, m: Table, whole: Table) -> Table:
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
        return np.asarray(np.where(held, capped, capped * room / np.maximum(kept, _LEAST_SHARE)))

    def _mix(self, belongs: Table) -> Table:
        size = self.shape[0]
        kinds = np.stack([np.bincount(self.which, weights=self.number * one, minlength=size) for one in belongs[:-1]])
        matches = kinds.sum(axis=0)
        overall = (kinds.sum(axis=1) + 1) / (kinds.sum() + _KINDS)
        share = (kinds.T + KIND_WEIGHT * overall) / (matches[:, None] + KIND_WEIGHT)
        a, b = MATCH_PRIOR
        rate = (matches + a) / (self.pairs + a + b)
        return np.concatenate([rate[:, None] * share, (1 - rate)[:, None]], axis=1)

    def agreement(self, state: _State) -> float:
        """Return how much more matches agree than other pairs: positive unless the classes are turned round.

        Levels are weighed as the generic shares weigh them, each kind of matches by its share.
        """
        kinds = state.mix[:, :-1].sum(axis=0)
        generic = np.log(np.where(self.used, self.generic[0], 1.0)) - np.log(np.where(self.used, self.generic[-1], 1.0))
        matches = np.tensordot(kinds / kinds.sum(), state.m, axes=1)
        others = (state.u * self.pairs[:, None, None]).sum(axis=0) / max(float(self.pairs.sum()), 1.0)
        return float(((matches - others) * generic).sum())


def _flattened(
    counts: Mapping[str, PatternCounts], plan: ComparisonPlan
) -> tuple[npt.NDArray[np.uint8], Table, npt.NDArray[np.int64]]:
    """Return levels, counts and pass of all patterns, register pairs summed."""
    levels, number, which = [np.empty((0, len(plan.variables)), np.uint8)], [np.empty(0)], [np.empty(0, np.int64)]
    for at, name in enumerate(plan.passes):
        found = counts.get(name, PatternCounts.empty())
        none = np.zeros_like(found.register_a)
        merged = PatternCounts.gathered(found.pattern, none, none, found.count)
        levels.append(plan.levels_of(merged.pattern))
        number.append(merged.count.astype(np.float64))
        which.append(np.full(len(merged.pattern), at, dtype=np.int64))
    return np.concatenate(levels), np.concatenate(number), np.concatenate(which)


def _run(evidence: _Evidence, state: _State, iterations: int) -> tuple[_State, float, int, bool]:
    """Iterate until nothing moves by more than `TOLERANCE`, or the iterations are used up."""
    belongs, likelihood = evidence.expect(state)
    for done in range(1, iterations + 1):
        after = evidence.maximise(belongs)
        moved, state = after.moved(state), after
        belongs, likelihood = evidence.expect(state)
        if moved < TOLERANCE:
            return state, likelihood, done, True
    return state, likelihood, iterations, False


def fit(counts: Mapping[str, PatternCounts], plan: ComparisonPlan) -> Model:
    """Estimate the model from the pattern counts of all passes.

    Args:
        counts: Pass to its counts; a pass that is not there had no pairs.
        plan: The plan that made the patterns.

    Raises:
        PatternError: A pass or pattern is not one of the plan's, or every start ended turned round.
    """
    strangers = sorted(set(counts) - set(plan.passes))
    if strangers:
        raise PatternError(f"The pass {strangers[0]} is not one of the plan's.")
    evidence = _Evidence(counts, plan)
    tried = []
    for number, rate in enumerate(_START_RATES):
        state, likelihood, _, _ = _run(evidence, evidence.start(rate), SHORT_RUN)
        tried.append((likelihood, -number, state))
    for _, _, short in sorted(tried, key=lambda one: one[:2], reverse=True):
        anchored, likelihood, iterations, converged = _run(evidence, short, MAX_ITERATIONS)
        if evidence.agreement(anchored) <= 0:
            continue
        evidence.relaxed = True
        state, relaxed_likelihood, more, settled = _run(evidence, anchored, MAX_ITERATIONS)
        if evidence.agreement(state) <= 0:  # it turned round without the anchor: stay with it
            return _model(evidence, anchored, likelihood, iterations + SHORT_RUN, converged)
        return _model(evidence, state, relaxed_likelihood, iterations + more + SHORT_RUN, settled)
    raise PatternError(
        "No start of EM ends with matches that agree more than other pairs.",
        advice="The passes or fields do not tell persons apart: review them in the agreement.",
    )


def _model(evidence: _Evidence, state: _State, likelihood: float, iterations: int, converged: bool) -> Model:
    plan, tables = evidence.plan, evidence.m_of_passes(state.m)
    model = Model(
        plan=plan,
        m={name: np.where(evidence.used, tables[:, at], 1.0) for at, name in enumerate(plan.passes)},
        u={name: np.where(evidence.used, state.u[at], 1.0) for at, name in enumerate(plan.passes)},
        mix={name: state.mix[at] for at, name in enumerate(plan.passes)},
        converged=converged,
        iterations=iterations,
        log_likelihood=likelihood,
    )
    belongs, _ = evidence.expect(state)
    match = 1 - belongs[-1]
    return model.with_quality(quality_of(model, evidence.levels, evidence.number, evidence.which, match))
