"""How many persons of a register a key value is expected to have, by the public name table alone.

It complements the exchanged lists: those are noisy, and a register whose count is just over the cap may miss the
list by chance. All institutions hold the same table and the same (noisy) number of persons, so they refine alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from pseudonymisation.blocking.components import NAME_COMPONENTS, SEPARATOR
from pseudonymisation.normalisation.tables import skeleton_shares

# generous shares of the values of other components: a wrong one refines a key too late, which the lists mend
_FIXED_SHARES: Final[Mapping[str, float]] = {
    "birth_year": 1 / 50,
    "birth_month": 1 / 12,
    "birth_day": 1 / 30,
    "sex": 1 / 2,
}


@lru_cache(maxsize=8)
def _prefix_shares(kind: str, length: int) -> Mapping[str, float]:
    sums: dict[str, float] = {}
    for skeleton, share in skeleton_shares(kind).items():
        sums[skeleton[:length]] = sums.get(skeleton[:length], 0.0) + share
    return sums


def _single(kind: str, length: int) -> Callable[[str], float]:
    table = _prefix_shares(kind, length)
    return lambda value: table.get(value, 0.0)


def _pair(length: int) -> Callable[[str], float]:
    given, family = _prefix_shares("given", length), _prefix_shares("family", length)

    def share(value: str) -> float:
        left, _, right = value.partition("+")
        straight = given.get(left, 0.0) * family.get(right, 0.0)
        return straight if left == right else straight + given.get(right, 0.0) * family.get(left, 0.0)

    return share


_WHOLE: Final = 100


def _share_of(component: str) -> Callable[[str], float]:
    kind = "given" if component.startswith("given") else "family"
    length = 1 if "initial" in component else 3 if component.endswith("3") else _WHOLE
    return _pair(length) if "pair" in component else _single(kind, length)


def expected_persons(level: tuple[str, ...], values: pl.Series, persons: int) -> npt.NDArray[np.float64]:
    """Return the expected number of persons of each key value (float64), 0 where the public table knows nothing.

    Args:
        level: The key's components.
        values: Key values as `blocking.components.key_values` makes them.
        persons: Persons of the largest register.
    """
    known = all(component in NAME_COMPONENTS or component in _FIXED_SHARES for component in level)
    if values.is_empty() or not known or not NAME_COMPONENTS & set(level):
        return np.zeros(len(values))
    parts = values.str.split_exact(SEPARATOR, len(level) - 1).struct.unnest()
    expected = np.full(len(values), float(persons))
    for component, part in zip(level, parts.get_columns(), strict=True):
        if component in _FIXED_SHARES:
            expected *= _FIXED_SHARES[component]
            continue
        share, distinct = _share_of(component), part.unique()
        shares = pl.Series([share(value) for value in distinct], dtype=pl.Float64)
        expected *= part.replace_strict(distinct, shares, return_dtype=pl.Float64).to_numpy()
    return expected
