"""Edges at the statistics unit: only the linkage unit's, only over the submissions held here, only whole."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.canonical import canonical_json, digest
from contract.edges import EDGES_CONTEXT, EdgesManifest, SignedEdgesManifest, edges_seal_info
from contract.sealing import random_id, seal_stream
from contract.signing import sign
from service.runs.edge_table import EDGE_SCHEMA, EdgeTableError, canonical_edges, edges_digest, parquet_bytes
from service.runs.queue import JobQueue
from tests.service.linkage_unit.builders import VINTAGE, Federation, make_parcel, make_registers, open_federation


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    """Shared by all tests that leave its submissions alone; every delivery has a run id of its own."""
    yield from opened(tmp_path_factory.mktemp("edges"))


@pytest.fixture
def own_federation(tmp_path: Path) -> Iterator[Federation]:
    yield from opened(tmp_path)


def opened(folder: Path) -> Iterator[Federation]:
    made = open_federation(folder)
    made.parcels = made.push_all(make_registers(12))
    yield made
    made.close()


def runs_of(federation: Federation, signed: SignedEdgesManifest) -> int:
    runs = JobQueue(federation.units["statistics"].database).runs()
    return [run.parameters["edges_run"] for run in runs].count(signed.manifest.run_id)


def edge(number: int, **changes: Any) -> dict[str, Any]:
    row = {"pass": "birth", "handle_a": number, "handle_b": number + 1, "register_a": "border_crossing"}
    row |= {"register_b": "work_contract", "pattern": 5, "weight": 9.5, "probability": 0.9}
    return row | changes


def table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, EDGE_SCHEMA)


def make_edges(
    federation: Federation, content: bytes | None = None, **changes: Any
) -> tuple[SignedEdgesManifest, bytes]:
    plain = canonical_edges(table([edge(number) for number in range(40)]))
    run_id = changes.get("run_id", random_id())
    sealed = io.BytesIO()
    info = changes.pop("info", edges_seal_info(federation.agreement.id, VINTAGE, run_id))
    seal_stream(federation.agreement.party("su").sealing_key, io.BytesIO(content or parquet_bytes(plain)), sealed, info)
    signer = changes.pop("signer", "lu")
    manifest = EdgesManifest(
        **{
            "run_id": run_id,
            "agreement_id": federation.agreement.id,
            "vintage": VINTAGE,
            "submissions": {name: parcel.id for name, parcel in federation.parcels.items()},
            "created_at": "2026-02-01T00:00:00Z",
            "edges": plain.num_rows,
            "result_digest": edges_digest(plain),
            "sha256": digest(sealed.getvalue()),
            "size": len(sealed.getvalue()),
            **changes,
        }
    )
    signature = sign(EDGES_CONTEXT, manifest, federation.keys[signer].signing)
    return SignedEdgesManifest(manifest=manifest, signature=signature), sealed.getvalue()


def open_edges(federation: Federation, signed: SignedEdgesManifest, party: str = "lu") -> Any:
    return federation.send("statistics", "POST", "/api/v1/edges", party, canonical_json(signed))


def append(federation: Federation, signed: SignedEdgesManifest, offset: int, chunk: bytes, party: str = "lu") -> Any:
    path = f"/api/v1/edges/{signed.manifest.run_id}"
    return federation.send("statistics", "PATCH", path, party, chunk, **{"Upload-Offset": str(offset)})


def complete(federation: Federation, signed: SignedEdgesManifest) -> Any:
    return federation.send("statistics", "POST", f"/api/v1/edges/{signed.manifest.run_id}/complete", "lu")


def deliver(federation: Federation, signed: SignedEdgesManifest, content: bytes) -> Any:
    assert open_edges(federation, signed).status_code == 200
    assert append(federation, signed, 0, content).status_code == 200
    return complete(federation, signed)


def code(answer: Any) -> str:
    return answer.json()["type"].removeprefix("urn:wasl:error:")


def refusals(federation: Federation) -> list[tuple[str, str]]:
    from sqlalchemy import select

    from service.audit.models import AuditEntry

    with federation.units["statistics"].database.read() as session:
        documents = [json.loads(text) for text in session.scalars(select(AuditEntry.document))]
    return [(entry["action"], entry["details"]["code"]) for entry in documents if entry["outcome"] == "refused"]


def test_edges_are_accepted_once_and_start_one_computation(federation: Federation) -> None:
    signed, content = make_edges(federation)
    opened = open_edges(federation, signed).json()
    assert (opened["state"], opened["offset"], opened["size"]) == ("open", 0, len(content))
    half = len(content) // 2
    assert append(federation, signed, 0, content[:half]).json() == {"offset": half}
    again = append(federation, signed, 0, content[:half])
    assert (again.status_code, code(again), again.json()["where"]) == (409, "upload.offset", {"offset": half})
    assert complete(federation, signed).status_code == 409
    assert open_edges(federation, signed).json()["offset"] == half
    assert append(federation, signed, half, content[half:] + b"more").status_code == 422
    append(federation, signed, half, content[half:])
    for _ in range(2):
        assert complete(federation, signed).json()["state"] == "accepted"
    assert runs_of(federation, signed) == 1
    assert open_edges(federation, signed).json()["state"] == "accepted"


def test_later_edges_replace_earlier_ones(federation: Federation) -> None:
    first, content = make_edges(federation)
    deliver(federation, first, content)
    second, content = make_edges(federation)
    assert deliver(federation, second, content).json()["state"] == "accepted"
    assert open_edges(federation, first).json()["state"] == "replaced"


@pytest.mark.parametrize("party", ["cnss", "cndp"])
def test_only_the_linkage_unit_delivers(federation: Federation, party: str) -> None:
    signed, _ = make_edges(federation)
    assert open_edges(federation, signed, party).status_code == 403
    open_edges(federation, signed)
    assert append(federation, signed, 0, b"x", party).status_code == 403


def test_a_manifest_that_the_linkage_unit_did_not_sign_is_refused(federation: Federation) -> None:
    signed, _ = make_edges(federation, signer="cnss")
    answer = open_edges(federation, signed)
    assert (answer.status_code, code(answer)) == (401, "signature.invalid")
    assert ("request:refuse", "signature.invalid") in refusals(federation)


def test_halves_of_two_submissions_are_refused(own_federation: Federation) -> None:
    federation = own_federation
    stale = {name: parcel.id for name, parcel in federation.parcels.items()}
    newer = make_parcel(
        federation.agreement, federation.keys, "work_contract", make_registers(12)["work_contract"], VINTAGE
    )
    federation.push(newer, ("statistics",))
    answer = open_edges(federation, make_edges(federation, submissions=stale)[0])
    assert (answer.status_code, code(answer)) == (422, "edges.halves")
    assert answer.json()["where"] == {"register": "work_contract"}
    current = {**stale, "work_contract": newer.id}
    assert open_edges(federation, make_edges(federation, submissions=current)[0]).status_code == 200


def test_a_submission_replaced_during_the_upload_is_found_at_the_end(own_federation: Federation) -> None:
    federation = own_federation
    signed, content = make_edges(federation)
    open_edges(federation, signed)
    append(federation, signed, 0, content)
    register = make_registers(12)["work_contract"]
    federation.push(
        make_parcel(federation.agreement, federation.keys, "work_contract", register, VINTAGE), ("statistics",)
    )
    answer = complete(federation, signed)
    assert (answer.status_code, code(answer)) == (422, "edges.halves")
    assert ("edges:refuse", "edges.halves") in refusals(federation)
    assert complete(federation, signed).status_code == 409


def test_edges_over_a_register_that_is_not_held_are_refused(federation: Federation) -> None:
    extra = {**{name: parcel.id for name, parcel in federation.parcels.items()}, "placement": "0" * 64}
    assert code(open_edges(federation, make_edges(federation, submissions=extra)[0])) == "edges.halves"


def test_edges_of_another_agreement_are_refused(federation: Federation) -> None:
    answer = open_edges(federation, make_edges(federation, agreement_id="0" * 64)[0])
    assert (answer.status_code, code(answer)) == (422, "submission.refused")


def test_a_run_id_is_not_taken_twice(federation: Federation) -> None:
    first, _ = make_edges(federation)
    open_edges(federation, first)
    assert open_edges(federation, make_edges(federation, run_id=first.manifest.run_id)[0]).status_code == 409


def test_a_damaged_upload_may_be_sent_again(federation: Federation) -> None:
    signed, content = make_edges(federation)
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 1
    assert deliver(federation, signed, bytes(damaged)).status_code == 422
    assert open_edges(federation, signed).json()["offset"] == 0
    assert deliver(federation, signed, content).json()["state"] == "accepted"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"content": b"no parquet at all"}, "edges.table"),
        ({"edges": 39}, "edges.table"),
        ({"result_digest": "0" * 64}, "edges.table"),
        ({"info": b"another purpose"}, "seal.broken"),
        ({"content": parquet_bytes(table([edge(1, probability=1.5)]))}, "edges.table"),
        ({"content": parquet_bytes(table([edge(1), edge(1)]))}, "edges.table"),
        ({"content": parquet_bytes(table([edge(1)]).drop_columns(["pattern"]))}, "edges.table"),
    ],
)
def test_edges_that_are_not_what_the_manifest_says_are_refused_for_good(
    federation: Federation, changes: dict[str, Any], expected: str
) -> None:
    signed, content = make_edges(federation, **changes)
    answer = deliver(federation, signed, content)
    assert (answer.status_code, code(answer)) == (422, expected)
    assert ("edges:refuse", expected) in refusals(federation)
    assert open_edges(federation, signed).json()["state"] == "refused"
    assert runs_of(federation, signed) == 0


def test_no_delivery_no_answer(federation: Federation) -> None:
    for name in ("0" * 32, "x", "..%2f..%2fetc"):
        path = f"/api/v1/edges/{name}/complete"
        assert federation.send("statistics", "POST", path, "lu").status_code in {401, 404}


rows = st.lists(
    st.builds(
        edge,
        st.integers(0, 2**63),
        weight=st.floats(-60, 60),
        probability=st.floats(0, 1),
        register_b=st.sampled_from(["work_contract", "social_security"]),
        **{"pass": st.sampled_from(["birth", "name"])},
    ),
    max_size=20,
    unique_by=lambda row: (row["pass"], row["handle_a"]),
)


@settings(max_examples=50, deadline=None)
@given(rows=rows, random=st.randoms())
def test_the_digest_of_edges_depends_on_their_values_alone(rows: list[dict[str, Any]], random: Any) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    first, second = (canonical_edges(table(found)) for found in (rows, shuffled))
    assert first.equals(second)
    assert edges_digest(first) == edges_digest(second)
    if rows:
        changed = canonical_edges(table([{**rows[0], "pattern": 6}, *rows[1:]]))
        assert edges_digest(changed) != edges_digest(first)


def test_a_table_with_gaps_or_other_types_is_no_table_of_edges() -> None:
    with pytest.raises(EdgeTableError):
        canonical_edges(table([edge(1, weight=None)]))
    with pytest.raises(EdgeTableError):
        canonical_edges(table([edge(1, weight=float("inf"))]))
    wrong = pa.table({name: pa.array(["x"]) for name in EDGE_SCHEMA.names})
    with pytest.raises(EdgeTableError):
        canonical_edges(wrong)
