"""Successor agreements: rotation of keys, joining and leaving institutions, changed terms.

A successor names its predecessor and has a later key epoch, hence a ceremony and keys of its own: the linkage unit can
join nothing of the two. Subject references stay the institution's own and random, so that the statistics unit keeps
its person ids. What changes is listed for those who sign.
"""

from __future__ import annotations

from typing import Any

from contract.agreement import Agreement
from contract.errors import AgreementError


def check_successor(predecessor: Agreement, successor: Agreement) -> None:
    """Refuse a successor that would reuse keys or belongs to another agreement.

    Raises:
        AgreementError: It names another predecessor, or its epoch is not later.
    """
    if successor.predecessor != predecessor.id:
        raise AgreementError("The agreement names another predecessor.")
    if successor.epoch <= predecessor.epoch:
        raise AgreementError(
            "A successor needs a later key epoch than its predecessor.",
            advice="Draft it with `wasl agreement succeed`: two agreements never share keys.",
        )


def changes(predecessor: Agreement, successor: Agreement) -> dict[str, Any]:
    """Return what a successor changes, for people to read before they sign.

    Returns:
        `joined`, `left` (institutions), `new_keys` (parties with other public keys), `registers_added`,
        `registers_removed`, `registers_changed`, `terms` (names of other terms that differ).
    """
    before = {party.name: party for party in predecessor.parties}
    after = {party.name: party for party in successor.parties}
    old = {register.name: register for register in predecessor.registers}
    new = {register.name: register for register in successor.registers}
    ignored = {"parties", "registers", "epoch", "predecessor", "created_on", "expires_on", "retention_until"}
    terms = [
        name
        for name in sorted(set(type(predecessor).model_fields) - ignored)
        if getattr(predecessor, name) != getattr(successor, name)
    ]
    return {
        "joined": sorted(set(after) - set(before)),
        "left": sorted(set(before) - set(after)),
        "new_keys": sorted(name for name in set(before) & set(after) if _keys(before[name]) != _keys(after[name])),
        "registers_added": sorted(set(new) - set(old)),
        "registers_removed": sorted(set(old) - set(new)),
        "registers_changed": sorted(name for name in set(old) & set(new) if old[name] != new[name]),
        "terms": terms,
    }


def _keys(party: Any) -> tuple[str, str]:
    return party.signing_key, party.sealing_key
