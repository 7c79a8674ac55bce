"""Fictitious persons among the rows: the same ones at every institution, with variants and errors as real people have.

They are derived from K_v, so that registers' dummies overlap as registers' people do: an unmatched dummy would give
itself away, and so would one that always matches. A register holds each shared person with probability `_PRESENCE`,
with errors of its own, and with the missing cells of one of its own rows, so that missing patterns tell nothing.
Names come from a public table of many origins (data/SOURCE.md), never from a register. Records are clean or messy, as
real ones are, so that the model fitted to both is that of neither kind of pair alone. Their handles never reach the
statistics unit, and so their links vanish there.
"""

from __future__ import annotations

import csv
import hmac
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from math import ceil
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from pseudonymisation.keys.tree import derive
from pseudonymisation.normalisation.skeleton import skeleton
from pseudonymisation.randomness import RandomSource

DUMMY_SUBJECT: Final = -1
_PRESENCE: Final = 0.5
_DRAWS: Final = 64  # 16-bit draws a person, two HMAC-SHA-512
_MESSY: Final = 0.2  # share of messy records, whose error rates are this many times those of clean ones
_MESSY_TIMES: Final = 4.0
# rates of clean records; the overall ones are 1.6 times these
_TYPING, _TOKEN_LOST, _SWAP, _DAY, _MONTH, _YEAR, _DAY_FOR_MONTH = 0.05, 0.15, 0.015, 0.02, 0.015, 0.02, 0.01
_SEX, _NATION, _NUMBER, _OTHER_NUMBER, _MOVED = 0.005, 0.01, 0.02, 0.12, 0.1
_SECOND_NAME: Final = 0.25
#: Origins, their share of the dummies, and nationalities.
_ORIGINS: Final[tuple[tuple[str, float, str], ...]] = (
    ("maghreb", 0.2, "MAR DZA TUN MRT"),
    ("west_africa", 0.25, "SEN CIV MLI GIN BFA"),
    ("central_africa", 0.09, "CMR COD COG NGA"),
    ("france", 0.07, "FRA BEL"),
    ("spain", 0.06, "ESP"),
    ("middle_east", 0.07, "SYR EGY YEM"),
    ("philippines", 0.05, "PHL"),
    ("english", 0.05, "GBR USA CAN"),
    ("slavic", 0.04, "POL UKR RUS"),
    ("europe", 0.04, "DEU ITA PRT TUR ROU"),
    ("south_asia", 0.03, "IND BGD PAK"),
    ("east_asia", 0.03, "CHN VNM KOR"),
    ("latin_america", 0.02, "BRA COL"),
)

Draws = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
_LETTERS: Final = "eaionrstlmdhu"


def _draws(key: bytes, start: int, count: int) -> Draws:
    """Return float64[count, 64] in (0, 1) of persons start, start + 1, …: each from its own PRF outputs."""
    raw = b"".join(
        hmac.digest(key, (2 * number + half).to_bytes(8, "big"), "sha512")
        for number in range(start, start + count)
        for half in (0, 1)
    )
    words = np.frombuffer(raw, dtype="<u2").reshape(count, _DRAWS)
    return np.asarray((words.astype(np.float64) + 0.5) / 65536.0)


@lru_cache(maxsize=1)
def _public_names() -> dict[tuple[str, str], tuple[tuple[str, ...], Draws]]:
    """Return the names of each origin and role (given, family), and the upper ends of their shares in (0, 1]."""
    text = files("pseudonymisation.encoding").joinpath("data", "public_names.csv").read_text(encoding="utf-8")
    found: dict[tuple[str, str], tuple[list[str], list[float]]] = {}
    for row in csv.DictReader(text.splitlines()):
        names, weights = found.setdefault((row["origin"], row["role"]), ([], []))
        names.append(row["name"])
        weights.append(float(row["weight"]))
    return {key: (tuple(names), np.cumsum(weights) / sum(weights)) for key, (names, weights) in found.items()}


def _names(role: str, origin: Whole, draw: Draws) -> list[str]:
    out = np.empty(len(draw), dtype=object)
    for number, (name, _, _) in enumerate(_ORIGINS):
        here = np.flatnonzero(origin == number)
        names, ends = _public_names()[name, role]
        places = np.minimum(np.searchsorted(ends, draw[here]), len(names) - 1)
        out[here] = [names[place] for place in places]
    return [str(one) for one in out]


def _joined(first: list[str], second: list[str], whether: npt.NDArray[np.bool_]) -> list[str]:
    return [
        f"{one} {two}" if both and one != two else one for one, two, both in zip(first, second, whether, strict=True)
    ]


def _written(names: Sequence[str], own: Draws, times: Draws) -> list[str]:
    """Write names as a register would: a letter lost, doubled, changed or moved, a second name left out.

    Args:
        names: As they are.
        own: float64[n, 4]: whether and where there is a typing error, of which kind, whether a name is left out.
        times: float64[n], what the rates are multiplied with.
    """
    out = []
    for whole, (chance, place, kind, lost), factor in zip(names, own.tolist(), times.tolist(), strict=True):
        name = whole.split(" ")[0] if lost < _TOKEN_LOST * factor else whole
        if chance < _TYPING * factor and len(name) > 3:
            at = 1 + int(place * (len(name) - 1))
            letter = _LETTERS[int(place * 997) % len(_LETTERS)]
            middle = ("", name[at] * 2, letter, name[at] + letter)[int(kind * 4)]
            out.append((name[:at] + middle + name[at + 1 :]).strip())
        else:
            out.append(name)
    return out


def _whole(draw: Draws, low: int, high: int) -> Whole:
    return np.asarray(low + np.floor(draw * (high - low + 1)), dtype=np.int64)


