"""Events of linked registers as numbers, parsed once: whatever is linked to whom later, they need no second reading.

An event names its record by position (row of `LinkedRegisters.records`, -1 for a record that is not there). Who the
record's person is comes last, as one array: so a draw of other links costs an array, not a second parse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from trajectories.coding import coded, positions_of
from trajectories.intervals import Ints
from trajectories.parse import Account, days, months, stamps, strip, stripped, whole_numbers, words
from trajectories.tables import LinkedRegisters

#: Situation codes of a declaration (CNSS e-BDS), by number; 0 is none or another.
SITUATIONS: Final = ("", "SO", "DE", "IT", "IL", "AT", "CS", "MS", "MP")
SEXES_KNOWN: Final = ("F", "M")
_NO_DAY: Final = -(1 << 22)


@dataclass(frozen=True)
class Events:
    """Usable events by kind; `record` (int64) is a position in `records`.

    Attributes:
        records: The records in their order: `register`, `record`, `birth_year`, `sex`, `nationality`.
        votes: By column of records, int64: the birth year, the position in `SEXES_KNOWN`, the position in
            `nationalities`; -1 where a record has no vote.
        nationalities: All codes of the records, sorted.
        crossings: `record`, `day`, `second`, `out` (0 entry, 1 exit).
        permits: `record`, `start`, `end` (withdrawal cuts it), `issued` (day; the start where unknown), `permit_type`,
            `motive`, `prefecture` (str).
        contracts: `record`, `start`, `end`, `issued` (visa date, or the start), `activity`, `occupation` (str); granted
            ones only. Titles also carry `<breakdown>_code` (int64, -1 none) of `trajectories.coding`.
        declarations: `record`, `month`, `days`, `situation` (int8 position in `SITUATIONS`), `pay` (centimes, -1
            unknown), `employer` (str). All of them, also of 0 days.
        attested: Records with an attestation that gives an exemption ground.
        abroad: `record`, `start`, `end` of a registration at a consulate; the end is far ahead where there is none.
        rows: By register, the record of every event row, usable or not.
        losses: Values that fed no channel: `register, column, reason, rows`.
    """

    records: pl.DataFrame
    votes: dict[str, Ints]
    nationalities: tuple[str, ...]
    crossings: pl.DataFrame
    permits: pl.DataFrame
    contracts: pl.DataFrame
    declarations: pl.DataFrame
    attested: Ints
    abroad: pl.DataFrame
    rows: dict[str, Ints]
    losses: tuple[tuple[str, str, str, int], ...]


class _Reader:
    """Columns of one register's events, empty where the register or the column is missing."""

    def __init__(self, linked: LinkedRegisters, register: str, positions: pl.DataFrame, account: Account) -> None:
        frame = linked.events.get(register)
        self.register, self.account = register, account
        self.frame = frame if frame is not None else pl.DataFrame({"record": pl.Series([], dtype=pl.String)})
        own = positions.filter(pl.col("register") == register).select("name", "position")
        joined = self.frame.select(name=stripped("record")).join(own, on="name", how="left", maintain_order="left")
        self.record = joined["position"].fill_null(-1)

    def text(self, column: str, *, noted: bool = True) -> pl.Series:
        """Return stripped cells; an absent column is null throughout (and noted as such)."""
        if column in self.frame.columns:
            return strip(self.frame[column].cast(pl.String))
        if noted:
            self.account.add(self.register, column, "no such column", self.frame.height)
        return pl.Series(column, [None] * self.frame.height, dtype=pl.String)

    def checked(self, column: str, text: pl.Series, parsed: pl.Series, *, may_be_empty: bool = False) -> pl.Series:
        self.account.check(self.register, column, text, parsed, may_be_empty=may_be_empty)
        return parsed

    def whole_days(self, column: str, *, may_be_empty: bool = False) -> pl.Series:
        text = self.text(column)
        return self.checked(column, text, days(text), may_be_empty=may_be_empty)

    def lenient_days(self, column: str) -> pl.Series:
        """Return days of a column that no channel depends on: what is no date is null, unaccounted."""
        return days(self.text(column, noted=False))


