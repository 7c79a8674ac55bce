"""Caps: how a row comes to the level of a pass at which few enough persons share its key value.

A row takes level 0 of a pass unless its key value there is crowded, then level 1, and so on; past the last level it
is withheld and counted. A key value is crowded if the public name table expects more than the cap's persons in
it, or if any institution listed it. The lists cover all levels, so that one exchange is enough, and everybody uses
their union, so that all refine alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from contract.agreement import CapTerms, PassTerms
from pseudonymisation.blocking.components import key_values, key_variants
from pseudonymisation.blocking.public_table import expected_persons
from pseudonymisation.keys.tree import BLOCK_SECRET_BYTES, BlockSecrets, block_secrets, block_tokens, pass_key
from pseudonymisation.randomness import RandomSource, unit_interval

Tokens = npt.NDArray[np.uint64]
_NO_TOKENS: Final = np.empty(0, dtype=np.uint64)


@dataclass(frozen=True)
class CrowdedKeys:
    """Crowded key values by pass, as block tokens (sorted uint64), and the persons of the largest register."""

    tokens: Mapping[str, Tokens] = field(default_factory=dict)
    persons: int = 0

    def of(self, pass_name: str) -> Tokens:
        """Return the crowded tokens of a pass, all its levels together."""
        return self.tokens.get(pass_name, _NO_TOKENS)

    def union(self, other: CrowdedKeys) -> CrowdedKeys:
        """Return what is crowded in either, and the greater number of persons."""
        names = sorted({*self.tokens, *other.tokens})
        merged = {name: np.union1d(self.of(name), other.of(name)) for name in names}
        return CrowdedKeys(merged, max(self.persons, other.persons))


@dataclass(frozen=True)
class Placement:
    """Where a pass puts rows.

    Attributes:
        rows: int64[n], rows of the frame, each (row, block) once, sorted by row.
        blocks: int64[n], index into `secrets` and `tokens`.
        secrets: uint8[blocks, 16], the blocks' secrets.
        tokens: uint64[blocks], what the linkage unit sees of them.
        levels: uint8[blocks], level of the pass.
        keyless: Rows without a key value at level 0: a component is missing.
        withheld_rows: int64[...], rows with a key value but no block at all: crowded, or missing a refinement, in every
            variant; sorted.
    """

    rows: npt.NDArray[np.int64]
    blocks: npt.NDArray[np.int64]
    secrets: BlockSecrets = field(repr=False)
    tokens: Tokens
    levels: npt.NDArray[np.uint8]
    keyless: int
    withheld_rows: npt.NDArray[np.int64]

    @property
    def withheld(self) -> int:
        """Number of withheld rows."""
        return len(self.withheld_rows)


def pass_components(terms: PassTerms) -> tuple[str, ...]:
    """Return the components of all levels of a pass, sorted."""
    return tuple(sorted({component for level in terms.levels for component in level}))


def choose_levels(
    identities: pl.DataFrame, terms: PassTerms, vintage_key: bytes, crowded: CrowdedKeys, caps: CapTerms
) -> Placement:
    """Put each row into the blocks of a pass. Deterministic, and equal for equal key values at every institution.

    Raises:
        AgreementError: A component does not exist.
        WeakKeyError: The vintage key is shorter than 32 bytes.
    """
    of_pass, listed = pass_key(vintage_key, terms.name), crowded.of(terms.name)
    active = key_variants(identities, pass_components(terms))
    placed: list[pl.DataFrame] = []
    secrets = [np.empty((0, BLOCK_SECRET_BYTES), dtype=np.uint8)]
    tokens, levels = [_NO_TOKENS], [np.empty(0, dtype=np.uint8)]
    blocks = 0
    with_key = np.empty(0, dtype=np.int64)
    for number, level in enumerate(terms.levels):
        keyed = active.with_columns(key_values(active, level)).filter(pl.col("value").is_not_null())
        if number == 0:
            with_key = keyed.get_column("row").unique().to_numpy()
        distinct = keyed.get_column("value").unique().sort()
        secrets.append(block_secrets(of_pass, number, distinct))
        tokens.append(block_tokens(of_pass, secrets[-1]))
        levels.append(np.full(len(distinct), number, dtype=np.uint8))
        heavy = np.isin(tokens[-1], listed)
        heavy |= expected_persons(level, distinct, crowded.persons) > caps.persons_per_key
        table = pl.DataFrame(
            {"value": distinct, "block": pl.int_range(len(distinct), eager=True) + blocks, "heavy": heavy}
        )
        keyed = keyed.join(table, on="value", how="left", maintain_order="left")
        placed.append(keyed.filter(~pl.col("heavy")).select("row", "block"))
        blocks += len(distinct)
        active = keyed.filter(pl.col("heavy")).drop("value", "block", "heavy")
    together = pl.concat(placed).unique().sort("row", "block")
    rows = together.get_column("row").to_numpy().astype(np.int64)
    return Placement(
        rows=rows,
        blocks=together.get_column("block").to_numpy().astype(np.int64),
        secrets=np.concatenate(secrets),
        tokens=np.concatenate(tokens),
        levels=np.concatenate(levels),
        keyless=identities.height - len(with_key),
        withheld_rows=np.setdiff1d(with_key, rows).astype(np.int64),
    )


def one_row_a_subject(identities: pl.DataFrame, placement: Placement) -> Placement:
    """Leave each subject one row a block: its most complete identity there, the first among equals.

    Two spellings of one person side by side would be a fingerprint, and a pair of subjects is judged by its best
    observed identities anyway. Dummies, which the cap did not count, stay only where a block has no other row: side by
    side they would give themselves away.

    Args:
        identities: What was placed, with `subject` (int64, negative for rows that are each a subject of their own) and
            `identity`.
        placement: Of these rows.
    """
    number = identities.get_column("identity").to_numpy()
    subject = identities.get_column("subject").to_numpy()
    subject = np.where(subject < 0, -1 - number, subject)
    held = identities.select(pl.sum_horizontal(pl.exclude("subject", "identity").is_not_null())).to_series().to_numpy()
    of, block = placement.rows, placement.blocks
    order = np.lexsort((number[of], -held[of].astype(np.int64), block, subject[of]))
    owner, place = subject[of][order], block[order]
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = (owner[1:] != owner[:-1]) | (place[1:] != place[:-1])
    # own rows before dummies, and of dummies in a block that no own row is in, one
    kept = order[first]
    kept = kept[np.lexsort((number[of[kept]], subject[of[kept]] < 0, block[kept]))]
    alone = np.ones(len(kept), dtype=np.bool_)
    alone[1:] = block[kept][1:] != block[kept][:-1]
    kept = np.sort(kept[alone | (subject[of[kept]] >= 0)])
    return replace(placement, rows=of[kept], blocks=block[kept])


def discrete_laplace(random: RandomSource, count: int, epsilon: float) -> npt.NDArray[np.int64]:
    """Return int64[count] noise with P(k) proportional to exp(-epsilon * |k|) (Ghosh et al. 2009, geometric mechanism).

    The difference of two geometric variables, each the floor of an exponential one.
    """
    uniform = unit_interval(random.words(2 * count))
    geometric = np.floor(np.log(uniform) / -epsilon).astype(np.int64)
    return np.asarray(geometric[:count] - geometric[count:], dtype=np.int64)


def listed(persons: npt.NDArray[np.int64], noise: npt.NDArray[np.int64], caps: CapTerms) -> npt.NDArray[np.bool_]:
    """Say which key values go on the list of crowded ones.

    A value at or below the cap never does: it would be refined for no reason and lost as a meeting point. One above
    it does, unless noise takes its count more than the margin below the first count above the cap.

    Args:
        persons: int64[n], persons of each key value.
        noise: int64[n], discrete Laplace noise.
        caps: The agreement's.
    """
    over = persons - caps.persons_per_key
    return np.asarray((over > 0) & (over + noise >= 1 - caps.margin), dtype=np.bool_)


class PersonCount(Protocol):
    """Says how many persons share each key value; the connector's own grouping stands behind it."""

    def __call__(self, buckets: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], cap: int) -> npt.NDArray[np.int64]:
        """Return int64[buckets.max() + 1]: persons among the rows of each bucket, exact up to `cap` at least."""
        ...


