"""Moroccans abroad (consular register) and ANAPEC's attestations and placements abroad."""

from __future__ import annotations

import numpy as np
import polars as pl

from evaluation.synthetic import nationalities as nat
from evaluation.synthetic.population import Population
from evaluation.synthetic.settings import Settings, stream


def register_abroad(population: Population, stays: pl.DataFrame, seed: int, settings: Settings) -> pl.DataFrame:
    """Draw consular registrations: `person`, `country`, `registered_on`, `removed_on` (-1: none)."""
    rng = stream(seed, 6)
    emigrant, returnee = population.of_kind("emigrant"), population.of_kind("returnee")
    person = np.flatnonzero((emigrant | returnee) & (rng.random(len(population)) < np.where(returnee, 0.65, 0.8)))
    person = np.sort(np.concatenate([person, person[rng.random(len(person)) < 0.14]]))
    countries = np.array(list(nat.ABROAD), dtype=object)
    shares = np.array(list(nat.ABROAD.values()))
    settled = np.zeros(len(population), np.int64) + settings.end_day
    residence = stays.group_by("person").agg(pl.col("start").max(), pl.col("end").min())
    settled[residence["person"].to_numpy()] = residence["start"].to_numpy()
    registered = np.minimum(settled[person] - 200, settings.end_day - 30) - rng.integers(0, 900, len(person))
    removed = np.where(returnee[person] & (rng.random(len(person)) < 0.55), settled[person] + 90, -1)
    country = countries[rng.choice(len(countries), size=len(person), p=shares / shares.sum())]
    return pl.DataFrame(
        {"person": person, "country": country.tolist(), "registered_on": registered, "removed_on": removed}
    )


def place(population: Population, stays: pl.DataFrame, contracts: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Draw ANAPEC rows: attestations for foreigners, placements abroad for Moroccans.

    Returns:
        `person`, `kind`, `outcome`, `exemption_ground`, `country`, `start`, `end` (days since 1970, -1: none).
    """
    rng = stream(seed, 7)
    persons = len(population)
    start = np.full(persons, -1, np.int64)
    first = stays.group_by("person").agg(pl.col("start").min())
    start[first["person"].to_numpy()] = first["start"].to_numpy()
    with_contract = np.zeros(persons, bool)
    with_contract[contracts["person"].to_numpy()] = True
    exempt = np.isin(population.nationality, nat.EXEMPT_NATIONALITIES)
    worker, family = population.of_kind("worker"), population.of_kind("family")
    chance = np.where(worker & exempt, 0.7, np.where(with_contract, 0.45, np.where(family, 0.05, 0.0)))
    attested = np.flatnonzero((rng.random(persons) < chance) & (start >= 0))
    ground = np.full(len(attested), "", dtype=object)
    ground[exempt[attested]] = "nationality"
    other = family[attested] & ~exempt[attested]
    ground[other] = rng.choice(np.array(["spouse_of_national", "born_in_morocco"], object), size=int(other.sum()))
    outcome = np.where(ground != "", "exempt", np.where(rng.random(len(attested)) < 0.9, "favourable", "unfavourable"))
    issued = start[attested] + rng.integers(0, 60, len(attested))
    moroccan = population.of_kind("emigrant", "returnee")
    placed = np.flatnonzero(moroccan & (rng.random(persons) < 0.28))
    countries = np.array(list(nat.ABROAD), dtype=object)
    begin = 17_700 + rng.integers(0, 2000, len(placed))
    attestations = pl.DataFrame(
        {
            "person": attested,
            "kind": ["attestation"] * len(attested),
            "outcome": outcome.tolist(),
            "exemption_ground": ground.tolist(),
            "country": ["MAR"] * len(attested),
            "start": issued,
            "end": np.full(len(attested), -1, np.int64),
        }
    )
    placements = pl.DataFrame(
        {
            "person": placed,
            "kind": ["placement_abroad"] * len(placed),
            "outcome": ["placed"] * len(placed),
            "exemption_ground": [""] * len(placed),
            "country": countries[rng.integers(0, 3, len(placed))].tolist(),
            "start": begin,
            "end": begin + rng.integers(90, 300, len(placed)),
        }
    )
    return pl.concat([attestations, placements]).sort("person", "start")
