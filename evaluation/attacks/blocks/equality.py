"""The equality graph of a block as a fingerprint: the second attacker, exact where the first one weighs distances.

Which cells of a block's rows are equal, which differ and which are missing is a small labelled graph. The attacker
draws the same graph of every candidate group of the whole population and looks the block's up: by colour refinement,
so that rows, too, find their persons. All rows of a pass are attacked at once. A block may hold a dummy: the graphs
without one row each are looked up as well.
"""

from __future__ import annotations

from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from evaluation.attacks.blocks.fingerprint import BlockSearch, Claims, Floats, claims_table
from evaluation.attacks.blocks.knowledge import Ints
from evaluation.attacks.blocks.layout import SKETCH, TOKEN
from evaluation.attacks.blocks.similarity import BINS, seen_pairs

Words = npt.NDArray[np.uint64]
#: Larger blocks are left to the first attacker.
MOST_ROWS: Final = 12
_ROUNDS: Final = 3
_ODD: Final = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@njit(nogil=True, cache=True)
def mix(word: Any) -> Any:
    """Return a well mixed uint64 (splitmix64's finaliser; colours here are no secret)."""
    word = word + _ODD[0]
    word = (word ^ (word >> np.uint64(30))) * _ODD[1]
    word = (word ^ (word >> np.uint64(27))) * _ODD[2]
    return word ^ (word >> np.uint64(31))


@njit(nogil=True, cache=True)
def colours(offsets: Any, rows: Any, pair_offsets: Any, pairs: Any, rounds: Any) -> Any:
    """Refine the colours of many small graphs.

    Args:
        offsets: int64[g + 1], where each graph begins in `rows`.
        rows: uint64[n], a row's own colour.
        pair_offsets: int64[g], where each graph's ordered pairs, row-major, begin in `pairs`.
        pairs: uint64[...], colour of each ordered pair.
        rounds: Rounds of refinement.

    Returns:
        uint64[n] colours of the rows within their graph, uint64[g] colours of the graphs.
    """
    out = np.empty(len(rows), dtype=np.uint64)
    graphs = np.zeros(len(offsets) - 1, dtype=np.uint64)
    for g in range(len(offsets) - 1):
        first, size = offsets[g], offsets[g + 1] - offsets[g]
        now = np.empty(size, dtype=np.uint64)
        for i in range(size):
            now[i] = mix(rows[first + i])
        for _ in range(rounds if size > 1 else 0):
            then = now.copy()
            for i in range(size):
                total = np.uint64(0)
                for j in range(size):
                    if i != j:
                        there, back = pairs[pair_offsets[g] + i * size + j], pairs[pair_offsets[g] + j * size + i]
                        total += mix(then[j] ^ mix(there ^ mix(back)))
                now[i] = mix(then[i] ^ mix(total))
        whole = np.uint64(size)
        for i in range(size):
            whole += mix(now[i])
        graphs[g] = mix(whole)
        for i in range(size):
            out[first + i] = mix(now[i] ^ graphs[g])
    return out, graphs


def _codes(cells: npt.NDArray[np.uint8], kinds: Ints, equal_sketch: int) -> Words:
    """Return uint64[n]: which of a pair's comparisons (uint8[n, c]) are equal, differ, or lack a side, as one word."""
    # equal on a few bits is not equal: such a comparison says nothing here
    equal = np.select([kinds == SKETCH, kinds == TOKEN], [equal_sketch, 1], default=-1)
    code = np.zeros(len(cells), dtype=np.uint64)
    for c in range(cells.shape[1]):
        state = np.where(cells[:, c] == 255, 2, (cells[:, c] == equal[c]).astype(np.int64)).astype(np.uint64)
        code = mix(code * np.uint64(3) + state + np.uint64(1)) if c % 30 == 29 else code * np.uint64(3) + state
    return code


def _row_codes(missing: npt.NDArray[np.bool_], held: npt.NDArray[np.bool_], within: Words) -> Words:
    code = within
    for c in np.flatnonzero(held):
        code = mix(code * np.uint64(2) + missing[:, c].astype(np.uint64))
    return code


def _held(search: BlockSearch) -> npt.NDArray[np.bool_]:
    return np.asarray(search.observed.held.any(axis=0), dtype=np.bool_)


