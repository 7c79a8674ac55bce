"""Makes the demo's parties: keys, connector folders, the agreement among them, both units' data folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from connectors.agreements import keep_agreement
from connectors.drafting import RegisterProposal, canonical_proposal, draft_agreement
from connectors.starter import columns_of, starter_toml, write_starter
from contract.agreement import Agreement, GateTerms, Party, SignedAgreement
from contract.errors import InputError
from contract.registers import COLUMN_OF_FIELD, REGISTERS
from pseudonymisation.keys.store import KeyStore
from service.agreements.service import install_agreement
from service.server import load_or_create_keys
from service.settings import Settings
from service.unit import open_unit
from wasl.demo.institution import AUDIT_PERSONS
from wasl.demo.layout import OFFICER, Layout, holder_of


def find_registers(directory: Path) -> dict[str, tuple[Path, Path | None]]:
    """Return the canonical register files of a folder: name to (identities, events).

    Raises:
        InputError: There is none.
    """
    found = {}
    for name in REGISTERS:
        identities, events = directory / f"{name}.csv", directory / f"{name}_events.csv"
        if identities.is_file():
            found[name] = (identities, events if events.is_file() else None)
    if not found:
        raise InputError(
            "There is no register file in this folder.",
            advice=f"Expected NAME.csv and NAME_events.csv, NAME one of {', '.join(REGISTERS)}.",
            where={"folder": directory.name},
        )
    return found


def unknown_columns(registers: Mapping[str, tuple[Path, Path | None]]) -> dict[str, list[str]]:
    """Return file name to columns that no canonical register has: they are not used, and that must not stay silent.

    Raises:
        InputError: A file lacks the record ids.
        SourceError: A file cannot be read.
    """
    found = {}
    for name, files in registers.items():
        schema = REGISTERS[name]
        known = {"record_id", *schema.identity, *schema.attributes, *schema.events}
        for path in filter(None, files):
            columns = {column.strip().casefold(): column for column in columns_of(path)}
            if "record_id" not in columns:
                raise InputError("The column record_id is missing.", where={"file": path.name, "column": "record_id"})
            if unknown := [own for folded, own in columns.items() if folded not in known]:
                found[path.name] = unknown
    return found


def proposal(name: str, identities: Path, events: Path | None, persons: int) -> RegisterProposal:
    """Return what a register brings to the agreement: the canonical terms, cut to the columns its files have."""
    whole = canonical_proposal(name, holder_of(name), persons=persons)
    held = {column.strip().casefold() for column in columns_of(identities)}
    event_columns = {column.strip().casefold() for column in columns_of(events)} if events else held
    return RegisterProposal(
        name=name,
        holder=whole.holder,
        fields=tuple(field for field in whole.fields if COLUMN_OF_FIELD.get((name, field), field) in held),
        rows_per_person=whole.rows_per_person,
        attributes=tuple(column for column in whole.attributes if column.column in held),
        events=tuple(column for column in whole.events if column.column in event_columns),
    )


def write_connectors(
    layout: Layout, registers: Mapping[str, tuple[Path, Path | None]], urls: tuple[str, str]
) -> list[Party]:
    """Make each register's connector folder with keys and configuration; return the institutions."""
    parties = []
    for name, (identities, events) in registers.items():
        folder, holder = layout.connector(name), holder_of(name)
        passphrase = layout.passphrase(folder).read_bytes()
        store = KeyStore.create(folder / "institution.keys", holder, passphrase)
        text = starter_toml(
            holder,
            name,
            str(identities.resolve()),
            columns_of(identities),
            events=str(events.resolve()) if events else None,
            event_columns=columns_of(events) if events else (),
            units=urls,
        )
        write_starter(folder, text)
        parties.append(_party(store, "institution"))
    return parties


def make_agreement(
    layout: Layout,
    registers: Mapping[str, tuple[Path, Path | None]],
    institutions: list[Party],
    units: Mapping[str, Settings],
) -> Agreement:
    """Draft the agreement, hand it to every connector, and install it at both units."""
    officer = KeyStore.create(layout.officer / "officer.keys", OFFICER, layout.passphrase(layout.officer).read_bytes())
    keys = {role: load_or_create_keys(settings) for role, settings in units.items()}
    unit_parties = [
        Party.model_validate(
            {
                "name": f"{role}-unit",
                "role": units[role].party_role,
                "signing_key": keys[role].signing_public,
                "sealing_key": keys[role].sealing_public,
            }
        )
        for role in ("linkage", "statistics")
    ]
    persons = max(
        pl.scan_csv(identities, infer_schema=False).select(pl.len()).collect().item()
        for identities, _ in registers.values()
    )
    agreement = draft_agreement(
        [*institutions, *unit_parties, _party(officer, "privacy_officer")],
        [proposal(name, *files, int(persons)) for name, files in registers.items()],
        gate=GateTerms(audit_persons=AUDIT_PERSONS),
        title="Wasl demo: labour migration",
        purpose="Statistics of labour migration, on synthetic data",
        persons=int(persons),
    )
    layout.agreement.write_text(agreement.model_dump_json(indent=1), encoding="utf-8")
    signed = SignedAgreement(agreement=agreement)
    for name in registers:
        keep_agreement(layout.connector(name) / "agreement.json", signed)
    for role, settings in units.items():
        unit = open_unit(settings, keys[role])
        with unit.database.write() as session:
            install_agreement(unit, session, signed)
        unit.close()
    return agreement


def _party(store: KeyStore, role: str) -> Party:
    signing, sealing = store.public_keys
    return Party.model_validate({"name": store.party, "role": role, "signing_key": signing, "sealing_key": sealing})
