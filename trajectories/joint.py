"""Joint states by episode splitting, and conflicts between channels by Allen's interval relations.

Joint states: all spells of a person are cut at every boundary of any channel; between two boundaries nothing changes,
so each stretch has one state, the set of channels that hold on it.

Conflicts: two spells of different channels that should not stand as they do; the code says what, and the relation says
how, after Allen (1983), Communications of the ACM 26(11): `before, meets, overlaps, starts, during, finishes, equals`
and the inverses of the first six with `_inverse`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from trajectories.channels import CHANNELS, Channels
from trajectories.flags import BRIDGED_GAP, MISSING_ENTRY
from trajectories.intervals import Bools, Intervals, Ints, gaps

JOINT_SCHEMA: Final = {
    "person_id": pl.String,
    "start": pl.Date,
    "end": pl.Date,
    **dict.fromkeys(CHANNELS, pl.Boolean),
    "state": pl.String,
}
CONFLICT_SCHEMA: Final = {
    "person_id": pl.String,
    "code": pl.String,
    "relation": pl.String,
    "start": pl.Date,
    "end": pl.Date,
    "days": pl.Int64,
}
#: Conflict codes and what they mean.
CONFLICTS: Final = {
    "insured_during_absence": "an insured spell reaches into an absence seen at the border",
    "authorised_without_permit": "an authorised spell has begun and no permit is valid on its first day",
    "exit_with_active_job": "a presence spell ends by an exit while an insured spell goes on",
    "permit_during_absence": "a permit spell lies wholly in an absence seen at the border",
}


def joint_states(channels: Channels) -> pl.DataFrame:
    """Return the joint states of all persons: disjoint, only stretches on which some channel holds.

    Returns:
        `JOINT_SCHEMA`, sorted; `state` names the channels that hold, joined by `+`. Neighbouring stretches of one state
        are one.
    """
    bits = []
    for place, name in enumerate(CHANNELS):
        spells = _certain(channels.spells[name])
        bits += [
            (spells.person, spells.start, np.full(len(spells), 1, dtype=np.int64), place),
            (spells.person, spells.end, np.full(len(spells), -1, dtype=np.int64), place),
        ]
    person = np.concatenate([part[0] for part in bits])
    day = np.concatenate([part[1] for part in bits])
    step = np.zeros((len(person), len(CHANNELS)), dtype=np.int64)
    at = 0
    for own, _, change, place in bits:
        step[at : at + len(own), place] = change
        at += len(own)
    order = np.lexsort((day, person))
    person, day, step = person[order], day[order], step[order]
    # A person's steps sum to 0, so one running sum over all persons serves.
    open_spells = np.cumsum(step, axis=0)
    last = np.ones(len(person), dtype=np.bool_)
    last[:-1] = (person[1:] != person[:-1]) | (day[1:] != day[:-1])
    person, day, holds = person[last], day[last], open_spells[last] > 0
    changed = np.ones(len(person), dtype=np.bool_)
    changed[1:] = (person[1:] != person[:-1]) | (holds[1:] != holds[:-1]).any(axis=1)
    person, day, holds = person[changed], day[changed], holds[changed]
    inside = holds.any(axis=1)
    first = np.flatnonzero(inside)
    ends = day[np.minimum(first + 1, max(len(day) - 1, 0))] if len(day) else day
    names = [np.where(holds[first, place], name, "") for place, name in enumerate(CHANNELS)]
    frame = pl.DataFrame(
        {
            "person": person[first],
            "start": day[first].astype(np.int32),
            "end": ends.astype(np.int32),
            **{name: holds[first, place] for place, name in enumerate(CHANNELS)},
            **{f"name_{place}": pl.Series(names[place].tolist(), dtype=pl.String) for place in range(len(CHANNELS))},
        }
    )
    parts = [pl.when(pl.col(f"name_{place}") != "").then(pl.col(f"name_{place}")) for place in range(len(CHANNELS))]
    named = frame.with_columns(
        pl.col("start", "end").cast(pl.Int32).cast(pl.Date),
        state=pl.concat_str(parts, separator="+", ignore_nulls=True),
    ).join(channels.persons, on="person", how="left", maintain_order="left")
    return named.select(list(JOINT_SCHEMA))


def _certain(spells: Intervals) -> Intervals:
    return spells.where((spells.flag != MISSING_ENTRY) & (spells.flag != BRIDGED_GAP))


def allen(start: Ints, end: Ints, other_start: Ints, other_end: Ints) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """Return Allen's relation of each spell to the other one, both half-open and not empty."""
    rules: list[tuple[Bools, str]] = [
        (end < other_start, "before"),
        (end == other_start, "meets"),
        (other_end < start, "before_inverse"),
        (other_end == start, "meets_inverse"),
        ((start == other_start) & (end == other_end), "equals"),
        ((start == other_start) & (end < other_end), "starts"),
        (start == other_start, "starts_inverse"),
        ((end == other_end) & (start > other_start), "finishes"),
        (end == other_end, "finishes_inverse"),
        ((start > other_start) & (end < other_end), "during"),
        ((start < other_start) & (end > other_end), "during_inverse"),
        (start < other_start, "overlaps"),
    ]
    return np.select([rule for rule, _ in rules], [name for _, name in rules], default="overlaps_inverse")


