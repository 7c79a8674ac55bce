"""Two made-up registers of the same kind: A and B, half of B's persons are in A, with typing errors in B.

Names follow Zipf-Mandelbrot frequencies (exponent 1, offset 20) over about as many given and family names as
six thousand; a postcode of 9,000; each of given name, family name, birth date and postcode of a person in B is
mistyped with a chance of .3, sex with .01. Everything follows from the seed.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from numba import njit

from evaluation.synthetic.names import name_pools

GIVEN_NAMES: Final = 6_759
FAMILY_NAMES: Final = 6_104
POSTCODES: Final = 9_000
ERROR: Final = 0.3
SEX_ERROR: Final = 0.01
_ZIPF_OFFSET: Final = 20
_WIDTH: Final = 24  # bytes of a name, longest kept
_DAYS: Final = 25_567  # 1 January 1940 to 31 December 2009
_FIRST_DAY: Final = np.datetime64("1940-01-01")
_LETTERS: Final = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz", dtype=np.uint8)
_DIGITS: Final = np.frombuffer(b"0123456789", dtype=np.uint8)

Bytes = npt.NDArray[np.uint8]


def two_registers(persons: int, seed: int = 1) -> dict[str, pl.DataFrame]:
    """Return registers `a` and `b` of `persons` rows each.

    Args:
        persons: Rows of each; a person has at most one row in a register.
        seed: Of everything drawn.

    Returns:
        Columns `record_id` (String), `given_names`, `family_name`, `birth_date` (ISO), `sex`, `postcode`
        (String) and `entity` (Int64): the person.
    """
    draw = np.random.default_rng(seed)
    both = persons // 2
    entity = np.arange(2 * persons - both)
    people = _people(len(entity), draw)
    in_b = np.concatenate([np.arange(both), np.arange(persons, 2 * persons - both)])
    a = _frame("a", people, np.arange(persons))
    changed = {name: values[in_b] for name, values in people.items()}
    for name, alphabet in (("given_names", _LETTERS), ("family_name", _LETTERS), ("postcode", _DIGITS)):
        _mistype(changed[name], draw.random(persons) < ERROR, alphabet, draw, fixed=name == "postcode")
    wrong = draw.random(persons) < ERROR
    changed["day"] = np.where(wrong, _other_day(changed["day"], draw), changed["day"])
    changed["sex"] = np.where(draw.random(persons) < SEX_ERROR, 1 - changed["sex"], changed["sex"])
    order = draw.permutation(persons)
    b = _frame("b", {name: values[order] for name, values in changed.items()}, in_b[order])
    return {"a": a.sample(fraction=1.0, shuffle=True, seed=seed), "b": b}


def _people(n: int, draw: np.random.Generator) -> dict[str, npt.NDArray[Any]]:
    return {
        "given_names": _names("M", GIVEN_NAMES, n, draw),
        "family_name": _names("S", FAMILY_NAMES, n, draw),
        "day": draw.integers(0, _DAYS, n),
        "sex": draw.integers(0, 2, n),
        "postcode": _matrix([f"{10_000 + 7 * code}" for code in range(POSTCODES)])[draw.integers(0, POSTCODES, n)],
    }


def _names(role: str, wanted: int, n: int, draw: np.random.Generator) -> Bytes:
    """Draw names by rank; more than the pools hold are made of the halves of two."""
    known = sorted(
        {str(name).lower() for (_, kind), pool in name_pools().items() if kind == role for name in pool.latin}
    )
    known = [name for name in known if name.isascii() and name.isalpha() and 3 <= len(name) <= _WIDTH - 2]
    made = set(known)
    while len(made) < wanted:
        one, other = (known[at] for at in draw.integers(0, len(known), 2))
        name = one[: (len(one) + 1) // 2] + other[len(other) // 2 :]
        if 3 <= len(name) <= _WIDTH - 2:
            made.add(name)
    names = sorted(made)
    ranked = [names[at] for at in draw.permutation(len(names))[:wanted]]
    weight = 1.0 / (np.arange(1, wanted + 1) + _ZIPF_OFFSET)
    return _matrix(ranked)[draw.choice(wanted, n, p=weight / weight.sum())]


def _matrix(values: list[str]) -> Bytes:
    """Return ASCII values as uint8[n, width], padded with zeros."""
    return np.array(values, dtype=f"S{_WIDTH}").view(np.uint8).reshape(len(values), _WIDTH).copy()


def _texts(matrix: Bytes) -> pl.Series:
    raw = np.ascontiguousarray(matrix).view(f"S{_WIDTH}").ravel()
    return pl.Series(raw.tolist(), dtype=pl.Binary).cast(pl.String)


def _frame(register: str, people: dict[str, npt.NDArray[Any]], entity: npt.NDArray[np.int64]) -> pl.DataFrame:
    rows = np.arange(len(entity))
    values = {name: column[rows] for name, column in people.items()}
    return pl.DataFrame(
        {
            "record_id": pl.Series(rows).cast(pl.String).str.pad_start(8, "0").str.replace("^", f"{register}-"),
            "given_names": _texts(values["given_names"]),
            "family_name": _texts(values["family_name"]),
            "birth_date": pl.Series(_FIRST_DAY + values["day"]).dt.to_string("%Y-%m-%d"),
            "sex": pl.Series(np.where(values["sex"] == 1, "M", "F")),
            "postcode": _texts(values["postcode"]),
            "entity": entity,
        }
    )


def _other_day(day: npt.NDArray[np.int64], draw: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return days wrong in one part: another day of the month, month or year."""
    dates = _FIRST_DAY + day
    month = dates.astype("datetime64[M]")
    place = (dates - month).astype(np.int64)
    kind = draw.integers(0, 3, len(day))
    other_place = np.where(kind == 0, draw.integers(0, 28, len(day)), np.minimum(place, 27))
    shift = np.where(
        kind == 1, draw.integers(-11, 12, len(day)), np.where(kind == 2, 12 * draw.integers(-9, 10, len(day)), 0)
    )
    changed = ((month + shift).astype("datetime64[D]") + other_place - _FIRST_DAY).astype(np.int64)
    return np.clip(changed, 0, _DAYS - 1)


def _mistype(
    values: Bytes, wrong: npt.NDArray[np.bool_], alphabet: Bytes, draw: np.random.Generator, *, fixed: bool
) -> None:
    """Put one error into each value that is to be wrong: substitution or transposition; insertion, deletion too."""
    n = len(values)
    kinds = draw.integers(0, 2 if fixed else 4, n)
    _edit(values, wrong, kinds, draw.random(n), alphabet[draw.integers(0, len(alphabet), n)])


@njit(cache=True)
def _edit(values: Any, wrong: Any, kinds: Any, places: Any, letters: Any) -> None:
    for row in range(values.shape[0]):
        if not wrong[row]:
            continue
        length = 0
        while length < values.shape[1] and values[row, length] != 0:
            length += 1
        at = int(places[row] * length)
        if kinds[row] == 0:
            values[row, at] = letters[row]
        elif kinds[row] == 1:
            other = at + 1 if at + 1 < length else at - 1
            values[row, at], values[row, other] = values[row, other], values[row, at]
        elif kinds[row] == 2:
            for to in range(at, length):
                values[row, to] = values[row, to + 1]
        else:
            for to in range(length, at, -1):
                values[row, to] = values[row, to - 1]
            values[row, at] = letters[row]
