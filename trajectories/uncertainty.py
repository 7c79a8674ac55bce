"""Intervals of figures from draws of the linkage.

A draw is another partition of the same subjects into persons, as likely as the evidence says. What links that no pass
found change is drawn apart and added to the figures (`trajectories.correction.with_missed`). Every figure is computed
for every draw, and the spread of its values is the uncertainty that linkage adds. Figures are sums over persons, so a
draw costs only the persons that it touches:

    F(draw) = F(point) - F(touched persons, point links) + F(touched persons, drawn links).

Combination: registers are no sample, so the variance within a draw is 0, and by the rules of multiple imputation
(Rubin 1987, section 3.3) the total variance is T = (1 + 1/m) B, B the variance between m draws; the interval is
mean +- t(m - 1) sqrt(T), with a floor of half a unit for counts, and reaches as far as the 2.5 % and 97.5 % quantiles
and the figure of the links. The corrected figure is made in `trajectories.correction`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl
from scipy.stats import t as student

from contract.errors import InputError
from trajectories.breakdowns import ALL_BREAKDOWNS, breakdowns_of
from trajectories.channels import Channels, channels_of
from trajectories.definitions import Indicator
from trajectories.durations import Floats
from trajectories.events import Events
from trajectories.extended import Extended
from trajectories.figures import Figures
from trajectories.intervals import Bools, Ints
from trajectories.persons import describe_persons
from trajectories.values import table_of, values_of

DRAW_COLUMNS: Final = ("draw", "subject", "person")
LEVEL: Final = 0.95

#: Makes figures of channels: of the reference set, or of the extended one.
Counter = Callable[[Channels], Figures]


@dataclass(frozen=True)
class LinkageDraws:
    """Draws of who is whom.

    Attributes:
        draws: How many, at least 2.
        table: `draw` (0, 1, ...), `subject`, `person` (integers): the subjects whose person differs from the point
            estimate. A person label that occurs in `point` is that person; another is a new one.
        point: int64[subjects], the point estimate's person labels.
        subject_of_record: int64[records], in the order of `Events.records`; -1 for a record without a subject.

    Raises:
        InputError: Fewer than 2 draws, a column is missing, or a subject or draw is out of range.
    """

    draws: int
    table: pl.DataFrame
    point: Ints
    subject_of_record: Ints

    def __post_init__(self) -> None:
        if self.draws < 2:
            raise InputError("An interval needs at least two draws.")
        for column in DRAW_COLUMNS:
            if column not in self.table.columns or not self.table[column].dtype.is_integer():
                raise InputError(
                    "A column is missing or holds no whole numbers.", where={"table": "draws", "column": column}
                )
        if self.table.height:
            for column, end in (("draw", self.draws), ("subject", len(self.point))):
                low, high = self.table.select(low=pl.col(column).min(), high=pl.col(column).max()).row(0)
                if low < 0 or high >= end:
                    raise InputError("A number is out of range.", where={"table": "draws", "column": column})

    def person_of_record(self, label: Ints, chosen: Bools) -> tuple[Ints, int]:
        """Return persons 0, 1, ... of all records by the subjects' labels, -1 for subjects not chosen, and how many."""
        subject = self.subject_of_record
        mine = (subject >= 0) & np.append(chosen, False)[subject]
        found = np.full(len(subject), -1, dtype=np.int64)
        names, position = np.unique(label[subject[mine]], return_inverse=True)
        found[mine] = position
        return found, len(names)


def figures_of_draws(
    events: Events, channels: Channels, links: LinkageDraws, count: Counter, *, whole: Figures | None = None
) -> Iterator[Figures]:
    """Yield the figures of every draw.

    Args:
        events: Parsed events, in the order of records that `links` names.
        channels: The point estimate's; window and preset are taken from it.
        links: The draws.
        count: Makes figures of channels; breakdowns and rules are its own.
        whole: What `count` made of `channels`, if it was counted already.
    """
    if len(links.subject_of_record) != events.records.height:
        raise InputError("The draws name another number of records than there are.", where={"table": "draws"})
    whole = count(channels) if whole is None else whole
    table = links.table.sort("draw", "subject")
    moved, drawn, number = (table[name].to_numpy().astype(np.int64) for name in ("subject", "person", "draw"))
    bounds = np.searchsorted(number, np.arange(links.draws + 1))
    labels = int(max(links.point.max(initial=0), drawn.max(initial=0))) + 1

    def touched(subjects: Ints, persons: Ints) -> Bools:
        """Return the subjects of all persons (of the point estimate) that lose or gain a subject."""
        persons_touched = np.zeros(labels, dtype=np.bool_)
        persons_touched[links.point[subjects]] = True
        persons_touched[persons] = True
        return persons_touched[links.point]

    ever, _ = links.person_of_record(links.point, touched(moved, drawn))
    few = _only(events, ever >= 0)
    for draw in range(links.draws):
        own = slice(int(bounds[draw]), int(bounds[draw + 1]))
        if own.start == own.stop:
            yield whole
            continue
        chosen = touched(moved[own], drawn[own])
        after = links.point.copy()
        after[moved[own]] = drawn[own]
        parts = [_figures(few, links, label, chosen, channels, count) for label in (links.point, after)]
        yield whole - parts[0] + parts[1]


def _figures(
    events: Events, links: LinkageDraws, label: Ints, chosen: Bools, like: Channels, count: Counter
) -> Figures:
    owner, persons = links.person_of_record(label, chosen)
    names = pl.DataFrame({"person": np.arange(persons, dtype=np.int64)}).with_columns(
        person_id=pl.col("person").cast(pl.String)
    )
    return count(channels_of(events, names, owner, like.window, like.preset))


