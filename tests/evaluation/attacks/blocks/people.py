"""Synthetic persons as one register holds them, normalised, and an agreement over it."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from evaluation.synthetic import Settings
from evaluation.synthetic.population import populate
from pseudonymisation.encoding.profile import EncodingContext
from pseudonymisation.normalisation import FieldMapping, normalise
from pseudonymisation.randomness import SeededRandomness
from tests.pseudonymisation.frames import KEY, agreement

FIELDS = {
    "family_name": "name",
    "given_names": "name",
    "birth_date": "date",
    "sex": "category",
    "nationality": "country",
    "national_id": "code",
}


def people(persons, seed=3):
    """`subject` and `identity` with the normalised columns, one row a person."""
    population = populate(persons, seed, Settings())
    columns = {
        "family_name": population.family.tolist(),
        "given_names": population.given.tolist(),
        "birth_date": np.datetime_as_string(population.birth_day.astype("datetime64[D]"), unit="D").tolist(),
        "sex": np.where(population.female, "F", "M").tolist(),
        "nationality": population.nationality.tolist(),
        "national_id": [number or None for number in population.national_id.tolist()],
    }
    raw = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
    fields = {name: FieldMapping(name, FIELDS[name]) for name in columns}
    made = normalise(raw, fields, as_of=date(2025, 1, 1)).frame
    number = pl.int_range(made.height, eager=True, dtype=pl.Int64)
    return made.with_columns(number.alias("subject"), pl.lit(0, dtype=pl.Int32).alias("identity"))


def agreement_over(passes, dummy_share=0.0, **changes):
    return agreement(passes, {"police": tuple(FIELDS)}, dummy_share=dummy_share, **changes)[0]


def context(made, crowded=None, key=KEY):
    options = {"crowded": crowded} if crowded is not None else {}
    return EncodingContext(made, "police", key, random=SeededRandomness(b"attacks"), **options)
