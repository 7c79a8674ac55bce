"""Fictitious persons among the rows: the same ones at every institution, with variants and errors as real people have.

They are derived from K_v, so that registers' dummies overlap as registers' people do: an unmatched dummy would give
itself away. A register holds each shared person with probability `_PRESENCE`, with errors of its own, and with the
missing cells of one of its own rows, so that missing patterns do not tell them apart. Their handles never reach the
statistics unit, and so their links vanish there.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from math import ceil
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from pseudonymisation.keys.tree import derive
from pseudonymisation.normalisation.skeleton import skeleton, skeleton_token
from pseudonymisation.normalisation.tables import maghrebi_names, skeleton_shares
from pseudonymisation.randomness import RandomSource

DUMMY_SUBJECT: Final = -1
_PRESENCE: Final = 0.75
_DRAWS: Final = 32  # 16-bit draws a person, one HMAC-SHA-512
_TYPING_ERROR, _SWAP, _DAY_ERROR, _YEAR_ERROR = 0.10, 0.02, 0.04, 0.03
_COUNTRIES: Final = ("SEN", "CIV", "FRA", "MLI", "GIN", "SYR", "ESP", "CMR", "PHL", "MAR", "COD", "TUR")

Draws = npt.NDArray[np.float64]


def _draws(key: bytes, start: int, count: int) -> Draws:
    """Return float64[count, 32] in (0, 1) of persons start, start + 1, …: each from its own PRF output."""
    raw = b"".join(hmac.digest(key, number.to_bytes(8, "big"), "sha512") for number in range(start, start + count))
    words = np.frombuffer(raw, dtype="<u2").reshape(count, _DRAWS)
    return np.asarray((words.astype(np.float64) + 0.5) / 65536.0)


@lru_cache(maxsize=2)
def _names(kind: str) -> tuple[tuple[str, ...], npt.NDArray[np.float64]]:
    """Return Latin names and the upper ends of their shares in (0, 1], by the public table."""
    shares = skeleton_shares(kind)
    names = tuple(sorted(maghrebi_names()))
    weights = np.array([shares.get(skeleton_token(name), 1e-5) for name in names])
    return names, np.cumsum(weights) / weights.sum()


def _name(kind: str, draw: Draws) -> list[str]:
    names, ends = _names(kind)
    return [names[at] for at in np.minimum(np.searchsorted(ends, draw), len(names) - 1)]


def _mistyped(names: list[str], whether: Draws, where: Draws) -> list[str]:
    """Drop one letter, never the first, of some names."""
    out = []
    for name, chance, place in zip(names, whether, where, strict=True):
        at = 1 + int(place * (len(name) - 1))
        out.append(name[:at] + name[at + 1 :] if chance < _TYPING_ERROR and len(name) > 3 else name)
    return out


def _whole(draw: Draws, low: int, high: int) -> npt.NDArray[np.int64]:
    return np.asarray(low + np.floor(draw * (high - low + 1)), dtype=np.int64)


def _present(vintage_key: bytes, register: str, count: int) -> tuple[Draws, Draws]:
    """Return the shared draws and the register's own draws of its first `count` present persons."""
    shared_key, own_key = derive(vintage_key, "dummy"), derive(vintage_key, "dummy-variant", register)
    shared, own, held, start = [], [], 0, 0
    while held < count:
        step = count + 8
        of_register = _draws(own_key, start, step)
        here = of_register[:, 0] < _PRESENCE
        shared.append(_draws(shared_key, start, step)[here])
        own.append(of_register[here])
        held, start = held + int(here.sum()), start + step
    return np.concatenate(shared)[:count], np.concatenate(own)[:count]


def _columns(shared: Draws, own: Draws) -> dict[str, pl.Series]:
    given = _mistyped(_name("given", shared[:, 0]), own[:, 1], own[:, 2])
    family = _mistyped(_name("family", shared[:, 1]), own[:, 3], own[:, 4])
    swapped = own[:, 5] < _SWAP
    pairs = [(f, g) if swap else (g, f) for g, f, swap in zip(given, family, swapped, strict=True)]
    year = _whole(shared[:, 2], 1945, 2007) + np.where(own[:, 6] < _YEAR_ERROR, _whole(own[:, 7], -1, 1), 0)
    month, day = _whole(shared[:, 3], 1, 12), _whole(shared[:, 4], 1, 28)
    day = np.where(own[:, 8] < _DAY_ERROR, _whole(own[:, 9], 1, 28), day)
    skeletons = [(skeleton(g), skeleton(f)) for g, f in pairs]
    number = _whole(shared[:, 7], 0, 65535)
    return {
        "given": pl.Series([g for g, _ in pairs]),
        "family": pl.Series([f for _, f in pairs]),
        "given_skeleton": pl.Series([g for g, _ in skeletons]),
        "family_skeleton": pl.Series([f for _, f in skeletons]),
        "full": pl.Series([" ".join(sorted(f"{g} {f}".split())) for g, f in pairs]),
        "full_skeleton": pl.Series([" ".join(sorted(f"{g} {f}".split())) for g, f in skeletons]),
        "birth_year": pl.Series(year),
        "birth_month": pl.Series(month),
        "birth_day": pl.Series(day),
        "sex": pl.Series(np.where(shared[:, 5] < 0.5, "f", "m")),
        "nationality": pl.Series([_COUNTRIES[at] for at in _whole(shared[:, 6], 0, len(_COUNTRIES) - 1)]),
        "birth_country": pl.Series([_COUNTRIES[at] for at in _whole(shared[:, 6], 0, len(_COUNTRIES) - 1)]),
        "passport": pl.Series([f"X{at:05d}{at % 97:02d}" for at in number]),
        "national_id": pl.Series([f"XY{at:06d}" for at in number]),
        "residence_card": pl.Series([f"XZ{at:05d}K" for at in number]),
        "social_security": pl.Series([f"1{at:07d}7" for at in number]),
        "document_any": pl.Series([f"X{at:05d}{at % 97:02d}"[:8] for at in number]),
        "_text": pl.Series(
            [f"{at % 200} {name}" for at, name in zip(number, _name("family", shared[:, 8]), strict=True)]
        ),
        "_category": pl.Series([f"c{at}" for at in _whole(shared[:, 9], 0, 7)]),
    }


def add_dummies(
    identities: pl.DataFrame, share: float, vintage_key: bytes, register: str, random: RandomSource
) -> pl.DataFrame:
    """Return the identities followed by ceil(share * rows) fictitious ones (`subject` -1, `identity` their number).

    Args:
        identities: Normalised identities with `subject` and `identity`.
        share: Dummies a real row; 0 for none.
        vintage_key: K_v.
        register: Decides who is present here, and the errors.
        random: Chooses the own rows whose missing cells the dummies take over.
    """
    count = ceil(share * identities.height)
    if count == 0:
        return identities
    made = _columns(*_present(vintage_key, register, count))
    model = identities[random.words(count) % np.uint64(identities.height)]
    columns = []
    for name, dtype in identities.schema.items():
        if name in {"subject", "identity"}:
            values = pl.Series([DUMMY_SUBJECT] * count) if name == "subject" else pl.int_range(count, eager=True)
        elif name == "name_order_known":
            values = model.get_column(name)
        else:
            text = name.startswith(("text:", "code:", "name:"))
            values = made.get(name, made["_text"] if text else made["_category"])
            values = pl.select(pl.when(model.get_column(name).is_not_null()).then(values)).to_series()
        columns.append(values.cast(dtype).alias(name))
    return pl.concat([identities, pl.DataFrame(columns)])
