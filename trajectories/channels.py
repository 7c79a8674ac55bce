"""The four channels of every person: presence, permit, authorised work, insured work. Never collapsed early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from trajectories.flags import BRIDGED_GAP
from trajectories.intervals import Intervals, Ints, gaps, merged, month_of, month_start, union
from trajectories.parse import Account, days, linked_rows, months, person_index, stamps, strip, whole_numbers, words
from trajectories.presence import pair_crossings, presence_without_crossings, sort_crossings
from trajectories.tables import REFERENCE, LinkedRegisters, Preset, Window

CHANNELS: Final = ("presence", "permit", "authorised_work", "insured_work")

_NONE: Final = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Channels:
    """Spells of all persons, clipped to the window, by channel.

    Attributes:
        persons: `person` (int64) and `person_id`, sorted.
        spells: By channel name, sorted by person and start.
        attested: For every person, whether a placement event is an attestation with an exemption ground.
        losses: Values and rows that fed no channel: `register, column, reason, rows`.
    """

    window: Window
    preset: Preset
    persons: pl.DataFrame
    spells: dict[str, Intervals]
    attested: np.ndarray[tuple[int], np.dtype[np.bool_]]
    losses: pl.DataFrame


def build_channels(linked: LinkedRegisters, window: Window, preset: Preset = REFERENCE) -> Channels:
    """Build the channels of all linked persons.

    Reference definitions: `permit` is the union of [valid_from, min(valid_to + 1 day, withdrawn_on)),
    `authorised_work` that of [start, end + 1 day) of contracts with decision `granted`, `insured_work` that of the
    months with at least one day declared; `presence` is in `trajectories.presence`.

    Raises:
        InputError: A value is not in its column's form (register, row and column are named, never the value).
    """
    account = Account(linked.invalid)
    persons = person_index(linked)
    permit = _permits(linked, persons, account)
    authorised = _contracts(linked, persons, account)
    insured = _insured(linked, persons, account)
    work = [
        _bridged(permit, preset.permit_gap_days, window),
        authorised.clipped(window.first_day, window.end_day),
        _bridged_months(insured, preset.insured_gap_months, window),
    ]
    presence = _presence(linked, persons, account, window, preset, work)
    return Channels(
        window=window,
        preset=preset,
        persons=persons,
        spells=dict(zip(CHANNELS, (presence, *work), strict=True)),
        attested=_attested(linked, persons, account),
        losses=account.losses(),
    )


def _columns(
    linked: LinkedRegisters, register: str, persons: pl.DataFrame, account: Account, names: tuple[str, ...]
) -> tuple[pl.Series, dict[str, pl.Series]] | None:
    """Return person and stripped text columns of a register's events, or None where there are none."""
    frame = linked.events.get(register)
    if frame is None or not frame.height:
        return None
    person = linked_rows(linked, register, persons)
    account.add(register, "record", "no link", person.null_count())
    columns = {}
    for name in names:
        if name not in frame.columns:
            account.add(register, name, "no such column", frame.height)
        present = frame[name] if name in frame.columns else pl.Series(name, [None] * frame.height, dtype=pl.String)
        columns[name] = strip(present)
    return person, columns


def _arrays(frame: pl.DataFrame, needed: tuple[str, ...]) -> list[Ints]:
    usable = frame.drop_nulls(needed)
    return [usable[name].to_numpy().astype(np.int64, copy=False) for name in needed]


def _permits(linked: LinkedRegisters, persons: pl.DataFrame, account: Account) -> Intervals:
    found = _columns(linked, "residence_permit", persons, account, ("valid_from", "valid_to", "withdrawn_on"))
    if found is None:
        return union(_NONE, _NONE, _NONE)
    person, text = found
    parsed = {name: days(cells) for name, cells in text.items()}
    for name, cells in parsed.items():
        account.check("residence_permit", name, text[name], cells, may_be_empty=name == "withdrawn_on")
    frame = pl.DataFrame({"person": person, **parsed}).with_columns(
        end=pl.min_horizontal(pl.col("valid_to") + 1, "withdrawn_on")
    )
    owner, start, _, end = _arrays(frame, ("person", "valid_from", "valid_to", "end"))
    return union(owner, start, end)


