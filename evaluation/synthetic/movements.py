"""Stays in Morocco, trips out of them, and the border crossings they cause, seen or unseen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from evaluation.synthetic.documents import Ints
from evaluation.synthetic.population import Population
from evaluation.synthetic.settings import Settings, stream

#: Mean length of a stay in years, share of those already there at the window's start, by kind.
_STAYS = {"worker": (5.0, 0.33), "family": (7.0, 0.38), "student": (3.2, 0.25), "irregular": (4.0, 0.30)}


@dataclass(frozen=True)
class Movements:
    """What people did and what the border saw.

    Attributes:
        stays: `person`, `start`, `end`: periods of living in Morocco (days since 1970; may reach past the
            window), one row a stay. Permits and work hang on these.
        presence: `person`, `start`, `end`, `seen_start`, `seen_end`: true presence, trips taken out.
        crossings: `person`, `day`, `second`, `is_exit`: crossings the border registered, in the window.
    """

    stays: pl.DataFrame
    presence: pl.DataFrame
    crossings: pl.DataFrame


def move(population: Population, seed: int, settings: Settings) -> Movements:
    """Draw stays, trips and crossings."""
    rng = stream(seed, 2)
    stays = _stays(rng, population, settings)
    trips = _trips(rng, population, stays, settings)
    presence = _cut_out(stays, trips).filter(
        (pl.col("end") > settings.start_day) & (pl.col("start") < settings.end_day)
    )
    person = presence["person"].to_numpy()
    irregular = population.of_kind("irregular")[person]
    unseen_entry = rng.random(len(presence)) < np.where(irregular, 0.10, settings.entry_unseen)
    unseen_exit = rng.random(len(presence)) < np.where(irregular, 0.14, settings.exit_unseen)
    presence = presence.with_columns(
        seen_start=pl.Series(~unseen_entry) & (pl.col("start") >= settings.start_day),
        seen_end=pl.Series(~unseen_exit) & (pl.col("end") < settings.end_day),
    )
    sides = [
        presence.filter(seen).select("person", pl.col(day).alias("day"), pl.lit(value=is_exit).alias("is_exit"))
        for seen, day, is_exit in (("seen_start", "start", False), ("seen_end", "end", True))
    ]
    crossings = pl.concat(sides).sort("person", "day")
    crossings = crossings.with_columns(second=pl.Series(rng.integers(5 * 3600, 23 * 3600, len(crossings))))
    return Movements(stays=stays, presence=presence, crossings=crossings)


def _frame(person: Ints, start: Ints, end: Ints) -> pl.DataFrame:
    return pl.DataFrame(
        {"person": person.astype(np.int64), "start": start.astype(np.int64), "end": end.astype(np.int64)}
    )


def _stays(rng: np.random.Generator, population: Population, settings: Settings) -> pl.DataFrame:
    first, last = settings.start_day, settings.end_day
    parts = []
    for kind, (years, there) in _STAYS.items():
        person = np.flatnonzero(population.of_kind(kind))
        before = rng.random(len(person)) < there
        # Most arrivals are recent: the square root leans to the window's end.
        arrival = first + (np.sqrt(rng.random(len(person))) * (last - first - 60)).astype(np.int64)
        arrival[before] = first - (rng.random(int(before.sum())) ** 1.5 * 8 * 365).astype(np.int64)
        arrival = np.maximum(arrival, population.birth_day[person] + 30)
        length = 90 + rng.exponential(years * 365, len(person)).astype(np.int64)
        # Those who were there before the window and left before it are not of this population.
        length[before] = np.maximum(length[before], first - arrival[before] + rng.integers(30, 900, int(before.sum())))
        parts.append(_frame(person, arrival, arrival + length))
        back = rng.random(len(person)) < 0.14
        again = (arrival + length + rng.integers(90, 700, len(person)))[back]
        parts.append(_frame(person[back], again, again + 90 + rng.exponential(900, len(again)).astype(np.int64)))
    parts.append(_visits(rng, np.flatnonzero(population.of_kind("visitor")), first, last, 0.45, 18))
    person = np.flatnonzero(population.of_kind("national"))
    parts.append(_frame(person, np.full(len(person), first - 3650), np.full(len(person), last + 3650)))

    person = np.flatnonzero(population.of_kind("emigrant"))
    leaving = np.where(rng.random(len(person)) < 0.45, rng.integers(first + 30, last - 60, len(person)), first - 1000)
    home = leaving > first
    parts.append(_frame(person[home], np.full(int(home.sum()), first - 3650), leaving[home]))
    parts.append(_visits(rng, person, np.maximum(leaving, first) + 60, last, 0.8, 26))
    person = np.flatnonzero(population.of_kind("returnee"))
    coming = rng.integers(first + 60, last - 60, len(person))
    parts.append(_frame(person, coming, np.full(len(person), last + 3650)))
    parts.append(_visits(rng, person, first, coming - 60, 0.8, 26))
    stays = pl.concat(parts).filter((pl.col("start") < settings.end_day) & (pl.col("end") > settings.start_day))
    return stays.sort("person", "start")


def _visits(
    rng: np.random.Generator, person: Ints, first: Ints | int, last: Ints | int, yearly: float, days: float
) -> pl.DataFrame:
    """Short stays between two days a person, at least one where the time allows it, at least a week apart."""
    first, last = np.broadcast_to(first, person.shape), np.broadcast_to(last, person.shape)
    span = np.maximum(last - first, 0)
    number = np.minimum(1 + rng.poisson(yearly * span / 365), 12)
    who = np.repeat(np.arange(len(person)), number)
    start = first[who] + (rng.random(len(who)) * span[who]).astype(np.int64)
    end = start + 2 + rng.exponential(days, len(who)).astype(np.int64)
    frame = _frame(person[who], start, np.minimum(end, last[who])).filter(pl.col("end") > pl.col("start") + 1)
    return _apart(frame.sort("person", "start", "end"), 7)


def _apart(spans: pl.DataFrame, days: int) -> pl.DataFrame:
    """Drop spans of a person that begin less than `days` after an earlier one's end."""
    return (
        spans.with_columns(latest=pl.col("end").cum_max().shift(1).over("person"))
        .filter(pl.col("latest").is_null() | (pl.col("start") >= pl.col("latest") + days))
        .drop("latest")
    )


