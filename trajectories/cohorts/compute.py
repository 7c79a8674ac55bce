"""A cohort's members and its protected tables.

Four kinds of tables, all from cells with keys (`trajectories.disclosure`), the members being the population:

- `members`: persons, by the breakdowns.
- `status`: for each variable, after 6, 12, ... months and at the end of follow-up: persons in the channel on some day
  of that month (`yes`), not (`no`), or not observed so long (`unobserved`), by the breakdowns.
- `states`: the joint state of the four channels (letters as `trajectories.exports.months.STATES`) in the month of
  entry and after 6, 12, ... months, or `unobserved`: what a chronogram shows.
- `time`: Kaplan-Meier share without a first month in the channel, with its 95 % interval. Computed from perturbed
  counts; a point is shown only where at least ten more persons had the event, and as many are still at risk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from contract.canonical import digest
from trajectories.breakdowns import Breakdowns, breakdowns_of
from trajectories.channels import CHANNELS, Channels
from trajectories.cohorts.definition import ENTRIES, Cohort, CohortError
from trajectories.disclosure import THRESHOLD, Perturbation, PopulationSketch, protect_cube, record_keys
from trajectories.disclosure.cells import content_keys
from trajectories.disclosure.joint import hidden_cells
from trajectories.durations import kaplan_meier
from trajectories.exports.months import STATES
from trajectories.figures import counted_presence, first_month_from
from trajectories.intervals import Bools, Intervals, Ints, month_of
from trajectories.measures.scene import Scene
from trajectories.persons import SEXES, describe_persons
from trajectories.residence import RULES

COHORT_SCHEMA: Final = {
    "table": pl.String,
    "variable": pl.String,
    "month": pl.Int64,
    "breakdown": pl.String,
    "category": pl.String,
    "status": pl.String,
    "value": pl.Float64,
    "lower": pl.Float64,
    "upper": pl.Float64,
    "protected": pl.Boolean,
}
STATUSES: Final = ("yes", "no", "unobserved")
STEP: Final = 6
#: Sums of joint states (and of whoever is not observed) that `status` and `members` publish.
_MARGINS: Final = np.array(
    [
        *(
            [*((code >> bit & 1) == inside for code in range(len(STATES))), False]
            for bit in range(len(CHANNELS))
            for inside in (0, 1)
        ),
        [True] * (len(STATES) + 1),
    ]
)
_TOTAL: Final = "total"
_JOIN: Final = " × "


@dataclass(frozen=True)
class Members:
    """Persons of a cohort (positions, sorted), the month each entered, their record keys and content keys."""

    person: Ints
    month: Ints
    keys: Ints
    contents: Ints

    @property
    def sketch(self) -> PopulationSketch:
        """Sketch of the members."""
        return PopulationSketch.of(self.contents)


@dataclass(frozen=True)
class CohortTables:
    """Protected tables of a cohort (`COHORT_SCHEMA`), their digest, and the sketch of its members."""

    table: pl.DataFrame
    digest: str
    sketch: PopulationSketch


def members_of(channels: Channels, cohort: Cohort, series: str) -> Members:
    """Return who enters a cohort: migrants only, each by the first spell of the entry's channel after S.

    Raises:
        CohortError: Nobody does, or fewer than ten persons.
    """
    persons = describe_persons(channels)
    spells = _spells(channels, ENTRIES[cohort.entry])
    first = np.ones(len(spells), dtype=np.bool_)
    first[1:] = spells.person[1:] != spells.person[:-1]
    first_day, end_day = (int(np.datetime64(day, "D").astype(np.int64)) for day in (cohort.start, cohort.end))
    begun = spells.where(
        first & (spells.start > channels.window.first_day) & (spells.start >= first_day) & (spells.start < end_day)
    )
    who, month = begun.person, month_of(begun.start)
    age = month // 12 - persons.birth_year[who]
    kept: Bools = persons.in_population[who].copy()
    if cohort.sex:
        kept &= np.isin(persons.sex[who], [SEXES.index(sex) for sex in cohort.sex])
    if cohort.groups:
        missing = sorted({*cohort.groups} - {*persons.groups})
        if missing:
            raise CohortError("There is no nationality group of this name.", where={"group": ", ".join(missing)})
        kept &= np.isin(persons.group[who], [persons.groups.index(group) for group in cohort.groups])
    if cohort.min_age is not None:
        kept &= age >= cohort.min_age
    if cohort.max_age is not None:
        kept &= (age >= 0) & (age <= cohort.max_age)
    if cohort.for_work:
        kept &= Scene(channels, breakdowns_of(channels, persons), RULES).for_work[who]
    if not kept.any():
        raise CohortError(
            "The cohort selects nobody.",
            advice="Widen its dates or drop a condition; dates must lie inside the observation window.",
        )
    if int(kept.sum()) < THRESHOLD:
        raise CohortError(
            f"The cohort selects fewer than {THRESHOLD} persons, so nothing of it could be shown.",
            advice="Widen its dates or drop a condition.",
        )
    who, month = who[kept], month[kept]
    names = channels.persons["person_id"].gather(who).to_list()
    return Members(who, month, record_keys(names, series), content_keys(channels, persons, series)[who])


def cohort_tables(channels: Channels, cohort: Cohort, epoch: bytes, series: str) -> CohortTables:
    """Return the protected tables of a cohort.

    Args:
        channels: Spells of all persons, made by the cohort's preset.
        cohort: The definition.
        epoch: Noise key of the release epoch (16 bytes).
        series: See `trajectories.disclosure.record_keys`.

    Raises:
        CohortError: The cohort selects fewer than ten persons, or the spells were made by another preset.
    """
    if channels.preset != cohort.preset:
        raise CohortError("The spells were made by another preset than the cohort's.", where={"key": "preset"})
    members = members_of(channels, cohort, series)
    noise = Perturbation(epoch, int(members.contents.sum()))
    axes = _axes(channels, cohort, members)
    rows = [*_members_rows(axes, members, noise), *_state_rows(channels, cohort, members, noise)]
    for variable in cohort.variables:
        rows += _status_rows(channels, cohort, variable, axes, members, noise)
        rows += _time_rows(channels, cohort, variable, members, noise)
    table = pl.DataFrame(rows, schema=COHORT_SCHEMA, orient="row")
    return CohortTables(table, digest(table.write_csv().encode()), members.sketch)


Row = tuple[str, str, int, str, str, str, float | None, float | None, float | None, bool]


@dataclass(frozen=True)
class _Axis:
    name: str
    categories: tuple[str, ...]
    code: Ints


def _axes(channels: Channels, cohort: Cohort, members: Members) -> list[_Axis]:
    if not cohort.by:
        return [_Axis(_TOTAL, ("all",), np.zeros(len(members.person), dtype=np.int64))]
    breakdowns: Breakdowns = breakdowns_of(channels, describe_persons(channels), (_TOTAL, *cohort.by))
    codes = np.zeros((len(members.person), len(cohort.by)), dtype=np.int64)
    years = members.month // 12
    for year in np.unique(years):
        own = years == year
        codes[own] = breakdowns.codes(int(year))[members.person[own], 1:]
    axes = []
    for place, name in enumerate(cohort.by):
        positions = [n for n, (breakdown, _) in enumerate(breakdowns.categories) if breakdown == name]
        categories = tuple(breakdowns.categories[n][1] for n in positions)
        axes.append(_Axis(name, categories, codes[:, place] - positions[0]))
    return axes


def _cube(axes: list[_Axis], keys: Ints) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    shape = tuple(len(axis.categories) for axis in axes)
    flat = np.ravel_multi_index(tuple(axis.code for axis in axes), shape)
    size = int(np.prod(shape))
    sums = np.zeros(size, dtype=np.int64)
    np.add.at(sums, flat, keys)
    return np.bincount(flat, minlength=size).astype(np.int64).reshape(shape), sums.reshape(shape)


def _shown(axes: list[_Axis], members: Members, noise: Perturbation) -> Iterator[tuple[tuple[str, ...], float | None]]:
    """Yield every cell and margin of a table: the categories' names, and the count if it is shown."""
    made = protect_cube(*_cube(axes, members.keys), noise)
    names = [(*axis.categories, _TOTAL) for axis in axes]
    for place in np.ndindex(made.counts.shape):
        cell = tuple(own[at] for own, at in zip(names, place, strict=True))
        yield cell, float(made.counts[place]) if made.shown[place] else None


