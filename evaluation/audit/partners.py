"""What the linkage unit could name by putting this register's rows beside partners': a what-if, the partners made up.

An institution has no other's tables. But the rows of a person in two registers stand in one block and complete each
other, and the linkage unit sees both. So other registers of the agreement are made up: each holds a part of this one's
persons, as a register with its gaps and the usual errors would (`evaluation.planning.errors`). All are encoded under a
key made for the purpose, with lists of crowded values of their own, and attacked together
(`evaluation.attacks.blocks.joint`). No bound hangs on the figure: it is about encodings like these, not about these.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from contract.agreement import RegisterTerms
from contract.audit_report import AttackFigures
from evaluation.attacks.blocks.joint import Register, attack_together
from evaluation.audit.blocks import attack_figures
from evaluation.audit.encodings import Encodings
from evaluation.planning.errors import ErrorRates, view
from evaluation.planning.population import own_persons
from evaluation.planning.simulation import SIMULATION_KEY
from pseudonymisation.blocking.caps import CrowdedKeys, count_crowded
from pseudonymisation.encoding.profile import EncodingContext, profile_for
from pseudonymisation.randomness import SeededRandomness

#: Of larger registers so many persons: a smaller crowd hides its members worse, never better.
MOST_PERSONS: Final = 5_000
#: Persons attacked: enough to tell, and no bound hangs on it.
ATTACKED: Final = 500
#: Partners made up.
MOST_PARTNERS: Final = 2
#: The share of this register's persons that each partner holds.
SHARE_HELD: Final = 0.4


def with_partners(encodings: Encodings, people: pl.DataFrame, *, rows: int, seed: int) -> AttackFigures | None:
    """Attack the register together with made-up partners; None where the agreement has no other register.

    Args:
        encodings: Profile `blind_blocks`, with `subject` numbering persons.
        people: The attacker's one row a `person`: normalised columns.
        rows: Persons attacked, `ATTACKED` at most.
        seed: Of every draw.
    """
    agreement, own_name = encodings.agreement, encodings.register_name
    partners = sorted((terms for terms in agreement.registers if terms.name != own_name), key=lambda one: one.name)
    if not partners or encodings.identities.is_empty():
        return None
    rng = np.random.default_rng([seed, 0xFA27])
    everybody = encodings.identities.get_column("subject").unique().sort().to_numpy()
    chosen = np.sort(rng.permutation(everybody)[:MOST_PERSONS])
    own = encodings.identities.filter(pl.col("subject").is_in(chosen))
    rates = rates_of(own)
    frames = {own_name: own}
    for terms in partners[:MOST_PARTNERS]:
        frames[terms.name] = _partner(encodings, own, terms, rates, rng)
    crowded = CrowdedKeys()
    for name, frame in frames.items():
        noise = SeededRandomness(f"partners/{seed}/{name}".encode())
        crowded = crowded.union(count_crowded(frame, agreement.passes, SIMULATION_KEY, agreement.caps, noise))
    registers = []
    for name, frame in frames.items():
        handles = SeededRandomness(f"partners/{seed}/{name}/handles".encode())
        context = EncodingContext(agreement, name, SIMULATION_KEY, crowded, handles)
        one_row = agreement.register(name).rows_per_person == "one"
        registers.append(Register(profile_for(agreement).encode(frame, context), frame, one_row=one_row))
    known = people.filter(pl.col("person").is_in(chosen))
    found = attack_together(registers, agreement, known, persons=min(rows, ATTACKED), seed=seed)
    return attack_figures("with partners", found)


def rates_of(identities: pl.DataFrame) -> ErrorRates:
    """Return the usual error rates with this register's own gaps: empty cells, and birth dates without a day."""
    cells = [name for name in ("sex", "nationality") if name in identities.columns]
    held = [name for name in cells if identities.get_column(name).null_count() < identities.height]
    usual = ErrorRates()
    empty = [identities.get_column(name).null_count() / identities.height for name in held]
    missing = float(np.mean(empty)) if held else usual.missing
    dated = identities.filter(pl.col("birth_year").is_not_null()) if "birth_year" in identities.columns else None
    if dated is None or dated.is_empty():
        return ErrorRates(missing=missing)
    return ErrorRates(missing=missing, date_unknown=dated.get_column("birth_day").null_count() / dated.height)


def _partner(
    encodings: Encodings, own: pl.DataFrame, terms: RegisterTerms, rates: ErrorRates, rng: np.random.Generator
) -> pl.DataFrame:
    """Return a partner's identities: one row of each person it holds, numbered as here."""
    persons = own.get_column("subject").unique(maintain_order=True).to_numpy()
    seen = view(own_persons(own), terms.fields, encodings.agreement.own_fields, rates, rng)
    held = np.flatnonzero(rng.random(len(persons)) < SHARE_HELD)
    number = pl.Series("subject", persons[held], dtype=pl.Int64)
    return seen[held].with_columns(number, pl.lit(0, dtype=pl.Int32).alias("identity"))
