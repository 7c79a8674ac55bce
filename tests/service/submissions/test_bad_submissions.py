"""Whatever is wrong with a submission, the unit says so in a typed error, logs it, and stores nothing."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from contract.sealing import random_id
from contract.submission import SignedManifest, seal_info
from tests.contract.builders import make_keys
from tests.service.parties import (
    World,
    complete,
    default_passes,
    make_parcel,
    open_parcel,
    open_world,
    pack,
    parquet,
    pass_table,
    patch,
    payload,
    push,
)

ERROR = "urn:wasl:error:"


def kind(answer) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["type"].removeprefix(ERROR)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One unit of each role for all damaged tables and halves: none of them may leave a trace."""
    opened = {}
    for role in ("linkage", "statistics"):
        folder = tmp_path_factory.mktemp(role)
        opened[role] = open_world(folder, f"sqlite:///{folder / 'unit.sqlite'}", role=role, max_rows=100)
    yield opened
    for world in opened.values():
        world.close()


def nothing_kept(world: World) -> bool:
    unit = world.unit
    return not list(unit.store.digests()) and not list(unit.subjects.digests())


def test_manifests_that_are_refused_at_the_door(worlds) -> None:
    world = worlds()
    past = datetime.now(UTC) - timedelta(days=1)
    agreement = world.agreement
    other_pass = {"birth": default_passes()["birth"], "other": default_passes()["name"]}
    cases = [
        (make_parcel(world, agreement_id="0" * 64), "submission.refused"),  # of another agreement
        (make_parcel(world, epoch=agreement.epoch + 1), "submission.refused"),
        (make_parcel(world, expires_at=past), "submission.refused"),
        (make_parcel(world, register_name="border_crossing"), "submission.refused"),  # another's register
        (make_parcel(world, signer="dgsn"), "signature.invalid"),
        (make_parcel(world, passes=other_pass), "submission.refused"),
        (make_parcel(world, register_name="consular"), "agreement.refused"),
    ]
    good = make_parcel(world)
    altered = SignedManifest(
        manifest=good.signed.manifest.model_copy(update={"vintage": "2023-12"}), signature=good.signed.signature
    )
    cases.append((type(good)(altered, good.files), "signature.invalid"))
    for parcel, expected in cases:
        before = len(world.audit())
        answer = open_parcel(world, parcel)
        assert kind(answer) == expected
        entry = world.audit()[before]
        assert (entry["action"], entry["outcome"], entry["actor"]) == ("request:refuse", "refused", "institution:cnss")
        assert entry["details"]["code"] == expected


def test_another_institution_neither_sends_nor_sees_a_submission(worlds) -> None:
    world = worlds()
    parcel = make_parcel(world)
    assert kind(open_parcel(world, parcel, party="dgsn")) == "forbidden"
    open_parcel(world, parcel)
    for answer in (
        world.send("GET", f"/api/v1/submissions/{parcel.id}", party="dgsn"),
        patch(world, parcel, "pass-birth.parquet", 0, b"x", party="dgsn"),
        complete(world, parcel, party="dgsn"),
        world.send("POST", f"/api/v1/submissions/{parcel.id}/retract", party="dgsn"),
    ):
        assert kind(answer) == "not_found"
    absent = world.send("GET", f"/api/v1/submissions/{'0' * 64}", party="dgsn")
    foreign = world.send("GET", f"/api/v1/submissions/{parcel.id}", party="dgsn")
    assert absent.json() == foreign.json()
    for party in ("lu", "su", "cndp"):
        assert kind(world.send("GET", f"/api/v1/submissions/{parcel.id}", party=party)) == "forbidden"


def test_one_submission_id_serves_one_manifest(worlds) -> None:
    world = worlds()
    first = make_parcel(world)
    open_parcel(world, first)
    second = make_parcel(world, submission_id=first.signed.manifest.submission_id, vintage="2025-12")
    assert kind(open_parcel(world, second)) == "state.conflict"


