"""The truth of a synthetic country: persons, true spells, and indicators, true and as recorded."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Final

import numpy as np
import polars as pl

from evaluation.reference.histories import EXEMPT_NATIONALITIES, PersonHistory
from evaluation.reference.indicators import Row, indicator_rows, reference_indicators
from evaluation.synthetic.country import SyntheticCountry
from evaluation.synthetic.settings import KINDS

#: Ordinal of 1970-01-01: spells of the generator count from there, the reference from year 1.
_EPOCH: Final = date(1970, 1, 1).toordinal()
_STATES: Final = {
    "presence": "present",
    "permit": "permitted",
    "authorised_work": "authorised",
    "insured_work": "insured",
}


def persons_table(country: SyntheticCountry) -> pl.DataFrame:
    """Return one row a true person, all columns text; `records` counts the records of all registers."""
    population = country.population
    ids = np.array([*country.entity_ids, ""], dtype=object)
    records = np.zeros(len(population), dtype=np.int64)
    for register in country.registers.values():
        records += np.bincount(register.person["person"].to_numpy(), minlength=len(population))
    columns = {
        "entity_id": ids[:-1],
        "kind": np.array(KINDS, dtype=object)[population.kind],
        "nationality": population.nationality,
        "new_nationality": population.new_nationality,
        "sex": np.where(population.female, "F", "M").astype(object),
        "birth_date": np.datetime_as_string(population.birth_day.astype("datetime64[D]"), unit="D").astype(object),
        "family_name": population.family,
        "given_names": population.given,
        "family_name_ar": population.family_ar,
        "given_names_ar": population.given_ar,
        "twin_of": ids[population.twin_of],
        "namesake_of": ids[population.namesake_of],
        "records": records.astype(str).astype(object),
    }
    return pl.DataFrame({name: pl.Series(values.tolist(), dtype=pl.String) for name, values in columns.items()})


def true_spells(country: SyntheticCountry) -> pl.DataFrame:
    """Return what really happened in the four channels, clipped to the window.

    Returns:
        `person` (position), `channel`, `start`, `end` (days since 1970, half-open), `seen_start`, `seen_end`: whether a
        register holds the event behind each boundary. Presence spells are the true ones; the other channels
        are unions, as in the reference preset.
    """
    lives = country.lives
    cut = pl.min_horizontal(pl.col("valid_to") + 1, pl.when(pl.col("withdrawn_on") >= 0).then("withdrawn_on"))
    permits = lives.permits.select("person", start="valid_from", end=cut, seen="seen")
    granted = lives.contracts.filter(pl.col("decision") == "granted")
    contracts = granted.select("person", "start", end=pl.col("end") + 1, seen=pl.lit(value=True))
    worked = lives.employment.months.filter(pl.col("days") >= 1)
    month = worked["month"].to_numpy()
    insured = worked.select("person", seen="declared").with_columns(
        start=pl.Series(month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)),
        end=pl.Series((month + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)),
    )
    presence = country.movements.presence.select("person", "start", "end", "seen_start", "seen_end")
    channels = {
        "presence": presence,
        "permit": _union(permits),
        "authorised_work": _union(contracts),
        "insured_work": _union(insured),
    }
    columns = ("person", "channel", "start", "end", "seen_start", "seen_end")
    table = pl.concat([part.with_columns(channel=pl.lit(name)).select(columns) for name, part in channels.items()])
    first, last = country.settings.start_day, country.settings.end_day
    return (
        table.with_columns(pl.col("start").clip(lower_bound=first), pl.col("end").clip(upper_bound=last))
        .filter(pl.col("start") < pl.col("end"))
        .sort("person", "channel", "start")
    )


def _union(spells: pl.DataFrame) -> pl.DataFrame:
    """Merge overlapping and touching spells of a person; a boundary is seen if a spell that has it is."""
    ordered = spells.filter(pl.col("start") < pl.col("end")).sort("person", "start", "end")
    reached = pl.col("end").cum_max().shift(1).over("person")
    ordered = ordered.with_columns(new=(reached.is_null() | (pl.col("start") > reached)))
    ordered = ordered.with_columns(spell=pl.col("new").cum_sum())
    edges = pl.col("seen") & (pl.col("start") == pl.col("start").min().over("spell"))
    ends = pl.col("seen") & (pl.col("end") == pl.col("end").max().over("spell"))
    return (
        ordered.with_columns(seen_start=edges, seen_end=ends)
        .group_by("spell", maintain_order=True)
        .agg(
            pl.col("person").first(), pl.col("start").min(), pl.col("end").max(), pl.col("seen_start", "seen_end").any()
        )
        .drop("spell")
    )


def spells_table(country: SyntheticCountry) -> pl.DataFrame:
    """Return the true spells as text: `entity_id, channel, state, start, end, seen_start, seen_end`."""
    entity = np.array(country.entity_ids, dtype=object)
    spells = true_spells(country)
    day = pl.col("start", "end").cast(pl.Int32).cast(pl.Date).dt.to_string("%Y-%m-%d")
    return spells.select(
        pl.Series("entity_id", entity[spells["person"].to_numpy()].tolist(), dtype=pl.String),
        "channel",
        pl.col("channel").replace_strict(_STATES).alias("state"),
        day,
        pl.col("seen_start", "seen_end").cast(pl.String),
    )


def indicators_true(country: SyntheticCountry) -> list[Row]:
    """Compute the indicators from what really happened: true spells, sex, birth and nationality at birth.

    Exempt are the nationals of exempt countries and the holders of an attestation with a ground.
    """
    population = country.population
    by_channel: dict[str, dict[int, list[tuple[int, int]]]] = {name: defaultdict(list) for name in _STATES}
    spells = true_spells(country).select("person", "channel", "start", "end")
    for person, channel, start, end in spells.iter_rows():
        by_channel[channel][person].append((start + _EPOCH, end + _EPOCH))
    attested = set(country.lives.placements.filter(pl.col("exemption_ground") != "")["person"].to_list())
    years = population.birth_day.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    people = (
        PersonHistory(
            sex="F" if population.female[person] else "M",
            nationality=population.nationality[person],
            birth_year=int(years[person]),
            exempt=person in attested or population.nationality[person] in EXEMPT_NATIONALITIES,
            presence=by_channel["presence"].get(person, []),
            permit=by_channel["permit"].get(person, []),
            authorised=by_channel["authorised_work"].get(person, []),
            insured=by_channel["insured_work"].get(person, []),
        )
        for person in np.flatnonzero(~population.moroccan).tolist()
    )
    return indicator_rows(people, country.settings.start, country.settings.end)


def indicators_recorded(country: SyntheticCountry) -> list[Row]:
    """Compute the indicators that exact links of the registers' records give."""
    entity = np.array(country.entity_ids, dtype=object)
    links = {
        name: dict(
            zip(register.person["record_id"], entity[register.person["person"].to_numpy()].tolist(), strict=True)
        )
        for name, register in country.registers.items()
    }
    tables = {name: (register.identity, register.events) for name, register in country.registers.items()}
    return reference_indicators(tables, links, country.settings.start, country.settings.end)
