"""Cells of the indicator tables with their keys, as one frame: what a release is made from."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from contract.errors import InputError
from trajectories.breakdowns import Breakdowns
from trajectories.channels import CHANNELS, Channels
from trajectories.disclosure.cell_keys import Ints, Perturbation, record_keys
from trajectories.disclosure.pay import dominated_pay
from trajectories.disclosure.sketches import PopulationSketch
from trajectories.durations import Floats
from trajectories.extended import EVERY_INDICATOR
from trajectories.figures import Figures, Key, count_figures
from trajectories.persons import Persons
from trajectories.values import available, blocks_of, values_of

CELL_SCHEMA: Final = {
    "measure": pl.String,
    "residence": pl.String,
    "year": pl.Int64,
    "breakdown": pl.String,
    "category": pl.String,
    "count": pl.Int64,
    "key": pl.Int64,
    "median": pl.Float64,
    "correction": pl.Float64,
}
_POPULATION: Final = "population"
#: Kinds of indicators whose value is kept beside the counts: they are no sums of counts.
KEPT_KINDS: Final = frozenset({"median", "survival_median", "pay_gap"})
_KEPT: Final = frozenset(one.code for one in EVERY_INDICATOR if one.kind in KEPT_KINDS)
_CONTENT_CONTEXT: Final = b"wasl/content-key/1/"


@dataclass(frozen=True)
class Cells:
    """Raw figures, the sums of record keys behind every count, and the counts' corrections, by the same names.

    Corrections are None in cells of a version that made none.
    """

    figures: Figures
    keys: dict[Key, Ints]
    population_key: int
    corrections: dict[Key, Floats] | None

    def perturbation(self, key: bytes) -> Perturbation:
        """Return the noise of this population under a release-epoch key."""
        return Perturbation(key, self.population_key)


def content_keys(channels: Channels, persons: Persons, series: str) -> Ints:
    """Return a key of every person together with what is known of them: int64 below 2^32.

    A population is compared by these, not by record keys: tables also differ by one person when the persons are the
    same and one of them lost a record. HMAC-SHA-256 under the series over person id, attributes and spells.
    """
    size = len(persons)
    attributes = np.column_stack(
        [persons.birth_year, persons.sex, persons.group, persons.in_population, persons.national, persons.exempt]
    ).astype("<i8")
    parts = [
        np.column_stack([spells.person, np.full(len(spells), place), spells.start, spells.end, spells.flag])
        for place, spells in ((place, channels.spells[name]) for place, name in enumerate(CHANNELS))
    ]
    rows = np.concatenate(parts).astype("<i8")
    rows = rows[np.lexsort((rows[:, 2], rows[:, 1], rows[:, 0]))]
    ends = np.searchsorted(rows[:, 0], np.arange(size + 1), side="left") * 4 * 8
    data, described, key = rows[:, 1:].tobytes(), attributes.tobytes(), _CONTENT_CONTEXT + series.encode()
    width = attributes.shape[1] * 8
    made = b"".join(
        hmac.digest(
            key,
            b"%s\0%s%s"
            % (name.encode(), described[n * width : (n + 1) * width], data[int(ends[n]) : int(ends[n + 1])]),
            "sha256",
        )[:4]
        for n, name in enumerate(channels.persons["person_id"].to_list())
    )
    return np.frombuffer(made, dtype="<u4").astype(np.int64)


def cells_of(
    channels: Channels,
    breakdowns: Breakdowns,
    series: str,
    *,
    figures: Figures | None = None,
    count: Callable[[Channels, Breakdowns], Figures] = count_figures,
    corrections: Mapping[Key, Floats] | None = None,
) -> tuple[pl.DataFrame, PopulationSketch]:
    """Return the cells of the indicators (`CELL_SCHEMA`) and the sketch of their population.

    What is no sum of counts (medians, the pay gap) is kept as a value beside the counts behind it; a pay gap that one
    or two employers dominate is not kept (`trajectories.disclosure.magnitudes`).

    Args:
        channels: Spells of all persons.
        breakdowns: Categories of the tables.
        series: See `record_keys`.
        figures: What `count` made of the same, if it was counted already.
        count: `trajectories.figures.count_figures`, or `trajectories.measures.count_extended` for all indicators.
        corrections: Of `trajectories.correction.corrections_of`; without them no count is corrected.
    """
    keys = record_keys(channels.persons["person_id"].to_list(), series)
    figures = count(channels, breakdowns) if figures is None else figures
    keyed = count(channels, replace(breakdowns, record_keys=keys))
    contents = content_keys(channels, breakdowns.persons, series)[breakdowns.persons.in_population]
    population_key = np.full(len(figures.categories), contents.sum())
    zeros, unchanged = np.zeros(len(figures.categories), dtype=np.int64), np.zeros(len(figures.categories))
    nothing: list[float | None] = [None] * len(figures.categories)
    rows: list[tuple[str, str, int, Ints, Ints, list[float | None], Floats]] = [
        (_POPULATION, "", 0, figures.population, population_key, nothing, unchanged)
    ]
    for name, counts in figures.counts.items():
        rows.append((*name, counts, keyed.counts[name], nothing, (corrections or {}).get(name, unchanged)))
    rows += [(*key, zeros, zeros, row, unchanged) for key, row in _kept_values(channels, breakdowns, figures).items()]
    frame = pl.DataFrame(
        [
            (measure, residence, year, *category, int(count), int(key), median, float(change))
            for measure, residence, year, counts, sums, medians, changes in rows
            for category, count, key, median, change in zip(
                figures.categories, counts, sums, medians, changes, strict=True
            )
        ],
        schema=CELL_SCHEMA,
        orient="row",
    )
    return frame, PopulationSketch.of(contents)


def _kept_values(channels: Channels, breakdowns: Breakdowns, figures: Figures) -> dict[Key, list[float | None]]:
    """Return the values of the indicators that are no sums of counts."""
    kept: dict[Key, list[float | None]] = {}
    for one in EVERY_INDICATOR:
        if one.kind not in KEPT_KINDS or not available(one, figures):
            continue
        for (_, residence, year), row in zip(blocks_of([one], figures.years), values_of(figures, [one]), strict=True):
            closed = ~np.isfinite(row)
            if one.kind == "pay_gap":
                closed |= dominated_pay(channels, breakdowns, year)
            kept[one.code, residence, year] = [
                None if hidden else value for value, hidden in zip(row.tolist(), closed.tolist(), strict=True)
            ]
    return kept


def cells_from(frame: pl.DataFrame) -> Cells:
    """Return the cells of a frame that `cells_of` made; one of a version without corrections has none.

    Raises:
        InputError: It is another frame.
    """
    corrects = "correction" in frame.columns
    if not corrects:
        frame = frame.with_columns(correction=pl.lit(0.0))
    if dict(frame.schema) != CELL_SCHEMA:
        raise InputError("The table does not hold cells with their keys.")
    counts: dict[Key, Ints] = {}
    keys: dict[Key, Ints] = {}
    medians: dict[Key, list[float | None]] = {}
    corrections: dict[Key, Floats] = {}
    categories: tuple[tuple[str, str], ...] = ()
    population, population_key = np.zeros(0, dtype=np.int64), 0
    for part in frame.partition_by("measure", "residence", "year", maintain_order=True):
        name = part.row(0, named=True)
        key = (str(name["measure"]), str(name["residence"]), int(name["year"]))
        if key[0] == _POPULATION:
            categories = tuple(part.select("breakdown", "category").rows())
            population, population_key = part["count"].to_numpy(), int(part["key"][0])
        elif key[0] in _KEPT:
            medians[key] = part["median"].to_list()
        else:
            counts[key], keys[key] = part["count"].to_numpy(), part["key"].to_numpy()
            corrections[key] = part["correction"].to_numpy()
    years = sorted({year for _, _, year in counts})
    stored = StoredFigures(categories, population, years, counts, {}, medians)
    return Cells(stored, keys, population_key, corrections if corrects else None)


@dataclass(frozen=True)
class StoredFigures(Figures):
    """Figures whose medians (and other kept values) were computed before: their histograms are not kept."""

    known_medians: dict[Key, list[float | None]]

    @property
    def measures(self) -> frozenset[str]:
        """Names of all counts and kept values."""
        return super().measures | {measure for measure, _, _ in self.known_medians}

    @property
    def medians(self) -> dict[Key, list[float | None]]:
        """Medians as they were stored."""
        return self.known_medians
