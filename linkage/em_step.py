"""One step of expectation-maximisation as a kernel; `evidence.Evidence.expect` and `.maximise` are its NumPy twins.

EM takes a thousand steps over some thousand patterns: steps so short that NumPy would spend them on calls. Class
probabilities are products of shares here, not sums of logarithms; where a product is too small for a number, a pattern
is left to logarithms.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from linkage.evidence import KINDS, LEAST_SHARE, Evidence, State, Table
from linkage.priors import (
    KIND_WEIGHT,
    MATCH_PRIOR,
    MATCH_WEIGHT,
    MAX_ERRING,
    RELAXED_SHARE,
    RELAXED_WEIGHT,
)

_LEAST_PRODUCT: Final = 1e-280

_plain: Any = njit(nogil=True, cache=True)
Flags = npt.NDArray[np.bool_]


class Terms(NamedTuple):
    """What stays the same from step to step: N patterns, P passes, V variables, L levels, K kinds of matches.

    Attributes:
        cell: int32[N, V], place of each level in a table [P, V, L].
        which: int64[N], the pass.
        number: float64[N], pairs.
        pairs: float64[P].
        used: bool[V, L]; this and the following as in `Evidence`, without axes of length one.
        generic: float64[K + 1, V, L].
        m_passes: float64[P, V].
        u_passes: float64[P, V].
        lean: float64[P, V, L].
        local_lean: float64[P, V, L].
        lean_weight: float64[P, V].
        namesake: bool[P, V].
        forced: bool[P, V].
        contradicting: bool[K, V, L].
        renewed: bool[K, V, L].
        alike: bool[V, L].
        possible: float64[P, V, L].
        least_share, other_weight, match_weight, kind_weight, max_erring, relaxed_weight, relaxed_share: Of `Evidence`
            and `priors`. They are no globals: a compiled kernel would keep them after they have changed there.
        prior: Of λ.
    """

    cell: npt.NDArray[np.int32]
    which: npt.NDArray[np.int64]
    number: Table
    pairs: Table
    used: Flags
    generic: Table
    m_passes: Table
    u_passes: Table
    lean: Table
    local_lean: Table
    lean_weight: Table
    namesake: Flags
    forced: Flags
    contradicting: Flags
    renewed: Flags
    alike: Flags
    possible: Table
    least_share: float
    other_weight: float
    match_weight: float
    kind_weight: float
    max_erring: float
    relaxed_weight: float
    relaxed_share: float
    prior: tuple[float, float]


def terms_of(evidence: Evidence) -> Terms:
    """Lay evidence out for `step`."""
    passes, variables, levels = evidence.shape
    wide = np.ascontiguousarray
    return Terms(
        cell=wide(evidence.cell.T.astype(np.int32)),
        which=evidence.which,
        number=evidence.number,
        pairs=evidence.pairs.astype(np.float64),
        used=evidence.used,
        generic=evidence.generic,
        m_passes=wide(evidence.m_passes[:, :, 0]),
        u_passes=wide(evidence.u_passes[:, :, 0]),
        lean=wide(evidence.lean),
        local_lean=wide(evidence.local_lean),
        lean_weight=wide(np.broadcast_to(evidence.lean_weight[:, :, 0], (passes, variables))),
        namesake=evidence.namesake,
        forced=wide(evidence.forced),
        contradicting=evidence.contradicting,
        renewed=evidence.renewed,
        alike=evidence.alike,
        possible=wide(np.broadcast_to(evidence.possible, (passes, variables, levels))),
        least_share=LEAST_SHARE,
        other_weight=evidence.other_weight,
        match_weight=MATCH_WEIGHT,
        kind_weight=KIND_WEIGHT,
        max_erring=MAX_ERRING,
        relaxed_weight=RELAXED_WEIGHT,
        relaxed_share=RELAXED_SHARE,
        prior=MATCH_PRIOR,
    )


def step(terms: Terms, relaxed: bool, state: State) -> State:
    """Return the state after one step: what `maximise` makes of what `expect` says of a state.

    Args:
        terms: Of `terms_of`.
        relaxed: Whether the anchor is in proportion to the others found.
        state: Before.
    """
    m, u, mix = np.empty_like(state.m), np.empty_like(state.u), np.empty_like(state.mix)
    tally = np.zeros((*state.u.shape, KINDS + 1))
    _expect(terms, _shares(terms, state.m, state.u), state.mix, tally)
    _maximise_m(terms, tally, m)
    _maximise_u(terms, relaxed, tally, u)
    _maximise_mix(terms, tally, mix)
    return State(m, u, mix)


@_plain
def _normalise(used: Any, least: float, table: Any) -> None:
    """Make shares (float64[L]) sum to 1, none of a used level below the least."""
    total = 0.0
    for level in range(len(table)):
        table[level] = max(table[level], least) if used[level] else 0.0
        total += table[level]
    for level in range(len(table)):
        table[level] /= total


@_plain
def _shares(terms: Any, m: Any, u: Any) -> Any:
    """Return float64[P, V, L, K + 1]: what a level's share is in each class; 1 where a level says nothing."""
    passes, variables, levels = u.shape
    table, own = np.ones((passes, variables, levels, KINDS + 1)), np.empty(levels)
    for one in range(passes):
        for variable in range(variables):
            used = terms.used[variable]
            for kind in range(KINDS + 1):
                if kind < KINDS:
                    for level in range(levels):
                        own[level] = m[kind, variable, level] * terms.possible[one, variable, level]
                    _normalise(used, terms.least_share, own)
                else:
                    own[:] = u[one, variable]
                for level in range(levels):
                    if used[level]:
                        table[one, variable, level, kind] = max(own[level], terms.least_share)
    return table


