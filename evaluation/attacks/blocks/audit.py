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
from evaluation.attacks.blocks.fingerprint import attack_rows, search_over
from evaluation.attacks.blocks.frequency import BlockFrequency, block_frequency, combinations_of
from evaluation.attacks.blocks.handles import HandleJoins, joins, linkable_handles
from evaluation.attacks.blocks.joint import Register, attack_together, one_row_a_person
from evaluation.attacks.blocks.knowledge import Beliefs
from evaluation.attacks.blocks.layout import Observed, observe
from evaluation.attacks.blocks.leakage import (
    WORKERS,
    Leakage,
    PassLeakage,
    Sample,
    Share,
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
        handles: Whether anything joins passes; if not independent, the encodings must not leave. None if not asked.
        linkable: What-if: persons whom structure alone would name if handles were joined over passes.
        controls: Whether the attack works at all; None if they were not asked for.
    """

    fingerprint: Mapping[float, Leakage]
    equality: Leakage
    canonical: Leakage | None
    seeded: Mapping[int, Mapping[str, Share]]
    frequency: Mapping[str, BlockFrequency]
    missing: Mapping[str, PatternLeakage]
    handles: HandleJoins | None
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
            "handles": self.handles.as_dict() if self.handles else None,
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
    joined: bool = True,
) -> BlockAudit:
    """Attack all passes of one register.

    Args:
        encoded: The register's passes by name, profile `blind_blocks`. Each table is read once for all attacks on it
            and let go, so that passes of large registers may lie in files.
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
        joined: Whether to ask if handles or order of rows join passes: all pairs of passes are held against each other.

    Raises:
        AttackInputError: A table or the attacker's identities are not of the form that the attacks read.
    """
    clear = identities.rename({"subject": "person"}).drop("identity") if attacker is None else attacker
    everybody = identities.get_column("subject").to_numpy()
    knows_all = attacker_of(clear, agreement, seed=seed)
    checked = run_controls(agreement, seed=seed) if controls else None
    sample = draw_persons(everybody, rows, seed)
    parts = {}
    for overlap in sorted({one for one in overlaps if one < 1}, reverse=True):
        part = draw_persons(everybody, rows, seed, overlap)
        parts[overlap] = (knows_all.knowing(part.known, Beliefs(known=overlap)), part)
    found = _Attacks(encoded, knows_all, sample, parts, known_pairs, seed)
    found.run(agreement.passes)
    canonical = None
    if attacker is None:
        by_itself = Register(encoded, identities)
        canonical = attack_together([by_itself], agreement, one_row_a_person(identities), persons=rows, seed=seed)
    persons = {1.0: len(sample.drawn), **{overlap: len(part.drawn) for overlap, (_, part) in parts.items()}}
    return BlockAudit(
        fingerprint={overlap: union_of(found.first[overlap], persons[overlap]) for overlap in persons},
        equality=union_of(found.second, len(sample.drawn)),
        canonical=canonical,
        seeded=found.seeded,
        frequency=found.frequency,
        missing=found.missing,
        handles=joins(encoded) if joined else None,
        linkable=linkable_handles(encoded, knows_all, sample),
        controls=checked,
    )


@dataclass(frozen=True)
class _PassFound:
    """What the attacks of one pass found: `first` by overlap, the others at full overlap."""

    first: dict[float, PassLeakage]
    second: PassLeakage
    seeded: dict[int, Share]
    frequency: BlockFrequency
    missing: PatternLeakage


class _Attacks:
    """The attacks on passes, each pass read once for all of them, and what they found so far by pass."""

    def __init__(
        self,
        encoded: Mapping[str, EncodedPass],
        attacker: Attacker,
        sample: Sample,
        parts: Mapping[float, tuple[Attacker, Sample]],
        known_pairs: Sequence[int],
        seed: int,
    ) -> None:
        self.encoded, self.attacker, self.sample, self.seed = encoded, attacker, sample, seed
        self.parts, self.known_pairs = parts, known_pairs
        self.combinations = combinations_of(attacker)
        self.first: dict[float, dict[str, PassLeakage]] = {1.0: {}, **{overlap: {} for overlap in parts}}
        self.second: dict[str, PassLeakage] = {}
        self.seeded: dict[int, dict[str, Share]] = {}
        self.frequency: dict[str, BlockFrequency] = {}
        self.missing: dict[str, PatternLeakage] = {}

    def run(self, passes: Sequence[PassTerms]) -> None:
        """Attack passes, some side by side."""
        with ThreadPoolExecutor(WORKERS) as pool:
            every = list(pool.map(self._attack, passes))
        for terms, found in zip(passes, every, strict=True):
            for overlap, leak in found.first.items():
                self.first[overlap][terms.name] = leak
            self.second[terms.name] = found.second
            self.frequency[terms.name], self.missing[terms.name] = found.frequency, found.missing
            for known, share in found.seeded.items():
                self.seeded.setdefault(known, {})[terms.name] = share

    def _attack(self, terms: PassTerms) -> _PassFound:
        made = self.encoded[terms.name]
        table = made.table
        observed, missing = observe(table, self.attacker.layout), missing_values(table)
        del table  # the search of a large register needs the room
        first, second, seeded, frequency = self._full(observed, made, terms)
        parts = {overlap: self._part(observed, made, terms, overlap) for overlap in self.parts}
        return _PassFound({1.0: first, **parts}, second, seeded, frequency, missing)

    def _full(
        self, observed: Observed, made: EncodedPass, terms: PassTerms
    ) -> tuple[PassLeakage, PassLeakage, dict[int, Share], BlockFrequency]:
        search = search_over(observed, self.attacker, terms, seed=self.seed)
        truth = judged(search, truth_of(made, self.sample.drawn))
        drawn = rows_of(search, truth)
        of_everybody = judged(search, truth_of(made, self.sample.known))
        return (
            score_pass(attack_rows(search, drawn), truth),
            score_pass(EqualityGraphs(search).attack(drawn), truth),
            {known: attack_from_known_rows(search, of_everybody, known, self.seed) for known in self.known_pairs},
            block_frequency(search, of_everybody, self.combinations),
        )

    def _part(self, observed: Observed, made: EncodedPass, terms: PassTerms, overlap: float) -> PassLeakage:
        attacker, sample = self.parts[overlap]
        search = search_over(observed, attacker, terms, seed=self.seed)
        truth = judged(search, truth_of(made, sample.drawn))
        return score_pass(attack_rows(search, rows_of(search, truth)), truth)
