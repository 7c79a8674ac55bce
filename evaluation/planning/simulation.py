"""Where passes would put the rows of registers whose truth is known, and which true pairs would meet.

The connector's own code does the work (`count_crowded`, `choose_levels`), under a key made up for the purpose, so that
a simulation differs from an encoding by its data alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from contract.agreement import CapTerms, PassTerms
from pseudonymisation.blocking.caps import CrowdedKeys, PersonCount, Placement, choose_levels, count_crowded
from pseudonymisation.blocking.components import key_values, key_variants
from pseudonymisation.randomness import SeededRandomness

Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
SIMULATION_KEY: Final = hashlib.sha256(b"wasl/planning: protects nothing").digest()


@dataclass(frozen=True)
class TrueRegister:
    """A register whose truth is known.

    Attributes:
        name: Its name.
        identities: Normalised, one row a record, with `subject` (int64).
        entity: int64[rows], the true person.
        one_row_a_person: Whether its own pairs are compared: not if a person has one record at most.
        persons: Counts the persons that share a key value, as the connector will; each subject is one by default.
    """

    name: str
    identities: pl.DataFrame
    entity: Rows
    one_row_a_person: bool = True
    persons: PersonCount | None = None

    def __len__(self) -> int:
        return len(self.entity)


@dataclass(frozen=True)
class PlacedPass:
    """One pass over all registers.

    Attributes:
        met: bool[pairs], which true pairs share a block.
        placed, keyless: bool[rows] over all registers in turn. A row that is neither is withheld.
        levels: int64[levels], rows placed at each level (a row with two variants may count twice).
        companions: int64[rows], most true persons of the row's own register in a block of it; 0 where not placed.
    """

    terms: PassTerms
    met: Flags
    placed: Flags
    keyless: Flags
    levels: Rows
    companions: Rows

    @property
    def withheld(self) -> Flags:
        """bool[rows]: rows with a key value that no block takes."""
        return np.asarray(~self.placed & ~self.keyless)


@dataclass(frozen=True)
class Simulation:
    """All candidate passes over the same registers.

    Attributes:
        registers: What was simulated, in order.
        left, right: int64[pairs], true pairs as row numbers over all registers in turn.
        passes: By name.
        crowded: The registers' lists together.
    """

    registers: tuple[TrueRegister, ...]
    left: Rows
    right: Rows
    passes: dict[str, PlacedPass]
    crowded: CrowdedKeys

    def completeness(self, names: Sequence[str], among: Flags | None = None) -> float:
        """Return the share of the true pairs (of those `among`) that some of the named passes compares."""
        met = np.zeros(len(self.left), dtype=np.bool_)
        for name in names:
            met |= self.passes[name].met
        counted = met if among is None else met[among]
        return float(counted.mean()) if len(counted) else 1.0


def true_pairs(registers: Sequence[TrueRegister]) -> tuple[Rows, Rows]:
    """Return all true pairs that count, as row numbers over all registers in turn, each once and sorted."""
    starts = np.cumsum([0, *(len(register) for register in registers)])
    parts = [
        pl.DataFrame({"row": np.arange(len(one)) + start, "entity": one.entity, "register": np.full(len(one), place)})
        for place, (one, start) in enumerate(zip(registers, starts[:-1], strict=True))
    ]
    rows = pl.concat(parts)
    pairs = rows.join(rows, on="entity", suffix="_b").filter(pl.col("row") < pl.col("row_b"))
    single = [place for place, register in enumerate(registers) if register.one_row_a_person]
    pairs = pairs.filter((pl.col("register") != pl.col("register_b")) | ~pl.col("register").is_in(single))
    pairs = pairs.sort("row", "row_b")
    return pairs["row"].to_numpy().astype(np.int64), pairs["row_b"].to_numpy().astype(np.int64)


def simulate(
    registers: Sequence[TrueRegister], candidates: Sequence[PassTerms], caps: CapTerms, *, seed: int = 1
) -> Simulation:
    """Place all rows in all candidate passes.

    Args:
        registers: With their truth.
        candidates: Passes; names differ.
        caps: Cap and listing rule.
        seed: Of the noise in the exchanged lists.

    Raises:
        AgreementError: A pass has a component that does not exist.
    """
    crowded = CrowdedKeys()
    for register in registers:
        noise = SeededRandomness(f"planning/{seed}/{register.name}".encode())
        own = count_crowded(register.identities, candidates, SIMULATION_KEY, caps, noise, register.persons)
        crowded = crowded.union(own)
    left, right = true_pairs(registers)
    found = {terms.name: _place(registers, terms, caps, crowded, left, right) for terms in candidates}
    return Simulation(tuple(registers), left, right, found, crowded)


def _place(
    registers: Sequence[TrueRegister], terms: PassTerms, caps: CapTerms, crowded: CrowdedKeys, left: Rows, right: Rows
) -> PlacedPass:
    tokens, rows, placed, keyless, companions = [], [], [], [], []
    levels = np.zeros(len(terms.levels), dtype=np.int64)
    start = 0
    for register in registers:
        placement = choose_levels(register.identities, terms, SIMULATION_KEY, crowded, caps)
        tokens.append(placement.tokens[placement.blocks])
        rows.append(placement.rows + start)
        here = np.zeros(len(register), dtype=np.bool_)
        here[placement.rows] = True
        placed.append(here)
        keyless.append(~has_key(register.identities, terms) & ~here)
        levels += np.bincount(placement.levels[placement.blocks], minlength=len(terms.levels))
        companions.append(_companions(register, placement))
        start += len(register)
    met = _met(np.concatenate(rows), np.concatenate(tokens), left, right)
    return PlacedPass(terms, met, np.concatenate(placed), np.concatenate(keyless), levels, np.concatenate(companions))


def has_key(identities: pl.DataFrame, terms: PassTerms) -> Flags:
    """Return which rows have a key value at the broad level of a pass (bool[rows])."""
    variants = key_variants(identities, terms.levels[0])
    keyed = variants.filter(key_values(variants, terms.levels[0]).is_not_null()).get_column("row").to_numpy()
    out = np.zeros(identities.height, dtype=np.bool_)
    out[keyed] = True
    return out


def _companions(register: TrueRegister, placement: Placement) -> Rows:
    """Return the most true persons of this register in a block of each row."""
    table = pl.DataFrame(
        {"row": placement.rows, "block": placement.blocks, "entity": register.entity[placement.rows]}
    ).with_columns(pl.col("entity").n_unique().over("block").cast(pl.Int64).alias("persons"))
    most = table.group_by("row").agg(pl.col("persons").max())
    out = np.zeros(len(register), dtype=np.int64)
    out[most["row"].to_numpy()] = most["persons"].to_numpy()
    return out


def _met(rows: Rows, tokens: npt.NDArray[np.uint64], left: Rows, right: Rows) -> Flags:
    """Return which pairs of rows share a token: the pairs' rows are few, so each pair joins its own tokens."""
    table = pl.DataFrame({"row": rows, "token": tokens})
    pairs = pl.DataFrame({"pair": np.arange(len(left)), "left": left, "right": right})
    mine = pairs.join(table, left_on="left", right_on="row").rename({"token": "mine"})
    both = mine.join(table, left_on=["right", "mine"], right_on=["row", "token"])
    out = np.zeros(len(left), dtype=np.bool_)
    out[both["pair"].to_numpy()] = True
    return out
