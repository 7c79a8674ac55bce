"""What a register's columns mean for the linkage: field names, their types, and the report on their values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from contract.errors import ConfigurationError

#: Types of fields (DATASETS): person names, free text, identifier, date, country, few values.
FIELD_TYPES: Final = ("name", "text", "code", "date", "country", "category")
#: Standard linkage fields and their types.
STANDARD_FIELDS: Final[dict[str, str]] = {
    "family_name": "name",
    "given_names": "name",
    "full_name": "name",
    "family_name_ar": "name",
    "given_names_ar": "name",
    "birth_date": "date",
    "birth_year": "date",
    "birth_month": "date",
    "birth_day": "date",
    "sex": "category",
    "nationality": "country",
    "birth_country": "country",
    "birth_place": "text",
    "address": "text",
    "passport_no": "code",
    "national_id": "code",
    "residence_card_no": "code",
    "social_security_no": "code",
    "doc_no": "code",
    "doc_type": "category",
}
#: Row numbers listed in a report, at most, of each column.
MAX_ROWS_LISTED: Final = 1000


class FieldMappingError(ConfigurationError):
    """A linkage field is mapped to a column that is not there, or with a type that it does not have."""

    code = "configuration.field_mapping"
    default_advice = "Correct the register's mapping: the column names of the file, and the types of DATASETS."


@dataclass(frozen=True)
class FieldMapping:
    """Where a linkage field comes from.

    Attributes:
        column: Column of the register's table; strings, null or "" where missing.
        type: One of `FIELD_TYPES`; a standard field has its own type.
        format: strptime form of a date (%Y, %y, %m, %d, %b, %B and signs); None to find it from the values.
        any_document: The number may be a passport, a national identity card or a residence card, perhaps cut to 8
            characters (social security): it goes to `document_any`.
    """

    column: str
    type: str
    format: str | None = None
    any_document: bool = False


@dataclass
class ColumnReport:
    """Counts about one mapped column; never a value.

    Attributes:
        missing: Empty cells.
        unparsable: Cells from which nothing, or only a part, could be read.
        sentinels: Cells that hold a documented "no value" (000000000, NEANT).
        check_failed: Identifiers whose check digit is wrong; they are kept, since a typing error is evidence.
        truncated: Values cut to the documented bound.
        unparsable_rows: The first `MAX_ROWS_LISTED` row numbers (from 0) of unparsable cells.
    """

    missing: int = 0
    unparsable: int = 0
    sentinels: int = 0
    check_failed: int = 0
    truncated: int = 0
    unparsable_rows: list[int] = field(default_factory=list)

    def mark_unparsable(self, rows: pl.Series) -> None:
        """Count the rows where the Boolean series is true."""
        found = rows.fill_null(value=False).arg_true()
        self.unparsable += len(found)
        room = MAX_ROWS_LISTED - len(self.unparsable_rows)
        self.unparsable_rows.extend(found.head(max(room, 0)).to_list())

    def count_unparsable(self, before: pl.Series, after: pl.Series) -> None:
        """Count the rows that have a value before and none after."""
        self.mark_unparsable(before.is_not_null() & after.is_null())

    def as_dict(self) -> dict[str, Any]:
        """Return the counts and row numbers for a JSON report."""
        return dict(vars(self))


@dataclass(frozen=True)
class NormalisedIdentities:
    """Normalised identities of a register.

    Attributes:
        frame: One row for each input row, in the same order; the columns are listed at `normalise`.
        report: Counts for each mapped field.
    """

    frame: pl.DataFrame
    report: dict[str, ColumnReport]


def check_mapping(columns: list[str], fields: dict[str, FieldMapping]) -> None:
    """Refuse a mapping that cannot be meant.

    Raises:
        FieldMappingError: A column is missing, a type is unknown, or a standard field has another type.
    """
    for name, mapping in fields.items():
        where = {"field": name, "column": mapping.column}
        if mapping.column not in columns:
            raise FieldMappingError("A mapped column is not in the register's table.", where=where)
        if mapping.type not in FIELD_TYPES:
            raise FieldMappingError(f"A field's type is none of {', '.join(FIELD_TYPES)}.", where=where)
        if mapping.type != STANDARD_FIELDS.get(name, mapping.type):
            raise FieldMappingError(f"This standard field has the type {STANDARD_FIELDS[name]}.", where=where)
