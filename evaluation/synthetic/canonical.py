"""The canonical schema of the six registers and how records are put into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from contract.registers import REGISTERS
from evaluation.synthetic.documents import Ints, Strings
from evaluation.synthetic.work import Employment

#: Identity and attribute columns, then event columns, of each register.
SCHEMA: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    name: (schema.identity + schema.attributes, schema.events) for name, schema in REGISTERS.items()
}

Column = Strings | pl.Series | list[str]


@dataclass(frozen=True)
class Register:
    """One register: `identity` and `events` as in SCHEMA after `record_id`; `person`: record_id to position."""

    identity: pl.DataFrame
    events: pl.DataFrame
    person: pl.DataFrame


@dataclass(frozen=True)
class LifeCourses:
    """The events all registers draw on; see the modules that make them."""

    crossings: pl.DataFrame
    permits: pl.DataFrame
    contracts: pl.DataFrame
    employment: Employment
    abroad: pl.DataFrame
    placements: pl.DataFrame


def iso(days: Ints) -> pl.Series:
    """Write days since 1970 as ISO dates, empty where negative."""
    series = pl.Series(days.astype(np.int32))
    return pl.select(pl.when(series >= 0).then(series.cast(pl.Date).dt.to_string("%Y-%m-%d"))).to_series()


def pick(rng: np.random.Generator, options: tuple[str, ...], size: int) -> list[str]:
    return [options[k] for k in rng.integers(0, len(options), size).tolist()]


def assemble(
    rng: np.random.Generator,
    name: str,
    person: Ints,
    identity: dict[str, Column],
    events: dict[str, Column],
    record_of_event: Ints | None = None,
) -> Register:
    """Shuffle records, number them, and order events by record; empty text becomes a missing cell."""
    size = len(person)
    rank = rng.permutation(size)
    ids = np.array([f"{name[0]}{position:07d}" for position in range(size)], dtype=object)[rank]
    columns = {"record_id": ids.tolist(), **{c: texts(identity[c]) for c in SCHEMA[name][0]}}
    table = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    of_event = ids if record_of_event is None else ids[record_of_event]
    columns = {"record_id": of_event.tolist(), **{c: texts(events[c]) for c in SCHEMA[name][1]}}
    event_table = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    return Register(
        identity=table.with_columns(pl.all().replace("", None)).sort("record_id"),
        events=event_table.with_columns(pl.all().replace("", None)).sort("record_id", maintain_order=True),
        person=pl.DataFrame({"record_id": ids.tolist(), "person": person}).sort("record_id"),
    )


def texts(column: Column) -> pl.Series:
    return column if isinstance(column, pl.Series) else pl.Series(list(column), dtype=pl.String)


def card_at(permits: pl.DataFrame, person: Ints, day: Ints) -> Strings:
    """Return the card number of the last title that began by a day, empty where there is none."""
    asked = pl.DataFrame({"person": person, "day": day}).with_row_index("row").sort("day")
    titles = permits.select("person", "valid_from", "card_no").sort("valid_from")
    found = asked.join_asof(titles, left_on="day", right_on="valid_from", by="person", check_sortedness=False)
    return found.sort("row")["card_no"].fill_null("").to_numpy().astype(object)