def conflicts(channels: Channels) -> pl.DataFrame:
    """Return the conflicts of all persons, `CONFLICT_SCHEMA`, sorted; codes are in `CONFLICTS`.

    `start` and `end` bound the days concerned, `relation` is that of the first spell named in the code to the other
    one (to the absence, to the nearest permit). Absences are the gaps between presence spells, both ends seen.
    """
    presence = _certain(channels.spells["presence"])
    absent = gaps(presence, channels.window.end_day - channels.window.first_day, 0)
    insured, permit = (_certain(channels.spells[name]) for name in ("insured_work", "permit"))
    work = channels.spells["authorised_work"]
    found = [
        _meeting("insured_during_absence", insured, absent, whole=False),
        _meeting("permit_during_absence", permit, absent, whole=True),
        _uncovered(work, permit),
        _running(presence.where(presence.end < channels.window.end_day), insured),
    ]
    frame = pl.concat(found).join(channels.persons, on="person", how="left", maintain_order="left")
    dated = frame.with_columns(
        days=pl.col("end") - pl.col("start"),
        start=pl.col("start").cast(pl.Int32).cast(pl.Date),
        end=pl.col("end").cast(pl.Int32).cast(pl.Date),
    )
    return dated.sort("person", "start", "code").select(list(CONFLICT_SCHEMA))


def _frame(spells: Intervals, name: str) -> pl.DataFrame:
    return pl.DataFrame({"person": spells.person, f"{name}_start": spells.start, f"{name}_end": spells.end})


def _coded(code: str, rows: pl.DataFrame, start: pl.Expr, end: pl.Expr) -> pl.DataFrame:
    a, b, c, d = (rows[name].to_numpy() for name in ("a_start", "a_end", "b_start", "b_end"))
    relation = pl.Series(allen(a, b, c, d).tolist(), dtype=pl.String)
    return rows.select("person", code=pl.lit(code), relation=relation, start=start, end=end)


def _meeting(code: str, first: Intervals, second: Intervals, *, whole: bool) -> pl.DataFrame:
    """Pairs of spells that share days; with `whole`, the first lies inside the second."""
    pairs = _frame(first, "a").join(_frame(second, "b"), on="person")
    start, end = pl.max_horizontal("a_start", "b_start"), pl.min_horizontal("a_end", "b_end")
    rows = pairs.filter(start < end)
    if whole:
        rows = rows.filter((pl.col("b_start") <= pl.col("a_start")) & (pl.col("a_end") <= pl.col("b_end")))
    return _coded(code, rows, start, end)


def _uncovered(work: Intervals, permit: Intervals) -> pl.DataFrame:
    """Authorised spells on whose first day no permit is valid, related to the next permit (or the last one)."""
    pairs = _frame(work, "a").join(_frame(permit, "b"), on="person")
    covered = pairs.filter((pl.col("b_start") <= pl.col("a_start")) & (pl.col("a_start") < pl.col("b_end")))
    loose = pairs.join(covered.select("person", "a_start").unique(), on=["person", "a_start"], how="anti")
    distance = pl.when(pl.col("b_start") > pl.col("a_start")).then(pl.col("b_start") - pl.col("a_start"))
    nearest = loose.sort("person", "a_start", distance, "b_start", nulls_last=True).unique(
        ["person", "a_start"], keep="first", maintain_order=True
    )
    end = pl.when(pl.col("b_start") > pl.col("a_start")).then(pl.min_horizontal("a_end", "b_start")).otherwise("a_end")
    return _coded("authorised_without_permit", nearest, pl.col("a_start"), end)


def _running(presence: Intervals, insured: Intervals) -> pl.DataFrame:
    """Exits inside an insured spell, at least a month before its end: the month of the exit itself is no conflict."""
    pairs = _frame(presence, "a").join(_frame(insured, "b"), on="person")
    rows = pairs.filter((pl.col("b_start") < pl.col("a_end")) & (pl.col("a_end") + 31 < pl.col("b_end")))
    return _coded("exit_with_active_job", rows, pl.col("a_end"), pl.col("b_end"))
