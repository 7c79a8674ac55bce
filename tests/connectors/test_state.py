"""The local state: stable subject references, and no identity in the clear in its bytes."""

from __future__ import annotations

import secrets
import stat
from pathlib import Path

import pytest

from connectors.state import LocalState, LocalSubmission
from contract.errors import IntegrityError, NotFoundError, StorageError


def draw(count: int) -> list[str]:
    return [secrets.token_hex(16) for _ in range(count)]


MAC, SEAL = b"m" * 32, b"s" * 32


def test_references_persist_over_vintages(tmp_path: Path) -> None:
    state = LocalState(tmp_path / "state.sqlite", MAC, SEAL)
    first = state.subject_refs(["a", "b", "c"], [0, 0, 1], draw)
    assert first[0] == first[1] != first[2]
    again = LocalState(tmp_path / "state.sqlite", MAC, SEAL).subject_refs(["c", "d", "b", "a"], [0, 1, 2, 2], draw)
    assert again[0] == first[2]
    assert again[2] == again[3] == first[0]
    assert again[1] not in first
    assert state.record_refs() == {"a": first[0], "b": first[0], "c": first[2], "d": again[1]}


def test_a_split_leaves_the_reference_to_the_larger_part_and_a_merge_keeps_the_commoner(tmp_path: Path) -> None:
    state = LocalState(tmp_path / "state.sqlite", MAC, SEAL)
    first = state.subject_refs(["a", "b", "c", "d"], [0, 0, 0, 1], draw)
    split = state.subject_refs(["a", "b", "c", "d"], [0, 1, 1, 2], draw)
    assert split[1] == split[2] == first[0]
    assert split[0] not in first
    merged = state.subject_refs(["a", "b", "c", "d"], [0, 0, 0, 0], draw)
    assert set(merged) == {first[0]}


def test_no_record_id_or_reference_in_the_files_bytes(tmp_path: Path) -> None:
    state = LocalState(tmp_path / "state.sqlite", MAC, SEAL)
    ids = [f"CANARY-{number}" for number in range(500)]
    references = state.subject_refs(ids, list(range(500)), draw)
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert b"CANARY" not in content
        assert not any(one.encode() in content or bytes.fromhex(one) in content for one in references)
    assert stat.S_IMODE((tmp_path / "state.sqlite").stat().st_mode) == 0o600


def test_another_key_does_not_open_it(tmp_path: Path) -> None:
    LocalState(tmp_path / "state.sqlite", MAC, SEAL).subject_refs(["a"], [0], draw)
    with pytest.raises(IntegrityError):
        LocalState(tmp_path / "state.sqlite", MAC, b"t" * 32).record_refs()


def test_a_file_that_is_no_state_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"not a database, but long enough to look at" * 40)
    with pytest.raises(StorageError):
        LocalState(tmp_path / "state.sqlite", MAC, SEAL)


def test_submissions_and_what_happened_to_them(tmp_path: Path) -> None:
    state = LocalState(tmp_path / "state.sqlite", MAC, SEAL)
    one = LocalSubmission("ab" * 32, "cd" * 32, "a", "2020", "2020-01-01T00:00:00", "prepared", "2020-ab", {"rows": 3})
    state.add_submission(one)
    state.move(one.manifest_id, "approved", {"by": "operator"})
    assert state.submission("abababab").state == "approved"
    assert [event["kind"] for event in state.events(one.manifest_id)] == ["prepared", "approved"]
    with pytest.raises(NotFoundError):
        state.submission("ffffffff")
    with pytest.raises(NotFoundError):
        state.move("ff" * 32, "sent", {})
