"""A synthetic population as one register would hold it: what controls run on, whatever the size of the audited one."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Final

import numpy as np
import polars as pl

from evaluation.synthetic import Settings
from evaluation.synthetic.population import populate
from pseudonymisation.normalisation import FieldMapping, normalise

#: Linkage fields of the population and their types.
FIELDS: Final = {
    "family_name": "name",
    "given_names": "name",
    "birth_date": "date",
    "sex": "category",
    "nationality": "country",
    "national_id": "code",
}
_AS_OF: Final = date(2025, 1, 1)


@lru_cache(maxsize=2)
def synthetic_identities(persons: int, seed: int) -> pl.DataFrame:
    """Return normalised identities with `subject` and `identity`, one row a person; same arguments, same rows."""
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
    made = normalise(raw, {name: FieldMapping(name, FIELDS[name]) for name in columns}, as_of=_AS_OF).frame
    number = pl.int_range(made.height, eager=True, dtype=pl.Int64)
    return made.with_columns(number.alias("subject"), pl.lit(0, dtype=pl.Int32).alias("identity"))
