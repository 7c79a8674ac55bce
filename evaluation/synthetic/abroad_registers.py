"""ANAPEC's register of attestations and placements, and the consular register of Moroccans abroad."""

from __future__ import annotations

import numpy as np
import polars as pl

from evaluation.synthetic.canonical import LifeCourses, Register, assemble, iso, pick
from evaluation.synthetic.names import read_table
from evaluation.synthetic.population import Population
from evaluation.synthetic.readings import Reader
from evaluation.synthetic.settings import Settings, stream

_OCCUPATIONS = ("9112", "7115", "5120", "8332", "2512", "2221", "5223", "6111", "")
_CITIES = {
    "FRA": ("Paris", "Lyon", "Marseille", "Toulouse"),
    "ESP": ("Madrid", "Barcelona", "Algeciras", "Almeria"),
    "ITA": ("Roma", "Milano", "Torino"),
    "BEL": ("Bruxelles", "Anvers"),
    "NLD": ("Utrecht", "Rotterdam"),
    "DEU": ("Frankfurt", "Dusseldorf"),
    "CAN": ("Montreal",),
}


def placement_register(population: Population, lives: LifeCourses, seed: int, settings: Settings) -> Register:
    """Record attestations and placements: Moroccans by CIN or passport, foreigners by passport."""
    rng = stream(seed, 14)
    rows = lives.placements
    who, size = rows["person"].to_numpy(), len(rows)
    reader = Reader.of(population, rng, settings, "placement", who, rows["start"].to_numpy())
    family, given = reader.names()
    by_cin = population.moroccan[who] & (rng.random(size) < 0.75)
    national_id, passport = reader.number(population.national_id[who]), reader.passport()
    national_id[~by_cin] = ""
    passport[by_cin] = ""
    return assemble(
        rng,
        "placement",
        who,
        {
            "national_id": national_id,
            "passport_no": passport,
            "family_name": family,
            "given_names": given,
            "birth_date": reader.birth_dates(),
            "sex": reader.sexes(),
            "nationality": reader.nationalities(),
        },
        {
            **{column: rows[column] for column in ("kind", "outcome", "exemption_ground", "country")},
            "activity": pick(rng, ("01", "41", "55", "56", "62", "86", "97"), size),
            "start": iso(rows["start"].to_numpy()),
            "end": iso(rows["end"].to_numpy()),
        },
        np.arange(size),
    )


def consular_register(population: Population, lives: LifeCourses, seed: int, settings: Settings) -> Register:
    """Record Moroccans abroad, one record a registration."""
    rng = stream(seed, 15)
    rows = lives.abroad
    who, size = rows["person"].to_numpy(), len(rows)
    reader = Reader.of(population, rng, settings, "consular", who, rows["registered_on"].to_numpy())
    family, given = reader.names()
    family_ar, given_ar = reader.arabic_names()
    towns = read_table("places.csv")
    weight = towns["population"].cast(pl.Float64).to_numpy()
    born = towns["name_fr"].to_numpy()[rng.choice(len(towns), size=len(population), p=weight / weight.sum())]
    posts = [_CITIES[c][k % len(_CITIES[c])] for c, k in zip(rows["country"], rng.integers(0, 12, size), strict=True)]
    return assemble(
        rng,
        "consular",
        who,
        {
            "consular_no": [f"K{number:07d}" for number in rng.permutation(size)],
            "national_id": reader.number(population.national_id[who]),
            "passport_no": reader.passport(missing=0.12),
            "family_name": family,
            "given_names": given,
            "family_name_ar": family_ar,
            "given_names_ar": given_ar,
            "birth_date": reader.birth_dates(),
            "sex": reader.sexes(),
            "birth_place": born[who].astype(object),
        },
        {
            "country": rows["country"],
            "post": posts,
            "registered_on": iso(rows["registered_on"].to_numpy()),
            "removed_on": iso(rows["removed_on"].to_numpy()),
            "purpose": pick(rng, ("work", "work", "family", "study", "other"), size),
            "occupation": pick(rng, _OCCUPATIONS, size),
        },
    )
