"""The audit of a register's block encodings: every attack on the same persons over all passes, with intervals.

The auditing institution plays the linkage unit: it has the pass tables, the public terms and clear text of the
population, and alone knows the truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from contract.agreement import Agreement, PassTerms
from evaluation.attacks.blocks.attacker import Attacker, attacker_of
from evaluation.attacks.blocks.controls import ControlReport, run_controls
from evaluation.attacks.blocks.equality import EqualityGraphs
from evaluation.attacks.blocks.fingerprint import attack_rows, search_of
from evaluation.attacks.blocks.frequency import BlockFrequency, block_frequency, combinations_of
from evaluation.attacks.blocks.handles import HandleJoins, joins, linkable_handles
from evaluation.attacks.blocks.joint import Register, attack_together, one_row_a_person
from evaluation.attacks.blocks.knowledge import Beliefs
from evaluation.attacks.blocks.leakage import (
    WORKERS,
    Leakage,
    PassLeakage,
    Sample,
    Share,
    attack_passes,
    draw_persons,
    either,
    judged,
    rows_of,
    score_pass,
    truth_of,
    union_of,
)
from evaluation.attacks.blocks.patterns import PatternLeakage, missing_values
from evaluation.attacks.blocks.seeded import attack_from_known_rows
from pseudonymisation.encoding.profile import EncodedPass

OVERLAPS: Final = (1.0, 0.5, 0.2)
KNOWN_PAIRS: Final = (50, 500, 2000)


@dataclass(frozen=True)
class BlockAudit:
    """What the attacks achieved.

    Attributes:
        fingerprint: Share of the register's persons whom the attacker knows, to what the first attacker names.
        equality: What the second attacker names, by equality graphs, at full overlap.
        canonical: What an attacker names who holds one row a person, as a civil register does, and not every spelling
            that this register has of a person; None where an attacker's clear text was given.
        seeded: Number of known pairs, to the share of each pass's other rows that they name.
        frequency: What the sizes of blocks and the frequencies of tokens tell, by pass.
        missing: What missing cells alone pin down, by pass.
        handles: Whether anything joins passes; if not independent, the encodings must not leave.
        linkable: What-if: persons whom structure alone would name if handles were joined over passes.
        controls: Whether the attack works at all; None if they were not asked for.
    """

    fingerprint: Mapping[float, Leakage]
    equality: Leakage
    canonical: Leakage | None
    seeded: Mapping[int, Mapping[str, Share]]
    frequency: Mapping[str, BlockFrequency]
    missing: Mapping[str, PatternLeakage]
    handles: HandleJoins
    linkable: Share
    controls: ControlReport | None = None

    @property
    def verdict(self) -> str:
        """VALID, INVALID if a control misbehaved, UNCHECKED without controls."""
        return self.controls.verdict if self.controls else "UNCHECKED"

    @property
    def worst(self) -> Leakage:
        """What either attacker names at full overlap."""
        first, second = self.fingerprint[max(self.fingerprint)], self.equality
        together = {name: either(leak, second.passes[name]) for name, leak in first.passes.items()}
        return union_of(together, first.union.total)

    @property
    def union(self) -> Share:
        """Persons named in any pass at full overlap, by either attacker: compare with `gate.union_leakage`."""
        return self.worst.union

    @property
    def passes(self) -> dict[str, Share]:
        """Rows named in each pass at full overlap, by either attacker: compare with `gate.pass_leakage`."""
        return {name: leak.all for name, leak in self.worst.passes.items()}

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain values for JSON: shares with intervals, never a person or a handle."""
        return {
            "verdict": self.verdict,
            "worst": self.worst.as_dict(),
            "fingerprint": {f"{overlap:g}": leak.as_dict() for overlap, leak in self.fingerprint.items()},
            "equality": self.equality.as_dict(),
            "canonical": self.canonical.as_dict() if self.canonical else None,
            "seeded": {
                str(known): {name: share.as_dict() for name, share in shares.items()}
                for known, shares in self.seeded.items()
            },
            "frequency": {name: found.as_dict() for name, found in self.frequency.items()},
            "missing": {name: found.as_dict() for name, found in self.missing.items()},
            "handles": self.handles.as_dict(),
            "linkable": self.linkable.as_dict(),
            "controls": [control.as_dict() for control in self.controls.controls] if self.controls else [],
        }


