"""Residence permits: first titles, renewals, gaps between them, withdrawals."""

from __future__ import annotations

import numpy as np
import polars as pl

from evaluation.synthetic.documents import residence_cards
from evaluation.synthetic.population import Population
from evaluation.synthetic.settings import Settings, stream

_MOTIVES = {"worker": "work", "family": "family", "student": "study"}


def grant_permits(population: Population, stays: pl.DataFrame, seed: int, settings: Settings) -> pl.DataFrame:
    """Draw titles, one row each.

    Returns:
        `person`, `valid_from`, `valid_to`, `issued_on`, `withdrawn_on` (days since 1970, -1 for none), `renewal`
        (bool), `permit_type`, `motive`, `card_no`, `seen` (False: never entered in the register).
    """
    rng = stream(seed, 3)
    long = stays.filter(pl.col("end") - pl.col("start") > 150)
    person, stay_end = long["person"].to_numpy(), long["end"].to_numpy()
    entitled = population.of_kind("worker", "family", "student")[person] & (rng.random(len(person)) < 0.90)
    person, stay_end = person[entitled], stay_end[entitled]
    valid_from = long["start"].to_numpy()[entitled] + rng.integers(20, 150, len(person))
    cards = residence_cards(rng, 3 * len(population))
    card = person.copy()
    titles = []
    for renewal in range(12):
        alive = (valid_from < stay_end) & (valid_from < settings.end_day - 10)
        person, stay_end, valid_from, card = person[alive], stay_end[alive], valid_from[alive], card[alive]
        if len(person) == 0:
            break
        size = len(person)
        lasting = (rng.random(size) < 0.25) & (renewal >= 2)
        longer = (rng.random(size) < 0.35) & (renewal >= 1)
        valid_to = valid_from + np.where(lasting, 1826, np.where(longer, 1095, 365)) - 1
        withdrawn = rng.random(size) < 0.012
        # A title is issued days after its first day of validity, or weeks before it at a renewal.
        titles.append(
            pl.DataFrame(
                {
                    "person": person,
                    "valid_from": valid_from,
                    "valid_to": valid_to,
                    "issued_on": valid_from + rng.integers(-12, 25, size),
                    "withdrawn_on": np.where(withdrawn, valid_from + rng.integers(60, 340, size), -1),
                    "renewal": np.full(size, renewal > 0),
                    "permit_type": np.where(lasting, "residence", "registration"),
                    "card_no": cards[card],
                    "seen": rng.random(size) >= 0.012,
                }
            )
        )
        fate = rng.random(size)
        gap = np.where(fate < 0.68, 0, rng.integers(2, 150, size))
        gap[fate > 0.93] = 5000
        valid_from = valid_to + 1 + gap
        card = np.where(rng.random(size) < 0.16, (card + len(population)) % len(cards), card)
    # Titles that ended before the window are not in the register's extract.
    granted = pl.concat(titles).filter(pl.col("valid_to") >= settings.start_day).sort("person", "valid_from")
    kinds = population.kind[granted["person"].to_numpy()]
    motive = np.full(len(granted), "other", dtype=object)
    for position, name in enumerate(("worker", "family", "student")):
        motive[kinds == position] = _MOTIVES[name]
    odd = rng.random(len(granted)) < 0.05
    motive[odd] = rng.choice(np.array(["visitor", "health", "other"], dtype=object), size=int(odd.sum()))
    return granted.with_columns(motive=pl.Series(motive.tolist(), dtype=pl.String))
