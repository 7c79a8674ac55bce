"""Each producer's data seen through the catalogue: what is missing, malformed, or in no code list. Counts only.

What an institution gets back about its data is this and no more: no record, no value, nothing that a link revealed.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from contract.registers import REGISTERS
from trajectories.catalogue import catalogue
from trajectories.coding import CONCORDANCES
from trajectories.parse import days, months, stamps, strip, whole_numbers
from trajectories.tables import LinkedRegisters

DIAGNOSIS_SCHEMA: Final = {
    "register": pl.String,
    "column": pl.String,
    "rule": pl.String,
    "rows": pl.Int64,
    "missing": pl.Int64,
    "invalid": pl.Int64,
    "unmapped": pl.Int64,
}
_DATES: Final = frozenset(
    {"issued_on", "valid_from", "valid_to", "withdrawn_on", "visa_date", "start", "end", "registered_on", "removed_on"}
)
_NUMBERS: Final = frozenset({"days", "pay_centimes", "monthly_pay"})
_LISTS: Final = {"situation": "situation/1", "motive": "permit_motive/1"}
_WORDS: Final = {
    "direction": ("entry", "exit"),
    "mode": ("air", "sea", "land"),
    "decision": ("granted", "refused", "withdrawn"),
    "first_or_renewal": ("first", "renewal"),
    "permit_type": ("registration", "residence"),
    "kind": ("attestation", "placement_abroad"),
}
_TABLES: Final = {"contracts": "work_contract", "permits": "residence_permit"}


def diagnose(linked: LinkedRegisters) -> pl.DataFrame:
    """Return, for every event column of every register, how many cells are missing, invalid or unmapped.

    Returns:
        `DIAGNOSIS_SCHEMA`, sorted. `rule` is the form or the code list, concordance or words the column is held
        against (empty: none, only missing cells are counted); `invalid` cells are not in that form, `unmapped` ones
        are in no code list or concordance. An empty cell is missing, whether or not it may be.
    """
    rows = []
    for register, frame in sorted(linked.events.items()):
        for column in REGISTERS[register].events:
            if column in frame.columns:
                rows.append((register, column, *_cells(register, column, strip(frame[column].cast(pl.String)))))
    return pl.DataFrame(rows, schema=DIAGNOSIS_SCHEMA, orient="row")


def _cells(register: str, column: str, text: pl.Series) -> tuple[str, int, int, int, int]:
    filled = text.drop_nulls()
    rule, invalid, unmapped = "", 0, 0
    mapped = {(_TABLES[table], name): concordance for table, name, concordance in CONCORDANCES.values()}
    if (register, column) in mapped:
        rule = mapped[register, column]
        unmapped = catalogue().concordance(rule).apply(filled).null_count()
    elif column in _LISTS:
        rule = _LISTS[column]
        unmapped = filled.len() - int(filled.is_in(catalogue().code_list(rule).codes).sum())
    elif column in _WORDS:
        rule = "words"
        unmapped = filled.len() - int(filled.is_in(_WORDS[column]).sum())
    elif column == "crossed_at":
        rule, invalid = "timestamp", stamps(filled)["day"].null_count()
    elif column == "period":
        rule, invalid = "month", months(filled).null_count()
    elif column in _DATES:
        rule, invalid = "date", days(filled).null_count()
    elif column in _NUMBERS:
        rule, invalid = "whole number", whole_numbers(filled).null_count()
    return rule, text.len(), text.null_count(), invalid, unmapped