def _trips(rng: np.random.Generator, population: Population, stays: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Journeys abroad during stays, within the window."""
    person = stays["person"].to_numpy()
    start = np.maximum(stays["start"].to_numpy() + 20, settings.start_day + 1)
    end = np.minimum(stays["end"].to_numpy() - 20, settings.end_day)
    yearly = np.where(population.of_kind("worker")[person], 1.1, 0.8)
    yearly[population.of_kind("irregular")[person]] = 0.25
    yearly[population.moroccan[person]] = 0.5
    number = rng.poisson(yearly * np.maximum(end - start, 0) / 365)
    # A few commute: several journeys a month would swamp the pairs, one a month is enough.
    number = np.where(rng.random(len(number)) < 0.02, number * 4, number)
    who = np.repeat(np.arange(len(person)), number)
    out = start[who] + (rng.random(len(who)) * (end - start)[who]).astype(np.int64)
    back = out + 2 + rng.gamma(1.1, 22, len(who)).astype(np.int64)
    trips = _frame(person[who], out, back).filter(pl.Series(back < stays["end"].to_numpy()[who] - 2))
    return _apart(trips.sort("person", "start", "end"), 3)


def _cut_out(stays: pl.DataFrame, trips: pl.DataFrame) -> pl.DataFrame:
    """Take trips out of the stays that contain them; every trip lies within one stay."""
    opens = pl.concat([stays.select("person", day="start"), trips.select("person", day="end")]).sort("person", "day")
    closes = pl.concat([stays.select("person", day="end"), trips.select("person", day="start")]).sort("person", "day")
    return opens.select("person", start="day").with_columns(end=closes["day"])
