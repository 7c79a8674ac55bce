"""Two institutions with connectors, and both units served in this process: the real path without a network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
from starlette.testclient import TestClient

from connectors.agent import ConnectorAgent
from connectors.starter import starter_toml, write_starter
from contract.agreement import (
    APPROVAL_CONTEXT,
    Agreement,
    CapTerms,
    Party,
    PassTerms,
    PayloadColumn,
    RegisterTerms,
    Signature,
    SignedAgreement,
)
from contract.signing import sign
from pseudonymisation.keys.store import KeyStore
from service.agreements.service import install_agreement
from service.app import create_app
from service.keys import UnitKeys
from service.settings import Settings
from tests.contract.builders import make_keys

PASSPHRASE = b"a long passphrase"
VINTAGE = "2024-12"
URLS = ("http://linkage.test", "http://statistics.test")
REGISTER_OF = {"dgsn": "border_crossing", "cnss": "social_security"}
GIVEN = ["CANARYAMINA", "CANARYOMAR", "FATOU", "JOSE", "WEI", "NADIA", "IDRISS", "SAMBA", "RACHEL", "TARIQ"]
FAMILY = ["CANARYDIALLO", "ALAOUI", "SOW", "GARCIA", "CHEN", "TRAORE", "BENALI", "NDIAYE", "KONE", "HADDAD"]
CANARIES = ["CANARYAMINA", "CANARYDIALLO", "canaryamina", "CANARYID", "X7654321", "155512344", "CANARYPOST"]

REGISTER_TERMS = (
    RegisterTerms(
        name="border_crossing",
        holder="dgsn",
        fields=("family_name", "given_names", "birth_date", "sex", "doc_type", "doc_no"),
        attributes=(PayloadColumn(column="birth_date", coarsen="year"), PayloadColumn(column="sex")),
        events=(PayloadColumn(column="crossed_at", coarsen="date"), PayloadColumn(column="direction")),
    ),
    RegisterTerms(
        name="social_security",
        holder="cnss",
        rows_per_person="one",
        fields=("full_name", "birth_date", "sex", "national_id", "social_security_no"),
        attributes=(PayloadColumn(column="sex"),),
        events=(
            PayloadColumn(column="period"),
            PayloadColumn(column="days"),
            PayloadColumn(column="employer_no", coarsen="pseudonym"),
            PayloadColumn(column="pay_centimes", coarsen="band", width=50000),
        ),
    ),
)


def border_table() -> tuple[pl.DataFrame, pl.DataFrame]:
    rows, events = [], []
    for person in range(60):
        for trip in range(2):
            number = person * 2 + trip
            rows.append(
                {
                    "record_id": f"CANARYID-B{number:03d}",
                    "doc_type": "P",
                    "doc_no": f"X{7654321 - 1371 * person}",
                    "doc_country": "SEN",
                    "family_name": FAMILY[person % 10],
                    "given_names": GIVEN[person // 6],
                    "birth_date": f"19{60 + person % 40}-{1 + person % 12:02d}-{1 + person % 28:02d}",
                    "sex": "F" if person % 2 else "M",
                    "nationality": "SEN",
                }
            )
            events.append(
                {
                    "record_id": f"CANARYID-B{number:03d}",
                    "crossed_at": f"2024-0{1 + trip}-1{person % 10}T10:11:12",
                    "direction": ("entry", "exit")[trip],
                    "post": "CANARYPOST" if person == 0 else "CMN",
                    "mode": "air",
                    "visa_type": None,
                    "purpose": "work",
                }
            )
    return pl.DataFrame(rows), pl.DataFrame(events, infer_schema_length=None)


def insurance_table() -> tuple[pl.DataFrame, pl.DataFrame]:
    border, _ = border_table()
    people = border.unique("doc_no", maintain_order=True).head(40)
    rows = people.select(
        pl.int_range(pl.len()).map_elements(lambda n: f"CANARYID-S{n:03d}", return_dtype=pl.String).alias("record_id"),
        pl.int_range(pl.len())
        .map_elements(lambda n: str(155512344 + n), return_dtype=pl.String)
        .alias("social_security_no"),
        pl.col("doc_no").str.slice(0, 8).alias("national_id"),
        pl.concat_str("family_name", "given_names", separator=" ").alias("full_name"),
        "birth_date",
        "sex",
        "nationality",
    )
    events = rows.select(
        "record_id",
        pl.lit("3622101").alias("employer_no"),
        pl.lit("2024-05").alias("period"),
        pl.lit("26").alias("days"),
        pl.lit("217458").alias("pay_centimes"),
        pl.lit(None, dtype=pl.String).alias("situation"),
    )
    return rows, events


@dataclass
class World:
    agreement: Agreement
    agents: dict[str, ConnectorAgent]
    apps: dict[str, Any]
    officer: Any

    def approve(self) -> None:
        """Install the agreement as signed so far at both units, with the privacy officer's approval."""
        agent = next(iter(self.agents.values()))
        given = Signature(party="cndp", signature=sign(APPROVAL_CONTEXT, self.agreement, self.officer.signing))
        signed = agent.agreement.model_copy(update={"approval": given})
        for app in self.apps.values():
            unit = app.state.unit
            with unit.database.write() as session:
                install_agreement(unit, session, signed)

    def make_live(self) -> None:
        for agent in self.agents.values():
            agent.sign_agreement()
        self.approve()

    def complete_ceremony(self) -> None:
        for _ in range(3):
            for agent in self.agents.values():
                agent.ceremony_step()


