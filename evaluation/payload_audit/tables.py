"""The payload of one register as it would leave, beside what an attacker holds in clear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from connectors.encode import Prepared
from connectors.payload import events_table, random_refs, records_table
from contract.agreement import RegisterTerms
from contract.errors import InputError
from pseudonymisation.keys.tree import derive
from pseudonymisation.randomness import RandomSource, SeededRandomness

#: Columns that name a row, not a person's properties.
REFERENCES: Final = frozenset({"subject_ref", "record_ref"})


class PayloadInputError(InputError):
    """The payload cannot be audited as it stands."""

    code = "payload.input"
    default_advice = "Check the register's attributes and events in the agreement and the mapping in connector.toml."


@dataclass(frozen=True)
class PayloadTables:
    """What is attacked, and the truth beside it.

    Attributes:
        register: The register's name.
        terms: What the agreement lets travel.
        records: As it would leave: `subject_ref`, `record_ref`, attributes.
        events: As it would leave: `record_ref` and event columns.
        clear_records: The same records in clear: `record_ref`, `birth_date`, `sex`, `nationality`.
        clear_events: `record_ref` and the event columns before coarsening, also those that do not travel.
        pseudonym_key: Key of this payload's pseudonyms, so that the attacker's view can be made comparable.
    """

    register: str
    terms: RegisterTerms
    records: pl.DataFrame
    events: pl.DataFrame
    clear_records: pl.DataFrame
    clear_events: pl.DataFrame
    pseudonym_key: bytes

    @property
    def subjects(self) -> int:
        """Number of persons, as the institution groups its records."""
        return self.records.get_column("subject_ref").n_unique()

    def released_events(self) -> pl.DataFrame:
        """Return the events with their subject and its record's attributes, as the statistics unit can join them."""
        return self.events.join(self.records, on="record_ref", how="inner", suffix="_record")


def payload_tables(prepared: Prepared, random: RandomSource | None = None) -> PayloadTables:
    """Make the payload of a prepared vintage in memory, by the very functions that make the submission's.

    Args:
        prepared: From `connectors.encode.prepare`.
        random: Source of the references and of the pseudonyms' key; both are thrown away with the tables.

    Raises:
        PayloadInputError: The register has no record.
    """
    records, terms = prepared.records, prepared.terms
    frame = records.mapped.frame
    if not frame.height:
        raise PayloadInputError("The register has no record.")
    source = random or SeededRandomness(b"payload audit")
    key = derive(source.words(4).tobytes(), "pseudonyms")
    subjects = random_refs(int(prepared.subjects.max()) + 1, source.child("subjects"))
    subject_refs = [subjects[number] for number in prepared.subjects.tolist()]
    record_refs = random_refs(frame.height, source.child("records"))
    by_id = dict(zip(frame.get_column("record_id").to_list(), record_refs, strict=True))
    clear = RegisterTerms.model_validate(
        {"name": terms.name, "holder": terms.holder, "fields": terms.fields, "attributes": _CLEAR_ATTRIBUTES}
    )
    own_events = prepared.events.frame if prepared.events else pl.DataFrame({"record_id": []}, {"record_id": pl.String})
    references = pl.Series([by_id[one] for one in own_events.get_column("record_id").to_list()], dtype=pl.String)
    return PayloadTables(
        register=terms.name,
        terms=terms,
        records=records_table(terms, frame, records.local, subject_refs, record_refs, key),
        events=events_table(
            terms,
            prepared.events.frame if prepared.events else None,
            by_id,
            key,
            dict(zip(by_id, subject_refs, strict=True)),
        ),
        clear_records=records_table(clear, frame, records.local, subject_refs, record_refs, key).drop("subject_ref"),
        clear_events=own_events.drop("record_id").insert_column(0, references.alias("record_ref")),
        pseudonym_key=key,
    )


_CLEAR_ATTRIBUTES: Final = [{"column": name} for name in ("birth_date", "sex", "nationality")]


def months_of(column: pl.Series) -> pl.Series:
    """Return the month `YYYY-MM` of dates and months in ISO 8601; null where there is none."""
    month = column.cast(pl.String).str.slice(0, 7)
    return month.set(~month.str.contains(r"^[0-9]{4}-(0[1-9]|1[0-2])$").fill_null(value=False), None)