def test_an_altered_file_may_be_sent_again(worlds) -> None:
    world = worlds()
    parcel = make_parcel(world)
    open_parcel(world, parcel)
    for name in ("pass-birth.parquet", "pass-name.parquet"):
        content = bytearray(parcel.files[name])
        if name == "pass-name.parquet":
            content[len(content) // 2] ^= 1
        patch(world, parcel, name, 0, bytes(content))
    answer = complete(world, parcel)
    assert kind(answer) == "submission.refused"
    assert answer.json()["where"] == {"file": "pass-name.parquet", "offset": 0}
    assert nothing_kept(world)
    assert push(world, parcel).status_code == 200


def test_a_truncated_upload_is_not_whole_and_a_longer_one_is_refused(worlds) -> None:
    world = worlds()
    parcel = make_parcel(world)
    open_parcel(world, parcel)
    name = "pass-birth.parquet"
    content = parcel.files[name]
    patch(world, parcel, name, 0, content[:-1])
    answer = complete(world, parcel)
    assert (kind(answer), answer.json()["where"]["offset"]) == ("state.conflict", len(content) - 1)
    assert kind(patch(world, parcel, name, len(content) - 1, content[-1:] + b"more")) == "submission.refused"
    assert kind(patch(world, parcel, "statistics.sealed", 0, b"x")) == "submission.refused"  # the other unit's half


def damaged_tables() -> dict[str, bytes]:
    good = pass_table()
    whole = parquet(good)
    return {
        "empty": b"",
        "no parquet": b"not a table" * 40,
        "cut": whole[: len(whole) // 2],
        "footer only": whole[-200:],
        "flipped page": bytes([*whole[:20], *(byte ^ 0xFF for byte in whole[20:60]), *whole[60:]]),
        "column not agreed": parquet(good.append_column("surname", pa.array(["x"] * 50))),
        "type not agreed": parquet(good.set_column(2, "full", pa.array(["clear text"] * 50))),
        "no block": parquet(good.drop_columns(["block"])),
        "handle twice": parquet(pa.concat_tables([good, good])),
        "no handle": parquet(good.set_column(0, "handle", pa.array([None] * 50, pa.uint64()))),
        "frequency class": parquet(good.append_column("given_class", pa.array([2] * 50, pa.uint8()))),
        "too many rows": parquet(pass_table(200)),
    }


@pytest.mark.parametrize("what", sorted(damaged_tables()))
def test_a_pass_table_that_is_damaged_or_not_as_agreed_is_refused_for_good(shared, what: str) -> None:
    world = shared["linkage"]
    before = len(world.audit())
    parcel = make_parcel(world, passes={"birth": damaged_tables()[what], "name": default_passes()["name"]})
    answer = push(world, parcel)
    assert kind(answer) == "submission.table"
    assert answer.json()["where"]["file"] == "pass-birth.parquet"
    assert "surname" not in answer.text  # a column's name is the sender's own
    assert nothing_kept(world)
    assert world.send("GET", f"/api/v1/submissions/{parcel.id}").json()["state"] == "refused"
    refusals = [entry for entry in world.audit()[before:] if entry["outcome"] == "refused"]
    assert [entry["action"] for entry in refusals] == ["submission:refuse"]
    assert kind(complete(world, parcel)) == "state.conflict"


def members(**changes: pa.Table | bytes) -> bytes:
    tables = {name: parquet(table) for name, table in payload().items()}
    for name, value in changes.items():
        tables[f"{name}.parquet"] = value if isinstance(value, bytes) else parquet(value)
    return pack(tables)


def bad_halves() -> dict[str, bytes]:
    good = {name: parquet(table) for name, table in payload().items()}
    handles, records, events = (payload()[f"{name}.parquet"] for name in ("handles", "records", "events"))
    return {
        "no archive": b"PK but nothing else",
        "cut archive": pack(good)[:-30],
        "member missing": pack({name: good[name] for name in sorted(good)[:2]}),
        "member too many": pack({**good, "names.parquet": good["events.parquet"]}),
        "path outside": pack({**good, "../../etc/cron": b"x"}),
        "member twice": pack({**good, "./events.parquet": good["events.parquet"]}),
        "compressed": pack(good, zipfile.ZIP_DEFLATED),
        "damaged records": members(records=b"PAR1 no PAR1"),
        "handle twice": members(handles=pa.concat_tables([handles, handles])),
        "pass not agreed": members(handles=handles.set_column(0, "pass", pa.array(["birth", "other"]))),
        "record twice": members(records=pa.concat_tables([records, records])),
        "event of no record": members(events=events.set_column(0, "record_ref", pa.array(["r1", "r9"]))),
        "column not agreed": members(records=records.append_column("full_name", pa.array(["x"]))),
        "column missing": members(events=events.drop_columns(["period"])),
        "nested column": members(records=records.set_column(2, "sex", pa.array([["F"]]))),
        "no subject": members(records=records.set_column(0, "subject_ref", pa.array([None], pa.string()))),
    }


@pytest.mark.parametrize("what", sorted(bad_halves()))
def test_a_statistics_half_that_is_not_as_agreed_inside_is_refused_and_leaves_nothing_plain(shared, what: str) -> None:
    world = shared["statistics"]
    answer = push(world, make_parcel(world, half=bad_halves()[what]))
    assert kind(answer) in {"submission.table", "submission.refused"}
    assert nothing_kept(world)
    assert list((world.unit.settings.data_dir / "tmp").iterdir()) == []
    assert list((world.unit.settings.data_dir / "uploads").iterdir()) == []
    assert world.actions()[-1] == "submission:refuse"


def test_halves_of_two_submissions_vintages_or_agreements_do_not_open(worlds) -> None:
    world = worlds(role="statistics")
    good = world.agreement.id
    for agreement, register, vintage in (
        (good, "social_security", "2024-12"),  # another submission's id
        (good, "social_security", "2023-12"),
        ("0" * 64, "social_security", "2024-12"),
        (good, "border_crossing", "2024-12"),
    ):
        parcel = make_parcel(world, info=seal_info(agreement, register, vintage, random_id()))
        assert kind(push(world, parcel)) == "seal.broken"
    assert nothing_kept(world)


def test_a_half_sealed_for_a_stranger_does_not_open(worlds) -> None:
    from contract.sealing import sealing_public_text

    world = worlds(role="statistics")
    stranger = make_keys()
    party = world.agreement.party("su").model_copy(update={"sealing_key": sealing_public_text(stranger.sealing)})
    others = tuple(one for one in world.agreement.parties if one.name != "su")
    genuine = world.agreement
    world.agreement = genuine.model_copy(update={"parties": (*others, party)})
    parcel = make_parcel(world, agreement_id=genuine.id, info=None)
    world.agreement = genuine
    assert kind(push(world, parcel)) == "seal.broken"


def test_too_large_files_and_too_many_open_submissions(worlds) -> None:
    small = worlds(max_file_bytes=100)
    assert kind(open_parcel(small, make_parcel(small))) == "submission.refused"
    world = worlds()
    answers = [open_parcel(world, make_parcel(world)).status_code for _ in range(33)]
    assert answers == [200] * 32 + [409]