def _contracts(linked: LinkedRegisters, persons: pl.DataFrame, account: Account) -> Intervals:
    found = _columns(linked, "work_contract", persons, account, ("start", "end", "decision"))
    if found is None:
        return union(_NONE, _NONE, _NONE)
    person, text = found
    granted = (text["decision"] == "granted").fill_null(value=False)
    parsed = {name: days(text[name]) for name in ("start", "end")}
    for name, cells in parsed.items():
        account.check("work_contract", name, text[name], cells, may_be_empty=False)
    frame = pl.DataFrame({"person": person, **parsed}).filter(granted)
    owner, start, end = _arrays(frame, ("person", "start", "end"))
    return union(owner, start, end + 1)


def _insured(linked: LinkedRegisters, persons: pl.DataFrame, account: Account) -> Intervals:
    """Return insured spells counted in months, not days."""
    found = _columns(linked, "social_security", persons, account, ("period", "days"))
    if found is None:
        return union(_NONE, _NONE, _NONE)
    person, text = found
    period, worked = months(text["period"]), whole_numbers(text["days"])
    account.check("social_security", "period", text["period"], period, may_be_empty=False)
    account.check("social_security", "days", text["days"], worked, may_be_empty=False)
    frame = pl.DataFrame({"person": person, "period": period}).filter((worked >= 1).fill_null(value=False))
    owner, month = _arrays(frame, ("person", "period"))
    return union(owner, month, month + 1)


def _bridged(spells: Intervals, longest: int, window: Window) -> Intervals:
    bridges = gaps(spells, longest, BRIDGED_GAP)
    return merged(spells, bridges).clipped(window.first_day, window.end_day)


def _bridged_months(spells: Intervals, longest: int, window: Window) -> Intervals:
    rows = merged(spells, gaps(spells, longest, BRIDGED_GAP))
    in_days = Intervals(rows.person, month_start(rows.start), month_start(rows.end), rows.flag)
    return in_days.clipped(window.first_day, window.end_day)


def _presence(
    linked: LinkedRegisters,
    persons: pl.DataFrame,
    account: Account,
    window: Window,
    preset: Preset,
    others: list[Intervals],
) -> Intervals:
    crossed = np.zeros(persons.height, dtype=np.bool_)
    walked = Intervals(_NONE, _NONE, _NONE, np.zeros(0, dtype=np.uint8))
    found = _columns(linked, "border_crossing", persons, account, ("crossed_at", "direction"))
    if found is not None:
        person, text = found
        when, direction = stamps(text["crossed_at"]), words(text["direction"], ("entry", "exit"))
        account.check("border_crossing", "crossed_at", text["crossed_at"], when["day"], may_be_empty=False)
        account.check("border_crossing", "direction", text["direction"], direction, may_be_empty=False)
        frame = when.with_columns(person=person, out=(direction == "exit").cast(pl.Int64))
        owner, day, second, out = _arrays(frame, ("person", "day", "second", "out"))
        crossed[owner] = True
        order = sort_crossings(owner, day, second, out.astype(np.bool_))
        walked = pair_crossings(*order, window, split_unmatched=preset.split_unmatched)
    return merged(walked, presence_without_crossings(others, crossed))


def _attested(
    linked: LinkedRegisters, persons: pl.DataFrame, account: Account
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    attested = np.zeros(persons.height, dtype=np.bool_)
    found = _columns(linked, "placement", persons, account, ("kind", "exemption_ground"))
    if found is not None:
        person, text = found
        grounds = (text["kind"] == "attestation").fill_null(value=False) & text["exemption_ground"].is_not_null()
        attested[person.filter(grounds).drop_nulls().to_numpy()] = True
    return attested


def window_of(linked: LinkedRegisters) -> Window:
    """Return the default window: 1 January of the first to 1 January after the last year of crossings and declarations.

    Where there is neither, the years in which permits and contracts begin take their place.

    Raises:
        InputError: No event has a usable date, or the date of a crossing or declaration is malformed.
    """
    from datetime import date

    from contract.errors import InputError

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
