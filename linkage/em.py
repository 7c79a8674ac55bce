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
from typing import Final

import numpy as np
import numpy.typing as npt

from linkage.em_step import step, terms_of
from linkage.errors import PatternError
from linkage.evidence import Evidence, Index, State, Table
from linkage.model import Model
from linkage.patterns import PatternCounts
from linkage.plan import ComparisonPlan
from linkage.quality import quality_of
from linkage.register_pairs import RegisterPairs, fit_by_register_pair, pairs_in

MAX_ITERATIONS: Final = 1000
SHORT_RUN: Final = 15
TOLERANCE: Final = 1e-5  # largest move of any share or rate in one iteration
_START_RATES: Final = (0.3, 0.7, 0.05)


def _flattened(counts: Mapping[str, PatternCounts], plan: ComparisonPlan) -> tuple[npt.NDArray[np.uint8], Table, Index]:
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


def _run(evidence: Evidence, state: State, iterations: int) -> tuple[State, float, int, bool]:
    """Iterate until nothing moves by more than `TOLERANCE`, or the iterations are used up."""
    terms, done, moved = terms_of(evidence), 0, np.inf
    while done < iterations and moved >= TOLERANCE:
        after = step(terms, evidence.relaxed, state)
        moved, state, done = after.moved(state), after, done + 1
    return state, evidence.expect(state)[1], done, moved < TOLERANCE


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
    evidence = Evidence(*_flattened(counts, plan), plan)
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
        done = iterations + more + SHORT_RUN
        if len(pairs_in(counts)) > 1:
            paired = fit_by_register_pair(counts, plan, state, MAX_ITERATIONS, TOLERANCE)
            if not paired.turned:
                shared, ended = paired.state, done + paired.iterations
                return _model(evidence, shared, paired.likelihood, ended, paired.converged, paired.own)
        return _model(evidence, state, relaxed_likelihood, done, settled)
    raise PatternError(
        "No start of EM ends with matches that agree more than other pairs.",
        advice="The passes or fields do not tell persons apart: review them in the agreement.",
    )


def _model(
    evidence: Evidence,
    state: State,
    likelihood: float,
    iterations: int,
    converged: bool,
    own: RegisterPairs | None = None,
) -> Model:
    plan, tables = evidence.plan, evidence.m_of_passes(state.m)
    model = Model(
        plan=plan,
        m={name: np.where(evidence.used, tables[:, at], 1.0) for at, name in enumerate(plan.passes)},
        u={name: np.where(evidence.used, state.u[at], 1.0) for at, name in enumerate(plan.passes)},
        mix={name: state.mix[at] for at, name in enumerate(plan.passes)},
        converged=converged,
        iterations=iterations,
        log_likelihood=likelihood,
        own=own if own is None else own.kept(evidence.used),
        possible={} if own is None else evidence.possible_of_passes(),
    )
    belongs, _ = evidence.expect(state)
    match = 1 - belongs[-1]
    return model.with_quality(quality_of(model, evidence.levels, evidence.number, evidence.which, match))
