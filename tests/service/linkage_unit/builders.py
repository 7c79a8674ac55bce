"""Both units with one agreement, and hand-made registers whose persons are known, by the contract alone."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from starlette.testclient import TestClient

from contract.agreement import Agreement, PassTerms, PayloadColumn, RegisterTerms
from contract.canonical import digest
from contract.http_signing import key_id, sign_request
from contract.sealing import random_id, seal_stream
from contract.signing import sign
from contract.submission import MANIFEST_CONTEXT, STATISTICS_FILE, FileEntry, Manifest, SignedManifest, seal_info
from service.agreements.service import install_agreement
from service.app import create_app
from service.keys import UnitKeys
from service.linkage_unit.delivery import EdgesClient
from service.linkage_unit.workflow import LinkageWorkflow
from service.runs.worker import Workers
from service.settings import Settings
from service.unit import Unit
from tests.contract.builders import Keys, make_agreement, sign_all

FIELDS = ("family_name", "given_names", "birth_date", "sex")
ATTRIBUTES = tuple(PayloadColumn(column=name) for name in ("birth_date", "sex", "nationality"))
EVENTS = {
    "border_crossing": ("crossed_at", "direction"),
    "work_contract": ("start", "end", "decision"),
    "social_security": ("period", "days"),
}
HOLDERS = {"border_crossing": "dgsn", "work_contract": "cnss", "social_security": "cnss"}
REGISTERS = tuple(
    RegisterTerms(
        name=name,
        holder=HOLDERS[name],
        rows_per_person="one" if name == "social_security" else "many",
        fields=FIELDS,
        attributes=ATTRIBUTES,
        events=tuple(PayloadColumn(column=column) for column in columns),
    )
    for name, columns in EVENTS.items()
)
PASSES = (
    PassTerms(name="birth", levels=(("birth_year", "birth_month", "birth_day"),)),
    PassTerms(name="name", levels=(("skeleton_pair", "birth_year"),)),
)
VINTAGE = "2025-01"
URLS = {"linkage": "http://linkage.test", "statistics": "http://statistics.test"}
NOBODY = b"\x00" * 16


@dataclass
class Register:
    """One register's tables: passes by name and the three members of the statistics half."""

    passes: dict[str, pa.Table]
    members: dict[str, pa.Table]
    persons: dict[str, int]  # subject_ref -> the true person


