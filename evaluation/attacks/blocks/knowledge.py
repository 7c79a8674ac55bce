"""What the attacker knows: persons in the clear, and which of them a block of a pass would hold.

The normalisation, the levels and the cap are public; the crowded lists are not. So each key value at each level
becomes a candidate group with the probability that the institutions would emit it, judged by the attacker's own count.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from contract.agreement import CapTerms, PassTerms
from evaluation.attacks.blocks.layout import AttackInputError, Layout
from pseudonymisation.blocking.caps import pass_components
from pseudonymisation.blocking.components import key_values, key_variants
from pseudonymisation.blocking.public_table import expected_persons
from pseudonymisation.encoding.blind_blocks import frequency_classes
from pseudonymisation.encoding.sketches import GramKind, grams
from pseudonymisation.encoding.values import plain_values

#: A key value that is emitted less often than this is no candidate.
LEAST_PRIOR: Final = 1e-3
#: Larger groups are left out: their pairs would not fit in memory.
LARGEST_GROUP: Final = 400
_MOST_HIDDEN: Final = 24


@dataclass(frozen=True)
class Persons:
    """The attacker's rows in the clear, N of them; values that share a key share a numbering.

    Attributes:
        person: int64[N], the attacker's own numbers.
        tokens: int64[N, t], number of the value, -1 where missing.
        sketched: int64[N, s], place of the value's grams in `offsets`, -1 where missing.
        classes: int64[N, c], -1 where missing.
        offsets: int64[v + 1], where each value's grams begin.
        grams: uint64[...], sorted within a value.
    """

    person: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]
    sketched: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    grams: npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Groups:
    """Candidate groups: key values with the rows that have them.

    Attributes:
        offsets: int64[g + 1], where each group begins in `members`.
        members: int64[...], rows of `Persons`.
        prior: float64[g], log probability that the pass emits this key value as a block.
    """

    offsets: npt.NDArray[np.int64]
    members: npt.NDArray[np.int64]
    prior: npt.NDArray[np.float64]


def know(attacker: pl.DataFrame, layout: Layout) -> Persons:
    """Lay out the attacker's identities (normalised columns and the integer column `person`).

    Raises:
        AttackInputError: There is no such column, or it has an empty cell.
    """
    if "person" not in attacker.columns or not attacker.schema["person"].is_integer():
        raise AttackInputError("The attacker's identities have no person number.", where={"column": "person"})
    if attacker.get_column("person").null_count():
        raise AttackInputError("A person number is empty.", where={"column": "person"})
    rows = attacker.height
    tokens = np.full((rows, len(layout.tokens)), -1, dtype=np.int64)
    sketched = np.full((rows, len(layout.sketches)), -1, dtype=np.int64)
    flat: list[list[int]] = []
    for columns, out in ((layout.tokens, tokens), (layout.sketches, sketched)):
        for group in sorted({column.group for column in columns}):
            of_group = [at for at, column in enumerate(columns) if column.group == group]
            plain = [plain_values(attacker, columns[at]) for at in of_group]
            distinct = pl.concat(series.alias("value") for series in plain).drop_nulls().unique().sort()
            first = 0
            if out is sketched:
                first = len(flat)
                kind: GramKind = "positions" if columns[of_group[0]].kind == "positions" else "bigrams"
                flat += [sorted(grams(value, kind)) for value in distinct]
            number = pl.int_range(first, first + len(distinct), eager=True)
            for at, series in zip(of_group, plain, strict=True):
                ids = series.replace_strict(distinct, number, default=None, return_dtype=pl.Int64)
                out[:, at] = ids.fill_null(-1).to_numpy()
    of_class = frequency_classes(attacker)
    classes = [pl.Series(of_class[name]).cast(pl.Int64).fill_null(-1).to_numpy() for name in layout.classes]
    return Persons(
        person=attacker.get_column("person").cast(pl.Int64).to_numpy().astype(np.int64),
        tokens=tokens,
        sketched=sketched,
        classes=np.stack(classes, axis=1).astype(np.int64) if classes else np.empty((rows, 0), dtype=np.int64),
        offsets=np.concatenate([[0], np.cumsum([len(one) for one in flat], dtype=np.int64)]).astype(np.int64),
        grams=np.array([gram for one in flat for gram in one], dtype=np.uint64),
    )


def listed_probability(persons: int, cap: int, epsilon: float) -> float:
    """Return the probability that a register with so many persons of a key value lists it as crowded.

    Discrete Laplace noise, P(k) proportional to a**|k| with a = exp(-epsilon); one person alone is never listed.
    """
    if persons < 2:
        return 0.0
    a = float(np.exp(-epsilon))
    over = cap + 1 - persons  # listed if noise >= over
    if over > 0:
        return a**over / (1 + a)
    return 1 - a ** (1 - over) / (1 + a)


def crowding(counts: npt.NDArray[np.int64], caps: CapTerms, known: float) -> npt.NDArray[np.float64]:
    """Return the probability of being listed by the attacker's own counts, of which he knows a share.

    The unknown others before the n-th known person are negative binomial.
    """
    table = np.zeros(int(counts.max(initial=0)) + 1)
    for count in np.unique(counts):
        n = int(count)
        hidden = range(_MOST_HIDDEN if known < 1 else 1)
        weight = [comb(n + h - 1, h) * known**n * (1 - known) ** h if n else float(h == 0) for h in hidden]
        total = sum(weight) or 1.0
        listed = [listed_probability(n + h, caps.persons_per_key, caps.epsilon) for h in hidden]
        table[n] = sum(w * p for w, p in zip(weight, listed, strict=True)) / total if sum(weight) else 1.0
    return table[counts]


def candidate_groups(attacker: pl.DataFrame, terms: PassTerms, caps: CapTerms, known: float) -> Groups:
    """Return the attacker's candidates for the blocks of a pass, at all levels.

    Args:
        attacker: As for `know`.
        terms: The pass.
        caps: The agreement's cap.
        known: Share of the register's persons that the attacker knows.
    """
    variants = key_variants(attacker, pass_components(terms))
    person = attacker.get_column("person")
    register = round(person.n_unique() / known)
    reach = pl.lit(1.0)  # probability that all earlier levels of this variant were crowded
    active = variants.with_columns(pl.Series("person", person.gather(variants.get_column("row"))), reach.alias("reach"))
    offsets, members, priors = [np.zeros(1, dtype=np.int64)], [np.empty(0, dtype=np.int64)], [np.empty(0)]
    for level in terms.levels:
        keyed = active.with_columns(key_values(active, level)).filter(pl.col("value").is_not_null())
        if keyed.is_empty():
            continue
        by_value = (
            keyed.group_by("value")
            .agg(pl.col("person").n_unique().alias("count"), pl.col("row").unique().sort(), pl.col("reach").mean())
            .sort("value")
        )
        heavy = crowding(by_value.get_column("count").to_numpy().astype(np.int64), caps, known)
        public = expected_persons(level, by_value.get_column("value"), register) > caps.persons_per_key
        by_value = by_value.with_columns(pl.Series("heavy", np.where(public, 1.0, heavy)))
        emitted = by_value.with_columns((pl.col("reach") * (1 - pl.col("heavy"))).alias("prior")).filter(
            (pl.col("prior") >= LEAST_PRIOR) & (pl.col("row").list.len() <= LARGEST_GROUP)
        )
        sizes = emitted.get_column("row").list.len().to_numpy().astype(np.int64)
        offsets.append(offsets[-1][-1] + np.cumsum(sizes))
        members.append(emitted.get_column("row").explode(empty_as_null=False).to_numpy().astype(np.int64))
        priors.append(np.log(emitted.get_column("prior").to_numpy()))
        joined = keyed.join(by_value.select("value", "heavy"), on="value", how="left", maintain_order="left")
        active = joined.with_columns((pl.col("reach") * pl.col("heavy")).alias("reach")).drop("value", "heavy")
        active = active.filter(pl.col("reach") >= LEAST_PRIOR)
    return Groups(
        np.concatenate(offsets).astype(np.int64), np.concatenate(members), np.concatenate(priors).astype(np.float64)
    )
