"""All attacks on `blind_blocks` encodings as the figures of a report: of a submission, or of a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from connectors.structure import structure_figures
from contract.audit_report import StructureFigure
from evaluation.attacks.blocks.attacker import attacker_of
from evaluation.attacks.blocks.audit import audit_blocks
from evaluation.attacks.blocks.joint import one_row_a_person
from evaluation.attacks.blocks.leakage import Leakage, attack_passes, draw_persons, of_persons
from evaluation.audit.blocks import attack_figures, figures_of
from evaluation.audit.controls import block_controls
from evaluation.audit.encodings import Encodings
from evaluation.audit.keys import key_figures
from evaluation.audit.linkability import linkability_figures
from evaluation.audit.partners import with_partners
from pseudonymisation.encoding.stored import PassTables

#: Persons attacked with the register itself in hand: enough to tell, and no bound hangs on it.
OWN_FILE_ROWS: Final = 500
Measure = Callable[[str], AbstractContextManager[None]]


def no_measure(_stage: str) -> AbstractContextManager[None]:
    """Measure nothing."""
    return nullcontext()


def block_findings(
    encodings: Encodings,
    *,
    rows: int,
    overlaps: Sequence[float],
    pairs: int,
    seed: int,
    control_persons: int,
    control_rows: int,
    measure: Measure = no_measure,
) -> dict[str, Any]:
    """Attack a register's encodings.

    Args:
        encodings: Profile `blind_blocks`.
        rows: Persons attacked, drawn at random.
        overlaps: Shares of the persons whom the attacker holds in clear, 1 among them.
        pairs: Known pairs of handle and person.
        seed: Of every draw: same encodings and seed, same figures.
        control_persons: Size of the synthetic population on which the controls run.
        control_rows: Rows attacked in each control.
        measure: Entered around each stage, by its name.

    Returns:
        The keys `subjects`, `attacked`, `leakage`, `known_pairs`, `attacks` and `controls` of an `AuditReport`.
    """
    with measure("persons"):
        by_person = encodings.by_person()
        identities, passes, agreement = by_person.identities, by_person.passes, by_person.agreement
        subjects = identities.get_column("subject").to_numpy()
        persons = identities.get_column("subject").n_unique()
        people = one_row_a_person(identities)
    with measure("attacks"):
        audit = audit_blocks(
            passes,
            identities,
            agreement,
            attacker=people,
            rows=rows,
            overlaps=overlaps,
            known_pairs=(pairs,),
            seed=seed,
            controls=False,
            joined=False,
        )
    with measure("own file"):
        own_file = _own_file(by_person, audit.fingerprint[1.0], rows, seed)
    with measure("partners"):
        partners = with_partners(by_person, people, rows=rows, seed=seed)
    found = figures_of(audit, {name: made.num_rows for name, made in passes.items()})
    with measure("keys"):
        drawn = draw_persons(subjects, rows, seed).drawn
        with_key, without = key_figures(by_person, people, drawn, seed=seed)
    with measure("controls"):
        controls = block_controls(agreement, seed=seed, persons=control_persons, rows=control_rows)
    return {
        **found,
        "subjects": persons,
        "attacked": min(rows, persons),
        "attacks": (
            *found["attacks"],
            attack_figures("own file", own_file),
            *((partners,) if partners is not None else ()),
            with_key,
        ),
        "controls": (*controls, *without),
    }


def shape_figures(encodings: Encodings) -> tuple[StructureFigure, ...]:
    """Return what the tables look like whatever they hold, and whether handles of one subject have something in common.

    Profile `blind_blocks` or `record`.
    """
    tables = PassTables({name: made.source for name, made in encodings.passes.items()})
    return (*structure_figures(tables), *linkability_figures(encodings.passes))


def _own_file(encodings: Encodings, by_one_row: Leakage, rows: int, seed: int) -> Leakage:
    """Attack as one who holds this very register, with every spelling and error: a what-if beside the bounds.

    Args:
        encodings: With `subject` numbering persons.
        by_one_row: What the attacker with one row a person names at full overlap of the persons drawn, these among
            them: where no person has two rows, both attackers are one.
        rows: Persons attacked there.
        seed: As there.
    """
    subjects = encodings.identities.get_column("subject")
    sample = draw_persons(subjects.to_numpy(), min(rows, OWN_FILE_ROWS), seed)
    if not subjects.is_duplicated().any():
        return of_persons(by_one_row, sample.drawn)
    clear = encodings.identities.rename({"subject": "person"}).drop("identity")
    return attack_passes(encodings.passes, attacker_of(clear, encodings.agreement, seed=seed), sample, seed=seed)
