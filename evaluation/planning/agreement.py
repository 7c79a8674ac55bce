"""An agreement of parties that do not exist: an encoding is always made under one, a simulated one too."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import date

from connectors.drafting import RegisterProposal, draft_agreement
from contract.agreement import Agreement, CapTerms, Party, PassTerms
from contract.fields import FieldType

_PARTIES = {
    "holder": "institution",
    "other": "institution",
    "linkage": "linkage_unit",
    "statistics": "statistics_unit",
    "officer": "privacy_officer",
}


def planning_agreement(
    fields: Sequence[str],
    own_fields: Mapping[str, FieldType],
    passes: Sequence[PassTerms],
    caps: CapTerms,
    persons: int,
) -> Agreement:
    """Return an agreement over the register `holder` and another one like it."""
    key = base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")
    parties = [
        Party.model_validate({"name": name, "role": role, "signing_key": key, "sealing_key": key})
        for name, role in _PARTIES.items()
    ]
    registers = [RegisterProposal(name, name, tuple(fields), "one") for name in ("holder", "other")]
    return draft_agreement(
        parties,
        registers,
        title="Planning",
        purpose="Predicting what passes leak",
        persons=persons,
        own_fields=own_fields,
        passes=passes,
        caps=caps,
        created_on=date(2026, 1, 1),
    )
