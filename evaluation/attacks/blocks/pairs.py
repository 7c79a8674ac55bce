"""All ordered pairs of members of the candidate groups of a pass, compared in the clear and laid out for search.

Pairs that are alike in their tokens and in the two leading sketches lie together in a *bucket*: one bound for all of
them tells the search whether it must look inside.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from evaluation.attacks.blocks.knowledge import Groups, Ints, Persons
from evaluation.attacks.blocks.layout import SKETCH, TOKEN, Layout
from evaluation.attacks.blocks.similarity import BINS, person_pairs

#: Ordered pairs held at most, some 100 bytes each while they are laid out; above, groups are drawn at random.
PAIR_BUDGET: Final = 12_000_000
_CHANCE_SAMPLE: Final = 160
_LEADING_SKETCHES: Final = 2
_MOST_LEADS: Final = 28  # three or 34 values each must fit into 62 bits


class PairIndex:
    """Pairs of members of groups.

    Attributes:
        offsets: int64[g], where each group's pairs begin in `pairs`: all ordered pairs, row-major, with itself too.
        pairs: uint8[..., c], comparisons (`Layout.between`).
        lead_of: int64[d], comparisons that pairs of a bucket share; `leads`, uint8[k, d], their values.
        starts: int64[k + 1], where each bucket begins in `sorted_pairs`, `first`, `second` and `group`.
        sorted_pairs: uint8[n, c], pairs of different rows by bucket.
        first: int32[n], place in `Groups.members` of the pair's first member; `second` of the other.
        group: int32[n].
        sample: uint8[at most 160, c], pairs drawn at random.
    """

    def __init__(
        self, groups: Groups, persons: Persons, layout: Layout, by_difference: bool, rng: np.random.Generator
    ) -> None:
        sizes = groups.sizes
        squares = sizes**2
        ends = np.cumsum(squares)
        self.offsets = (ends - squares).astype(np.int64)
        group = np.repeat(np.arange(len(sizes), dtype=np.int32), squares)
        within = np.arange(int(squares.sum())) - np.repeat(self.offsets, squares)
        # the budget keeps places below 2**31
        first = (groups.offsets[group] + within // sizes[group]).astype(np.int32)
        second = (groups.offsets[group] + within % sizes[group]).astype(np.int32)
        del within
        clear = (persons.tokens, persons.sketched, persons.offsets, persons.grams, by_difference)
        self.pairs = person_pairs(groups.members[first], groups.members[second], layout.between, *clear)
        distinct = np.flatnonzero(first != second)
        self.sample = self.pairs[rng.permutation(distinct)[:_CHANCE_SAMPLE]]
        self.lead_of = _leads(layout)
        key = self._bucket_key(distinct, layout)
        order = np.argsort(key, kind="stable")
        self.starts = np.append(np.flatnonzero(np.diff(key[order], prepend=-1)), len(order)).astype(np.int64)
        by_bucket = distinct[order]
        del key, order, distinct
        self.sorted_pairs = self.pairs[by_bucket]
        self.first, self.second, self.group = first[by_bucket], second[by_bucket], group[by_bucket]
        self.leads = np.ascontiguousarray(self.sorted_pairs[self.starts[:-1]][:, self.lead_of])

    def _bucket_key(self, distinct: Ints, layout: Layout) -> Ints:
        key = np.zeros(len(distinct), dtype=np.int64)
        for lead in self.lead_of:
            absent = 2 if layout.between[lead, 0] == TOKEN else BINS
            value = self.pairs[distinct, lead].astype(np.int64)
            key = key * (absent + 1) + np.minimum(value, absent)
        return key


def within_budget(groups: Groups, rng: np.random.Generator, budget: int) -> Groups:
    """Return the groups, or as many of them, drawn at random, as have no more ordered pairs than the budget.

    Only passes without a cap over large populations go over it. Whoever is in no group that is left cannot be named,
    and does not count (`BlockSearch.covered`): with fewer rivals the rest are named rather too often than too rarely.
    """
    squares = groups.sizes**2
    if squares.sum() <= budget:
        return groups
    order = rng.permutation(len(squares))
    kept = np.sort(order[: max(1, int(np.searchsorted(np.cumsum(squares[order]), budget)))])
    of_kept = np.isin(groups.group_of, kept)
    offsets = np.concatenate([[0], np.cumsum(groups.sizes[kept])]).astype(np.int64)
    return Groups(offsets, groups.members[of_kept], groups.prior[kept])


def _leads(layout: Layout) -> Ints:
    kinds, left, right = layout.between.T
    tokens = np.flatnonzero(kinds == TOKEN)
    sketches = np.flatnonzero((kinds == SKETCH) & (left == right))[:_LEADING_SKETCHES]
    return np.concatenate([sketches, tokens])[:_MOST_LEADS].astype(np.int64)
