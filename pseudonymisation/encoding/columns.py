"""The columns of a pass table: what each holds, from which normalised column, under which key.

The agreement alone decides them, so that all registers of an agreement have the same columns.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from contract.agreement import Agreement
from contract.fields import DATE_FIELDS, FieldType, field_type

Kind = Literal["bigrams", "positions", "token"]
HANDLE, BLOCK = "handle", "block"
_PART_NAMES = frozenset({"given_names", "family_name", "given_names_ar", "family_name_ar"})
_SLOTS_OF_FIELD = {
    "passport_no": ("passport",),
    "national_id": ("national_id", "document_any"),
    "residence_card_no": ("residence_card",),
    "social_security_no": ("social_security",),
    "doc_no": ("passport", "national_id", "residence_card", "document_any"),
}
# identifiers are cut to 8 in their token, so that a register that keeps 8 characters still matches
_SLOTS = ("passport", "national_id", "residence_card", "social_security", "document_any")


@dataclass(frozen=True)
class Column:
    """One encoded column.

    Attributes:
        name: In the pass table.
        source: Normalised column it encodes.
        kind: Sketch of `bigrams` or of `positions` (characters with their place), or exact `token`.
        group: Columns of one group share a key in each block.
        tag: Tokens of one group are comparable with each other, sketches in full only where the tag is the same.
    """

    name: str
    source: str
    kind: Kind
    group: str
    tag: int = 0


def fields_of(agreement: Agreement) -> frozenset[str]:
    """Return the linkage fields that some register of the agreement has."""
    return frozenset(name for register in agreement.registers for name in register.fields)


def has_names(fields: Collection[str]) -> bool:
    """Tell whether any person name is compared."""
    return bool(_PART_NAMES & set(fields)) or "full_name" in fields


def encoded_columns(fields: Collection[str], own_fields: Mapping[str, FieldType]) -> tuple[Column, ...]:
    """Return the encoded columns for a set of linkage fields, in the table's order.

    Raises:
        AgreementError: A field is neither standard nor declared.
    """
    columns: list[Column] = []
    if _PART_NAMES & set(fields):
        columns += [Column(name, name, "bigrams", "names", tag) for tag, name in enumerate(("given", "family"), 1)]
        skeletons = ("given_skeleton", "family_skeleton")
        columns += [Column(name, name, "bigrams", "skeletons", tag) for tag, name in enumerate(skeletons, 1)]
    if "full_name" in fields:
        columns += [Column(name, name, "bigrams", name) for name in ("full", "full_skeleton")]
    if set(DATE_FIELDS) & set(fields):
        columns.append(Column("birth_year", "birth_year", "token", "birth_year"))
        columns += [Column(name, name, "token", "month_day") for name in ("birth_month", "birth_day")]
    slots = {slot for name in fields for slot in _SLOTS_OF_FIELD.get(name, ())}
    for slot in (name for name in _SLOTS if name in slots):
        columns.append(Column(slot, slot, "token", "documents"))
        columns.append(Column(f"{slot}_sketch", slot, "positions", f"{slot}_sketch"))
    done = {*_PART_NAMES, "full_name", *DATE_FIELDS, *_SLOTS_OF_FIELD, "doc_type"}
    for name in sorted(set(fields) - done):
        columns.append(_plain(name, field_type(name, dict(own_fields))))
    return tuple(columns)


def _plain(name: str, kind: FieldType) -> Column:
    standard = name in {"sex", "nationality", "birth_country"}
    source = name if standard else f"{kind.value}:{name}"
    sketched = kind in {FieldType.TEXT, FieldType.CODE, FieldType.NAME}
    return Column(name, source, "bigrams" if sketched else "token", f"field/{name}")


def columns_of(agreement: Agreement) -> tuple[Column, ...]:
    """Return the encoded columns of an agreement's pass tables."""
    return encoded_columns(fields_of(agreement), agreement.own_fields)


def pass_schema(agreement: Agreement, *, clear: bool = False) -> pa.Schema:
    """Return the Arrow schema of a pass table of `blind_blocks` (or, `clear`, of plain strings)."""
    fields = [pa.field(HANDLE, pa.uint64(), nullable=False), pa.field(BLOCK, pa.uint64(), nullable=False)]
    for column in columns_of(agreement):
        encoded = pa.uint32() if column.kind == "token" else pa.binary(16)
        fields.append(pa.field(column.name, pa.string() if clear else encoded))
    return pa.schema(fields)
