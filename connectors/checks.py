"""Preflight: what a vintage would look like, before anything is encoded. Counts and row numbers, never a value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from connectors.agreements import check_own_part
from connectors.configuration import Configuration
from connectors.identities import OwnRecords, load_records, mapped_fields
from connectors.mapping import MappedTable, read_events
from contract.agreement import Agreement, RegisterTerms

#: A field filled in less than this share of records is pointed out.
LOW_COVERAGE = 0.5
_ROWS_SHOWN = 20


def check(configuration: Configuration, agreement: Agreement, public_keys: tuple[str, str]) -> dict[str, Any]:
    """Read the register as encoding would and report on it; dates that cannot be parsed are counted, not refused.

    Args:
        configuration: The connector's.
        agreement: The agreement, signed or not: a preflight is made before signing.
        public_keys: The institution's own, signing and sealing.

    Returns:
        `records`, `subjects`, `events`; `fields`: by linkage field the column, coverage, and counts of unparsable
        values, sentinels, wrong check digits and cut values with row numbers; `columns`: the same for codes and event
        columns; `not_mapped`: what the agreement has and connector.toml does not map; `warnings`: plain sentences.

    Raises:
        WaslError: The register cannot be read at all; the subclass says where.
    """
    terms = check_own_part(agreement, configuration, public_keys)
    counted = replace(configuration, bad_dates="empty")
    records = load_records(counted, agreement, terms)
    events = read_events(counted, records.mapped.frame.get_column("record_id"))
    fields = _fields(configuration, agreement, terms, records)
    subjects = int(records.groups.max()) + 1 if len(records.groups) else 0
    report: dict[str, Any] = {
        "register": terms.name,
        "records": len(records.groups),
        "subjects": subjects,
        "events": events.frame.height if events is not None else 0,
        "fields": fields,
        "columns": _columns(records.mapped) | (_columns(events) if events is not None else {}),
        "not_mapped": _not_mapped(configuration, agreement, terms),
    }
    report["warnings"] = _warnings(configuration, report, terms)
    return report


def _fields(
    configuration: Configuration, agreement: Agreement, terms: RegisterTerms, records: OwnRecords
) -> dict[str, dict[str, Any]]:
    found = {}
    total = len(records.groups)
    for name, mapping in sorted(mapped_fields(configuration, agreement, terms).items()):
        counts = records.report[name]
        rows = records.mapped.rows.gather(counts.unparsable_rows[:_ROWS_SHOWN]).to_list()
        found[name] = {
            "column": configuration.columns[mapping.column].column,
            "coverage": round(1 - counts.missing / total, 4) if total else 0.0,
            "missing": counts.missing,
            "unparsable": counts.unparsable,
            "unparsable_rows": rows,
            "sentinels": counts.sentinels,
            "check_failed": counts.check_failed,
            "truncated": counts.truncated,
        }
    return found


def _columns(mapped: MappedTable) -> dict[str, dict[str, Any]]:
    return {
        name: {"unmapped_codes": one.unmapped, "unparsable": one.unparsable, "rows": one.rows[:_ROWS_SHOWN]}
        for name, one in sorted(mapped.faults.items())
        if one.unmapped or one.unparsable
    }


def _not_mapped(configuration: Configuration, agreement: Agreement, terms: RegisterTerms) -> list[str]:
    mapped = mapped_fields(configuration, agreement, terms)
    missing = [f"field {name}" for name in terms.fields if name not in mapped]
    missing += [f"attribute {one.column}" for one in terms.attributes if one.column not in configuration.columns]
    return missing + [f"event {one.column}" for one in terms.events if one.column not in configuration.event_columns]


def _warnings(configuration: Configuration, report: dict[str, Any], terms: RegisterTerms) -> list[str]:
    said = []
    for name, field in report["fields"].items():
        if field["coverage"] < LOW_COVERAGE:
            said.append(
                f"{name} is filled in {field['coverage']:.0%} of the records: passes that need it miss the rest."
            )
        if field["unparsable"]:
            effect = "refused" if configuration.bad_dates == "refuse" and "birth" in name else "treated as missing"
            said.append(
                f"{name}: {field['unparsable']} values cannot be read in full; when encoding they are {effect}."
            )
    for name, column in report["columns"].items():
        if column["unmapped_codes"]:
            said.append(f"{name}: {column['unmapped_codes']} codes are in no concordance and will be empty.")
        if column["unparsable"]:
            effect = "refused" if configuration.bad_dates == "refuse" else "treated as missing"
            said.append(f"{name}: {column['unparsable']} dates cannot be read; when encoding they are {effect}.")
    said += [f"The agreement's {name} is not mapped: it will be empty." for name in report["not_mapped"]]
    repeated = report["records"] - report["subjects"]
    if terms.rows_per_person == "one" and repeated:
        said.append(f"{repeated} records repeat a person although the agreement says one record a person.")
    return said
