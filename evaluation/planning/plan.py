"""`wasl agreement plan`: predict what passes find, withhold and leak, and search for the best set.

A plan is stricter than the gate: it holds every bound, each pass's too, against the upper 95 % limit of fewer attacked
persons. It attacks the register with the most fields and no payload. What may leave is decided by the audit alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl

from contract.agreement import CapTerms, GateTerms, PassTerms
from contract.fields import FieldType
from evaluation.planning.candidates import all_candidates
from evaluation.planning.errors import ErrorRates
from evaluation.planning.leakage import AttackedPasses, Named, attack
from evaluation.planning.population import synthetic_persons, views
from evaluation.planning.selection import select
from evaluation.planning.simulation import SIMULATION_KEY, PlacedPass, Simulation, simulate
from pseudonymisation.blocking.groups import group_shares, record_groups
from pseudonymisation.blocking.planner import MAX_PASSES, plan_passes

#: Persons simulated at most: beyond, a prediction takes minutes. Fewer persons than there are leak more, not less.
SIMULATED: Final = 20_000
#: Persons attacked: enough for an interval of about one point either way around shares of 3 %.
ATTACKED: Final = 1000


@dataclass(frozen=True)
class Question:
    """What is to be planned.

    Attributes:
        registers: Name of each register to its linkage fields.
        own_fields: Types of fields that are not standard ones.
        persons: Joint population.
        caps, gate: Of the agreement.
        agreed: Passes of a draft; those of the planner if there is none.
        rates: Assumed errors.
        own: Persons of an own register (`own_persons`) in place of synthetic ones.
        seed: Of population, errors and noise.
        simulated: Persons simulated at most.
        most: Passes at most.
        attacked: Persons attacked.
    """

    registers: Mapping[str, Sequence[str]]
    own_fields: Mapping[str, FieldType]
    persons: int
    caps: CapTerms = field(default_factory=CapTerms)
    gate: GateTerms = field(default_factory=GateTerms)
    agreed: tuple[PassTerms, ...] = ()
    rates: ErrorRates = field(default_factory=ErrorRates)
    own: pl.DataFrame | None = None
    seed: int = 1
    simulated: int = SIMULATED
    most: int = MAX_PASSES
    attacked: int = ATTACKED


def plan(question: Question) -> dict[str, Any]:
    """Predict every candidate pass, the agreed set and the best set found.

    Returns:
        `assumptions`, `candidates` (a pass each), `agreed` and `proposed` (names, pairs completeness, leakage, withheld
        shares by group), `passes` (the proposed ones as an agreement takes them), `refused` (name to reason).

    Raises:
        AgreementError: The registers share nothing that a pass could use.
    """
    count = min(question.persons, question.simulated)
    own = question.own
    persons = synthetic_persons(count, question.seed) if own is None else own.head(question.simulated)
    agreed = question.agreed or plan_passes(question.registers, question.own_fields, question.persons)
    candidates = all_candidates(question.registers, question.own_fields, question.persons, agreed)
    registers = views(persons, question.registers, question.own_fields, question.rates, question.seed)
    simulation = simulate(registers, candidates, question.caps, seed=question.seed)

    attacked = _attack(question, simulation, candidates)

    def leakage(names: Sequence[str]) -> tuple[float, float]:
        return attacked.of(names[-1]).high, attacked.union(names).high

    found = [
        select(
            simulation,
            leakage,
            pass_bound=question.gate.pass_leakage,
            union_bound=question.gate.union_leakage,
            most=question.most,
            thrifty=thrifty,
        )
        for thrifty in (False, True)
    ]
    steps, refused = max(found, key=lambda one: one[0][-1].completeness if one[0] else 0.0)
    groups = _groups(simulation)
    chosen = [step.name for step in steps]
    return {
        "assumptions": _assumptions(question, persons.height, len(registers), attacked),
        "candidates": [_pass(simulation.passes[name], attacked.of(name), groups) for name in simulation.passes],
        "agreed": _set(simulation, [terms.name for terms in agreed], attacked, groups, question.gate),
        "proposed": {
            **_set(simulation, chosen, attacked, groups, question.gate),
            "steps": [
                {
                    "name": step.name,
                    "gain": step.gain,
                    "pairs_completeness": step.completeness,
                    "union_leakage": step.union_leakage,
                }
                for step in steps
            ],
        },
        "passes": [simulation.passes[name].terms.model_dump(mode="json") for name in chosen],
        "refused": refused,
    }


def _groups(simulation: Simulation) -> dict[str, list[str]]:
    found = [record_groups(register.identities) for register in simulation.registers]
    return {name: [group for one in found for group in one[name].to_list()] for name in found[0]}


def _attack(question: Question, simulation: Simulation, candidates: Sequence[PassTerms]) -> AttackedPasses:
    """Attack the register with the most fields: the more it holds, the more there is to compare."""
    name = max(sorted(question.registers), key=lambda one: len(question.registers[one]))
    register = next(one for one in simulation.registers if one.name == name)
    return attack(
        register.identities,
        question.registers[name],
        question.own_fields,
        candidates,
        question.caps,
        simulation.crowded,
        SIMULATION_KEY,
        persons=question.attacked,
        seed=question.seed,
    )


def _pass(found: PlacedPass, named: Named, groups: Mapping[str, list[str]]) -> dict[str, Any]:
    rows = max(int(found.levels.sum()), 1)
    return {
        "name": found.terms.name,
        "levels": [list(level) for level in found.terms.levels],
        "rows_in_blocks": float(found.placed.mean()),
        "by_level": [float(count / rows) for count in found.levels],
        "keyless": float(found.keyless.mean()),
        "withheld": float(found.withheld.mean()),
        "withheld_by_nationality": group_shares(found.withheld, groups["nationality"]),
        "withheld_by_family_name": group_shares(found.withheld, groups["family_name"]),
        "pairs_completeness": float(found.met.mean()) if len(found.met) else 1.0,
        "with_another_person": float((found.companions > 1).mean()),
        "leakage": named.share,
        "leakage_high": named.high,
    }


def _set(
    simulation: Simulation,
    names: Sequence[str],
    attacked: AttackedPasses,
    groups: Mapping[str, list[str]],
    gate: GateTerms,
) -> dict[str, Any]:
    union, alone = attacked.union(names), [attacked.of(name) for name in names]
    nowhere = np.ones(sum(len(register) for register in simulation.registers), dtype=np.bool_)
    for name in names:
        nowhere &= ~simulation.passes[name].placed
    worst = max(alone, key=lambda one: one.high, default=Named(0.0, 0.0))
    return {
        "names": list(names),
        "pairs_completeness": simulation.completeness(names),
        "pairs_completeness_by_nationality": _completeness_by(simulation, names, groups["nationality"]),
        "pairs_completeness_by_family_name": _completeness_by(simulation, names, groups["family_name"]),
        "union_leakage": union.share,
        "union_leakage_high": union.high,
        "worst_pass_leakage": worst.share,
        "worst_pass_leakage_high": worst.high,
        "within_bounds": union.high <= gate.union_leakage and worst.high <= gate.pass_leakage,
        "in_no_pass": float(nowhere.mean()),
        "in_no_pass_by_nationality": group_shares(nowhere, groups["nationality"]),
        "in_no_pass_by_family_name": group_shares(nowhere, groups["family_name"]),
    }


def _completeness_by(
    simulation: Simulation, names: Sequence[str], groups: list[str]
) -> Mapping[str, Mapping[str, int | float]]:
    met = np.zeros(len(simulation.left), dtype=np.bool_)
    for name in names:
        met |= simulation.passes[name].met
    of_pair = np.array(groups, dtype=object)[simulation.left]
    return group_shares(met, [str(group) for group in of_pair])


def _assumptions(question: Question, persons: int, registers: int, attacked: AttackedPasses) -> dict[str, Any]:
    return {
        "population": "synthetic Morocco" if question.own is None else "own register, partners simulated from it",
        "persons_joint": question.persons,
        "persons_simulated": persons,
        "smaller_than_stated": persons < question.persons,
        "registers_simulated": registers,
        "overlap": "full: every register holds every person once",
        "error_rates": question.rates.as_dict(),
        "caps": question.caps.model_dump(mode="json"),
        "bounds": {"pass": question.gate.pass_leakage, "union": question.gate.union_leakage},
        "leakage": "the block attack on the register with the most fields; the attacker holds all its persons in clear",
        "persons_attacked": attacked.persons,
        "seed": question.seed,
    }
