"""The micro-integration log: which rule changed what on the way from events to spells, by register.

Two runs are compared that differ in the rule alone, so the log counts what the rule did and not what it was meant to
do: spells and days with it, less those without.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl

from trajectories.channels import CHANNELS, Channels, channels_of
from trajectories.events import owned
from trajectories.flags import BRIDGED_GAP, FIRST_EXIT, MISSING_ENTRY, MISSING_EXIT, NO_CROSSING, OPEN_END
from trajectories.intervals import Bools, Intervals, month_start, union
from trajectories.presence import sort_crossings
from trajectories.tables import Preset

LOG_SCHEMA: Final = {
    "rule": pl.String,
    "register": pl.String,
    "channel": pl.String,
    "spells": pl.Int64,
    "persons": pl.Int64,
    "days": pl.Int64,
}
REGISTER_OF: Final = {
    "presence": "border_crossing",
    "permit": "residence_permit",
    "authorised_work": "work_contract",
    "insured_work": "social_security",
}
_FLAG_RULES: Final = {
    FIRST_EXIT: "opened_at_window_start",
    OPEN_END: "open_at_window_end",
    NO_CROSSING: "presence_from_other_channels",
    MISSING_EXIT: "exit_interval_censored",
    MISSING_ENTRY: "entry_interval_censored",
}


def integration_log(channels: Channels) -> pl.DataFrame:
    """Return what each rule did, one row a rule, register and channel; rules that did nothing are left out.

    Returns:
        `LOG_SCHEMA`, sorted by rule and channel. `spells` and `persons` are those that the rule made or changed; `days`
        are the days of the spells it made (added days), or days that it took away (negative). Rules:

        - `events_merged`: titles or months that overlap or touch became one spell (`spells`: how many fewer);
        - `clipped_to_window`: days outside the window;
        - `outside_life`: days before birth or after death;
        - `bridged_gap`: short gaps of permits and insured months;
        - `crossing_ignored`: crossings that repeat the direction before them, in the reference preset;
        - `opened_at_window_start`, `open_at_window_end`, `presence_from_other_channels`, `exit_interval_censored`,
          `entry_interval_censored`: presence spells with that flag.
    """
    rows: list[tuple[str, str, int, int, int]] = []
    presence = channels.spells["presence"]
    for flag, rule in _FLAG_RULES.items():
        _add(rows, rule, "presence", presence.where(presence.flag == flag))
    if channels.preset.within_life:
        free = _again(channels, replace(channels.preset, within_life=False))
        for name in CHANNELS:
            cut, whole = channels.spells[name], free.spells[name]
            lost = int((whole.end - whole.start).sum() - (cut.end - cut.start).sum())
            if lost:
                changed = _changed(whole, cut)
                rows.append(("outside_life", name, int(changed.sum()), len(np.unique(whole.person[changed])), -lost))
    if channels.preset.permit_gap_days or channels.preset.insured_gap_months:
        for name in ("permit", "insured_work"):
            spells = channels.spells[name]
            _add(rows, "bridged_gap", name, spells.where(spells.flag == BRIDGED_GAP))
    rows += _merged(channels)
    if not channels.preset.split_unmatched:
        rows += _ignored(channels)
    frame = pl.DataFrame(rows, schema=["rule", "channel", "spells", "persons", "days"], orient="row") if rows else None
    if frame is None:
        return pl.DataFrame(schema=LOG_SCHEMA)
    register = pl.col("channel").replace_strict(REGISTER_OF, return_dtype=pl.String)
    return frame.with_columns(register=register).sort("rule", "channel").select(list(LOG_SCHEMA))


def _add(rows: list[tuple[str, str, int, int, int]], rule: str, channel: str, spells: Intervals) -> None:
    if len(spells):
        days = int((spells.end - spells.start).sum())
        rows.append((rule, channel, len(spells), len(np.unique(spells.person)), days))


def _again(channels: Channels, preset: Preset) -> Channels:
    return channels_of(channels.events, channels.persons, channels.person_of_record, channels.window, preset)


def _changed(whole: Intervals, cut: Intervals) -> Bools:
    """Return which spells do not stand as they were."""
    kept = set(zip(cut.person.tolist(), cut.start.tolist(), cut.end.tolist(), strict=True))
    spells = zip(whole.person.tolist(), whole.start.tolist(), whole.end.tolist(), strict=True)
    return np.array([spell not in kept for spell in spells], dtype=np.bool_)


def _merged(channels: Channels) -> list[tuple[str, str, int, int, int]]:
    """Titles and months that became one spell with another, and days outside the window."""
    first, end_day = channels.window.first_day, channels.window.end_day
    events, owner = channels.events, channels.person_of_record
    who, month, days = owned(events.declarations, owner, "month", "days")
    worked = days >= 1
    spans = {
        "permit": owned(events.permits, owner, "start", "end"),
        "authorised_work": owned(events.contracts, owner, "start", "end"),
        "insured_work": [who[worked], month_start(month[worked]), month_start(month[worked] + 1)],
    }
    rows = []
    for name, (person, start, end) in spans.items():
        valid = start < end
        made = union(person, start, end)
        fewer = int(valid.sum()) - len(made)
        counts = np.bincount(person[valid], minlength=1)
        after = np.bincount(made.person, minlength=len(counts))
        if fewer:
            rows.append(("events_merged", name, fewer, int((counts > after).sum()), 0))
        inside = made.clipped(first, end_day)
        lost = int((made.end - made.start).sum() - (inside.end - inside.start).sum())
        if lost:
            outside = (made.start < first) | (made.end > end_day)
            touched = len(np.unique(made.person[outside]))
            rows.append(("clipped_to_window", name, int(outside.sum()), touched, -lost))
    return rows


def _ignored(channels: Channels) -> list[tuple[str, str, int, int, int]]:
    who, day, second, out = owned(channels.events.crossings, channels.person_of_record, "day", "second", "out")
    person, _, is_exit = sort_crossings(who, day, second, out.astype(np.bool_))
    repeated = np.zeros(len(person), dtype=np.bool_)
    repeated[1:] = (person[1:] == person[:-1]) & (is_exit[1:] == is_exit[:-1])
    if not repeated.any():
        return []
    return [("crossing_ignored", "presence", int(repeated.sum()), len(np.unique(person[repeated])), 0)]