def audit_blocks(
    encoded: Mapping[str, EncodedPass],
    identities: pl.DataFrame,
    agreement: Agreement,
    *,
    attacker: pl.DataFrame | None = None,
    rows: int = 3000,
    overlaps: Sequence[float] = OVERLAPS,
    known_pairs: Sequence[int] = KNOWN_PAIRS,
    seed: int = 0,
    controls: bool = True,
) -> BlockAudit:
    """Attack all passes of one register.

    Args:
        encoded: The register's passes by name, profile `blind_blocks`.
        identities: What was encoded: normalised columns with `subject` and `identity`.
        agreement: What it was encoded under.
        attacker: Clear text in the attacker's hands: normalised columns and `person` in the numbering of
            `identities.subject`; by default the identities themselves with every spelling of a person, the
            strongest knowledge.
        rows: Persons drawn at random, the same ones for all passes and overlaps; all, if there are fewer.
        overlaps: Shares of the register's persons whom the attacker knows, 1 among them.
        known_pairs: Numbers of known (handle, person) pairs of the seeded attack.
        seed: Of every draw: same input and seed, same figures.
        controls: Whether to run the controls; without them the verdict is UNCHECKED.

    Raises:
        AttackInputError: A table or the attacker's identities are not of the form that the attacks read.
    """
    clear = identities.rename({"subject": "person"}).drop("identity") if attacker is None else attacker
    everybody = identities.get_column("subject").to_numpy()
    knows_all = attacker_of(clear, agreement, seed=seed)
    checked = run_controls(agreement, seed=seed) if controls else None
    sample = draw_persons(everybody, rows, seed)
    full = _FullOverlap(encoded, knows_all, sample, seed)
    full.attack(agreement.passes, known_pairs)
    found = {1.0: union_of(full.first, len(sample.drawn))}
    for overlap in sorted({one for one in overlaps if one < 1}, reverse=True):
        part = draw_persons(everybody, rows, seed, overlap)
        knows = knows_all.knowing(part.known, Beliefs(known=overlap))
        found[overlap] = attack_passes(encoded, knows, part, seed=seed)
    canonical = None
    if attacker is None:
        by_itself = Register(encoded, identities)
        canonical = attack_together([by_itself], agreement, one_row_a_person(identities), persons=rows, seed=seed)
    return BlockAudit(
        fingerprint=found,
        equality=union_of(full.second, len(sample.drawn)),
        canonical=canonical,
        seeded=full.seeded,
        frequency=full.frequency,
        missing={name: missing_values(made.table) for name, made in encoded.items()},
        handles=joins(encoded),
        linkable=linkable_handles(encoded, knows_all, sample),
        controls=checked,
    )


class _FullOverlap:
    """The attacks of a pass that share one layout, and what they found so far."""

    def __init__(self, encoded: Mapping[str, EncodedPass], attacker: Attacker, sample: Sample, seed: int) -> None:
        self.encoded, self.attacker, self.sample, self.seed = encoded, attacker, sample, seed
        self.combinations = combinations_of(attacker)
        self.first: dict[str, PassLeakage] = {}
        self.second: dict[str, PassLeakage] = {}
        self.seeded: dict[int, dict[str, Share]] = {}
        self.frequency: dict[str, BlockFrequency] = {}

    def attack(self, passes: Sequence[PassTerms], known_pairs: Sequence[int]) -> None:
        """Attack passes, some side by side."""
        with ThreadPoolExecutor(WORKERS) as pool:
            found = list(pool.map(lambda terms: self._attack(terms, known_pairs), passes))
        for terms, (first, second, seeded, frequency) in zip(passes, found, strict=True):
            self.first[terms.name], self.second[terms.name] = first, second
            self.frequency[terms.name] = frequency
            for known, share in seeded.items():
                self.seeded.setdefault(known, {})[terms.name] = share

    def _attack(
        self, terms: PassTerms, known_pairs: Sequence[int]
    ) -> tuple[PassLeakage, PassLeakage, dict[int, Share], BlockFrequency]:
        made = self.encoded[terms.name]
        search = search_of(made.table, self.attacker, terms, seed=self.seed)
        truth = judged(search, truth_of(made, self.sample.drawn))
        drawn = rows_of(search, truth)
        of_everybody = judged(search, truth_of(made, self.sample.known))
        return (
            score_pass(attack_rows(search, drawn), truth),
            score_pass(EqualityGraphs(search).attack(drawn), truth),
            {known: attack_from_known_rows(search, of_everybody, known, self.seed) for known in known_pairs},
            block_frequency(search, of_everybody, self.combinations),
        )
