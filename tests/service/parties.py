"""A unit served in process, its parties with real keys, and submissions as an institution would make them."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from starlette.testclient import TestClient

from contract.agreement import Agreement, PassTerms, PayloadColumn, RegisterTerms, SignedAgreement
from contract.canonical import digest
from contract.http_signing import key_id, sign_request
from contract.sealing import random_id, seal_stream
from contract.signing import sign
from contract.submission import MANIFEST_CONTEXT, STATISTICS_FILE, FileEntry, Manifest, SignedManifest, seal_info
from service.agreements.service import install_agreement
from service.app import create_app
from service.keys import UnitKeys
from service.settings import Settings
from service.unit import Unit
from tests.contract.builders import Keys, make_agreement, sign_all

REGISTERS = (
    RegisterTerms(
        name="social_security",
        holder="cnss",
        fields=("full_name", "birth_date", "sex"),
        attributes=(PayloadColumn(column="sex"),),
        events=(PayloadColumn(column="period", coarsen="month"),),
    ),
    RegisterTerms(name="border_crossing", holder="dgsn", fields=("family_name", "given_names", "birth_date")),
)
PASSES = (
    PassTerms(name="birth", levels=(("birth_year", "birth_month", "birth_day"),)),
    PassTerms(name="name", levels=(("skeleton_pair", "birth_year"),)),
)
BASE_URL = "http://unit.test"


@dataclass
class World:
    """An agreement, everybody's keys, and one running unit."""

    agreement: Agreement
    keys: dict[str, Keys]
    unit: Unit
    client: TestClient

    def close(self) -> None:
        """Stop the application as the server would."""
        self.client.__exit__(None, None, None)
        self.unit.database.close()

    def signed(self) -> SignedAgreement:
        return sign_all(self.agreement, self.keys)

    def send(
        self,
        method: str,
        path: str,
        *,
        party: str = "cnss",
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        agreement_id: str | None = None,
        key: Any = None,
        created: datetime | None = None,
    ):
        """Send a request as a party would sign it."""
        signature = sign_request(
            method,
            BASE_URL + path,
            body,
            key=key or self.keys[party].signing,
            keyid=key_id(agreement_id or self.agreement.id, party),
            created=created,
        )
        kind = {} if method == "PATCH" else {"content-type": "application/json"}
        return self.client.request(method, path, content=body, headers={**kind, **signature, **(headers or {})})

    def audit(self) -> list[dict[str, Any]]:
        """Return the whole log as the operator sees it."""
        import json

        from sqlalchemy import select

        from service.audit.models import AuditEntry

        with self.unit.database.read() as session:
            documents = session.scalars(select(AuditEntry.document).order_by(AuditEntry.sequence)).all()
        return [json.loads(document) for document in documents]

    def actions(self) -> list[str]:
        return [entry["action"] for entry in self.audit()]


def open_world(
    tmp_path: Path,
    database_url: str,
    *,
    role: str = "linkage",
    install: bool = True,
    passes: tuple[PassTerms, ...] = PASSES,
    **settings: Any,
) -> World:
    agreement, keys = make_agreement(registers=REGISTERS, passes=passes)
    own = keys["lu" if role == "linkage" else "su"]
    settings.setdefault("allow_unaudited", True)  # what an audit must be is tested by itself
    made = Settings(role=role, data_dir=tmp_path / "data", database_url=database_url, base_url=BASE_URL, **settings)
    app = create_app(made, UnitKeys(own.signing, own.sealing))
    world = World(agreement, keys, app.state.unit, TestClient(app, base_url=BASE_URL, raise_server_exceptions=False))
    world.client.__enter__()  # one event loop for all requests, as in a real server
    if install:
        with world.unit.database.write() as session:
            install_agreement(world.unit, session, world.signed())
    return world


def parquet(table: pa.Table) -> bytes:
    target = io.BytesIO()
    pq.write_table(table, target, compression="zstd")
    return target.getvalue()


