"""The encrypted key file: opens with its passphrase only, detects damage, is private and atomic."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

import contract.keyfile
from contract.errors import StorageError
from contract.keyfile import FileKey, KeyFileError, read_encrypted, write_encrypted

PASSPHRASE = b"correct horse battery"


def test_round_trip_is_private_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "unit.keys"
    write_encrypted(path, b"secret", PASSPHRASE)
    write_encrypted(path, b"another secret", PASSPHRASE)
    assert read_encrypted(path, PASSPHRASE) == b"another secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"secret" not in path.read_bytes()
    assert [entry.name for entry in tmp_path.iterdir()] == ["unit.keys"]


def test_another_passphrase_and_every_kind_of_damage_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "unit.keys"
    write_encrypted(path, b"secret", PASSPHRASE)
    with pytest.raises(KeyFileError):
        read_encrypted(path, b"another passphrase")
    content = path.read_bytes()
    for place in (0, 9, 26, 30, 34, 40, len(content) - 1):  # magic, salt, cost, nonce, tag
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(KeyFileError):
            read_encrypted(path, PASSPHRASE)
    for size in (0, 10, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(KeyFileError):
            read_encrypted(path, PASSPHRASE)


def test_a_header_that_asks_for_all_memory_is_refused_before_it_is_obeyed(tmp_path: Path) -> None:
    path = tmp_path / "unit.keys"
    write_encrypted(path, b"secret", PASSPHRASE)
    content = path.read_bytes()
    path.write_bytes(content[:24] + b"\xff\xff\xff\xff" + content[28:])
    with pytest.raises(KeyFileError, match="header"):
        read_encrypted(path, PASSPHRASE)


def test_short_passphrase_missing_file_and_unwritable_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError):
        write_encrypted(tmp_path / "a", b"x", b"short")
    with pytest.raises(KeyFileError):
        read_encrypted(tmp_path / "absent", PASSPHRASE)
    with pytest.raises(StorageError):
        write_encrypted(tmp_path / "absent" / "a", b"x", PASSPHRASE)


def test_one_derivation_serves_all_writings_each_under_a_fresh_nonce(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived = []
    real = contract.keyfile._derive
    monkeypatch.setattr(contract.keyfile, "_derive", lambda *cost: derived.append(cost) or real(*cost))
    path = tmp_path / "unit.keys"
    key = FileKey.make(PASSPHRASE)
    contents = set()
    for _ in range(5):
        key.write(path, b"secret")
        assert key.read(path) == b"secret"
        contents.add(path.read_bytes())
    assert (len(derived), len(contents)) == (1, 5)
    assert read_encrypted(path, PASSPHRASE) == b"secret"
    assert len(derived) == 2
    assert derived[0][2:] == (64 * 1024, 3, 4)  # RFC 9106, the second recommended choice, is not lowered
    assert key.current
    assert "_key" not in repr(key)


def test_a_file_under_another_passphrase_meanwhile_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "unit.keys"
    key = FileKey.make(PASSPHRASE)
    key.write(path, b"secret")
    write_encrypted(path, b"secret", b"another passphrase")
    with pytest.raises(KeyFileError, match="meanwhile"):
        key.read(path)


def test_wiping_overwrites_the_file_that_was_replaced(tmp_path: Path) -> None:
    path = tmp_path / "unit.keys"
    key = FileKey.make(PASSPHRASE)
    key.write(path, b"first")
    with path.open("rb") as first:
        before = first.read()
        key.write(path, b"second", wipe=True)
        first.seek(0)
        overwritten = first.read()
    assert len(overwritten) == len(before)
    assert overwritten != before
    assert key.read(path) == b"second"


def test_wiping_takes_what_a_killed_process_left_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "unit.keys"
    key = FileKey.make(PASSPHRASE)
    key.write(path, b"first")
    leftover, other = tmp_path / ".unit.keys.0123456789ab.tmp", tmp_path / ".other.keys.0123456789ab.tmp"
    for file in (leftover, other):
        file.write_bytes(path.read_bytes())
    with leftover.open("rb") as held:
        before = held.read()
        key.write(path, b"second", wipe=True)
        held.seek(0)
        assert held.read() != before
    assert not leftover.exists()
    assert other.exists()
    assert key.read(path) == b"second"
