"""Person-months: in which channels a person is on some day of each month of the window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contract.errors import InputError
from trajectories.channels import CHANNELS
from trajectories.intervals import month_of
from trajectories.spells import SPELL_SCHEMA
from trajectories.tables import Window

#: One letter a channel; a month's state is the letters of its channels, `0` where there is none. No letter is T or F:
#: R reads a column of nothing but `T` as logical.
LETTERS: Final = dict(zip(CHANNELS, "PRWI", strict=True))
STATES: Final = tuple(
    "".join(letter for bit, letter in enumerate(LETTERS.values()) if code >> bit & 1) or "0" for code in range(16)
)
_WORDS: Final = dict(
    zip(LETTERS.values(), ("present", "residence title", "authorised work", "insured work"), strict=True)
)
STATE_WORDS: Final = {
    state: ", ".join(_WORDS[letter] for letter in state if letter != "0") or "none" for state in STATES
}
MONTH_SCHEMA: Final = {
    "person_id": pl.String,
    "month": pl.String,
    **dict.fromkeys(CHANNELS, pl.Boolean),
    "state": pl.String,
}


@dataclass(frozen=True)
class Months:
    """Joint states by month.

    Attributes:
        persons: Person ids, sorted.
        labels: The months, `YYYY-MM`.
        codes: uint8 (persons, months), positions in `STATES`.
    """

    persons: list[str]
    labels: list[str]
    codes: NDArray[np.uint8]


def months_of(spells: pl.DataFrame, window: Window) -> Months:
    """Return the months of all persons of a spell table. Uncertain presence is left out, bridged gaps are in.

    Raises:
        InputError: The table is not as `SPELL_SCHEMA`.
    """
    if dict(spells.schema) != SPELL_SCHEMA:
        raise InputError("The table is not a spell table.")
    first, last = (int(month_of(np.array([day])).item()) for day in (window.first_day, window.end_day - 1))
    persons = spells["person_id"].unique().sort()
    place = pl.DataFrame({"person_id": persons}).with_row_index("person")
    rows = spells.filter(pl.col("state") != "uncertain").join(place, on="person_id", how="left")
    width = last - first + 1
    codes = np.zeros((len(persons), width), dtype=np.uint8)
    for bit, channel in enumerate(CHANNELS):
        own = rows.filter(pl.col("channel") == channel)
        who = own["person"].to_numpy().astype(np.int64)
        start, end = (own[name].cast(pl.Int32).to_numpy().astype(np.int64) for name in ("start", "end"))
        change = np.zeros((len(persons), width + 1), dtype=np.int32)
        np.add.at(change, (who, np.clip(month_of(start) - first, 0, width)), 1)
        np.add.at(change, (who, np.clip(month_of(end - 1) - first + 1, 0, width)), -1)
        codes |= (np.cumsum(change, axis=1)[:, :width] > 0).astype(np.uint8) << bit
    labels = [f"{month // 12:04d}-{month % 12 + 1:02d}" for month in range(first, last + 1)]
    return Months(persons.to_list(), labels, codes)


def person_months(months: Months) -> pl.DataFrame:
    """Return one row a person and month, `MONTH_SCHEMA`, sorted."""
    size, width = months.codes.shape
    flat = months.codes.ravel()
    return pl.DataFrame(
        {
            "person_id": pl.Series(months.persons, dtype=pl.String).gather(np.repeat(np.arange(size), width)),
            "month": pl.Series(months.labels, dtype=pl.String).gather(np.tile(np.arange(width), size)),
            **{channel: pl.Series((flat >> bit & 1).astype(np.bool_)) for bit, channel in enumerate(CHANNELS)},
            "state": pl.Series(list(STATES), dtype=pl.String).gather(flat.astype(np.int64)),
        },
        schema=MONTH_SCHEMA,
    )
