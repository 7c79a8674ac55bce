"""The attacker of a register: clear text laid out once for all passes, and who of it is known at a given overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from contract.agreement import Agreement, PassTerms
from evaluation.attacks.blocks.keys import KeyIndex
from evaluation.attacks.blocks.knowledge import Beliefs, Groups, Ints, Persons, candidate_groups, check_attacker, know
from evaluation.attacks.blocks.layout import Layout, layout_of
from evaluation.attacks.blocks.likelihood import SKETCHES, Encoding, Tables, learn
from evaluation.attacks.blocks.similarity import BINS, person_pairs


@dataclass(frozen=True)
class Looks:
    """What persons' rows look like by themselves: rows that look alike are judged once.

    Attributes:
        missing: bool[L, t + s].
        within: uint8[L, w], comparisons of a row with itself.
        weights: int16[L, s], bin of the number of grams, -1 where missing; no column if weights tell nothing.
        of: int32[N], the look of each of the attacker's rows.
    """

    missing: npt.NDArray[np.bool_]
    within: npt.NDArray[np.uint8]
    weights: npt.NDArray[np.int16]
    of: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Attacker:
    """An attacker's clear text and what follows from it.

    Attributes:
        agreement: Public.
        layout: Columns and comparisons.
        persons: Rows in a random order, so that the order in which they are written down cannot help.
        looks: What the rows look like by themselves.
        known: int64[N], who each row is, -1 where this attacker does not know the row after all.
        keys: Key components of the rows.
        encoding: What the sketch columns hold.
        tables: Likelihoods.
        beliefs: Of the overlap.
    """

    agreement: Agreement
    layout: Layout
    persons: Persons
    looks: Looks
    known: Ints
    keys: KeyIndex
    encoding: Encoding
    tables: Tables
    beliefs: Beliefs

    def groups(self, terms: PassTerms) -> Groups:
        """Return the candidates for the blocks of a pass."""
        return candidate_groups(self.keys, self.known, terms, self.agreement.caps, self.beliefs)

    @property
    def candidates(self) -> int:
        """Persons the attacker chooses among."""
        return len(np.unique(self.known[self.known >= 0]))

    def knowing(self, persons: Ints, beliefs: Beliefs) -> Attacker:
        """Return the attacker who knows only these persons."""
        kept = np.isin(self.persons.person, persons)
        return replace(self, known=np.where(kept, self.persons.person, -1), beliefs=beliefs)


def _looks(persons: Persons, layout: Layout, by_difference: bool) -> Looks:
    everybody = np.arange(len(persons.person))
    clear = (persons.tokens, persons.sketched, persons.offsets, persons.grams, by_difference)
    within = person_pairs(everybody, everybody, layout.within, *clear)
    lengths = np.append(np.minimum(np.diff(persons.offsets), BINS - 1), -1).astype(np.int16)  # place -1: missing
    # only where the distance follows the difference does the weight follow the length
    weights = lengths[persons.sketched] if by_difference else np.empty((len(everybody), 0), dtype=np.int16)
    looks = np.concatenate([persons.missing, within, weights.astype(np.uint8)], axis=1)
    packed = np.ascontiguousarray(looks).view(np.dtype((np.void, looks.shape[1])))[:, 0]
    _, first, of = np.unique(packed, return_index=True, return_inverse=True)
    return Looks(persons.missing[first], within[first], weights[first], of.astype(np.int32))


def attacker_of(
    clear: pl.DataFrame,
    agreement: Agreement,
    *,
    seed: int,
    beliefs: Beliefs | None = None,
    encoding: Encoding = SKETCHES,
    passes: Sequence[PassTerms] | None = None,
) -> Attacker:
    """Lay out an attacker's clear text.

    Args:
        clear: Normalised identities with the integer column `person`, not negative; several rows of a person may be
            given.
        agreement: Columns, passes, cap and share of dummies, all public.
        seed: Of the order of rows and of the attacker's own keys.
        beliefs: Overlap; full by default.
        encoding: What the sketch columns hold.
        passes: The agreement's by default.

    Raises:
        AttackInputError: The identities are not of this form.
    """
    check_attacker(clear)
    believed = beliefs or Beliefs()
    rng = np.random.default_rng([seed, 0xA77A])
    shuffled = clear.sort(sorted(clear.columns))[rng.permutation(clear.height)]
    layout = layout_of(agreement)
    persons = know(shuffled, layout)
    return Attacker(
        agreement=agreement,
        layout=layout,
        persons=persons,
        looks=_looks(persons, layout, encoding.by_difference),
        known=persons.person,
        keys=KeyIndex(shuffled, agreement.passes if passes is None else passes),
        encoding=encoding,
        tables=learn(persons, encoding, rng, believed.error),
        beliefs=believed,
    )
