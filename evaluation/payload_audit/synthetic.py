"""The payload of a synthetic register under proposed rules: what the rules would do before there is an agreement."""

from __future__ import annotations

import polars as pl

from connectors.drafting import RegisterProposal
from connectors.payload import events_table, random_refs, records_table
from contract.agreement import RegisterTerms
from evaluation.payload_audit.tables import PayloadTables
from evaluation.synthetic import SyntheticCountry
from pseudonymisation.randomness import SeededRandomness

_YEAR_OF_WINDOW = 100


def synthetic_payload(country: SyntheticCountry, proposal: RegisterProposal) -> PayloadTables:
    """Return a register's payload as a connector that knows every person would make it.

    Args:
        country: The synthetic country; its truth tells which records are one person's.
        proposal: Which columns travel, and how coarse.
    """
    register = country.registers[proposal.name]
    truth = country.truth().filter(pl.col("register") == proposal.name).select("record_id", "entity_id")
    frame = register.identity.join(truth, on="record_id", how="left", maintain_order="left")
    persons = frame.get_column("entity_id").rank("dense").cast(pl.Int64) - 1
    source = SeededRandomness(f"synthetic payload/{proposal.name}".encode())
    subjects = random_refs(int(persons.max()) + 1, source.child("subjects"))  # type: ignore[arg-type]
    subject_refs = [subjects[number] for number in persons.to_list()]
    record_refs = random_refs(frame.height, source.child("records"))
    by_id = dict(zip(frame.get_column("record_id").to_list(), record_refs, strict=True))
    key = source.words(4).tobytes()
    identities = _identities(frame, country.settings.end.year)
    terms = _terms(proposal, proposal.attributes, proposal.events)
    clear = _terms(proposal, [{"column": name} for name in ("birth_date", "sex", "nationality")], ())
    references = pl.Series([by_id[one] for one in register.events.get_column("record_id").to_list()], dtype=pl.String)
    return PayloadTables(
        register=proposal.name,
        terms=terms,
        records=records_table(terms, frame, identities, subject_refs, record_refs, key),
        events=events_table(terms, register.events, by_id, key, dict(zip(by_id, subject_refs, strict=True))),
        clear_records=records_table(clear, frame, identities, subject_refs, record_refs, key).drop("subject_ref"),
        clear_events=register.events.drop("record_id").insert_column(0, references.alias("record_ref")),
        pseudonym_key=key,
    )


def _terms(proposal: RegisterProposal, attributes: object, events: object) -> RegisterTerms:
    return RegisterTerms.model_validate(
        {
            "name": proposal.name,
            "holder": proposal.holder,
            "fields": proposal.fields,
            "attributes": attributes,
            "events": events,
        }
    )


def _identities(frame: pl.DataFrame, end_year: int) -> pl.DataFrame:
    """Return birth dates, sex and nationality as normalisation gives them; the birth date's parts apart."""
    date = pl.col("birth_date")
    two = date.str.slice(0, 2).cast(pl.Int32, strict=False)
    century = pl.when(two > end_year % _YEAR_OF_WINDOW).then(1900).otherwise(2000)
    short = date.str.contains(r"^[0-9]{6}$")
    parts = {
        "birth_year": pl.when(short).then(century + two).otherwise(date.str.slice(0, 4).cast(pl.Int32, strict=False)),
        "birth_month": pl.when(short).then(date.str.slice(2, 2)).otherwise(date.str.slice(5, 2)),
        "birth_day": pl.when(short).then(date.str.slice(4, 2)).otherwise(date.str.slice(8, 2)),
    }
    return frame.select(
        *(part.cast(pl.Int32, strict=False).alias(name) for name, part in parts.items()),
        *(name for name in ("sex", "nationality", "birth_country") if name in frame.columns),
    )
