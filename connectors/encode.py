"""From the register's file to a submission in the outbox: everything that happens in the clear, in memory.

Pass tables are no clear text: each is written to the submission's folder as it is made, and let go.
`prepare` does all but the encoding (shared with preview and preflight); `encode` needs the epoch key and, for the
exchange of crowded key values, the linkage unit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from connectors.agreements import check_own_part
from connectors.client import UnitClient
from connectors.configuration import Configuration
from connectors.counting import PersonCounter
from connectors.crowding import exchange_crowded
from connectors.identities import OwnRecords, distinct_identities, load_records
from connectors.mapping import MappedTable, read_events
from connectors.package import SubmissionFolder
from connectors.payload import (
    check_payload_columns,
    events_table,
    handles_table,
    random_refs,
    records_table,
    statistics_half,
)
from connectors.state import LocalState, LocalSubmission
from contract.agreement import Agreement, RegisterTerms, SignedAgreement
from contract.submission import SignedManifest
from pseudonymisation.blocking.caps import CrowdedKeys, PersonCount, SubjectCount
from pseudonymisation.encoding.profile import EncodedPass, EncodingContext, profile_for
from pseudonymisation.keys.store import KeyStore
from pseudonymisation.keys.tree import derive, vintage_key
from pseudonymisation.randomness import RandomSource, SystemRandomness

Grouping = Literal["local", "none"]


@dataclass(frozen=True)
class Prepared:
    """A vintage read, normalised and grouped.

    Attributes:
        agreement: The live agreement.
        terms: The register's terms.
        records: The register's records.
        events: Its events, if it has any.
        subjects: int64[records], subject number under the grouping asked for.
    """

    agreement: Agreement
    terms: RegisterTerms
    records: OwnRecords
    events: MappedTable | None
    subjects: NDArray[np.int64]


@dataclass(frozen=True)
class Encoded:
    """What `encode_tables` made: the passes, wherever their tables are kept, and the payload, still in memory."""

    passes: dict[str, EncodedPass]
    handles: pl.DataFrame
    records: pl.DataFrame
    events: pl.DataFrame


@dataclass(frozen=True)
class Submitted:
    """A submission in the outbox.

    Attributes:
        signed: Its signed manifest.
        folder: Where it lies.
        report: Counts, no identity.
    """

    signed: SignedManifest
    folder: Path
    report: dict[str, Any]


def prepare(
    configuration: Configuration,
    signed: SignedAgreement,
    public_keys: tuple[str, str],
    *,
    group: Grouping = "local",
    now: datetime | None = None,
) -> Prepared:
    """Check the agreement, then read, normalise and group the register.

    Args:
        configuration: The connector's.
        signed: The agreement with its signatures.
        public_keys: The institution's own, signing and sealing.
        group: ``none`` makes every record a subject of its own (evaluation).
        now: For tests.

    Raises:
        AgreementError: Not live, or not about this institution's keys and register.
        WaslError: The register cannot be read as configured; the subclass says why.
    """
    signed.check_live(now)
    agreement = signed.agreement
    terms = check_own_part(agreement, configuration, public_keys)
    check_payload_columns(terms)
    records = load_records(configuration, agreement, terms)
    events = read_events(configuration, records.mapped.frame.get_column("record_id"))
    alone = np.arange(len(records.groups), dtype=np.int64)
    return Prepared(agreement, terms, records, events, records.groups if group == "local" else alone)


def encode_tables(
    prepared: Prepared,
    subject_refs: list[str],
    crowded: CrowdedKeys,
    epoch_key: bytes,
    vintage: str,
    random: RandomSource,
    keep: Callable[[str, EncodedPass], EncodedPass] = lambda _name, made: made,
) -> Encoded:
    """Encode a prepared vintage.

    Args:
        prepared: From `prepare`.
        subject_refs: Of each record.
        crowded: Union of all registers' crowded key values.
        epoch_key: K.
        vintage: The delivery's name.
        random: Source of handles.
        keep: Told each pass, by name, as soon as it is made; what it returns is kept in its place. By default the
            passes stay in memory.
    """
    agreement, terms, records = prepared.agreement, prepared.terms, prepared.records
    identities = distinct_identities(records.linkage, prepared.subjects)
    context = EncodingContext(agreement, terms.name, vintage_key(epoch_key, vintage), crowded, random)
    passes = {name: keep(name, made) for name, made in profile_for(agreement).encode_each(identities, context)}
    # of each subject, one record's reference: all records of a subject have the same
    _, first = np.unique(prepared.subjects, return_index=True)
    of_subject = [subject_refs[int(place)] for place in first]
    record_refs = random_refs(len(subject_refs), random.child(f"records/{terms.name}/{vintage}"))
    by_id = dict(zip(records.mapped.frame.get_column("record_id").to_list(), record_refs, strict=True))
    pseudonym_key = derive(epoch_key, "pseudonyms")
    return Encoded(
        passes=passes,
        handles=handles_table({name: one.handles for name, one in passes.items()}, of_subject),
        records=records_table(terms, records.mapped.frame, records.local, subject_refs, record_refs, pseudonym_key),
        events=events_table(
            terms,
            prepared.events.frame if prepared.events else None,
            by_id,
            pseudonym_key,
            dict(zip(by_id, subject_refs, strict=True)),
        ),
    )


def encode(
    prepared: Prepared,
    vintage: str,
    *,
    outbox: Path,
    store: KeyStore,
    state: LocalState,
    client: UnitClient,
    random: RandomSource | None = None,
    finish: Callable[[Encoded, Submitted], None] | None = None,
) -> Submitted:
    """Encode a vintage and write its submission into the outbox; nothing leaves but the list of crowded keys.

    Args:
        prepared: From `prepare`.
        vintage: The delivery's name, such as ``2024-12``.
        outbox: Where submissions wait.
        store: The key store.
        state: The local state.
        client: The linkage unit's, for the exchange of crowded key values.
        random: The system's randomness by default; seeded in evaluation only.
        finish: Called at the end with what was made, its passes in their files, before the payload is let go.

    Raises:
        MissingEpochKeyError: The ceremony is not complete.
        WaitingError: Others have not sent their crowded key values yet.
        StorageError: The disk does not take the submission; nothing is left behind.
    """
    source = random or SystemRandomness()
    agreement, terms, records = prepared.agreement, prepared.terms, prepared.records
    epoch_key = store.epoch_key(agreement.id, agreement.epoch)
    crowded = CrowdedKeys()
    if agreement.profile.name != "record":
        persons, counter = own_persons(records, terms)
        noise = source.child("crowded")
        crowded = exchange_crowded(agreement, terms, vintage, persons, store, client, noise, counter)
    record_ids = records.mapped.frame.get_column("record_id").to_list()
    fresh = source.child(f"subjects/{terms.name}/{vintage}")
    subject_refs = state.subject_refs(record_ids, prepared.subjects.tolist(), lambda count: random_refs(count, fresh))
    with SubmissionFolder(outbox, agreement, terms, vintage) as target:
        made = encode_tables(prepared, subject_refs, crowded, epoch_key, vintage, source, target.add_pass)
        target.add_statistics(statistics_half(made.handles, made.records, made.events))
        signed, folder = target.finish(store.signing_key)
    made = replace(made, passes={name: target.in_place(one) for name, one in made.passes.items()})
    report = encoding_report(prepared, made)
    manifest = signed.manifest
    state.add_submission(
        LocalSubmission(
            manifest_id=manifest.id,
            agreement_id=agreement.id,
            register_name=terms.name,
            vintage=vintage,
            created_at=manifest.created_at.isoformat(),
            state="prepared",
            folder=folder.name,
            details=report,
        )
    )
    submitted = Submitted(signed, folder, report)
    if finish is not None:
        finish(made, submitted)
    return submitted


def own_persons(records: OwnRecords, terms: RegisterTerms) -> tuple[pl.DataFrame, PersonCount]:
    """Return the distinct identities of the persons that the caps count, and how to count them.

    The caps always count persons as the connector groups them, also where each record is sent by itself. In a register
    that holds a person at most once, no two records are one person, however alike.
    """
    persons = distinct_identities(records.linkage, records.groups)
    subjects = persons.get_column("subject").to_numpy()
    return persons, SubjectCount(subjects) if terms.rows_per_person == "one" else PersonCounter(persons, subjects)


def encoding_report(prepared: Prepared, made: Encoded) -> dict[str, Any]:
    """Return counts about an encoded vintage: rows, subjects, what was withheld and what is missing. No identity."""
    return {
        "records": len(prepared.subjects),
        "subjects": int(prepared.subjects.max()) + 1 if len(prepared.subjects) else 0,
        "events": made.events.height,
        "passes": {name: asdict(one.report) for name, one in made.passes.items()},
        "missing": {name: found.missing for name, found in sorted(prepared.records.report.items())},
    }
