"""All six registers of one synthetic country."""

from __future__ import annotations

from evaluation.synthetic.abroad_registers import consular_register, placement_register
from evaluation.synthetic.border_register import border_register
from evaluation.synthetic.canonical import LifeCourses, Register
from evaluation.synthetic.contract_register import contract_register
from evaluation.synthetic.permit_register import permit_register
from evaluation.synthetic.population import Population
from evaluation.synthetic.settings import Settings
from evaluation.synthetic.social_security_register import social_security_register

_KEEPERS = {
    "border_crossing": border_register,
    "residence_permit": permit_register,
    "work_contract": contract_register,
    "social_security": social_security_register,
    "placement": placement_register,
    "consular": consular_register,
}


def keep_registers(population: Population, lives: LifeCourses, seed: int, settings: Settings) -> dict[str, Register]:
    """Record the life courses in the six registers, in the canonical order."""
    return {name: keep(population, lives, seed, settings) for name, keep in _KEEPERS.items()}