@_plain
def _expect(terms: Any, shares: Any, mix: Any, tally: Any) -> None:
    """Tally the pairs of each class by pass, variable and level (float64[P, V, L, K + 1])."""
    share, total = shares.reshape(-1, KINDS + 1), tally.reshape(-1, KINDS + 1)
    joint, variables = np.empty(KINDS + 1), terms.cell.shape[1]
    for at in range(len(terms.which)):
        top, whole = 0.0, 0.0
        for kind in range(KINDS + 1):
            product = mix[terms.which[at], kind]
            for variable in range(variables):
                product *= share[np.uint64(terms.cell[at, variable]), np.uint64(kind)]
            joint[kind] = product
            top, whole = max(top, product), whole + product
        if top < _LEAST_PRODUCT:
            whole = _by_logarithms(terms, share, mix, at, joint)
        scale = terms.number[at] / whole
        for kind in range(KINDS + 1):
            belongs = joint[kind] * scale
            for variable in range(variables):
                total[np.uint64(terms.cell[at, variable]), np.uint64(kind)] += belongs


@_plain
def _by_logarithms(terms: Any, share: Any, mix: Any, at: int, joint: Any) -> float:
    """Write a pattern's class probabilities, the largest as 1; return their sum."""
    joint[:] = np.log(mix[terms.which[at]])
    for variable in range(terms.cell.shape[1]):
        joint += np.log(share[terms.cell[at, variable]])
    joint[:] = np.exp(joint - joint.max())
    return float(joint.sum())


@_plain
def _maximise_m(terms: Any, tally: Any, m: Any) -> None:
    """Write m (float64[K, V, L])."""
    passes, variables, levels = tally.shape[:3]
    whole = np.empty(levels)
    for variable in range(variables):
        used = terms.used[variable]
        whole[:] = 0.0
        for kind in range(KINDS):
            for level in range(levels):
                found = 0.0
                for one in range(passes):
                    found += tally[one, variable, level, kind] * terms.m_passes[one, variable]
                m[kind, variable, level] = found + terms.match_weight * terms.generic[kind, variable, level]
                whole[level] += m[kind, variable, level]
            _normalise(used, terms.least_share, m[kind, variable])
        _normalise(used, terms.least_share, whole)
        for kind in range(KINDS):
            _cap(terms, kind, variable, whole, m[kind, variable])


@_plain
def _cap(terms: Any, kind: int, variable: int, whole: Any, m: Any) -> None:
    """`Evidence.capped` of one kind and variable, in place (float64[L])."""
    kept, room = 0.0, 1.0
    for level in range(len(m)):
        if terms.contradicting[kind, variable, level]:
            m[level] = min(m[level], terms.max_erring * terms.generic[kind, variable, level])
            room -= m[level]
        elif terms.renewed[kind, variable, level]:
            ratio = terms.generic[kind, variable, level]
            if terms.used[variable, level]:
                ratio /= terms.generic[0, variable, level]
            m[level] = min(m[level], ratio * whole[level])
            room -= m[level]
        else:
            kept += m[level]
    for level in range(len(m)):
        if not (terms.contradicting[kind, variable, level] or terms.renewed[kind, variable, level]):
            m[level] *= room / max(kept, terms.least_share)


@_plain
def _maximise_u(terms: Any, relaxed: bool, tally: Any, u: Any) -> None:
    """Write u (float64[P, V, L])."""
    passes, variables, levels = u.shape
    pool = np.empty(levels)
    for variable in range(variables):
        used, generic = terms.used[variable], terms.generic[KINDS, variable]
        for level in range(levels):
            found = 0.0
            for one in range(passes):
                found += tally[one, variable, level, KINDS] * terms.u_passes[one, variable]
            pool[level] = found + terms.other_weight * generic[level]
        _normalise(used, terms.least_share, pool)
        for one in range(passes):
            lean = pool
            if terms.namesake[one, variable]:
                lean = terms.lean[one, variable]
            if terms.forced[one, variable]:
                lean = terms.local_lean[one, variable]
            weight = terms.lean_weight[one, variable]
            if relaxed:
                others = tally[one, variable, :, KINDS].sum()
                weight = min(weight, max(terms.relaxed_weight, terms.relaxed_share * others))
            own = u[one, variable]
            for level in range(levels):
                own[level] = tally[one, variable, level, KINDS] + weight * lean[level]
            _normalise(used, terms.least_share, own)
            for level in range(levels):
                if terms.alike[variable, level]:
                    own[level] = min(own[level], generic[level])
            _normalise(used, terms.least_share, own)


@_plain
def _maximise_mix(terms: Any, tally: Any, mix: Any) -> None:
    """Write the shares of the classes (float64[P, K + 1])."""
    passes = len(mix)
    counted, overall = np.zeros((passes, KINDS)), np.zeros(KINDS)
    for one in range(passes):
        for kind in range(KINDS):
            counted[one, kind] = tally[one, 0, :, kind].sum()  # every pair has some level of the first variable
            overall[kind] += counted[one, kind]
    overall = (overall + 1) / (overall.sum() + KINDS)
    for one in range(passes):
        matches = counted[one].sum()
        rate = (matches + terms.prior[0]) / (terms.pairs[one] + terms.prior[0] + terms.prior[1])
        for kind in range(KINDS):
            mix[one, kind] = (
                rate * (counted[one, kind] + terms.kind_weight * overall[kind]) / (matches + terms.kind_weight)
            )
        mix[one, KINDS] = 1 - rate