def build(root: Path, *, audited: bool = False, terms: dict[str, Any] | None = None, **profile: Any) -> World:
    """Make a world; `audited` asks for audits as in real life, `terms` change the agreement."""
    lu, su, officer = make_keys(), make_keys(), make_keys()
    stores, agents = {}, {}
    for name in REGISTER_OF:
        folder = root / name
        folder.mkdir(parents=True)
        stores[name] = KeyStore.create(folder / "institution.keys", name, PASSPHRASE)
    agreement = _agreement({"lu": lu, "su": su, "cndp": officer}, stores, **profile)
    agreement = Agreement.model_validate({**agreement.model_dump(), **(terms or {})})
    apps = {}
    for role, keys, url in (("linkage", lu, URLS[0]), ("statistics", su, URLS[1])):
        settings = Settings(
            role=role, data_dir=root / role, base_url=url, chunk_bytes=4096, allow_unaudited=not audited
        )
        apps[f"{role}_unit"] = create_app(settings, UnitKeys(keys.signing, keys.sealing))
        unit = apps[f"{role}_unit"].state.unit
        with unit.database.write() as session:
            install_agreement(unit, session, SignedAgreement(agreement=agreement))
    transports = {
        unit: TestClient(app, base_url=url, raise_server_exceptions=False)._transport
        for (unit, app), url in zip(apps.items(), URLS, strict=True)
    }
    for name, register in REGISTER_OF.items():
        folder = root / name
        rows, events = border_table() if name == "dgsn" else insurance_table()
        rows.write_csv(folder / "rows.csv")
        events.write_csv(folder / "events.csv")
        text = starter_toml(
            name,
            register,
            "rows.csv",
            rows.columns,
            events="events.csv",
            event_columns=events.columns,
            units=URLS,
        )
        write_starter(folder, text)
        agents[name] = ConnectorAgent.open(
            folder, PASSPHRASE, transports=transports, sleep=lambda _seconds: None, allow_unaudited=not audited
        )
        agents[name].use_agreement(SignedAgreement(agreement=agreement))
    return World(agreement, agents, apps, officer)


def _agreement(keys: dict[str, Any], stores: dict[str, KeyStore], **profile: Any) -> Agreement:
    from contract.agreement import ProfileTerms
    from contract.sealing import sealing_public_text
    from contract.signing import public_text

    roles = {"lu": "linkage_unit", "su": "statistics_unit", "cndp": "privacy_officer"}
    parties = [
        Party(
            name=name,
            role=role,
            signing_key=public_text(keys[name].signing),
            sealing_key=sealing_public_text(keys[name].sealing),
        )
        for name, role in roles.items()
    ]
    for name, store in stores.items():
        signing, sealing = store.public_keys
        parties.append(Party(name=name, role="institution", signing_key=signing, sealing_key=sealing))
    return Agreement(
        title="Test",
        purpose="Statistics",
        epoch=1,
        created_on=date(2026, 1, 1),
        expires_on=date(2099, 1, 1),
        retention_until=date(2099, 6, 1),
        parties=tuple(parties),
        registers=REGISTER_TERMS,
        passes=(
            PassTerms(
                name="birth",
                levels=(
                    ("birth_year", "birth_month", "birth_day"),
                    ("birth_year", "birth_month", "birth_day", "initial_pair"),
                ),
            ),
            PassTerms(name="document", levels=(("document",),)),
        ),
        caps=CapTerms(),
        profile=ProfileTerms(**profile),
    )
