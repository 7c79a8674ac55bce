"""The controls of an audit: what the attacks must break, and what they must not.

They attack a synthetic population, not the register: a control tells whether the attack works, and its bounds are for a
population of this size. No control is ever taken from an earlier report.
"""

from __future__ import annotations

from typing import Final

from contract.agreement import Agreement
from contract.audit_report import ControlFigures, ControlName
from evaluation.attacks.blocks.controls import CONTROL_PERSONS, CONTROL_ROWS, run_controls
from evaluation.attacks.records import Encoder, scenario, synthetic_persons
from evaluation.attacks.records.graph_matching import graph_matching
from evaluation.attacks.records.plain_filters import PlainFilters, RandomBits
from evaluation.audit.blocks import hits
from evaluation.audit.records import named_hits

RECORD_PERSONS: Final = 1000
_NAMES: Final[dict[str, ControlName]] = {
    "bloom": "bloom_blocks",
    "sketches uncapped": "uncapped_sketches",
    "random bits": "random_bits",
}
_KEY: Final = b"a key for synthetic persons only"
_ATTACKER_KEY: Final = b"the attacker's own key, 32 bytes"
_made: dict[tuple[str, str, int, int, int], tuple[ControlFigures, ...]] = {}


def block_controls(
    agreement: Agreement, *, seed: int, persons: int = CONTROL_PERSONS, rows: int = CONTROL_ROWS
) -> tuple[ControlFigures, ...]:
    """Return the controls of `blind_blocks`: Bloom filters in blocks of three and more, an uncapped pass, random bits.

    Several registers audited by one process share them: the same profile and seed give the same figures.
    """
    place = (agreement.profile.model_dump_json(), agreement.registers[0].name, seed, persons, rows)
    if place not in _made:
        found = []
        for control in run_controls(agreement, seed=seed, rows=rows, persons=persons).controls:
            if control.name in _NAMES:
                name = _NAMES[control.name]
                share = control.leakage.of_blocks(3) if name == "bloom_blocks" else control.leakage.all
                found.append(ControlFigures(name=name, found=hits(share), baseline=control.leakage.baseline))
        _made[place] = tuple(found)
    return _made[place]


def record_controls(*, seed: int, persons: int = RECORD_PERSONS) -> tuple[ControlFigures, ...]:
    """Return the controls of `record`: graph matching on plain filters, and on random bits."""
    people = synthetic_persons(persons, seed)
    encoders: tuple[tuple[ControlName, Encoder], ...] = (
        ("plain_filters", PlainFilters()),
        ("random_records", RandomBits()),
    )
    found = []
    for name, encoder in encoders:
        result = graph_matching(scenario(encoder, people, _KEY, 1.0, seed), _ATTACKER_KEY)
        found.append(ControlFigures(name=name, found=named_hits(result), baseline=result.baseline))
    return tuple(found)
