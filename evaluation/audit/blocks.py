"""The attacks on `blind_blocks` as figures of an audit report."""

from __future__ import annotations

from typing import Any

from contract.audit_report import AttackFigures, Hits, KnownPairs, LeakageFigures, PassFigures
from evaluation.attacks.blocks.audit import BlockAudit
from evaluation.attacks.blocks.leakage import Leakage, PassLeakage, Share


def hits(share: Share) -> Hits:
    """Return an attack's share as the report writes it."""
    return Hits(hits=share.hits, total=share.total)


def figures_of(audit: BlockAudit, rows: dict[str, int]) -> dict[str, Any]:
    """Return the keys `leakage`, `known_pairs` and `attacks` of a report.

    At full overlap a row counts as named if either attacker names it; of known pairs the worst pass counts.

    Args:
        audit: What the attacks achieved.
        rows: Rows of each pass as they leave.
    """
    full = max(audit.fingerprint)
    found = {**audit.fingerprint, full: audit.worst}
    pairs = max(audit.seeded, default=0)
    of_passes = [hits(share) for share in audit.seeded[pairs].values()] if audit.seeded else []
    attacks = [
        attack_figures("block fingerprint", audit.fingerprint[full]),
        attack_figures("equality graphs", audit.equality),
        *(
            AttackFigures(name=f"{known} known pairs, {name}", named=hits(share))
            for known, shares in sorted(audit.seeded.items())
            for name, share in sorted(shares.items())
        ),
        _frequencies(audit),
        _missing(audit),
        AttackFigures(name="linkable handles, what if", named=hits(audit.linkable)),
    ]
    return {
        "leakage": tuple(leakage_figures(overlap, leak, rows) for overlap, leak in sorted(found.items(), reverse=True)),
        "known_pairs": KnownPairs(
            pairs=pairs, named=max(of_passes, key=lambda one: one.share, default=Hits(hits=0, total=0))
        ),
        "attacks": tuple(attacks),
    }


def attack_figures(name: str, found: Leakage) -> AttackFigures:
    """Return an attack's union over the passes as the report writes it."""
    baseline = max((leak.baseline for leak in found.passes.values()), default=0.0)
    details = {"confident": hits(found.union_confident).share}
    return AttackFigures(name=name, named=hits(found.union), baseline=round(baseline, 9), details=details)


def _frequencies(audit: BlockAudit) -> AttackFigures:
    """Return what sizes of blocks and frequencies of tokens tell: the pass where rank alignment named most."""
    found = audit.frequency.values()
    details = {
        "largest correlation of size and count": max((abs(one.correlation) for one in found), default=0.0),
        "largest share of tokens repeated": max((one.repeated_tokens for one in found), default=0.0),
        "blocks whose size no other has": float(max((one.unique_sizes for one in found), default=0)),
    }
    named = max((hits(one.aligned) for one in found), key=lambda one: one.share, default=Hits(hits=0, total=0))
    return AttackFigures(name="block frequencies", named=named, details=details)


def _missing(audit: BlockAudit) -> AttackFigures:
    """Return what missing cells pin down by themselves: the pass where most rows stand alone with theirs."""
    found = audit.missing.values()
    alone = max((hits(one.alone) for one in found), key=lambda one: one.share, default=Hits(hits=0, total=0))
    details = {"largest share guessed": max((one.guessed for one in found), default=0.0)}
    return AttackFigures(name="missing values", named=alone, details=details)


def leakage_figures(overlap: float, found: Leakage, rows: dict[str, int]) -> LeakageFigures:
    """Return the leakage at one overlap.

    Args:
        overlap: Share of the persons whom the attacker holds in clear.
        found: What the attack named.
        rows: Rows of each pass as they leave.
    """
    return LeakageFigures(
        overlap=overlap,
        passes=tuple(_pass_figures(name, leak, rows[name]) for name, leak in sorted(found.passes.items())),
        union=hits(found.union),
        union_confident=hits(found.union_confident),
    )


def _pass_figures(name: str, leak: PassLeakage, rows: int) -> PassFigures:
    return PassFigures(
        name=name,
        rows=rows,
        named=hits(leak.all),
        confident=hits(leak.confident),
        by_block_size={size: hits(share) for size, share in leak.by_block_size().items() if share.total},
        baseline=round(leak.baseline, 9),
    )