def _present(vintage_key: bytes, register: str, count: int) -> tuple[Draws, Draws]:
    """Return the shared draws and the register's own draws of its first `count` present persons."""
    shared_key, own_key = derive(vintage_key, "dummy"), derive(vintage_key, "dummy-variant", register)
    shared, own, held, start = [], [], 0, 0
    while held < count:
        step = ceil((count - held) / _PRESENCE) + 8
        of_register = _draws(own_key, start, step)
        here = of_register[:, 0] < _PRESENCE
        shared.append(_draws(shared_key, start, step)[here])
        own.append(of_register[here])
        held, start = held + int(here.sum()), start + step
    return np.concatenate(shared)[:count], np.concatenate(own)[:count]


def _birth(shared: Draws, own: Draws, times: Draws) -> tuple[Whole, Whole, Whole]:
    """Return year, month and day, with the register's errors in `own` (float64[n, 8])."""
    # working ages in their middle: two draws make a hump, as a register of workers has
    year = 1940 + np.floor((shared[:, 0] + shared[:, 1]) / 2 * 68).astype(np.int64)
    month, day = _whole(shared[:, 2], 1, 12), _whole(shared[:, 3], 1, 28)
    off = np.where(own[:, 1] < 0.7, np.where(own[:, 1] < 0.35, -1, 1), np.where(own[:, 1] < 0.85, -10, 10))
    year = np.where(own[:, 0] < _YEAR * times, year + off, year)
    swapped = (own[:, 2] < _DAY_FOR_MONTH * times) & (day <= 12)
    month, day = np.where(swapped, day, month), np.where(swapped, month, day)
    month = np.where(own[:, 3] < _MONTH * times, _whole(own[:, 4], 1, 12), month)
    day = np.where(own[:, 5] < _DAY * times, _whole(own[:, 6], 1, 28), day)
    return year, month, day


def _documents(shared: Draws, own: Draws, times: Draws) -> dict[str, list[str]]:
    """Return the numbers of each kind, some of them renewed or with a wrong digit in this register.

    Args:
        shared: float64[n, 2].
        own: float64[n, 4].
        times: As of `_written`.
    """
    number = _whole(shared[:, 0], 0, 65535) * 65536 + _whole(shared[:, 1], 0, 65535)
    number = np.where(own[:, 0] < _OTHER_NUMBER * times, number ^ (_whole(own[:, 1], 1, 65535) << 8), number)
    digit = 10 ** _whole(own[:, 3], 0, 5)
    number = np.where(own[:, 2] < _NUMBER * times, number + digit, number)
    passports = [f"{chr(65 + at % 26)}{chr(65 + at // 26 % 26)}{at % 10**7:07d}" for at in number.tolist()]
    return {
        "passport": passports,
        "national_id": [f"{chr(65 + at % 26)}{chr(65 + at // 26 % 26)}{at % 10**6:06d}" for at in number.tolist()],
        "residence_card": [f"{chr(65 + at % 26)}{at % 10**6:06d}{chr(65 + at // 7 % 26)}" for at in number.tolist()],
        "social_security": [f"1{at % 10**8:08d}" for at in number.tolist()],
        "document_any": [one[:8] for one in passports],
    }


def _columns(shared: Draws, own: Draws) -> dict[str, pl.Series]:
    """Return the columns of the dummies: `shared` draws 0 to 15, `own` draws 1 to 40 (0 says who is present)."""
    times = np.where(own[:, 1] < _MESSY, _MESSY_TIMES, 1.0)
    ends = np.cumsum([share for _, share, _ in _ORIGINS])
    origin = np.minimum(np.searchsorted(ends / ends[-1], shared[:, 0]), len(_ORIGINS) - 1).astype(np.int64)
    double = shared[:, 1] < _SECOND_NAME
    given = _joined(_names("given", origin, shared[:, 2]), _names("given", origin, shared[:, 3]), double)
    family = _joined(
        _names("family", origin, shared[:, 4]), _names("family", origin, shared[:, 5]), shared[:, 6] < _SECOND_NAME / 2
    )
    given, family = _written(given, own[:, 2:6], times), _written(family, own[:, 6:10], times)
    swapped = own[:, 10] < _SWAP * times
    pairs = [(f, g) if swap else (g, f) for g, f, swap in zip(given, family, swapped, strict=True)]
    year, month, day = _birth(shared[:, 7:11], own[:, 11:19], times)
    skeletons = [(skeleton(g), skeleton(f)) for g, f in pairs]
    countries = [codes.split() for _, _, codes in _ORIGINS]
    nations = [countries[at][int(draw * len(countries[at]))] for at, draw in zip(origin, shared[:, 11], strict=True)]
    elsewhere = own[:, 19] < _NATION * times
    nationality = ["MAR" if other else code for code, other in zip(nations, elsewhere, strict=True)]
    female = (shared[:, 12] < 0.42) ^ (own[:, 20] < _SEX * times)
    moved = own[:, 21] < _MOVED * times
    place = np.where(moved, own[:, 22], shared[:, 13])
    text = [
        f"{at % 200} {name}" for at, name in zip(_whole(place, 0, 65535), _names("family", origin, place), strict=True)
    ]
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
        "sex": pl.Series(np.where(female, "f", "m")),
        "nationality": pl.Series(nationality),
        "birth_country": pl.Series(nations),
        **{name: pl.Series(numbers) for name, numbers in _documents(shared[:, 14:16], own[:, 23:27], times).items()},
        "_text": pl.Series(_written(text, own[:, 27:31], times)),
        "_category": pl.Series([f"c{at}" for at in _whole(np.where(moved, own[:, 31], shared[:, 16]), 0, 7)]),
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
