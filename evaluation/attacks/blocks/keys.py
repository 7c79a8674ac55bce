"""Key values of the attacker's persons as numbers: computed once, grouped for every pass and level without strings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from contract.agreement import PassTerms
from pseudonymisation.blocking.caps import pass_components
from pseudonymisation.blocking.components import NAME_COMPONENTS, SEPARATOR, key_variants
from pseudonymisation.blocking.public_table import expected_persons

Ints = npt.NDArray[np.int64]
_WIDEST: Final = 1 << 62
_ANY_NAME: Final = "family_initial"


@dataclass(frozen=True)
class Component:
    """One key component over all variants.

    Attributes:
        codes: int32[n], number of the value, -1 where missing.
        values: How many numbers there are.
        shares: float64[values], share of persons whom the public name table expects to have each value.
    """

    codes: npt.NDArray[np.int32]
    values: int
    shares: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Variants:
    """Variants of the attacker's rows: how each may be read as key components.

    Attributes:
        row: int64[n], row of the attacker's frame.
        components: By name.
    """

    row: Ints
    components: dict[str, Component]


class KeyIndex:
    """Key components of an attacker's frame for some passes."""

    def __init__(self, attacker: pl.DataFrame, passes: Iterable[PassTerms]) -> None:
        wanted = [frozenset(pass_components(terms)) for terms in passes]
        # a row with several documents has several variants: passes without documents are spared them
        self._variants = {
            with_document: _variants(attacker, frozenset().union(*chosen))
            for with_document in (False, True)
            if (chosen := [one for one in wanted if ("document" in one) == with_document])
        }

    def of(self, terms: PassTerms) -> Variants:
        """Return the variants that a pass is made of."""
        return self._variants["document" in pass_components(terms)]


def _variants(attacker: pl.DataFrame, components: frozenset[str]) -> Variants:
    frame = key_variants(attacker, components)
    return Variants(
        frame.get_column("row").to_numpy().astype(np.int64),
        {name: _component(name, frame.get_column(name)) for name in sorted(components)},
    )


def _component(name: str, series: pl.Series) -> Component:
    codes, distinct = numbered(series)
    # half the room: there are a score of components for each of an attacker's rows
    return Component(codes.astype(np.int32), len(distinct), _shares(name, distinct))


def numbered(series: pl.Series) -> tuple[Ints, pl.Series]:
    """Return a string column as numbers (int64, -1 where missing) and the value behind each number."""
    encoded = series.cast(pl.String).to_arrow().dictionary_encode()
    codes = pl.Series(encoded.indices).cast(pl.Int64).fill_null(-1).to_numpy().astype(np.int64)
    return codes, pl.Series("value", encoded.dictionary, dtype=pl.String)


def _shares(name: str, distinct: pl.Series) -> npt.NDArray[np.float64]:
    if distinct.is_empty():
        return np.empty(0)
    if name in NAME_COMPONENTS:
        return np.asarray(expected_persons((name,), distinct, 1), dtype=np.float64)
    # the table speaks of keys with a name in them only: beside any name, what remains is this component's share
    beside = pl.Series("value", "a" + SEPARATOR + distinct)
    alone = expected_persons((_ANY_NAME,), pl.Series("value", ["a"]), 1)
    return np.asarray(expected_persons((_ANY_NAME, name), beside, 1) / alone, dtype=np.float64)


def level_keys(variants: Variants, active: Ints, level: tuple[str, ...]) -> tuple[Ints, Ints, npt.NDArray[np.float64]]:
    """Return the key values of a level.

    Args:
        variants: Of the pass.
        active: int64[a], variants that come to this level.
        level: Its components.

    Returns:
        int64[k], the variants among them that have a key value; int64[k], its number from 0 without a gap; and
        float64[keys], the share of persons that the public name table expects of each value, 0 if it knows nothing.
    """
    parts = [variants.components[name] for name in level]
    whole = np.ones(len(active), dtype=np.bool_)
    for part in parts:
        whole &= part.codes[active] >= 0
    keyed = active[whole]
    code, span = np.zeros(len(keyed), dtype=np.int64), 1
    for part in parts:
        if span * max(part.values, 1) >= _WIDEST:
            distinct, code = np.unique(code, return_inverse=True)
            span = len(distinct)
        code = code * max(part.values, 1) + part.codes[keyed]
        span *= max(part.values, 1)
    _, first, number = np.unique(code, return_index=True, return_inverse=True)
    share = np.ones(len(first)) if NAME_COMPONENTS & set(level) else np.zeros(len(first))
    for part in parts:
        share *= part.shares[part.codes[keyed[first]]]
    return keyed, number.astype(np.int64), share