def _members_rows(axes: list[_Axis], members: Members, noise: Perturbation) -> Iterator[Row]:
    breakdown = _JOIN.join(axis.name for axis in axes)
    for cell, value in _shown(axes, members, noise):
        yield "members", "", 0, breakdown, _JOIN.join(cell), "", value, None, None, True


def _status_rows(
    channels: Channels, cohort: Cohort, variable: str, axes: list[_Axis], members: Members, noise: Perturbation
) -> Iterator[Row]:
    end, breakdown = _end_month(channels), _JOIN.join(axis.name for axis in axes)
    spells = _spells(channels, variable)
    for after in sorted({*range(STEP, cohort.months + 1, STEP), cohort.months}):
        month = members.month + after
        found, there = first_month_from(spells, members.person, month)
        status = np.where(month >= end, 2, np.where(there & (found == month), 0, 1)).astype(np.int64)
        for cell, value in _shown([*axes, _Axis("status", STATUSES, status)], members, noise):
            *category, state = cell
            if state != _TOTAL:
                yield "status", variable, after, breakdown, _JOIN.join(category), state, value, None, None, True


def _state_rows(channels: Channels, cohort: Cohort, members: Members, noise: Perturbation) -> Iterator[Row]:
    """Yield the joint states month by month; `status` has sums of these cells (`trajectories.disclosure.joint`)."""
    end, months = _end_month(channels), sorted({*range(0, cohort.months + 1, STEP), cohort.months})
    counts = np.zeros((len(months), len(STATES) + 1), dtype=np.int64)
    keys = np.zeros_like(counts)
    for at, after in enumerate(months):
        month, code = members.month + after, np.zeros(len(members.person), dtype=np.int64)
        for bit, channel in enumerate(CHANNELS):
            found, there = first_month_from(_spells(channels, channel), members.person, month)
            code |= (there & (found == month)).astype(np.int64) << bit
        code[month >= end] = len(STATES)
        np.add.at(counts[at], code, 1)
        np.add.at(keys[at], code, members.keys)
    perturbed = noise.perturbed(counts, keys)
    # a state that no member is ever in; and whether months lie inside the window says nothing of anybody
    never = np.broadcast_to(counts.sum(axis=0) == 0, counts.shape).copy()
    never[:, -1] = counts[:, -1] == 0
    for at, after in enumerate(months):
        hidden = hidden_cells(perturbed[at], never[at], _MARGINS, THRESHOLD + noise.bound)
        for place, state in enumerate((*STATES, STATUSES[2])):
            value = None if hidden[place] else float(perturbed[at, place])
            yield "states", "", after, _TOTAL, _TOTAL, state, value, None, None, True


