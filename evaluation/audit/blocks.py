"""The attacks on `blind_blocks` as figures of an audit report."""

from __future__ import annotations

from contract.audit_report import Hits, LeakageFigures, PassFigures
from evaluation.attacks.blocks.leakage import Leakage, PassLeakage, Share


def hits(share: Share) -> Hits:
    """Return an attack's share as the report writes it."""
    return Hits(hits=share.hits, total=share.total)


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
