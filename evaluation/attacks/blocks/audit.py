"""The audit of a register's block encodings: every attack on the same persons over all passes, with intervals.

The auditing institution plays the linkage unit: it has the pass tables, the public terms and clear text of the
population, and alone knows the truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from contract.agreement import Agreement
from evaluation.attacks.blocks.attacker import attacker_of
from evaluation.attacks.blocks.knowledge import Beliefs
from evaluation.attacks.blocks.leakage import Leakage, Share, attack_passes, draw_persons
from pseudonymisation.encoding.profile import EncodedPass

OVERLAPS: Final = (1.0, 0.5, 0.2)


@dataclass(frozen=True)
class BlockAudit:
    """What the attacks achieved.

    Attributes:
        fingerprint: Share of the register's persons whom the attacker knows, to the leakage of passes and union.
    """

    fingerprint: Mapping[float, Leakage]

    @property
    def union(self) -> Share:
        """Persons named in any pass at full overlap: what the gate compares with `gate.union_leakage`."""
        return self.fingerprint[max(self.fingerprint)].union

    @property
    def passes(self) -> dict[str, Share]:
        """Rows named in each pass at full overlap: what the gate compares with `gate.pass_leakage`."""
        return {name: leak.all for name, leak in self.fingerprint[max(self.fingerprint)].passes.items()}

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values for JSON: shares with intervals, never a person or a handle."""
        return {"fingerprint": {f"{overlap:g}": leak.as_dict() for overlap, leak in self.fingerprint.items()}}


def audit_blocks(
    encoded: Mapping[str, EncodedPass],
    identities: pl.DataFrame,
    agreement: Agreement,
    *,
    attacker: pl.DataFrame | None = None,
    rows: int = 3000,
    overlaps: Sequence[float] = OVERLAPS,
    seed: int = 0,
) -> BlockAudit:
    """Attack all passes of one register.

    Args:
        encoded: The register's passes by name, profile `blind_blocks`.
        identities: What was encoded: normalised columns with `subject` and `identity`.
        agreement: What it was encoded under.
        attacker: Clear text in the attacker's hands: normalised columns and `person` in the numbering of
            `identities.subject`; by default the identities themselves, the strongest knowledge.
        rows: Persons drawn at random, the same ones for all passes and overlaps; all, if there are fewer.
        overlaps: Shares of the register's persons whom the attacker knows.
        seed: Of every draw: same input and seed, same figures.

    Raises:
        AttackInputError: A table or the attacker's identities are not of the form that the attacks read.
    """
    clear = identities.rename({"subject": "person"}).drop("identity") if attacker is None else attacker
    everybody = identities.get_column("subject").to_numpy()
    knows_all = attacker_of(clear, agreement, seed=seed)
    found = {}
    for overlap in overlaps:
        sample = draw_persons(everybody, rows, seed, overlap)
        knows = knows_all.knowing(sample.known, Beliefs(known=overlap))
        found[overlap] = attack_passes(encoded, knows, sample, seed=seed)
    return BlockAudit(found)