class EqualityGraphs:
    """The graphs of a pass's candidate groups, ready to look blocks up."""

    def __init__(self, search: BlockSearch) -> None:
        self.search = search
        groups, looks, layout = search.groups, search.looks, search.attacker.layout
        self.within_kinds = np.ascontiguousarray(layout.within[:, 0])
        of_look = _row_codes(looks.missing, _held(search), _codes(looks.within, self.within_kinds, BINS - 1))
        pairs = _codes(search.pairs.pairs, search.kinds, BINS - 1)
        member, graph = colours(groups.offsets, of_look[search.look_of], search.pairs.offsets, pairs, _ROUNDS)
        prior = np.exp(groups.prior)
        self.graphs, at = np.unique(graph, return_inverse=True)
        self.graph_mass: Floats = np.bincount(at, prior, minlength=len(self.graphs)).astype(np.float64)
        # persons of one group whom the graph cannot tell apart share its mass
        of_colour, at = np.unique(member, return_inverse=True)
        in_group = search.group_of * max(len(of_colour), 1) + at
        _, tied, ties = np.unique(in_group, return_inverse=True, return_counts=True)
        share = prior[search.group_of] / ties[tied]
        whose, number = np.unique(search.attacker.known[groups.members], return_inverse=True)
        pair, place = np.unique(at * len(whose) + number, return_inverse=True)
        mass = np.bincount(place, share, minlength=len(pair))
        order = np.lexsort((-mass, pair // max(len(whose), 1)))
        self.members, leading = np.unique((pair // max(len(whose), 1))[order], return_index=True)
        self.members = of_colour[self.members] if len(of_colour) else of_colour
        self.best = whose[pair[order][leading] % max(len(whose), 1)] if len(pair) else np.empty(0, dtype=np.int64)
        self.best_mass = mass[order][leading]

    def attack(self, drawn: Ints) -> Claims:
        """Claim the drawn rows."""
        observed = self.search.observed
        person, posterior = np.full(len(drawn), -1, dtype=np.int64), np.zeros(len(drawn))
        dummy = self.search.attacker.agreement.profile.dummy_share
        real = 1 / (1 + dummy)
        place = {int(row): at for at, row in enumerate(drawn)}
        blocks = [observed.rows_of(int(block)) for block in np.unique(observed.block[drawn])]
        blocks = [rows for rows in blocks if len(rows) <= MOST_ROWS]
        # each block whole, then without one row each
        parts = [(rows, number, real ** len(rows)) for number, rows in enumerate(blocks)]
        if dummy > 0:
            parts += [
                (np.delete(rows, out), number, real ** (len(rows) - 1) * (1 - real))
                for number, rows in enumerate(blocks)
                if len(rows) > 1
                for out in range(len(rows))
            ]
        if not parts or not len(self.members):
            return Claims(claims_table(observed, drawn, person, posterior), self.search.attacker.candidates)
        colour, graph, offsets = self._colours([rows for rows, _, _ in parts])
        weight = np.array([weight for _, _, weight in parts], dtype=np.float64)
        number = np.array([number for _, number, _ in parts])
        total = np.bincount(number, weight * _looked_up(self.graphs, self.graph_mass, graph), minlength=len(blocks))
        found = np.minimum(np.searchsorted(self.members, colour), len(self.members) - 1)
        hit = self.members[found] == colour
        of_part = np.repeat(np.arange(len(parts)), np.diff(offsets))
        mass = np.where(hit, self.best_mass[found] * weight[of_part], 0.0)
        rows_in_order = np.fromiter(chain.from_iterable(rows.tolist() for rows, _, _ in parts), np.int64)
        for at in np.flatnonzero(hit):
            row = int(rows_in_order[at])
            if row in place:
                sure = mass[at] / total[number[of_part[at]]]
                if sure > posterior[place[row]]:
                    person[place[row]], posterior[place[row]] = self.best[found[at]], min(sure, 1.0)
        return Claims(claims_table(observed, drawn, person, posterior), self.search.attacker.candidates)

    def _colours(self, blocks: list[Ints]) -> tuple[Words, Words, Ints]:
        search, observed = self.search, self.search.observed
        sizes = np.array([len(rows) for rows in blocks])
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        rows = np.concatenate(blocks)
        squares = sizes**2
        pair_offsets = (np.cumsum(squares) - squares).astype(np.int64)
        graph = np.repeat(np.arange(len(sizes)), squares)
        within = np.arange(int(squares.sum())) - pair_offsets[graph]
        one, other = rows[offsets[graph] + within // sizes[graph]], rows[offsets[graph] + within % sizes[graph]]
        pairs = _codes(seen_pairs(one, other, search.attacker.layout.between, *search.seen), search.kinds, 0)
        own = _codes(search.within[rows], self.within_kinds, 0)
        own = _row_codes(observed.missing[rows], _held(search), own)
        colour, graphs = colours(offsets, own, pair_offsets, pairs, _ROUNDS)
        return colour, graphs, offsets


def _looked_up(known: Words, mass: Floats, wanted: Words) -> Floats:
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return np.where(known[at] == wanted, mass[at], 0.0)
