"""The four channels of every person: presence, permit, authorised work, insured work. Never collapsed early."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from contract.errors import InputError
from trajectories.events import Events, owned, parse_events
from trajectories.flags import BRIDGED_GAP
from trajectories.intervals import Intervals, Ints, gaps, merged, month_of, month_start, union
from trajectories.life import life_of
from trajectories.parse import Account, days, months, person_index, person_of_records, stamps, strip
from trajectories.presence import pair_crossings, presence_without_crossings, sort_crossings
from trajectories.tables import REFERENCE, LinkedRegisters, Preset, Window

CHANNELS: Final = ("presence", "permit", "authorised_work", "insured_work")


@dataclass(frozen=True)
class Channels:
    """Spells of all persons, clipped to the window, by channel.

    Attributes:
        persons: `person` (int64) and `person_id`, sorted.
        spells: By channel name, sorted by person and start.
        attested: For every person, whether a placement event is an attestation with an exemption ground.
        events: What the spells are made of.
        person_of_record: int64, person of each record position of `events`, -1 for none.
    """

    window: Window
    preset: Preset
    persons: pl.DataFrame
    spells: dict[str, Intervals]
    attested: np.ndarray[tuple[int], np.dtype[np.bool_]]
    events: Events
    person_of_record: Ints

    @cached_property
    def losses(self) -> pl.DataFrame:
        """Values and rows that fed no channel: `register, column, reason, rows`."""
        account = Account()
        account.entries += self.events.losses
        for register, record in self.events.rows.items():
            if register != "consular":
                unlinked = int((np.append(self.person_of_record, -1)[record] < 0).sum())
                account.add(register, "record", "no link", unlinked)
        return account.losses()


def build_channels(linked: LinkedRegisters, window: Window, preset: Preset = REFERENCE) -> Channels:
    """Build the channels of all linked persons.

    Reference definitions: `permit` is the union of [valid_from, min(valid_to + 1 day, withdrawn_on)),
    `authorised_work` that of [start, end + 1 day) of contracts with decision `granted`, `insured_work` that of the
    months with at least one day declared; `presence` is in `trajectories.presence`.

    Raises:
        InputError: A value is not in its column's form (register, row and column are named, never the value).
    """
    persons = person_index(linked)
    return channels_of(parse_events(linked), persons, person_of_records(linked, persons), window, preset)


def channels_of(
    events: Events, persons: pl.DataFrame, person_of_record: Ints, window: Window, preset: Preset = REFERENCE
) -> Channels:
    """Build the channels of persons from events that are parsed already.

    Args:
        events: Of `trajectories.events.parse_events`.
        persons: `person` (0, 1, ...) and `person_id`.
        person_of_record: int64, person of each record position, -1 for none.
        window: Observation window.
        preset: How spells are made of events.
    """
    count = persons.height
    life = life_of(events, person_of_record, count, window) if preset.within_life else None
    permits = union(*owned(events.permits, person_of_record, "start", "end"))
    authorised = union(*owned(events.contracts, person_of_record, "start", "end"))
    who, month, days = owned(events.declarations, person_of_record, "month", "days")
    insured = union(who[days >= 1], month[days >= 1], month[days >= 1] + 1)
    work = [
        _bridged(permits, preset.permit_gap_days, window),
        authorised.clipped(window.first_day, window.end_day),
        _bridged_months(insured, preset.insured_gap_months, window),
    ]
    crossed = np.zeros(count, dtype=np.bool_)
    owner, day, second, out = owned(events.crossings, person_of_record, "day", "second", "out")
    crossed[owner] = True
    order = sort_crossings(owner, day, second, out.astype(np.bool_))
    walked = pair_crossings(*order, window, split_unmatched=preset.split_unmatched)
    if life is not None:
        work = [life.cut(spells) for spells in work]
        walked = life.cut(walked)
    presence = merged(walked, presence_without_crossings(work, crossed))
    attested = np.zeros(count, dtype=np.bool_)
    holders = person_of_record[events.attested]
    attested[holders[holders >= 0]] = True
    return Channels(
        window=window,
        preset=preset,
        persons=persons,
        spells=dict(zip(CHANNELS, (presence, *work), strict=True)),
        attested=attested,
        events=events,
        person_of_record=person_of_record,
    )


def _bridged(spells: Intervals, longest: int, window: Window) -> Intervals:
    bridges = gaps(spells, longest, BRIDGED_GAP)
    return merged(spells, bridges).clipped(window.first_day, window.end_day)


def _bridged_months(spells: Intervals, longest: int, window: Window) -> Intervals:
    rows = merged(spells, gaps(spells, longest, BRIDGED_GAP))
    in_days = Intervals(rows.person, month_start(rows.start), month_start(rows.end), rows.flag)
    return in_days.clipped(window.first_day, window.end_day)


def window_of(linked: LinkedRegisters) -> Window:
    """Return the default window: 1 January of the first to 1 January after the last year of crossings and declarations.

    Where there is neither, the years in which permits and contracts begin take their place.

    Raises:
        InputError: No event has a usable date, or the date of a crossing or declaration is malformed.
    """
    account = Account(linked.invalid)
    bounds: list[int] = []
    for register, column in (("border_crossing", "crossed_at"), ("social_security", "period")):
        frame = linked.events.get(register)
        if frame is None or not frame.height:
            continue
        text = strip(frame[column])
        parsed = stamps(text)["day"] if register == "border_crossing" else months(text)
        account.check(register, column, text, parsed, may_be_empty=False)
        found = parsed.drop_nulls().to_numpy().astype(np.int64)
        if len(found):
            index = found if register == "social_security" else month_of(found)
            bounds += [int(index.min()) // 12, int(index.max()) // 12]
    if not bounds:
        for register, column in (("residence_permit", "valid_from"), ("work_contract", "start")):
            frame = linked.events.get(register)
            begun = days(strip(frame[column])).drop_nulls().to_numpy().astype(np.int64) if frame is not None else ()
            if len(begun):
                index = month_of(np.asarray(begun))
                bounds += [int(index.min()) // 12, int(index.max()) // 12]
    if not bounds:
        raise InputError("No event has a usable date, so there is no observation window.")
    return Window(date(min(bounds), 1, 1), date(max(bounds) + 1, 1, 1))