def make_registers(persons: int = 120, seed: int = 1, salt: str = "") -> dict[str, Register]:
    """Make registers in which most persons stand in each, with a wrong letter here and there, and dummies."""
    rng = np.random.default_rng(seed)
    given, family = (rng.integers(0, 256, (size, 16), dtype=np.uint8) for size in (60, 150))
    people = [
        {
            "given": given[rng.integers(60)],
            "family": family[rng.integers(150)],
            "birth": (int(rng.integers(1960, 2000)), int(rng.integers(1, 13)), int(rng.integers(1, 29))),
            "sex": int(rng.integers(0, 2)),
            "nationality": ["SEN", "FRA", "CIV", "MLI"][int(rng.integers(4))],
        }
        for _ in range(persons + persons // 4)
    ]
    return {
        name: _register(name, people, persons, np.random.default_rng([seed, place]), salt)
        for place, name in enumerate(EVENTS)
    }


def _register(name: str, people: list[dict[str, Any]], real: int, rng: np.random.Generator, salt: str) -> Register:
    rows: dict[str, list[dict[str, Any]]] = {"birth": [], "name": []}
    handles, records, events, truth = [], [], [], {}
    for number, person in enumerate(people):
        if number < real and rng.random() < 0.15:
            continue
        seen = dict(person)
        if rng.random() < 0.1:
            seen["given"] = person["given"] ^ np.array([*rng.integers(0, 8, 2), *[0] * 14], dtype=np.uint8)
        subject = hashlib.sha256(f"{name}/{number}".encode()).hexdigest()[:32]
        for at, block in (("birth", seen["birth"]), ("name", (bytes(seen["family"]), seen["birth"][0]))):
            handle = int(rng.integers(1, 2**63))
            rows[at].append(_row(handle, block, seen, salt))
            if number < real:
                handles.append({"pass": at, "handle": handle, "subject_ref": subject, "identity": 0})
        if number < real:
            truth[subject] = number
            record = hashlib.sha256(f"record/{name}/{number}".encode()).hexdigest()[:32]
            year, month, day = person["birth"]
            records.append(
                {
                    "subject_ref": subject,
                    "record_ref": record,
                    "birth_date": f"{year}-{month:02}-{day:02}",
                    "sex": "FM"[person["sex"]],
                    "nationality": person["nationality"],
                }
            )
            events += _events(name, record, number)
    order = rng.permutation(len(rows["birth"]))
    passes = {at: _pass_table([found[place] for place in order]) for at, found in rows.items()}
    types = {"pass": pa.string(), "handle": pa.uint64(), "subject_ref": pa.string(), "identity": pa.int32()}
    members = {
        "handles.parquet": pa.Table.from_pylist(handles, pa.schema(types)),
        "records.parquet": pa.Table.from_pylist(records),
        "events.parquet": pa.Table.from_pylist(events),
    }
    return Register(passes, members, truth)


def _row(handle: int, block: Any, seen: dict[str, Any], salt: str) -> dict[str, Any]:
    year, month, day = seen["birth"]
    return {
        "handle": handle,
        "block": int.from_bytes(hashlib.sha256(f"{salt}{block}".encode()).digest()[:8], "big"),
        "given": bytes(seen["given"]),
        "family": bytes(seen["family"]),
        "given_skeleton": bytes(seen["given"][::-1]),
        "family_skeleton": bytes(seen["family"][::-1]),
        "birth_year": year,
        "birth_month": month,
        "birth_day": day,
        "sex": seen["sex"],
    }


def _pass_table(rows: list[dict[str, Any]]) -> pa.Table:
    sketch, token = pa.binary(16), pa.uint32()
    schema = {"handle": pa.uint64(), "block": pa.uint64()}
    schema |= dict.fromkeys(("given", "family", "given_skeleton", "family_skeleton"), sketch)
    schema |= dict.fromkeys(("birth_year", "birth_month", "birth_day", "sex"), token)
    return pa.Table.from_pylist(rows, pa.schema(schema))


def _events(name: str, record: str, number: int) -> list[dict[str, str]]:
    month = number % 12 + 1
    if name == "border_crossing":
        return [{"record_ref": record, "crossed_at": f"2021-{month:02}-05T10:00", "direction": "entry"}]
    if name == "work_contract":
        return [{"record_ref": record, "start": "2021-03-01", "end": "2022-12-31", "decision": "granted"}]
    return [{"record_ref": record, "period": f"{year}-{month:02}", "days": "26"} for year in (2021, 2022)]


def parquet(table: pa.Table) -> bytes:
    target = io.BytesIO()
    pq.write_table(table, target)
    return target.getvalue()


@dataclass
class Parcel:
    """A submission in memory."""

    signed: SignedManifest
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.signed.manifest.id


def make_parcel(agreement: Agreement, keys: dict[str, Keys], name: str, made: Register, vintage: str) -> Parcel:
    submission_id = random_id()
    files = {f"pass-{at}.parquet": parquet(table) for at, table in made.passes.items()}
    plain, sealed = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(plain, "w", zipfile.ZIP_STORED) as archive:
        for member, table in made.members.items():
            archive.writestr(member, parquet(table))
    plain.seek(0)
    seal_stream(agreement.party("su").sealing_key, plain, sealed, seal_info(agreement.id, name, vintage, submission_id))
    files[STATISTICS_FILE] = sealed.getvalue()
    now = datetime.now(UTC)
    manifest = Manifest(
        submission_id=submission_id,
        agreement_id=agreement.id,
        epoch=agreement.epoch,
        vintage=vintage,
        institution=HOLDERS[name],
        register_name=name,
        created_at=now,
        expires_at=now + timedelta(days=7),
        files=tuple(
            FileEntry(
                name=file,
                half="statistics" if file == STATISTICS_FILE else "linkage",
                sha256=digest(content),
                size=len(content),
            )
            for file, content in files.items()
        ),
    )
    signature = sign(MANIFEST_CONTEXT, manifest, keys[HOLDERS[name]].signing)
    return Parcel(SignedManifest(manifest=manifest, signature=signature), files)


@dataclass
class Federation:
    """Both units, served in process without workers, and everybody's keys."""

    agreement: Agreement
    keys: dict[str, Keys]
    units: dict[str, Unit]
    clients: dict[str, TestClient]
    urls: dict[str, str]

    def send(self, role: str, method: str, path: str, party: str, body: bytes = b"", **headers: str) -> Any:
        """Send a request to a unit as a party signs it."""
        keyid = key_id(self.agreement.id, party)
        signature = sign_request(method, self.urls[role] + path, body, key=self.keys[party].signing, keyid=keyid)
        kind = {} if method == "PATCH" else {"content-type": "application/json"}
        return self.clients[role].request(method, path, content=body, headers={**kind, **signature, **headers})

    def push(self, parcel: Parcel, roles: tuple[str, ...] = ("linkage", "statistics")) -> None:
        """Push a submission to units and have it accepted."""
        party = parcel.signed.manifest.institution
        for role in roles:
            opened = self.send(role, "POST", "/api/v1/submissions", party, parcel.signed.model_dump_json().encode())
            assert opened.status_code == 200, opened.text
            for file in opened.json()["files"]:
                path, content = f"/api/v1/submissions/{parcel.id}/files/{file['name']}", parcel.files[file["name"]]
                answer = self.send(role, "PATCH", path, party, content, **{"Upload-Offset": "0"})
                assert answer.status_code == 200, answer.text
            done = self.send(role, "POST", f"/api/v1/submissions/{parcel.id}/complete", party)
            assert done.status_code == 200, done.text

    def push_all(self, registers: dict[str, Register], vintage: str = VINTAGE) -> dict[str, Parcel]:
        parcels = {
            name: make_parcel(self.agreement, self.keys, name, made, vintage) for name, made in registers.items()
        }
        for parcel in parcels.values():
            self.push(parcel)
        return parcels

    def transport(self) -> httpx2.BaseTransport:
        """Lead the linkage unit's requests to the statistics unit in process."""

        def handle(request: httpx2.Request) -> httpx2.Response:
            answer = self.clients["statistics"].request(
                request.method, request.url.raw_path.decode(), content=request.read(), headers=dict(request.headers)
            )
            return httpx2.Response(answer.status_code, content=answer.content, headers=dict(answer.headers))

        return httpx2.MockTransport(handle)

    def client(self, transport: httpx2.BaseTransport | None = None) -> EdgesClient:
        return EdgesClient(
            self.urls["statistics"],
            self.agreement.id,
            "lu",
            self.keys["lu"].signing,
            transport=transport or self.transport(),
            sleep=lambda _seconds: None,
        )

    def work(self, role: str) -> None:
        """Do all the work there is at a unit, in this thread."""
        if role == "linkage":
            workflow: Any = LinkageWorkflow(self.units[role], lambda _url, _agreement, _name: self.client())
        else:
            from service.statistics_unit.workflow import StatisticsWorkflow

            workflow = StatisticsWorkflow(self.units[role])
        workers = Workers(self.units[role].database, {workflow.kind: workflow})
        while workers.work_once():
            pass

    def close(self) -> None:
        for role, unit in self.units.items():
            self.clients[role].close()
            unit.close()


def settings_of(role: str, folder: Path, urls: dict[str, str], **changes: Any) -> Settings:
    return Settings(
        role=role,
        data_dir=folder / role,
        base_url=urls[role],
        statistics_url=urls["statistics"] if role == "linkage" else None,
        allow_unaudited=True,
        **changes,
    )


def open_federation(folder: Path, *, urls: dict[str, str] | None = None, **databases: str) -> Federation:
    """Open both units with an approved agreement; `databases` gives another database URL by role."""
    agreement, keys = make_agreement(registers=REGISTERS, passes=PASSES)
    federation = Federation(agreement, keys, {}, {}, urls or URLS)
    signed = sign_all(agreement, keys)
    for role, party in (("linkage", "lu"), ("statistics", "su")):
        settings = settings_of(role, folder, federation.urls, database_url=databases.get(role))
        app = create_app(settings, UnitKeys(keys[party].signing, keys[party].sealing))
        unit: Unit = app.state.unit
        with unit.database.write() as session:
            install_agreement(unit, session, signed)
        federation.units[role] = unit
        federation.clients[role] = TestClient(app, base_url=federation.urls[role], raise_server_exceptions=False)
    return federation


def agreement_of_pairs(persons: dict[str, dict[str, int]], found: dict[tuple[str, str], str]) -> tuple[float, float]:
    """Return precision and recall of links between registers, of (register, subject) to person."""
    true = {(register, subject): number for register, own in persons.items() for subject, number in own.items()}
    subjects = sorted(found)
    pairs = [(a, b) for place, a in enumerate(subjects) for b in subjects[place + 1 :] if a[0] != b[0]]
    linked = {pair for pair in pairs if found[pair[0]] == found[pair[1]]}
    wanted = {pair for pair in pairs if true[pair[0]] == true[pair[1]]}
    return len(linked & wanted) / len(linked), len(linked & wanted) / len(wanted)
