"""What the attacker knows: persons in the clear, and which of them a block of a pass would hold.

The normalisation, the levels and the cap are public; the crowded lists are not. So each key value at each level
becomes a candidate group with the probability that the institutions would emit it, judged by the attacker's own count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from connectors.structure import LARGEST_BLOCK
from contract.agreement import CapTerms, PassTerms
from evaluation.attacks.blocks.keys import KeyIndex, level_keys, numbered
from evaluation.attacks.blocks.layout import AttackInputError, Layout
from pseudonymisation.encoding.values import distinct_values, plain_values

#: A key value that is emitted less often than this is no candidate.
LEAST_PRIOR: Final = 1e-3
#: Larger groups are left out: their pairs would not fit in memory. No submission with such a block leaves.
LARGEST_GROUP: Final = LARGEST_BLOCK
_MOST_HIDDEN: Final = 24
_MANY: Final = 64  # persons of a key value above which a register's part of them is taken as the mean
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Persons:
    """The attacker's rows in the clear, N of them; values that share a key share a numbering.

    Attributes:
        person: int64[N], the attacker's own numbers.
        tokens: int32[N, t], number of the value, -1 where missing.
        sketched: int32[N, s], place of the value's grams in `offsets`, -1 where missing.
        offsets: int64[v + 1], where each value's grams begin.
        grams: uint64[...], sorted within a value.
    """

    person: Ints
    tokens: npt.NDArray[np.int32]
    sketched: npt.NDArray[np.int32]
    offsets: Ints
    grams: npt.NDArray[np.uint64]

    @property
    def missing(self) -> npt.NDArray[np.bool_]:
        """Which cells of a row are missing, bool[N, t + s]."""
        return np.concatenate([self.tokens < 0, self.sketched < 0], axis=1)


@dataclass(frozen=True)
class Groups:
    """Candidate groups: key values with the rows that have them.

    Attributes:
        offsets: int64[g + 1], where each group begins in `members`.
        members: int64[...], rows of `Persons`.
        prior: float64[g], log probability that the pass emits this key value as a block.
    """

    offsets: Ints
    members: Ints
    prior: npt.NDArray[np.float64]

    @property
    def sizes(self) -> Ints:
        """Members of each group, int64[g]."""
        return np.diff(self.offsets)

    @property
    def group_of(self) -> Ints:
        """The group of each member, int64[...]."""
        return np.repeat(np.arange(len(self.prior)), self.sizes)


@dataclass(frozen=True)
class Beliefs:
    """What the attacker believes of the overlap; the audit tells the truth, so that the attacker is the strongest.

    Attributes:
        known: Share of the register's rows whose person the attacker knows.
        registers: Share of all persons whom each register holds, if several feed the table or the attacker knows more
            persons than the register holds.
        error: Share of cells that differ from the attacker's copy.
    """

    known: float = 1.0
    registers: tuple[float, ...] = (1.0,)
    error: float = 0.01

    def __post_init__(self) -> None:
        shares = (self.known, *self.registers)
        if not self.registers or not all(0 < share <= 1 for share in shares) or not 0 < self.error < 1:
            raise AttackInputError("A share of the overlap is above 0 and at most 1, an error rate between 0 and 1.")

    @property
    def present(self) -> float:
        """Share of all persons who are in some register."""
        return float(1 - np.prod([1 - share for share in self.registers]))


def check_attacker(attacker: pl.DataFrame) -> None:
    """Refuse clear text without a whole column `person` of integers.

    Raises:
        AttackInputError: There is no such column, or it has an empty cell.
    """
    if "person" not in attacker.columns or not attacker.schema["person"].is_integer():
        raise AttackInputError("The attacker's identities have no person number.", where={"column": "person"})
    if attacker.get_column("person").null_count():
        raise AttackInputError("A person number is empty.", where={"column": "person"})


def know(attacker: pl.DataFrame, layout: Layout) -> Persons:
    """Lay out the attacker's identities (normalised columns and the integer column `person`).

    Raises:
        AttackInputError: See `check_attacker`.
    """
    check_attacker(attacker)
    rows = attacker.height
    tokens = np.full((rows, len(layout.tokens)), -1, dtype=np.int32)
    sketched = np.full((rows, len(layout.sketches)), -1, dtype=np.int32)
    offsets, grams = [np.zeros(1, dtype=np.int64)], [np.empty(0, dtype=np.uint64)]
    values, end = 0, 0
    for columns, out in ((layout.tokens, tokens), (layout.sketches, sketched)):
        for group in sorted({column.group for column in columns}):
            of_group = [at for at, column in enumerate(columns) if column.group == group]
            stacked = pl.concat([plain_values(attacker, columns[at]).alias("value") for at in of_group])
            if out is tokens:
                ids = numbered(stacked)[0]
            else:
                laid_out = distinct_values(stacked, columns[of_group[0]].kind)
                ids = np.where(laid_out.ids < 0, -1, laid_out.ids + values)
                values += len(laid_out.offsets) - 1
                offsets.append(laid_out.offsets[1:] + end)
                end += len(laid_out.data)
                grams.append(laid_out.data.astype(np.uint64))
            out[:, of_group] = ids.reshape(len(of_group), rows).T
    return Persons(
        person=attacker.get_column("person").cast(pl.Int64).to_numpy().astype(np.int64),
        tokens=tokens,
        sketched=sketched,
        offsets=np.concatenate(offsets),
        grams=np.concatenate(grams),
    )


def listed_probability(persons: int, caps: CapTerms) -> float:
    """Return the probability that a register with so many persons of a key value lists it as crowded.

    Discrete Laplace noise, P(k) proportional to a**|k| with a = exp(-epsilon); see `blocking.caps.listed`.
    """
    if persons <= caps.persons_per_key:
        return 0.0
    a = float(np.exp(-caps.epsilon))
    least = 1 - caps.margin - (persons - caps.persons_per_key)  # listed if noise >= least
    if least > 0:
        return a**least / (1 + a)
    return 1 - a ** (1 - least) / (1 + a)


def _listed_by_any(persons: int, caps: CapTerms, registers: Sequence[float]) -> float:
    """Return the probability that some register lists a key value that so many persons have, each register a part."""
    unlisted = 1.0
    for share in registers:
        if share >= 1 or persons > _MANY:
            unlisted *= 1 - listed_probability(round(persons * share), caps)
            continue
        part = [comb(persons, k) * share**k * (1 - share) ** (persons - k) for k in range(persons + 1)]
        unlisted *= sum(p * (1 - listed_probability(k, caps)) for k, p in enumerate(part))
    return 1 - unlisted


def crowding(counts: Ints, caps: CapTerms, beliefs: Beliefs) -> npt.NDArray[np.float64]:
    """Return the probability of being listed by the attacker's own counts, of which he knows a share.

    The unknown others before the n-th known person are negative binomial.
    """
    table = np.zeros(int(counts.max(initial=0)) + 1)
    known = beliefs.known
    for count in np.unique(counts):
        n = int(count)
        hidden = range(_MOST_HIDDEN if known < 1 else 1)
        weight = [comb(n + h - 1, h) * known**n * (1 - known) ** h if n else float(h == 0) for h in hidden]
        total = sum(weight)
        listed = [_listed_by_any(n + h, caps, beliefs.registers) for h in hidden]
        table[n] = sum(w * p for w, p in zip(weight, listed, strict=True)) / total if total else 1.0
    return table[counts]


def candidate_groups(keys: KeyIndex, person: Ints, terms: PassTerms, caps: CapTerms, beliefs: Beliefs) -> Groups:
    """Return the attacker's candidates for the blocks of a pass, at all levels.

    Args:
        keys: Key components of the attacker's rows.
        person: int64[N], who each row is; negative rows are not known to the attacker.
        terms: The pass.
        caps: The agreement's cap.
        beliefs: Of the overlap.
    """
    variants = keys.of(terms)
    known = person >= 0
    everybody = len(np.unique(person[known]))
    register = round(everybody / beliefs.known * max(beliefs.registers))
    _, number = np.unique(person, return_inverse=True)
    active = np.flatnonzero(known[variants.row])
    reach = np.ones(len(variants.row))  # probability that all earlier levels of this variant were crowded
    offsets, members, priors = [np.zeros(1, dtype=np.int64)], [np.empty(0, dtype=np.int64)], [np.empty(0)]
    for level in terms.levels:
        keyed, key, share = level_keys(variants, active, level)
        if len(keyed) == 0:
            continue
        row = variants.row[keyed]
        count = np.bincount(np.unique(key * (number.max() + 1) + number[row]) // (number.max() + 1))
        heavy = np.where(share * register > caps.persons_per_key, 1.0, crowding(count.astype(np.int64), caps, beliefs))
        reached = np.bincount(key, reach[keyed]) / np.bincount(key)
        pairs = np.unique(key * len(person) + row)
        of_key, of_row = pairs // len(person), pairs % len(person)
        rows_of_key = np.bincount(of_key)
        prior = reached * (1 - heavy)
        emitted = (prior >= LEAST_PRIOR) & (rows_of_key <= LARGEST_GROUP)
        offsets.append(offsets[-1][-1] + np.cumsum(rows_of_key[emitted]))
        members.append(of_row[emitted[of_key]])
        priors.append(np.log(prior[emitted]))
        reach[keyed] *= heavy[key]
        active = keyed[reach[keyed] >= LEAST_PRIOR]
    return Groups(np.concatenate(offsets), np.concatenate(members), np.concatenate(priors))