def parse_events(linked: LinkedRegisters) -> Events:
    """Read all events of linked registers.

    Raises:
        InputError: A value is not in its column's form and `linked.invalid` is `error` (register, row and column are
            named, never the value).
    """
    account = Account(linked.invalid)
    positions = linked.records.select("register", name=stripped("record")).with_row_index("position")
    positions = positions.with_columns(pl.col("position").cast(pl.Int64))
    readers = {name: _Reader(linked, name, positions, account) for name in _READ}
    records = linked.records.select("register", "record", "birth_year", "sex", "nationality")
    nationality = strip(records["nationality"])
    nationalities = tuple(nationality.drop_nulls().unique().sort().to_list())
    return Events(
        records=records,
        votes={
            "birth_year": records["birth_year"].cast(pl.Int64).fill_null(-1).to_numpy(),
            "sex": positions_of(strip(records["sex"]), SEXES_KNOWN),
            "nationality": positions_of(nationality, nationalities),
        },
        nationalities=nationalities,
        crossings=_crossings(readers["border_crossing"]),
        permits=_permits(readers["residence_permit"]),
        contracts=_contracts(readers["work_contract"]),
        declarations=_declarations(readers["social_security"]),
        attested=_attested(readers["placement"]),
        abroad=_abroad(readers["consular"]),
        rows={name: reader.record.to_numpy() for name, reader in readers.items() if reader.frame.height},
        losses=tuple(account.entries),
    )


_READ: Final = ("residence_permit", "work_contract", "social_security", "border_crossing", "placement", "consular")


def _crossings(reader: _Reader) -> pl.DataFrame:
    stamp, way = reader.text("crossed_at"), reader.text("direction")
    when, direction = stamps(stamp), words(way, ("entry", "exit"))
    reader.checked("crossed_at", stamp, when["day"])
    reader.checked("direction", way, direction)
    out = (direction == "exit").cast(pl.Int64)
    return when.select(reader.record.alias("record"), "day", "second", out.alias("out")).drop_nulls()


def _permits(reader: _Reader) -> pl.DataFrame:
    start, last = reader.whole_days("valid_from"), reader.whole_days("valid_to")
    withdrawn = reader.whole_days("withdrawn_on", may_be_empty=True)
    frame = pl.DataFrame(
        {
            "record": reader.record,
            "start": start,
            "last": last,
            "withdrawn": withdrawn,
            "issued": reader.lenient_days("issued_on").fill_null(start),
            **{name: reader.text(name, noted=False) for name in ("permit_type", "motive", "prefecture")},
        }
    )
    usable = frame.drop_nulls(("start", "last"))
    ended = usable.with_columns(end=pl.min_horizontal(pl.col("last") + 1, "withdrawn")).drop("last", "withdrawn")
    return coded(ended, "permits")


def _contracts(reader: _Reader) -> pl.DataFrame:
    granted = (reader.text("decision") == "granted").fill_null(value=False)
    start, last = reader.whole_days("start"), reader.whole_days("end")
    frame = pl.DataFrame(
        {
            "record": reader.record,
            "start": start,
            "end": last + 1,
            "issued": reader.lenient_days("visa_date").fill_null(start),
            **{name: reader.text(name, noted=False) for name in ("activity", "occupation")},
        }
    )
    return coded(frame.filter(granted).drop_nulls(("start", "end")), "contracts")


def _declarations(reader: _Reader) -> pl.DataFrame:
    period, worked = reader.text("period"), reader.text("days")
    month, count = months(period), whole_numbers(worked)
    reader.checked("period", period, month)
    reader.checked("days", worked, count)
    situation = reader.text("situation", noted=False).replace_strict(
        {code: place for place, code in enumerate(SITUATIONS)}, default=0, return_dtype=pl.Int8
    )
    frame = pl.DataFrame(
        {
            "record": reader.record,
            "month": month,
            "days": count,
            "situation": situation.fill_null(0),
            "pay": whole_numbers(reader.text("pay_centimes", noted=False)).fill_null(-1),
            "employer": reader.text("employer_no", noted=False),
        }
    )
    return frame.filter(pl.col("month").is_not_null() & pl.col("days").is_not_null())


def _attested(reader: _Reader) -> Ints:
    kind, ground = reader.text("kind"), reader.text("exemption_ground")
    grounds = (kind == "attestation").fill_null(value=False) & ground.is_not_null()
    found = reader.record.filter(grounds).to_numpy()
    return np.unique(found[found >= 0]).astype(np.int64)


def _abroad(reader: _Reader) -> pl.DataFrame:
    start, end = reader.lenient_days("registered_on"), reader.lenient_days("removed_on")
    frame = pl.DataFrame({"record": reader.record, "start": start, "end": end.fill_null(-_NO_DAY)})
    return frame.drop_nulls("start")


def owned(frame: pl.DataFrame, person_of_record: Ints, *columns: str) -> list[Ints]:
    """Return the person of every event that has one, and columns of these events as int64 arrays.

    Args:
        frame: One of the tables of `Events`.
        person_of_record: Person of each record position, -1 for none.
        columns: Numeric columns.
    """
    record = frame["record"].to_numpy()
    person = np.append(person_of_record, -1)[record]  # position -1 reads the last one
    mine = person >= 0
    return [person[mine], *(frame[name].to_numpy()[mine].astype(np.int64, copy=False) for name in columns)]