class SubjectCount:
    """Counts each subject as a person: all that is known without looking at the identities again."""

    def __init__(self, subjects: npt.NDArray[np.int64]) -> None:
        self._subjects = np.asarray(subjects, dtype=np.int64)

    def __call__(self, buckets: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], cap: int) -> npt.NDArray[np.int64]:
        """See `PersonCount`; always exact, so that `cap` makes no difference."""
        distinct = np.unique(np.stack([buckets, self._subjects[rows]], axis=1), axis=0)
        return np.bincount(distinct[:, 0]).astype(np.int64)


def count_crowded(
    identities: pl.DataFrame,
    passes: Sequence[PassTerms],
    vintage_key: bytes,
    caps: CapTerms,
    random: RandomSource,
    persons: PersonCount | None = None,
) -> CrowdedKeys:
    """List a register's own crowded key values, for the exchange among institutions.

    A key value is listed if more persons than the cap hold it, unless noise speaks against it (`listed`). The number of
    persons, which scales the public name table, has noise too.

    Lists are not differentially private: one who guesses a listed value knows that more persons than the cap share
    it. Noise only makes it deniable that an unlisted value has few holders.

    Args:
        identities: Normalised identities with the integer column `subject`.
        passes: The agreement's passes.
        vintage_key: K_v, under which key values become tokens.
        caps: Persons a key value may have, and epsilon.
        random: Source of the noise.
        persons: Counts persons among rows; each subject is one by default.
    """
    tokens: dict[str, Tokens] = {}
    subjects = identities.get_column("subject")
    counted = persons or SubjectCount(subjects.to_numpy())
    for terms in passes:
        of_pass, found = pass_key(vintage_key, terms.name), [_NO_TOKENS]
        variants = key_variants(identities, pass_components(terms))
        for number, level in enumerate(terms.levels):
            values = pl.DataFrame({"value": key_values(variants, level), "row": variants.get_column("row")})
            values = values.drop_nulls("value")
            distinct = values.get_column("value").unique().sort()
            if distinct.is_empty():
                continue
            position = pl.int_range(len(distinct), eager=True)
            buckets = values.get_column("value").replace_strict(distinct, position, return_dtype=pl.Int64).to_numpy()
            sharing = counted(buckets, values.get_column("row").to_numpy(), caps.persons_per_key)
            noise = discrete_laplace(random.child(f"crowded/{terms.name}/{number}"), len(sharing), caps.epsilon)
            heavy = distinct.filter(pl.Series(listed(sharing, noise, caps)))
            found.append(block_tokens(of_pass, block_secrets(of_pass, number, heavy)))
        tokens[terms.name] = np.unique(np.concatenate(found))
    noise = discrete_laplace(random.child("crowded/persons"), 1, caps.epsilon)
    return CrowdedKeys(tokens, max(0, subjects.n_unique() + int(noise[0])))
