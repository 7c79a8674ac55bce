"""The unseeded block fingerprint of one pass: from a pass table and clear text of the population to names.

The attacker is a linkage unit that holds the population in the clear, and no key. It knows every algorithm and
parameter. It names the rows of a block by what keys inside a block leave visible: how many rows there are, which tokens
are equal, what is missing, and how far sketches are apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from contract.agreement import PassTerms
from evaluation.attacks.blocks.attacker import Attacker
from evaluation.attacks.blocks.knowledge import Beliefs, Groups, Ints
from evaluation.attacks.blocks.layout import AttackInputError, Observed, observe
from evaluation.attacks.blocks.pairs import PAIR_BUDGET, PairIndex, within_budget
from evaluation.attacks.blocks.search import (
    NOBODY,
    OPEN,
    bucket_bounds,
    chance_likelihoods,
    extend,
    look_likelihoods,
    top_pairs,
)
from evaluation.attacks.blocks.similarity import seen_pairs

#: States kept for a block; a block of many rows has decided on its group early and keeps fewer.
WIDTH, WIDTH_OF_LARGE, LARGE = 192, 48, 10
#: Rows among which the two that lead the search are taken, all pairs of them: one of them may be a dummy.
LEADING: Final = 3
_AGREEING: Final = np.log(np.array([0.01, 0.99]))
_CHUNK: Final = 512
_SINGLE_LOOKS: Final = 32
Floats = npt.NDArray[np.float64]
CLAIMS_SCHEMA: Final = {
    "handle": pl.UInt64,
    "person": pl.Int64,
    "posterior": pl.Float64,
    "block_rows": pl.Int64,
}


@dataclass(frozen=True)
class Claims:
    """Who the attacker says the attacked rows are.

    Attributes:
        table: `handle`, `person` (null where the attacker knows of nobody), `posterior` and `block_rows` (rows of the
            block, as seen), sorted by handle: one row for each row attacked.
        candidates: Persons the attacker chose among: a blind guess is right once in so many.
    """

    table: pl.DataFrame
    candidates: int


def attack_pass(
    table: pa.Table,
    attacker: Attacker,
    terms: PassTerms,
    *,
    rows: int,
    seed: int,
    targets: npt.NDArray[np.uint64] | None = None,
) -> Claims:
    """Attack a pass.

    Args:
        table: The pass table of one register, profile `blind_blocks`.
        attacker: Who attacks.
        terms: The pass, public.
        rows: At most so many rows are attacked, drawn at random; their whole blocks are used.
        seed: Of the draw: same input and seed, same claims.
        targets: Draw from these handles only.

    Raises:
        AttackInputError: The table is not of this form, or `rows` is below 1.
    """
    if rows < 1:
        raise AttackInputError("An attack needs at least one row.")
    search = search_of(table, attacker, terms, seed=seed)
    return attack_rows(search, draw_rows(search.observed, rows, targets, np.random.default_rng([seed, 0xD4A3])))


def search_of(table: pa.Table, attacker: Attacker, terms: PassTerms, *, seed: int) -> BlockSearch:
    """Lay out a pass for attacks; the seed draws what two persons are to each other by chance.

    Raises:
        AttackInputError: The table is not of this form.
    """
    return search_over(observe(table, attacker.layout), attacker, terms, seed=seed)


def search_over(observed: Observed, attacker: Attacker, terms: PassTerms, *, seed: int) -> BlockSearch:
    """Lay out a pass that was read already: several attackers of one agreement share the reading."""
    return BlockSearch(observed, attacker, attacker.groups(terms), np.random.default_rng([seed, 0xB10C]))


def attack_rows(search: BlockSearch, drawn: Ints) -> Claims:
    """Attack the drawn rows of a table; see `attack_pass`."""
    observed, attacker = search.observed, search.attacker
    person, posterior = np.full(len(drawn), -1, dtype=np.int64), np.zeros(len(drawn))
    sizes = observed.sizes[observed.block[drawn]] if len(drawn) else drawn
    if len(drawn) and len(search.groups.members):
        alone = np.flatnonzero(sizes == 1)
        person[alone], posterior[alone] = search.name_single_rows(drawn[alone])
        crowded = np.flatnonzero(sizes > 1)
        place = {int(drawn[at]): int(at) for at in crowded}
        for block in np.unique(observed.block[drawn[crowded]]):
            for row, (who, sure) in search.name_block(observed.rows_of(int(block))).items():
                if row in place:
                    person[place[row]], posterior[place[row]] = who, sure
    return Claims(claims_table(observed, drawn, person, posterior), attacker.candidates)


def draw_rows(observed: Observed, rows: int, targets: npt.NDArray[np.uint64] | None, rng: np.random.Generator) -> Ints:
    """Draw rows at random, in the order of the table."""
    of_interest = np.ones(len(observed.handles), dtype=np.bool_)
    if targets is not None:
        of_interest = np.isin(observed.handles, targets)
    return np.sort(rng.permutation(np.flatnonzero(of_interest))[:rows]).astype(np.int64)


def claims_table(observed: Observed, drawn: Ints, person: Ints, posterior: Floats) -> pl.DataFrame:
    """Return claims as a table; person -1 stands for nobody."""
    whom = pl.Series("person", person, dtype=pl.Int64)
    return pl.DataFrame(
        {
            "handle": observed.handles[drawn],
            "person": pl.select(pl.when(whom >= 0).then(whom)).to_series(),
            "posterior": posterior,
            "block_rows": observed.sizes[observed.block[drawn]] if len(drawn) else drawn,
        },
        schema=CLAIMS_SCHEMA,
    ).sort("handle")


def rates_of(beliefs: Beliefs, dummy_share: float) -> Floats:
    """Return float64[3]: log probability that a row is somebody known, nobody known, and that a person is absent."""
    known = min(beliefs.known / (1 + dummy_share), 0.99)
    present = min(beliefs.present, 0.99)
    return np.asarray(np.log([known * present, 1 - known, 1 - present]), dtype=np.float64)


class BlockSearch:
    """What is computed once a pass, and the search of its blocks."""

    def __init__(self, observed: Observed, attacker: Attacker, groups: Groups, rng: np.random.Generator) -> None:
        whole, groups = groups, within_budget(groups, rng, PAIR_BUDGET)
        self.attacker, self.groups = attacker, groups
        #: Persons in the groups that were kept; None if all were.
        self.covered = None if groups is whole else np.unique(attacker.known[groups.members])
        self.rates = rates_of(attacker.beliefs, attacker.agreement.profile.dummy_share)
        layout, self.looks, self.tables = attacker.layout, attacker.looks, attacker.tables
        self.kinds = np.ascontiguousarray(layout.between[:, 0])
        self.pairs = PairIndex(groups, attacker.persons, layout, attacker.encoding.by_difference, rng)
        self.look_of = self.looks.of[groups.members].astype(np.int64)
        self.look_left = self.looks.of[groups.members[self.pairs.first]]
        self.look_right = self.looks.of[groups.members[self.pairs.second]]
        self.group_of = groups.group_of
        self._lay_out_single_members()
        self._read(observed)

    def _read(self, observed: Observed) -> None:
        self.observed = observed
        self.seen = (observed.tokens, observed.sketches, observed.sketched)
        every_row = np.arange(len(observed.block))
        self.within = seen_pairs(every_row, every_row, self.attacker.layout.within, *self.seen)
        ones = np.bitwise_count(observed.sketches).sum(axis=2, dtype=np.int16)
        weights = np.where(observed.sketched, ones, np.int16(-1))
        self.weights = weights if self.looks.weights.shape[1] else weights[:, :0]

    def over(self, observed: Observed) -> BlockSearch:
        """Return the same search over other rows."""
        other = copy(self)
        other._read(observed)
        return other

    @cached_property
    def _by_person(self) -> tuple[Ints, Ints]:
        person = self.attacker.known[self.groups.members]
        order = np.argsort(person, kind="stable")
        return person[order], order

    def places(self, person: int) -> Ints:
        """Return the places of a person in `Groups.members`, in order."""
        ordered, order = self._by_person
        first, last = np.searchsorted(ordered, person, "left"), np.searchsorted(ordered, person, "right")
        return order[first:last]

    def _lay_out_single_members(self) -> None:
        """Work out, for each look, how probable it is that one member of a group is there alone, and who is first."""
        groups, person = self.groups, self.attacker.known
        absent = self.groups.prior + (groups.sizes - 1) * self.rates[2]
        weight = np.exp(absent)[self.group_of]
        looks = len(self.looks.missing)
        self.look_mass = np.bincount(self.look_of, weight, minlength=looks)
        # a person may stand in several groups
        whose, number = np.unique(person[groups.members], return_inverse=True)
        pairs, at = np.unique(self.look_of * len(whose) + number, return_inverse=True)
        mass = np.bincount(at, weight)
        first = np.lexsort((-mass, pairs // len(whose)))
        of_look, leading = np.unique(pairs[first] // len(whose), return_index=True)
        self.best_of_look = np.full(looks, -1, dtype=np.int64)
        self.best_mass = np.zeros(looks)
        self.best_of_look[of_look] = whose[pairs[first][leading] % len(whose)]
        self.best_mass[of_look] = mass[first][leading]
        members = np.unique(groups.members)
        self.look_share = np.bincount(self.looks.of[members], minlength=looks) / max(len(members), 1)

    def _by_look(self, rows: Ints) -> tuple[Floats, Floats]:
        """Return float64[b, L], each row's likelihood for each look above chance, and float64[b], by chance."""
        looks = self.looks
        out = look_likelihoods(
            rows, self.observed.missing, self.observed.held, self.within, self.weights,
            looks.missing, looks.within, looks.weights,
            self.tables.pairs, self.tables.weights, np.ascontiguousarray(self.attacker.layout.within[:, 0]), _AGREEING,
        )  # fmt: skip
        top = out.max(axis=1, keepdims=True)
        by_chance = np.log(np.exp(out - top) @ self.look_share) + top[:, 0]
        return out - by_chance[:, None], by_chance

    def name_single_rows(self, rows: Ints) -> tuple[Ints, Floats]:
        """Return person (-1: nobody) and posterior of rows that are alone in their blocks."""
        person, posterior = np.full(len(rows), -1, dtype=np.int64), np.zeros(len(rows))
        for start in range(0, len(rows), _CHUNK):
            part = slice(start, start + _CHUNK)
            likelihood = np.exp(self._by_look(rows[part])[0])
            total = np.exp(self.rates[0]) * (likelihood @ self.look_mass) + np.exp(self.rates[1])
            named = likelihood * self.best_mass
            best = named.argmax(axis=1)
            person[part] = self.best_of_look[best]
            posterior[part] = np.exp(self.rates[0]) * named[np.arange(len(best)), best] / total
        return person, posterior

    def name_block(self, rows: Ints, given: Mapping[int, int] | None = None) -> dict[int, tuple[int, float]]:
        """Return person and posterior of each row of a block of two and more that somebody may stand behind.

        Args:
            rows: All rows of the block.
            given: Rows whose person the attacker knows from elsewhere.
        """
        size = len(rows)
        alone, by_chance = self._by_look(rows)
        left, right = (side.ravel() for side in np.meshgrid(rows, rows, indexing="ij"))
        seen = seen_pairs(left, right, self.attacker.layout.between, *self.seen).reshape(size, size, len(self.kinds))
        chance = chance_likelihoods(seen, self.pairs.sample, self.kinds, self.tables.pairs)
        # the rarer what a row shows, the more it tells; ties fall as the random handles do
        telling = np.argsort(by_chance + chance.sum(axis=1), kind="stable")
        alone, seen = alone[telling], np.ascontiguousarray(seen[telling][:, telling])
        chance = np.ascontiguousarray(chance[telling][:, telling])
        if given is not None:
            of_row = [given.get(row, -1) for row in rows[telling].tolist()]
            score, named = self._states_given(of_row, alone, seen, chance)
            return self._marginals(rows[telling], None, score, named)
        score, named = self._states(alone, seen, chance)
        return self._marginals(rows[telling], alone, score, named)

    def _states(
        self, alone: Floats, seen: npt.NDArray[np.uint8], chance: Floats
    ) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Return the best states in which two rows or more are somebody: float64[n], int64[n, b]."""
        size, groups, index = len(alone), self.groups, self.pairs
        scores, states = [np.empty(0)], [np.empty((0, size), dtype=np.int64)]
        leading = min(size, LEADING)
        width = WIDTH if size < LARGE else WIDTH_OF_LARGE
        base = groups.prior + _rest(size - 2, groups.sizes - 2, self.rates)
        for one in range(leading):
            for other in range(one + 1, leading):
                bounds = bucket_bounds(index.leads, index.lead_of, seen[one, other], self.kinds, self.tables.pairs)
                score, place = top_pairs(
                    alone[one], alone[other], seen[one, other], base, bounds, index.starts, index.sorted_pairs,
                    self.look_left, self.look_right, index.group, self.kinds, self.tables.pairs, width,
                )  # fmt: skip
                group = index.group[place].astype(np.int64)
                named = np.full((len(place), size), OPEN, dtype=np.int64)
                named[:, one], named[:, other] = index.first[place], index.second[place]
                score = score - chance[one, other] + 2 * self.rates[0]
                if size > 2 and len(place):
                    todo = np.array([row for row in range(size) if row not in (one, other)])
                    score, named = extend(
                        named, score - (base - groups.prior)[group], group, todo, alone, seen, chance,
                        groups.offsets, self.look_of, index.offsets, index.pairs, self.kinds, self.tables.pairs,
                        self.rates, width,
                    )  # fmt: skip
                scores.append(score)
                states.append(named)
        together = np.concatenate(states)
        _, first = np.unique(together, axis=0, return_index=True)
        return np.concatenate(scores)[first], together[first]

    def _states_given(
        self, of_row: list[int], alone: Floats, seen: npt.NDArray[np.uint8], chance: Floats
    ) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Return the best states in which the rows given (person of each row, -1: open) are who they are."""
        size, groups = len(of_row), self.groups
        first = next(row for row in range(size) if of_row[row] >= 0)
        named, group = [], []
        for place in self.places(of_row[first]).tolist():
            g = int(self.group_of[place])
            inside = range(int(groups.offsets[g]), int(groups.offsets[g + 1]))
            who = {int(self.attacker.known[groups.members[at]]): at for at in inside}
            # a known person who is not of this group stands in the block by an error: nobody's place is taken
            state = [OPEN if person < 0 else who.get(person, NOBODY) for person in of_row]
            state[first] = place
            named.append(state)
            group.append(g)
        if not named:
            return np.empty(0), np.empty((0, size), dtype=np.int64)
        todo = np.array([row for row in range(size) if of_row[row] < 0], dtype=np.int64)
        of = np.array(group, dtype=np.int64)
        return extend(  # type: ignore[no-any-return]
            np.array(named, dtype=np.int64), groups.prior[of], of, todo, alone, seen, chance,
            groups.offsets, self.look_of, self.pairs.offsets, self.pairs.pairs, self.kinds, self.tables.pairs,
            self.rates, WIDTH,
        )  # fmt: skip

    def _marginals(
        self, rows: Ints, alone: Floats | None, score: Floats, named: npt.NDArray[np.int64]
    ) -> dict[int, tuple[int, float]]:
        """Sum the states to persons; beside them, one row is somebody and all others nobody, or all are.

        Without `alone` there is nothing beside the states.
        """
        size, who = len(rows), self.attacker.known[self.groups.members]
        if alone is None:
            return self._summed(rows, who, score, named)
        nobody = size * self.rates[1]
        single = self.rates[0] + (size - 1) * self.rates[1]
        top = max(nobody, score.max(initial=nobody), single + float(alone.max()))
        weight = np.exp(score - top)
        likelihood = np.exp(alone + single - top)
        total = weight.sum() + np.exp(nobody - top) + float((likelihood @ self.look_mass).sum())
        found = {}
        for place, row in enumerate(rows.tolist()):
            somebody = named[:, place] >= 0
            by_look = likelihood[place] * self.best_mass
            likely = np.argsort(-by_look, kind="stable")[:_SINGLE_LOOKS]
            persons = np.concatenate([who[named[somebody, place]], self.best_of_look[likely]])
            distinct, number = np.unique(persons, return_inverse=True)
            mass = np.bincount(number, np.concatenate([weight[somebody], by_look[likely]]))
            mass[distinct < 0] = 0
            best = int(mass.argmax())
            if mass[best] > 0:
                found[int(row)] = (int(distinct[best]), float(mass[best] / total))
        return found

    def _summed(
        self, rows: Ints, who: Ints, score: Floats, named: npt.NDArray[np.int64]
    ) -> dict[int, tuple[int, float]]:
        found = {}
        weight = np.exp(score - score.max(initial=-np.inf))
        for place, row in enumerate(rows.tolist()):
            somebody = named[:, place] >= 0
            if somebody.any():
                persons, number = np.unique(who[named[somebody, place]], return_inverse=True)
                mass = np.bincount(number, weight[somebody])
                found[int(row)] = (int(persons[mass.argmax()]), float(mass.max() / weight.sum()))
        return found


def _rest(rows: int, persons: Ints, rates: Floats) -> Floats:
    """See `search.reach`, for many groups at once."""
    matched = np.minimum(rows, persons)
    return np.asarray(matched * rates[0] + (rows - matched) * rates[1] + (persons - matched) * rates[2])