def pass_table(rows: int = 50, first: int = 1) -> pa.Table:
    return pa.table(
        {
            "handle": pa.array(range(first, first + rows), pa.uint64()),
            "block": pa.array([row // 3 for row in range(rows)], pa.uint64()),
            "full": pa.array([row.to_bytes(16, "big") for row in range(rows)], pa.binary(16)),
            "birth_year": pa.array([None, *range(rows - 1)], pa.uint32()),
        }
    )


def payload() -> dict[str, pa.Table]:
    return {
        "handles.parquet": pa.table(
            {
                "pass": pa.array(["birth", "name"]),
                "handle": pa.array([1, 1], pa.uint64()),
                "subject_ref": pa.array(["s1", "s1"]),
                "identity": pa.array([0, 0], pa.int32()),
            }
        ),
        "records.parquet": pa.table({"subject_ref": ["s1"], "record_ref": ["r1"], "sex": ["F"]}),
        "events.parquet": pa.table({"record_ref": ["r1", "r1"], "period": ["2024-01", "2024-02"]}),
    }


def pack(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


@dataclass
class Parcel:
    """A submission in memory: the signed manifest and all its files."""

    signed: SignedManifest
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return self.signed.manifest.id


def make_parcel(
    world: World,
    *,
    passes: dict[str, bytes] | None = None,
    half: bytes | None = None,
    info: bytes | None = None,
    signer: str = "cnss",
    **changes: Any,
) -> Parcel:
    """Make a submission of cnss; `changes` go into the manifest, `info` seals for another purpose."""
    agreement = world.agreement
    submission_id = changes.get("submission_id", random_id())
    files = {f"pass-{name}.parquet": content for name, content in (passes or default_passes()).items()}
    plain = half if half is not None else pack({name: parquet(table) for name, table in payload().items()})
    sealed = io.BytesIO()
    bound = info or seal_info(agreement.id, "social_security", changes.get("vintage", "2024-12"), submission_id)
    seal_stream(agreement.party("su").sealing_key, io.BytesIO(plain), sealed, bound)
    files[STATISTICS_FILE] = sealed.getvalue()
    now = datetime.now(UTC)
    manifest = Manifest(
        **{
            "submission_id": submission_id,
            "agreement_id": agreement.id,
            "epoch": agreement.epoch,
            "vintage": "2024-12",
            "institution": "cnss",
            "register_name": "social_security",
            "created_at": now,
            "expires_at": now + timedelta(days=7),
            "files": tuple(
                FileEntry(
                    name=name,
                    half="statistics" if name == STATISTICS_FILE else "linkage",
                    sha256=digest(content),
                    size=len(content),
                )
                for name, content in files.items()
            ),
            **changes,
        }
    )
    return Parcel(
        SignedManifest(manifest=manifest, signature=sign(MANIFEST_CONTEXT, manifest, world.keys[signer].signing)),
        files,
    )


def default_passes() -> dict[str, bytes]:
    return {"birth": parquet(pass_table()), "name": parquet(pass_table(first=100))}


def open_parcel(world: World, parcel: Parcel, **how: Any):
    return world.send("POST", "/api/v1/submissions", body=parcel.signed.model_dump_json().encode(), **how)


def patch(world: World, parcel: Parcel, name: str, offset: int, chunk: bytes, **how: Any):
    return world.send(
        "PATCH",
        f"/api/v1/submissions/{parcel.id}/files/{name}",
        body=chunk,
        headers={"Upload-Offset": str(offset)},
        **how,
    )


def complete(world: World, parcel: Parcel, **how: Any):
    return world.send("POST", f"/api/v1/submissions/{parcel.id}/complete", **how)


def push(world: World, parcel: Parcel):
    """Open, upload what is missing and complete; return the last answer."""
    answer = open_parcel(world, parcel)
    assert answer.status_code == 200, answer.text
    for file in answer.json()["files"]:
        content = parcel.files[file["name"]]
        offset = file["offset"]
        while offset < len(content):
            step = patch(world, parcel, file["name"], offset, content[offset : offset + answer.json()["chunk_bytes"]])
            assert step.status_code == 200, step.text
            offset = step.json()["offset"]
    return complete(world, parcel)
