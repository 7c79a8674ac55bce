"""The unseeded block fingerprint of one pass: from a pass table and clear text of the population to names.

The attacker is a linkage unit that holds the population in the clear, and no key. It knows every algorithm and
parameter. It names the rows of a block by what keys inside a block leave visible: how many rows there are, which tokens
are equal, what is missing, the frequency classes, and how far sketches are apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from contract.agreement import Agreement, PassTerms
from evaluation.attacks.blocks.knowledge import Groups, Persons, candidate_groups, know
from evaluation.attacks.blocks.layout import AttackInputError, Layout, Observed, layout_of, observe
from evaluation.attacks.blocks.likelihood import SKETCHES, Encoding, Tables, learn
from evaluation.attacks.blocks.search import beam, chance_likelihoods, row_likelihoods
from evaluation.attacks.blocks.similarity import BINS, person_pairs, seen_pairs

#: States kept by the beam once two rows of a block are read.
WIDTH: Final = 192
_CHANCE_SAMPLE: Final = 160
_AGREEING: Final = np.log(np.array([0.01, 0.99]))
CLAIMS_SCHEMA: Final = {
    "handle": pl.UInt64,
    "person": pl.Int64,
    "posterior": pl.Float64,
    "block_rows": pl.Int64,
}


@dataclass(frozen=True)
class Beliefs:
    """What the attacker believes of the overlap; the audit tells the truth, so that the attacker is the strongest.

    Attributes:
        known: Share of the register's rows whose person the attacker knows.
        present: Share of the attacker's persons who are in the register.
    """

    known: float = 1.0
    present: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.known <= 1 and 0 < self.present <= 1):
            raise AttackInputError("A share of the overlap is above 0 and at most 1.")


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
    attacker: pl.DataFrame,
    terms: PassTerms,
    agreement: Agreement,
    *,
    rows: int,
    seed: int,
    beliefs: Beliefs | None = None,
    encoding: Encoding = SKETCHES,
    targets: npt.NDArray[np.uint64] | None = None,
) -> Claims:
    """Attack a pass.

    Args:
        table: The pass table of one register, profile `blind_blocks`.
        attacker: Normalised identities with the integer column `person`; several rows of a person may be given.
        terms: The pass, public.
        agreement: Columns, cap and share of dummies, all public.
        rows: At most so many rows are attacked, drawn at random; their whole blocks are used.
        seed: Of the draw and of the attacker's own keys: same input and seed, same claims.
        beliefs: Overlap; full by default.
        encoding: What the sketch columns hold.
        targets: Draw from these handles only.

    Raises:
        AttackInputError: The table or the attacker's identities are not of this form, or `rows` is below 1.
    """
    if rows < 1:
        raise AttackInputError("An attack needs at least one row.")
    believed = beliefs or Beliefs()
    rng = np.random.default_rng([seed, 0xB10C])
    layout = layout_of(agreement)
    observed = observe(table, layout)
    # the order in which persons are written down must not help
    shuffled = attacker.sort(sorted(attacker.columns))[rng.permutation(attacker.height)]
    persons = know(shuffled, layout)
    groups = candidate_groups(shuffled, terms, agreement.caps, believed.known)
    drawn = _draw(observed, rows, targets, rng)
    if len(groups.members) == 0 or len(drawn) == 0:
        return Claims(_claims(observed, drawn, {}), len(np.unique(persons.person)))
    attack = _Attack(layout, observed, persons, groups, learn(persons, encoding, rng), encoding, rng)
    rates = _rates(believed, agreement.profile.dummy_share)
    order = np.argsort(observed.block, kind="stable")
    ends = np.searchsorted(observed.block[order], np.arange(int(observed.block.max()) + 2))
    wanted = np.zeros(len(observed.block), dtype=np.bool_)
    wanted[drawn] = True
    found: dict[int, tuple[int, float]] = {}
    for block in np.unique(observed.block[drawn]):
        of_block = order[ends[block] : ends[block + 1]]
        found |= attack.name_block(of_block, wanted, rates)
    return Claims(_claims(observed, drawn, found), len(np.unique(persons.person)))


def _draw(
    observed: Observed, rows: int, targets: npt.NDArray[np.uint64] | None, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    of_interest = np.ones(len(observed.handles), dtype=np.bool_)
    if targets is not None:
        of_interest = np.isin(observed.handles, targets)
    possible = np.flatnonzero(of_interest)
    return np.sort(rng.permutation(possible)[:rows]).astype(np.int64)


def _rates(beliefs: Beliefs, dummy_share: float) -> npt.NDArray[np.float64]:
    known = min(beliefs.known / (1 + dummy_share), 0.99)
    present = min(beliefs.present, 0.99)
    return np.asarray(np.log([known * present, 1 - known, 1 - present]), dtype=np.float64)


def _claims(observed: Observed, drawn: npt.NDArray[np.int64], found: dict[int, tuple[int, float]]) -> pl.DataFrame:
    sizes = np.bincount(observed.block)[observed.block] if len(observed.block) else observed.block
    rows = drawn.tolist()
    return pl.DataFrame(
        {
            "handle": observed.handles[drawn],
            "person": [found[row][0] if row in found else None for row in rows],
            "posterior": [found[row][1] if row in found else 0.0 for row in rows],
            "block_rows": sizes[drawn],
        },
        schema=CLAIMS_SCHEMA,
    ).sort("handle")


class _Attack:
    """What is computed once a pass: all that the search of a block looks up."""

    def __init__(
        self,
        layout: Layout,
        observed: Observed,
        persons: Persons,
        groups: Groups,
        tables: Tables,
        encoding: Encoding,
        rng: np.random.Generator,
    ) -> None:
        self.layout, self.observed, self.groups, self.tables = layout, observed, groups, tables
        self.kinds = np.ascontiguousarray(layout.between[:, 0])
        clear = (persons.tokens, persons.sketched, persons.offsets, persons.grams, encoding.by_difference)
        sizes = np.diff(groups.offsets)
        self.group_of = np.repeat(np.arange(len(sizes)), sizes)
        self.pair_offsets = np.concatenate([[0], np.cumsum(sizes**2)[:-1]]).astype(np.int64)
        repeats = np.repeat(sizes, sizes)
        one = np.repeat(groups.members, repeats)
        start = np.repeat(groups.offsets[:-1], sizes**2)
        within_group = np.arange(int((sizes**2).sum())) - np.repeat(self.pair_offsets, sizes**2)
        other = groups.members[start + within_group % np.repeat(sizes, sizes**2)]
        self.pairs = person_pairs(one, other, layout.between, *clear)
        distinct = np.flatnonzero(one != other)
        self.sample = self.pairs[rng.permutation(distinct)[:_CHANCE_SAMPLE]]
        everybody = np.arange(len(persons.person))
        of_within = person_pairs(everybody, everybody, layout.within, *clear)
        lengths = np.append(np.minimum(np.diff(persons.offsets), BINS - 1), -1)  # place -1: missing
        # only where the distance follows the difference does the weight follow the length
        of_weights = lengths[persons.sketched] if encoding.by_difference else np.full_like(persons.sketched, -1)
        of_missing = np.concatenate([persons.tokens < 0, persons.sketched < 0], axis=1)
        # persons who look alike by themselves are judged once
        looks = np.concatenate([persons.classes, of_missing, of_within, of_weights], axis=1)
        _, first, self.looks = np.unique(looks, axis=0, return_index=True, return_inverse=True)
        self.of_looks = (persons.classes[first], of_missing[first], of_within[first], of_weights[first])
        every_row = np.arange(len(observed.block))
        self.within = seen_pairs(every_row, every_row, layout.within, *self._seen())
        ones = np.bitwise_count(observed.sketches).sum(axis=2, dtype=np.int64)
        self.weights = np.where(observed.sketched, ones, -1)
        self.missing = observed.missing()
        self.person_of, self.numbers = np.unique(persons.person, return_inverse=True)
        self.candidates = np.unique(groups.members)

    def _seen(self) -> tuple[Any, Any, Any]:
        return self.observed.tokens, self.observed.sketches, self.observed.sketched

    def name_block(
        self, rows: npt.NDArray[np.int64], wanted: npt.NDArray[np.bool_], rates: npt.NDArray[np.float64]
    ) -> dict[int, tuple[int, float]]:
        """Return person and posterior of the wanted rows of a block."""
        size = len(rows)
        by_looks = row_likelihoods(
            rows, self.observed.classes, self.missing, self.within, self.weights, *self.of_looks,
            self.tables.pairs, self.tables.weights, np.ascontiguousarray(self.layout.within[:, 0]), _AGREEING,
        )  # fmt: skip
        alone = by_looks[:, self.looks]
        at_large = alone[:, self.candidates]
        by_chance = np.logaddexp.reduce(at_large, axis=1) - np.log(at_large.shape[1])
        left, right = (side.ravel() for side in np.meshgrid(rows, rows, indexing="ij"))
        seen = seen_pairs(left, right, self.layout.between, *self._seen()).reshape(size, size, len(self.kinds))
        chance = chance_likelihoods(seen, self.sample, self.kinds, self.tables.pairs)
        # the rarer what a row shows, the more it tells; ties fall as the random handles do
        telling = np.argsort(by_chance + chance.sum(axis=1), kind="stable")
        score, named = beam(
            (alone - by_chance[:, None])[telling],
            np.ascontiguousarray(seen[telling][:, telling]),
            np.ascontiguousarray(chance[telling][:, telling]),
            self.groups.offsets, self.groups.members, self.groups.prior, self.group_of,
            self.pair_offsets, self.pairs, self.kinds, self.tables.pairs, rates, WIDTH,
        )  # fmt: skip
        weight = np.exp(score - np.logaddexp.reduce(score))
        found = {}
        for place, row in enumerate(rows[telling].tolist()):
            if not wanted[row]:
                continue
            somebody = named[:, place] >= 0
            who = self.numbers[self.groups.members[named[somebody, place]]]
            mass = np.bincount(who, weight[somebody], minlength=1)
            best = int(mass.argmax())
            if mass[best] > 0:
                found[int(row)] = (int(self.person_of[best]), float(mass[best]))
        return found
