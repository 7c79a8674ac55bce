"""One synthetic country: population, registers and truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from contract.errors import InputError
from evaluation.synthetic.abroad import place, register_abroad
from evaluation.synthetic.canonical import LifeCourses, Register
from evaluation.synthetic.movements import Movements, move
from evaluation.synthetic.permits import grant_permits
from evaluation.synthetic.population import Population, populate
from evaluation.synthetic.registers import keep_registers
from evaluation.synthetic.settings import Settings
from evaluation.synthetic.work import employ, grant_contracts

SMALLEST = 50


class PopulationTooSmallError(InputError):
    """Too few persons for twins, namesakes and every register."""

    code = "synthetic.too_small"
    default_advice = "Ask for more persons."


@dataclass(frozen=True)
class SyntheticCountry:
    """A population with its life courses, what the registers made of them, and the truth.

    Attributes:
        settings: Window and rates.
        population: All persons, by position.
        movements: True presence and the crossings seen.
        lives: The events that the registers draw on.
        registers: The six registers by name, in canonical order.
    """

    settings: Settings
    population: Population
    movements: Movements
    lives: LifeCourses
    registers: dict[str, Register]

    @property
    def entity_ids(self) -> list[str]:
        """Return the entity id of every person position."""
        return [f"P{position:07d}" for position in range(len(self.population))]

    def truth(self) -> pl.DataFrame:
        """Return `register, record_id, entity_id` of every record."""
        entity = np.array(self.entity_ids, dtype=object)
        parts = [
            pl.DataFrame(
                {
                    "register": [name] * len(register.person),
                    "record_id": register.person["record_id"],
                    "entity_id": entity[register.person["person"].to_numpy()].tolist(),
                }
            )
            for name, register in self.registers.items()
        ]
        return pl.concat(parts)


def generate(persons: int, seed: int, settings: Settings | None = None) -> SyntheticCountry:
    """Make a synthetic country; the same arguments give the same bits.

    Args:
        persons: True persons, at least 50; some leave no record in any register, as in life.
        seed: Any non-negative integer.
        settings: Window and error rates; the defaults are as hard as life.

    Raises:
        PopulationTooSmallError: For fewer than 50 persons.
    """
    if persons < SMALLEST:
        raise PopulationTooSmallError(f"A synthetic country needs at least {SMALLEST} persons.")
    settings = settings or Settings()
    population = populate(persons, seed, settings)
    movements = move(population, seed, settings)
    stays = movements.stays
    contracts = grant_contracts(population, stays, seed, settings)
    lives = LifeCourses(
        crossings=movements.crossings,
        permits=grant_permits(population, stays, seed, settings),
        contracts=contracts,
        employment=employ(population, stays, seed, settings),
        abroad=register_abroad(population, stays, seed, settings),
        placements=place(population, stays, contracts, seed),
    )
    registers = keep_registers(population, lives, seed, settings)
    return SyntheticCountry(settings, population, movements, lives, registers)
