"""The residence permit register: one record a title, names in both scripts."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from evaluation.synthetic.canonical import LifeCourses, Register, assemble, iso, texts
from evaluation.synthetic.documents import Strings
from evaluation.synthetic.names import read_table
from evaluation.synthetic.population import Population
from evaluation.synthetic.readings import Reader
from evaluation.synthetic.settings import Settings, stream

_STREETS: Final = ("rue Ibn Sina", "avenue Hassan II", "hay Nahda", "rue Oued Sebou", "boulevard Zerktouni")


def permit_register(population: Population, lives: LifeCourses, seed: int, settings: Settings) -> Register:
    rng = stream(seed, 11)
    titles = lives.permits.filter("seen")
    who, size = titles["person"].to_numpy(), len(titles)
    places = read_table("places.csv").with_columns(pl.col("population").cast(pl.Float64))
    weight = places["population"].to_numpy()
    home = rng.choice(len(places), size=len(population), p=weight / weight.sum())
    here = np.where(rng.random(size) < 0.1, rng.integers(0, len(places), size), home[who])
    prefecture = places["name_fr"].to_numpy()[here].astype(object)
    street, house = rng.integers(0, len(_STREETS), len(population)), rng.integers(1, 180, len(population))
    address = [f"{house[p]} {_STREETS[street[p]]}, {town}" for p, town in zip(who, prefecture, strict=True)]
    reader = Reader.of(population, rng, settings, "residence_permit", who, titles["issued_on"].to_numpy())
    family, given = reader.names()
    family_ar, given_ar = reader.arabic_names()
    upper = pl.Series(rng.random(size) < 0.5)
    family_text, given_text = texts(family), texts(given)
    married = (population.birth_day[who] < settings.start_day - 27 * 365) & (rng.random(size) < 0.6)
    return assemble(
        rng,
        "residence_permit",
        who,
        {
            "card_no": reader.number(titles["card_no"].to_numpy().astype(object), missing=0.004),
            "passport_no": reader.passport(),
            "family_name": family_text.str.to_uppercase().zip_with(upper, family_text),
            "given_names": given_text.str.to_uppercase().zip_with(upper, given_text),
            "family_name_ar": family_ar,
            "given_names_ar": given_ar,
            "address": address,
            "birth_date": reader.birth_dates(),
            "birth_place": _birth_places(rng, population)[who],
            "birth_country": population.nationality[who],
            "sex": reader.sexes(),
            "nationality": reader.nationalities(),
            "marital_status": np.where(married, "married", "single").astype(object),
        },
        {
            "permit_type": titles["permit_type"],
            "motive": titles["motive"],
            "issued_on": iso(titles["issued_on"].to_numpy()),
            "valid_from": iso(titles["valid_from"].to_numpy()),
            "valid_to": iso(titles["valid_to"].to_numpy()),
            "first_or_renewal": np.where(titles["renewal"].to_numpy(), "renewal", "first").astype(object),
            "withdrawn_on": iso(titles["withdrawn_on"].to_numpy()),
            "prefecture": prefecture,
        },
    )


def _birth_places(rng: np.random.Generator, population: Population) -> Strings:
    """Town of birth of every person: Moroccan towns, elsewhere the capital or `<country> 2`, and so on."""
    places = read_table("places.csv")
    weight = places["population"].cast(pl.Float64).to_numpy()
    town = places["name_fr"].to_numpy()[rng.choice(len(places), size=len(population), p=weight / weight.sum())]
    region = np.minimum(rng.geometric(0.35, len(population)), 9)
    abroad = np.array([f"{code} {number}" for code, number in zip(population.nationality, region, strict=True)], object)
    return np.where(population.moroccan, town, abroad).astype(object)
