"""The persons that a prediction is made for: synthetic ones, or those of an institution's own register."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from contract.fields import FieldType
from evaluation.planning.errors import ErrorRates, view
from evaluation.planning.simulation import TrueRegister
from evaluation.synthetic.population import populate
from evaluation.synthetic.settings import Settings


def synthetic_persons(count: int, seed: int) -> pl.DataFrame:
    """Return `count` persons of the synthetic country (see `view`): names, births, nationalities, documents."""
    people = populate(count, seed, Settings())
    days = (np.datetime64("1970-01-01") + people.birth_day.astype("timedelta64[D]")).astype(str)
    dates = np.where(people.day_known, days, np.char.add(days.astype("U4"), "-01-01"))
    return pl.DataFrame(
        {
            "given_names": people.given.tolist(),
            "family_name": people.family.tolist(),
            "given_names_ar": people.given_ar.tolist(),
            "family_name_ar": people.family_ar.tolist(),
            "birth_date": dates.tolist(),
            "sex": np.where(people.female, "F", "M").tolist(),
            "nationality": people.nationality.tolist(),
            "birth_country": people.nationality.tolist(),
            "passport_no": people.passports.number[:, 0].tolist(),
            "national_id": people.national_id.tolist(),
        },
        schema_overrides={"national_id": pl.String},
    )


def own_persons(identities: pl.DataFrame) -> pl.DataFrame:
    """Return the persons of normalised identities with `subject`: the first row of each, in the form of `view`.

    Their errors stay as they are; a view adds further ones.
    """
    first = identities.unique("subject", keep="first", maintain_order=True)

    def column(name: str) -> pl.Expr:
        return pl.col(name).cast(pl.String).fill_null("") if name in first.columns else pl.lit("")

    def part(name: str, width: int) -> pl.Expr:
        return pl.col(name).cast(pl.String).fill_null("0").str.zfill(width) if name in first.columns else pl.lit("0")

    date = pl.concat_str(part("birth_year", 4), part("birth_month", 2), part("birth_day", 2), separator="-")
    made = {"given_names": column("given"), "family_name": column("family"), "birth_date": date}
    made |= {name: column(name) for name in ("sex", "nationality", "birth_country") if name in first.columns}
    slots = {"passport": "passport_no", "national_id": "national_id", "residence_card": "residence_card_no"}
    made |= {field: column(slot) for slot, field in slots.items() if slot in first.columns}
    made |= {name.partition(":")[2]: column(name) for name in first.columns if ":" in name}
    return first.select(**made).with_columns(
        pl.when(pl.col("birth_date").str.starts_with("0")).then(pl.lit("")).otherwise("birth_date").alias("birth_date")
    )


def views(
    persons: pl.DataFrame,
    registers: Mapping[str, Sequence[str]],
    own_fields: Mapping[str, FieldType],
    rates: ErrorRates,
    seed: int,
) -> tuple[TrueRegister, ...]:
    """Return each register as it would hold all the persons, once each: the overlap is full.

    Args:
        persons: See `view`.
        registers: Name to linkage fields. A single register is seen twice, as if it were linked with its like.
        own_fields: Types of fields that are not standard ones.
        rates: Error rates, the same in every register.
        seed: Of the errors.
    """
    named = dict(registers)
    if len(named) == 1:
        name, fields = next(iter(named.items()))
        named[f"{name} again"] = fields
    made = []
    for place, (name, fields) in enumerate(sorted(named.items())):
        rng = np.random.default_rng([seed, place, 0x71E5])
        identities = view(persons, fields, own_fields, rates, rng)
        made.append(TrueRegister(name, identities, identities.get_column("subject").to_numpy()))
    return tuple(made)
