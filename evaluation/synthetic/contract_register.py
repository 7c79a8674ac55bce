"""The register of contract visas: one record a visa."""

from __future__ import annotations

import numpy as np

from evaluation.synthetic.canonical import LifeCourses, Register, assemble, card_at, iso, pick
from evaluation.synthetic.documents import employer_ices
from evaluation.synthetic.population import Population
from evaluation.synthetic.readings import Reader
from evaluation.synthetic.settings import Settings, stream


def contract_register(population: Population, lives: LifeCourses, seed: int, settings: Settings) -> Register:
    rng = stream(seed, 12)
    visas = lives.contracts
    who, size, start = visas["person"].to_numpy(), len(visas), visas["start"].to_numpy()
    reader = Reader.of(population, rng, settings, "work_contract", who, start)
    family, given = reader.names()
    card = card_at(lives.permits, who, start)
    card[rng.random(size) < 0.25] = ""
    ices = employer_ices(rng, max(20, size // 4))
    education = np.array(["none", "primary", "secondary", "tertiary"], object)[
        rng.choice(4, size=len(population), p=[0.08, 0.17, 0.35, 0.40])
    ]
    numbers = [f"C{year}{serial:06d}" for year, serial in zip(rng.integers(18, 25, size), range(size), strict=True)]
    return assemble(
        rng,
        "work_contract",
        who,
        {
            "contract_no": numbers,
            "passport_no": reader.passport(),
            "residence_card_no": reader.number(card, missing=0.0),
            "family_name": family,
            "given_names": given,
            "birth_date": reader.birth_dates(),
            "sex": reader.sexes(),
            "nationality": reader.nationalities(),
            "education": education[who],
        },
        {
            "employer_id": ices[(rng.random(size) ** 2 * len(ices)).astype(np.int64)],
            "activity": pick(rng, ("41", "43", "47", "55", "56", "62", "85", "86", "10", "82", "97"), size),
            "occupation": pick(rng, ("1120", "2320", "2512", "2221", "3115", "5120", "5223", "7112", "9111"), size),
            "monthly_pay": (rng.lognormal(8.9, 0.6, size) // 10 * 10).astype(np.int64).astype(str).astype(object),
            "visa_date": iso(visas["visa_date"].to_numpy()),
            "start": iso(start),
            "end": iso(visas["end"].to_numpy()),
            "first_or_renewal": np.where(visas["renewal"].to_numpy(), "renewal", "first").astype(object),
            "decision": visas["decision"],
        },
    )