def _only(events: Events, kept: Bools) -> Events:
    """Return the events of some records; the others keep their place."""
    inside = np.append(kept, False)

    def part(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.filter(pl.Series(inside[frame["record"].to_numpy()]))

    return replace(
        events,
        crossings=part(events.crossings),
        permits=part(events.permits),
        contracts=part(events.contracts),
        declarations=part(events.declarations),
        abroad=part(events.abroad),
        attested=events.attested[kept[events.attested]],
        rows={},
    )


def counter(count: Callable[..., Figures], names: tuple[str, ...] = ALL_BREAKDOWNS) -> Counter:
    """Return a function from channels to figures over the breakdowns named.

    Args:
        count: `trajectories.figures.count_figures`, `trajectories.measures.count_extended`, or the like.
        names: Breakdowns.
    """

    def counted(channels: Channels) -> Figures:
        return count(channels, breakdowns_of(channels, describe_persons(channels), names))

    return counted


@dataclass(frozen=True)
class Bounds:
    """Intervals of a table's values: float64 (blocks, categories), NaN where a value does not exist.

    Attributes:
        lower, upper: Of the 95 % interval.
        mean: Mean of the draws.
        deviation: Standard deviation between draws.
    """

    lower: Floats
    upper: Floats
    mean: Floats
    deviation: Floats


def combine(value: Floats, drawn: Floats, *, counts: Bools | None = None) -> Bounds:
    """Combine the values of draws into intervals; see the module's docstring.

    Args:
        value: Published values, any shape.
        drawn: Values of m draws, shape (m, ...). A draw in which a value does not exist (NaN) does not count for it.
        counts: Which values are counts: their interval is at least half a unit to each side. Broadcasts.

    Raises:
        InputError: Fewer than two draws.
    """
    if len(drawn) < 2:
        raise InputError("An interval needs at least two draws.")
    there = np.isfinite(drawn)
    m = there.sum(axis=0)
    filled = np.where(there, drawn, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(m > 0, filled.sum(axis=0) / m, np.nan)
        squares = (np.where(there, drawn - mean, 0.0) ** 2).sum(axis=0)
        deviation = np.sqrt(np.where(m > 1, squares / (m - 1), 0.0))
        spread = student.ppf(0.5 + LEVEL / 2, np.maximum(m - 1, 1)) * deviation * np.sqrt(1 + 1 / np.maximum(m, 1))
    if counts is not None:
        spread = np.maximum(spread, np.where(counts, 0.5, 0.0))
    low, high = _quantiles(drawn, there)
    lower = np.fmin(np.fmin(mean - spread, low), value)
    upper = np.fmax(np.fmax(mean + spread, high), value)
    exists = np.isfinite(value)
    return Bounds(*(np.where(exists, array, np.nan) for array in (lower, upper, mean, deviation)))


def _quantiles(drawn: Floats, there: Bools) -> tuple[Floats, Floats]:
    """Return the 2.5 % and 97.5 % quantiles (the nearest draw outwards); infinite where no draw has a value."""
    edges = []
    for share, filler in (((1 - LEVEL) / 2, np.inf), ((1 + LEVEL) / 2, -np.inf)):
        ordered = np.sort(np.where(there, drawn, filler), axis=0)
        place = int(np.floor(share * (len(drawn) - 1))) if filler > 0 else int(np.ceil(share * (len(drawn) - 1)))
        edges.append(np.where(there.any(axis=0), ordered[place], np.nan))
    return edges[0], edges[1]


def intervals_of(figures: Figures, draws: Iterator[Figures], indicators: Sequence[Indicator | Extended]) -> Bounds:
    """Return the intervals of all values of a table.

    Args:
        figures: The point estimate's.
        draws: Of `figures_of_draws`.
        indicators: The table's.

    Raises:
        InputError: Fewer than two draws.
    """
    drawn = np.stack([values_of(one, indicators) for one in draws])
    return _bounds(figures, drawn, indicators)


def _bounds(figures: Figures, drawn: Floats, indicators: Sequence[Indicator | Extended]) -> Bounds:
    whole = np.array([one.kind == "count" for one in indicators for _ in one.residence for _ in figures.years])
    bounds = combine(values_of(figures, indicators), drawn, counts=whole[:, None])
    return replace(bounds, lower=_within(bounds.lower, indicators, figures))


def combine_tables(
    figures: Figures, draws: Iterator[Figures], tables: Mapping[str, Sequence[Indicator | Extended]]
) -> dict[str, pl.DataFrame]:
    """Return raw indicator tables with intervals, several of them from one round of draws.

    Args:
        figures: The point estimate's.
        draws: Of `figures_of_draws`.
        tables: Indicators by the table's name.

    Raises:
        InputError: Fewer than two draws.
    """
    drawn: dict[str, list[Floats]] = {name: [] for name in tables}
    for one in draws:
        for name, indicators in tables.items():
            drawn[name].append(values_of(one, indicators))
    made = {}
    for name, indicators in tables.items():
        bounds = _bounds(figures, np.stack(drawn[name]), indicators)
        made[name] = table_of(figures, indicators, values_of(figures, indicators), bounds.lower, bounds.upper)
    return made


def _within(lower: Floats, indicators: Sequence[Indicator | Extended], figures: Figures) -> Floats:
    """Counts and shares are not negative (net migration and the pay gap may be)."""
    signed = {"net_migration", "pay_gap"}
    free = np.array([one.code in signed for one in indicators for _ in one.residence for _ in figures.years])
    return np.where(free[:, None], lower, np.maximum(lower, 0.0))
