"""The border register: documents as desks read them, and the crossings that hang on each reading."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from evaluation.synthetic.canonical import LifeCourses, Register, assemble, card_at, pick, texts
from evaluation.synthetic.population import Population
from evaluation.synthetic.readings import Reader, as_mrz_date, fit_mrz
from evaluation.synthetic.settings import Settings, stream

_POSTS: Final = {
    "air": ("CMN", "RAK", "AGA", "TNG", "FEZ", "RBA", "OUD", "NDR"),
    "sea": ("TANGER MED", "TANGER VILLE", "NADOR", "AL HOCEIMA"),
    "land": ("BAB SEBTA", "BENI ANSAR", "GUERGUERAT"),
}


def border_register(population: Population, lives: LifeCourses, seed: int, settings: Settings) -> Register:
    """One record a document and reading of it; a desk system of its own reads anew at air, sea and land posts."""
    rng = stream(seed, 10)
    crossings = lives.crossings
    person, day = crossings["person"].to_numpy(), crossings["day"].to_numpy()
    usual = rng.choice(3, size=len(population), p=[0.72, 0.20, 0.08])
    mode = np.where(rng.random(len(person)) < 0.88, usual[person], rng.choice(3, size=len(person)))
    card = card_at(lives.permits, person, day)
    moroccan = population.moroccan[person]
    by_card = rng.random(len(population)) < 0.16
    shown = rng.random(len(person)) < 0.7
    kind = np.where(by_card[person] & shown & (card != ""), "CRE", "P").astype(object)
    kind[moroccan & by_card[person] & shown] = "CIN"
    generation = population.passports.generation(person, day)
    reading = (rng.random(len(person)) < 0.18).astype(np.int64)
    keyed = crossings.select("person", "day").with_columns(
        kind=pl.Series(kind.tolist()),
        generation=pl.Series(generation),
        mode=pl.Series(mode),
        reading=pl.Series(reading),
        card=pl.Series(card.tolist(), dtype=pl.String),
    )
    keys = ["person", "kind", "generation", "mode", "reading"]
    records = keyed.group_by(keys).agg(pl.col("day").min(), pl.col("card").first()).sort(keys).with_row_index("record")
    record_of_event = keyed.join(records.select(*keys, "record"), on=keys, how="left", maintain_order="left")["record"]

    who = records["person"].to_numpy()
    reader = Reader.of(population, rng, settings, "border_crossing", who, records["day"].to_numpy())
    family, given = reader.names()
    mrz_family, mrz_given = fit_mrz(texts(family), texts(given))
    doc_kind = records["kind"].to_numpy()
    number = reader.passport()
    for code, other in (("CRE", records["card"].to_numpy().astype(object)), ("CIN", population.national_id[who])):
        read = reader.number(other)
        number[doc_kind == code] = read[doc_kind == code]
    nationality = reader.nationalities()
    modes = np.array(list(_POSTS), dtype=object)[mode]
    posts = np.full(len(mode), "", dtype=object)
    for position, options in enumerate(_POSTS.values()):
        posts[mode == position] = pick(rng, options, int((mode == position).sum()))
    clock = pl.Series((day * 86_400 + crossings["second"].to_numpy()) * 1000).cast(pl.Datetime("ms"))
    visa = np.where(np.isin(population.nationality[person], ("CMR", "NGA", "SYR", "PHL", "COD", "LBR")), "C", "")
    purposes = {"worker": "work", "family": "family", "student": "study", "visitor": "tourism"}
    names = [purposes.get(k, "other") for k in ("worker", "family", "student", "irregular", "visitor", "x", "x", "x")]
    purpose = np.array(names, dtype=object)[population.kind[person]]
    purpose[rng.random(len(purpose)) < 0.3] = "other"
    return assemble(
        rng,
        "border_crossing",
        who,
        {
            "doc_type": doc_kind,
            "doc_no": number,
            "doc_country": np.where(doc_kind == "P", nationality, "MAR").astype(object),
            "family_name": mrz_family,
            "given_names": mrz_given,
            "birth_date": as_mrz_date(reader.birth_dates()),
            "sex": reader.sexes(),
            "nationality": nationality,
        },
        {
            "crossed_at": clock.dt.to_string("%Y-%m-%dT%H:%M:%S"),
            "direction": np.where(crossings["is_exit"].to_numpy(), "exit", "entry").astype(object),
            "post": posts,
            "mode": modes,
            "visa_type": visa.astype(object),
            "purpose": purpose,
        },
        record_of_event.to_numpy().astype(np.int64),
    )