def _time_rows(
    channels: Channels, cohort: Cohort, variable: str, members: Members, noise: Perturbation
) -> Iterator[Row]:
    reached, there = first_month_from(_spells(channels, variable), members.person, members.month)
    observed = np.minimum(_end_month(channels) - 1 - members.month, cohort.months)
    waited = reached - members.month
    event = there & (waited <= observed)
    months = np.where(event, waited, observed)
    least = THRESHOLD + noise.bound

    def seen(chosen: Bools) -> int:
        keys = np.array([members.keys[chosen].sum()])
        return int(noise.perturbed(np.array([int(chosen.sum())]), keys)[0])

    everybody = seen(np.ones(len(months), dtype=np.bool_))
    points, before = [], 0
    for month in range(cohort.months + 1):
        so_far = seen(event & (months <= month))
        left = seen(months > month)  # still at risk after the month
        if so_far - before >= least and left >= least:
            points.append((month, so_far - before, left))
            before = so_far
    risk = everybody
    events, censored = [], []
    for _, happened, left in points:
        events.append(min(happened, risk))
        censored.append(max(risk - events[-1] - left, 0))
        risk = risk - events[-1] - censored[-1]
    if not points:
        return
    # Who is still at risk after the last point is censored there.
    curve = kaplan_meier(np.array([*events, 0]), np.array([*censored, max(risk, 0)]))
    for place, (month, _, _) in enumerate(points):
        low, high = (None if np.isnan(x) else float(x) for x in (curve.lower[place], curve.upper[place]))
        yield "time", variable, month, _TOTAL, _TOTAL, "", float(curve.survival[place]), low, high, True


def _spells(channels: Channels, channel: str) -> Intervals:
    return counted_presence(channels) if channel == "presence" else channels.spells[channel]


def _end_month(channels: Channels) -> int:
    return int(month_of(np.array([channels.window.end_day])).item())
