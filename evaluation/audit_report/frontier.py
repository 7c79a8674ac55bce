"""Quality against re-identification: each point is one way to encode, linked and attacked on the same encodings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from contract.agreement import CapTerms, ProfileTerms
from contract.audit_report import Hits
from contract.errors import InputError
from evaluation.attacks.blocks.audit import audit_blocks
from evaluation.audit.encodings import Encodings
from evaluation.audit.records import audit_records
from evaluation.datasets import LabelledSet
from evaluation.harness import evaluate
from evaluation.measures import Opened


@dataclass(frozen=True)
class Point:
    """One way to encode: profile, persons a key value, listing margin, share of dummy rows."""

    name: str
    profile: str
    cap: int = 1
    margin: int = 4
    dummies: float = 0.25

    @property
    def terms(self) -> dict[str, Any]:
        """What it changes in the agreement."""
        profile = ProfileTerms.model_validate({"name": self.profile, "dummy_share": self.dummies})
        return {"profile": profile, "caps": CapTerms(persons_per_key=self.cap, margin=self.margin)}


#: What `wasl audit frontier` tries.
POINTS: Final = (
    Point("clear", "clear"),
    *(
        Point(f"blind_blocks T={cap} dummies={share:g}", "blind_blocks", cap=cap, dummies=share)
        for cap in (1, 2)
        for share in (0.0, 0.25, 1.0)
    ),
    Point("blind_blocks T=1 margin=0", "blind_blocks", cap=1, margin=0),
    Point("record", "record"),
)


@dataclass(frozen=True)
class Measured:
    """A point's figures.

    Attributes:
        point: The way to encode.
        f1, precision, recall: Of the pairs of records, after clustering.
        registers: Persons named over all passes, by register; empty for clear text, where everybody is.
    """

    point: Point
    f1: float
    precision: float
    recall: float
    registers: dict[str, Hits]

    @property
    def worst(self) -> tuple[str, Hits] | None:
        """The register in which the attack names the largest share, and that share."""
        return max(self.registers.items(), key=lambda one: (one[1].share, one[0])) if self.registers else None

    @property
    def named(self) -> float:
        """Share of the persons named in the worst register; 1 for clear text."""
        return self.worst[1].share if self.worst else 1.0

    def document(self) -> dict[str, Any]:
        """Return the point as JSON."""
        return {
            "point": self.point.name,
            "profile": self.point.profile,
            "persons_per_key": self.point.cap,
            "margin": self.point.margin,
            "dummy_share": self.point.dummies,
            "f1": round(self.f1, 6),
            "precision": round(self.precision, 6),
            "recall": round(self.recall, 6),
            "named": round(self.named, 6),
            "register": self.worst[0] if self.worst else None,
            "registers": {name: {"hits": found.hits, "total": found.total} for name, found in self.registers.items()},
        }


def chosen(names: Sequence[str]) -> tuple[Point, ...]:
    """Return the points of these names; all without any.

    Raises:
        InputError: There is no such point.
    """
    known = {point.name: point for point in POINTS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"There is no point {unknown[0]!r}.", advice=f"One of: {'; '.join(known)}.")
    return tuple(known[name] for name in names) or POINTS


def measure_point(dataset: LabelledSet, point: Point, *, rows: int, seed: int = 1) -> Measured:
    """Link a labelled set under a point's terms, and attack the very encodings that were linked.

    Args:
        dataset: Registers and truth.
        point: The way to encode.
        rows: Persons attacked in each register, at full overlap; all where there are fewer.
        seed: Of the attack.

    Raises:
        WaslError: A step of the linkage or the attack refused.
    """

    def attack(opened: Opened) -> dict[str, Any]:
        return {"attacked": {} if point.profile == "clear" else _attacked(opened, point, rows, seed)}

    report = evaluate(dataset, profile=point.profile, group="local", terms=point.terms, also=attack).report
    pairs = report["pairwise"]
    return Measured(point, pairs["f1"], pairs["precision"], pairs["recall"], report["attacked"])


def _attacked(opened: Opened, point: Point, rows: int, seed: int) -> dict[str, Hits]:
    found = {}
    for name, agent in sorted(opened.agents.items()):
        subject = agent.audits.subject(agent.state.submissions()[-1].manifest_id)
        if point.profile == "record":
            records = audit_records(Encodings.of(subject), rows=rows, overlaps=(1.0,), pairs=rows // 2, seed=seed)
            found[name] = records.leakage[0].union
            continue
        union = audit_blocks(
            subject.passes,
            subject.identities,
            subject.agreement,
            rows=rows,
            overlaps=(1.0,),
            known_pairs=(),
            seed=seed,
            controls=False,
        ).union
        found[name] = Hits(hits=union.hits, total=union.total)
    return found
