"""The receipt: a unit's signed statement that it accepted its half of a submission."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from contract.agreement import Agreement, Frozen, Slug
from contract.signing import verify
from contract.submission import Hex32, Hex64, Vintage

RECEIPT_CONTEXT = "receipt/v1"


class Receipt(Frozen):
    """What was accepted, when, and which entry of the unit's audit log says so."""

    format: Literal["wasl-receipt/1"] = "wasl-receipt/1"
    unit: Literal["linkage_unit", "statistics_unit"]
    agreement_id: Hex64
    manifest_id: Hex64
    submission_id: Hex32
    register_name: Slug
    vintage: Vintage
    accepted_at: datetime
    audit_sequence: int = Field(ge=0)


class SignedReceipt(Frozen):
    """A receipt with the unit's signature under `RECEIPT_CONTEXT`."""

    receipt: Receipt
    signature: str

    def check(self, agreement: Agreement) -> None:
        """Verify the signature with the unit's key as the agreement has it.

        Raises:
            SignatureError: The unit did not sign it.
        """
        unit = agreement.with_role(self.receipt.unit)[0]
        verify(RECEIPT_CONTEXT, self.receipt, self.signature, unit.signing_key)
