"""A register's records, mapped, normalised and grouped: what encoding, preview and preflight all begin with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from connectors.configuration import Configuration
from connectors.errors import ConnectorConfigurationError
from connectors.mapping import MappedTable, read_identities, refuse_dates
from connectors.subjects import group_subjects
from contract.agreement import Agreement, RegisterTerms
from contract.fields import STANDARD_FIELDS, FieldType, field_type
from contract.registers import COLUMN_OF_FIELD, REGISTERS
from pseudonymisation.normalisation.fields import ColumnReport, FieldMapping
from pseudonymisation.normalisation.identities import normalise


@dataclass(frozen=True)
class OwnRecords:
    """The records of one vintage, at home.

    Attributes:
        mapped: Canonical columns of the identity table.
        linkage: Normalised linkage fields of the agreement, one row a record; nothing else is encoded.
        local: The same and what only this institution uses: further documents, attributes of the payload.
        groups: int64[records], persons as the connector groups them, from 0.
        report: Counts by linkage field and mapped field.
    """

    mapped: MappedTable
    linkage: pl.DataFrame
    local: pl.DataFrame
    groups: NDArray[np.int64]
    report: dict[str, ColumnReport]


def mapped_fields(configuration: Configuration, agreement: Agreement, terms: RegisterTerms) -> dict[str, FieldMapping]:
    """Return the agreement's linkage fields of this register that connector.toml maps to a column.

    Raises:
        ConnectorConfigurationError: A field has another type there than in the agreement.
        AgreementError: The agreement gives a field no type.
    """
    found: dict[str, FieldMapping] = {}
    for name in terms.fields:
        kind = field_type(name, agreement.own_fields)
        declared = configuration.own_fields.get(name)
        if declared is not None and declared != kind:
            raise ConnectorConfigurationError(
                f"The agreement gives the field {name} the type {kind.value}.",
                where={"file": "connector.toml", "key": f"field.{name}"},
            )
        mapping = _mapping(configuration, name, kind)
        if mapping is not None:
            found[name] = mapping
    return found


def load_records(configuration: Configuration, agreement: Agreement, terms: RegisterTerms) -> OwnRecords:
    """Read, map, normalise and group the register.

    Raises:
        SourceError: The identity table cannot be read.
        RecordIdError: Record ids are not unique.
        DateError: A birth date cannot be parsed, unless `bad_dates` says to treat it as missing.
        ConnectorConfigurationError: See `mapped_fields`.
    """
    mapped = read_identities(configuration)
    # a birth after the agreement's end is a fault; today's date would make the same file encode otherwise tomorrow
    as_of = agreement.expires_on
    fields = mapped_fields(configuration, agreement, terms)
    linkage = normalise(mapped.frame, fields, as_of=as_of)
    further = {
        name: mapping
        for name, kind in STANDARD_FIELDS.items()
        if name not in fields and (mapping := _mapping(configuration, name, kind)) is not None
    }
    extra = normalise(mapped.frame, further, as_of=as_of)
    report = {**linkage.report, **extra.report}
    if configuration.bad_dates == "refuse":
        _refuse_bad_dates(configuration, mapped, {**fields, **further}, report)
    new = [name for name in extra.frame.columns if name not in linkage.frame.columns]
    local = linkage.frame.hstack(extra.frame.select(new)) if new else linkage.frame
    return OwnRecords(mapped, linkage.frame, local, group_subjects(local), report)


def distinct_identities(linkage: pl.DataFrame, subjects: NDArray[np.int64]) -> pl.DataFrame:
    """Return each subject's distinct identities: the linkage columns, `subject` (Int64) and `identity` (Int32).

    `identity` counts from 0 within its subject, in the order of first appearance.
    """
    frame = linkage.with_columns(pl.Series("subject", subjects, dtype=pl.Int64))
    distinct = frame.unique(maintain_order=True)
    return distinct.with_columns(pl.int_range(pl.len(), dtype=pl.Int32).over("subject").alias("identity"))


def _mapping(configuration: Configuration, name: str, kind: FieldType) -> FieldMapping | None:
    column = COLUMN_OF_FIELD.get((configuration.register, name), name)
    if column not in configuration.columns:
        column = name
    own = configuration.columns.get(column)
    if own is None:
        return None
    schema = REGISTERS.get(configuration.register)
    any_document = own.any_document or (schema is not None and name in schema.any_document)
    return FieldMapping(column, kind.value, format=own.format, any_document=any_document)


def _refuse_bad_dates(
    configuration: Configuration,
    mapped: MappedTable,
    fields: dict[str, FieldMapping],
    report: dict[str, ColumnReport],
) -> None:
    for name, mapping in fields.items():
        if mapping.type == "date" and report[name].unparsable:
            rows = mapped.rows.gather(report[name].unparsable_rows)
            refuse_dates(mapped.name, configuration.columns[mapping.column].column, rows)
