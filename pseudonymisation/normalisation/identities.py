"""Normalise the identity columns of a register: one call, one row out for each row in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import polars as pl

from pseudonymisation.normalisation.countries import country_column
from pseudonymisation.normalisation.date_columns import (
    birth_date_columns,
    birth_part_column,
    blank_first_of_january,
)
from pseudonymisation.normalisation.documents import code_column, document_kind, social_security_column
from pseudonymisation.normalisation.fields import (
    STANDARD_FIELDS,
    ColumnReport,
    FieldMapping,
    NormalisedIdentities,
    check_mapping,
)
from pseudonymisation.normalisation.names import (
    full_name_columns,
    name_column,
    skeleton_column,
    sorted_tokens,
)
from pseudonymisation.normalisation.texts import category_column, custom_code_column, sex_column, text_column

_BIRTH_PARTS: Final = ("birth_year", "birth_month", "birth_day")
_NUMBERS: Final = {
    "passport_no": "passport",
    "national_id": "national_id",
    "residence_card_no": "residence_card",
    "social_security_no": "social_security",
}


def normalise(
    frame: pl.DataFrame, fields: Mapping[str, FieldMapping], *, as_of: date | None = None
) -> NormalisedIdentities:
    """Normalise a register's identity columns.

    Args:
        frame: The register's table; mapped columns are strings, null or "" where missing. Nothing else is missing
            ("Nan" and "None" are names), except documented sentinels of numbers.
        fields: Linkage field to where it comes from. Standard fields are those of `STANDARD_FIELDS`.
        as_of: Nobody is born after this day's year; today by default. Give it where a run must repeat bit by bit.

    Returns:
        A frame with, where their fields are mapped:

        - `given`, `family` (String): a-z tokens, particles folded; `given_skeleton`, `family_skeleton` in the same
          order of tokens; `full`, `full_skeleton`: all tokens sorted; `name_order_known` (Boolean): false where the
          parts are guessed from a full name. These seven are always there when a name field is mapped.
        - `birth_year` (Int32), `birth_month`, `birth_day` (Int8), null where unknown; all three or none.
        - `sex`: f, m. `nationality`, `birth_country`: ISO 3166-1 alpha-3.
        - `passport`, `national_id`, `residence_card`, `social_security`, `document_any`: identifiers.
        - `text:FIELD`, `code:FIELD`, `category:FIELD`, `country:FIELD`, `name:FIELD` and `date:FIELD` (ISO, 00 where
          unknown) for texts and for fields that are not standard ones.

    Raises:
        FieldMappingError: The mapping names a column that is not there, a wrong type, or an unreadable date format.
    """
    last_year = (as_of or date.today()).year
    mappings = dict(sorted(fields.items()))
    check_mapping(frame.columns, mappings)
    report = {name: ColumnReport() for name in mappings}
    columns = {name: _filled(frame.get_column(mapping.column), report[name]) for name, mapping in mappings.items()}
    out: dict[str, pl.Series] = {}
    out.update(_names(columns, report))
    out.update(_birth(columns, mappings, last_year, report))
    out.update(_numbers(columns, mappings, report))
    for name, mapping in mappings.items():
        out.update(_other(name, mapping, columns[name], last_year, report[name]))
    made = pl.DataFrame(out) if out else frame.select([])
    return NormalisedIdentities(made, report)


def _filled(column: pl.Series, report: ColumnReport) -> pl.Series:
    """Return the column as strings with blanks as null, and count the missing."""
    text = column.cast(pl.String)
    text = pl.select(pl.when(text.str.strip_chars() != "").then(text)).to_series()
    report.missing = text.null_count()
    return text.alias(column.name)


def _names(columns: Mapping[str, pl.Series], report: Mapping[str, ColumnReport]) -> dict[str, pl.Series]:
    parts: dict[str, pl.Series] = {}
    for part, latin in (("given", "given_names"), ("family", "family_name")):
        sources = [name for name in (latin, f"{latin}_ar") if name in columns]
        found = [name_column(columns[name], report[name]) for name in sources]
        if found:
            parts[part] = _coalesce(*found)
    if not parts and "full_name" not in columns:
        return {}
    height = len(next(iter(columns.values())))
    empty = pl.Series([None] * height, dtype=pl.String) if len(parts) < 2 or "full_name" in columns else None
    given, family = parts.get("given", empty), parts.get("family", empty)
    assert given is not None
    assert family is not None
    known = given.is_not_null() | family.is_not_null()
    if "full_name" in columns:
        # the full name speaks only where its parts are not given
        guessed = pl.select(pl.when(~known).then(columns["full_name"])).to_series()
        guess_given, guess_family = full_name_columns(guessed, report["full_name"])
        given, family = _coalesce(given, guess_given), _coalesce(family, guess_family)
    names = pl.DataFrame(
        {
            "given": given,
            "family": family,
            "given_skeleton": skeleton_column(given),
            "family_skeleton": skeleton_column(family),
        }
    )
    order_known = known if "full_name" in columns else pl.Series([True] * height, dtype=pl.Boolean)
    full = {
        "full": sorted_tokens(given, family),
        "full_skeleton": sorted_tokens(names.get_column("given_skeleton"), names.get_column("family_skeleton")),
    }
    return {**names.to_dict(), **full, "name_order_known": order_known}


def _birth(
    columns: Mapping[str, pl.Series],
    mappings: Mapping[str, FieldMapping],
    last_year: int,
    report: Mapping[str, ColumnReport],
) -> dict[str, pl.Series]:
    if not {"birth_date", *_BIRTH_PARTS} & set(columns):
        return {}
    height = len(next(iter(columns.values())))
    parts = pl.DataFrame(
        {name: pl.Series([None] * height, dtype=pl.Int32 if name == "birth_year" else pl.Int8) for name in _BIRTH_PARTS}
    )
    if "birth_date" in columns:
        parts = birth_date_columns(columns["birth_date"], mappings["birth_date"], last_year, report["birth_date"])
    for name in _BIRTH_PARTS:
        if name in columns:
            own = birth_part_column(columns[name], name, last_year, report[name])
            parts = parts.with_columns(_coalesce(parts.get_column(name), own).alias(name))
    return blank_first_of_january(parts).to_dict()


def _numbers(
    columns: Mapping[str, pl.Series], mappings: Mapping[str, FieldMapping], report: Mapping[str, ColumnReport]
) -> dict[str, pl.Series]:
    found: dict[str, list[pl.Series]] = {}
    for name, kind in _NUMBERS.items():
        if name in columns:
            read = social_security_column if kind == "social_security" else code_column
            target = "document_any" if mappings[name].any_document else kind
            found.setdefault(target, []).append(read(columns[name], report[name]))
    if "doc_no" in columns:
        number = code_column(columns["doc_no"], report["doc_no"])
        untyped = number
        if "doc_type" in columns:
            kinds = document_kind(columns["doc_type"], report["doc_type"])
            for kind in ("passport", "national_id", "residence_card"):
                typed = pl.select(pl.when(kinds == kind).then(number)).to_series()
                found.setdefault(kind, []).append(typed)
            untyped = pl.select(pl.when(kinds.is_null()).then(number)).to_series()
        found.setdefault("document_any", []).append(untyped)
    return {name: _coalesce(*series) for name, series in found.items()}


def _other(
    name: str, mapping: FieldMapping, column: pl.Series, last_year: int, report: ColumnReport
) -> dict[str, pl.Series]:
    if name == "sex":
        return {"sex": sex_column(column, report)}
    if name in {"nationality", "birth_country"}:
        return {name: country_column(column, report)}
    if name in STANDARD_FIELDS and mapping.type != "text":
        return {}
    made = {
        "name": lambda: name_column(column, report),
        "text": lambda: text_column(column, report),
        "code": lambda: custom_code_column(column),
        "country": lambda: country_column(column, report),
        "category": lambda: category_column(column),
        "date": lambda: _iso(birth_date_columns(column, mapping, last_year, report)),
    }
    return {f"{mapping.type}:{name}": made[mapping.type]()}


def _iso(parts: pl.DataFrame) -> pl.Series:
    return parts.select(
        pl.format(
            "{}-{}-{}",
            pl.col("birth_year").cast(pl.String).str.zfill(4),
            pl.col("birth_month").fill_null(0).cast(pl.String).str.zfill(2),
            pl.col("birth_day").fill_null(0).cast(pl.String).str.zfill(2),
        )
    ).to_series()


def _coalesce(*columns: pl.Series) -> pl.Series:
    return pl.select(pl.coalesce(*columns)).to_series()
