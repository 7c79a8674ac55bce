"""The social security register: one record an insured number, a declaration a month and employer."""

from __future__ import annotations

import numpy as np
import polars as pl

from evaluation.synthetic.canonical import LifeCourses, Register, assemble, card_at, texts
from evaluation.synthetic.documents import Strings
from evaluation.synthetic.population import Population
from evaluation.synthetic.readings import Reader, plain
from evaluation.synthetic.settings import Settings, stream


def social_security_register(population: Population, lives: LifeCourses, seed: int, settings: Settings) -> Register:
    rng = stream(seed, 13)
    employment = lives.employment
    numbers = employment.numbers.with_row_index("record")
    declared = employment.months.filter("declared").join(
        numbers.select("person", "number", "record"), on=["person", "number"], how="inner", maintain_order="left"
    )
    first = declared.group_by("record").agg(pl.col("month").min()).sort("record")
    who, size = numbers["person"].to_numpy(), len(numbers)
    day = first["month"].to_numpy().astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    reader = Reader.of(population, rng, settings, "social_security", who, day)
    family, given = reader.names()
    family_text, given_text = plain(texts(family)), plain(texts(given))
    family_first = pl.Series(rng.random(size) < 0.62)
    full = (family_text + " " + given_text).zip_with(family_first, given_text + " " + family_text).str.slice(0, 60)
    return assemble(
        rng,
        "social_security",
        who,
        {
            "social_security_no": numbers["social_security_no"],
            "national_id": _insured_document(rng, reader, card_at(lives.permits, who, day)),
            "full_name": full,
            "birth_date": reader.birth_dates(),
            "sex": reader.sexes(),
            "nationality": reader.nationalities(),
        },
        {
            "employer_no": declared["employer_no"],
            "period": declared["month"].to_numpy().astype("datetime64[M]").astype(str).astype(object),
            "days": declared["days"].cast(pl.String),
            "pay_centimes": declared["pay_centimes"].cast(pl.String),
            "situation": declared["situation"],
        },
        declared["record"].to_numpy().astype(np.int64),
    )


def _insured_document(rng: np.random.Generator, reader: Reader, card: Strings) -> Strings:
    """Return what the registration file holds as identity: any of three documents cut to eight characters.

    Moroccans show their CIN; foreigners their residence card where they have one, or else the passport, and
    often nothing usable: empty, zeros or a word.
    """
    passport = reader.population.passports.number[reader.person, reader.generation]
    number = np.where((card != "") & (rng.random(len(card)) < 0.55), card, passport).astype(object)
    moroccan = reader.population.moroccan[reader.person]
    number[moroccan] = reader.population.national_id[reader.person][moroccan]
    held = reader.number(number, missing=0.0)
    lost = rng.random(len(held)) < np.where(moroccan, 0.12, reader.rates.document_missing)
    held[lost] = np.array(["", "", "", "00000000", "NEANT", "X"], dtype=object)[rng.integers(0, 6, int(lost.sum()))]
    return np.array([value[:8] for value in held], dtype=object)
