"""All registers attacked together, as the linkage unit sees them: what no single institution's audit can show.

An institution attacks its own submission (`evaluation.audit.auditor`). The linkage unit has the tables of all: the rows
of a person in two registers stand in one block and complete each other. On labelled data the truth says who is whom, so
that the joint attack (`evaluation.attacks.blocks.joint`) can be scored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from connectors.agent import ConnectorAgent
from connectors.auditing import AuditSubject
from contract.agreement import Agreement
from evaluation.attacks.blocks.joint import Register, attack_together, one_row_a_person
from evaluation.audit.persons import renumbered


def leakage_together(
    agreement: Agreement,
    agents: Mapping[str, ConnectorAgent],
    manifests: Mapping[str, str],
    truth: pl.DataFrame,
    *,
    persons: int,
    seed: int = 1,
) -> dict[str, Any]:
    """Attack all registers of an evaluation together, profile `blind_blocks`.

    The attacker holds one row of each true person in clear, as a civil register does: of each field the value that
    most records have.

    Args:
        agreement: In force.
        agents: The connectors by register name, each with an encoded vintage.
        manifests: Its submission by register name.
        truth: `register`, `record_id`, `entity_id`.
        persons: Persons attacked, drawn at random.
        seed: Of every draw.

    Returns:
        `attacked`, the persons named in any pass of any register (`union`) and the rows named in each pass (`passes`).
    """
    ordered = truth.get_column("entity_id").unique().sort()
    number = pl.DataFrame({"entity_id": ordered, "person": pl.int_range(len(ordered), eager=True)})
    registers = [
        _register(agents[name].audits.subject(manifest), truth.filter(pl.col("register") == name), number)
        for name, manifest in sorted(manifests.items())
    ]
    clear = one_row_a_person(pl.concat([one.identities for one in registers], how="diagonal_relaxed"))
    found = attack_together(registers, agreement, clear, persons=persons, seed=seed)
    return {
        "attacked": found.union.total,
        "union": found.union.as_dict(),
        "passes": {name: leak.all.as_dict() for name, leak in found.passes.items()},
    }


def _register(subject: AuditSubject, truth: pl.DataFrame, number: pl.DataFrame) -> Register:
    """Return a register whose subjects are the true persons of their records."""
    prepared = subject.prepared
    records = prepared.records.mapped.frame.select("record_id").with_columns(
        pl.Series("subject", prepared.subjects, dtype=pl.Int64)
    )
    known = records.join(truth.select("record_id", "entity_id"), on="record_id").join(number, on="entity_id")
    of_subject = dict(
        known.unique("subject", keep="first", maintain_order=True).select("subject", "person").iter_rows()
    )
    person = pl.col("subject").cast(pl.Int64).replace_strict(of_subject, return_dtype=pl.Int64)
    identities = subject.identities.with_columns(person)
    identities = identities.with_columns(pl.int_range(pl.len(), dtype=pl.Int32).over("subject").alias("identity"))
    one_row = prepared.terms.rows_per_person == "one"
    return Register(renumbered(subject.passes, of_subject), identities, one_row=one_row)
