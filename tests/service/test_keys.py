"""A unit's keys: made once, read back with their passphrase, never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigurationError, ConflictError
from contract.keyfile import KeyFileError, write_encrypted
from contract.signing import sign, verify
from service.keys import UnitKeys
from service.server import load_or_create_keys
from service.settings import KEY_FILE, Settings


def test_keys_are_made_once_and_read_back(tmp_path: Path, monkeypatch) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("a long passphrase\n")
    monkeypatch.setenv("WASL_PASSPHRASE_FILE", str(secret))
    settings = Settings(role="linkage", data_dir=tmp_path / "data")
    made, read = load_or_create_keys(settings), load_or_create_keys(settings)
    assert (made.signing_public, made.sealing_public) == (read.signing_public, read.sealing_public)
    verify("test/v1", {"a": 1}, sign("test/v1", {"a": 1}, made.signing), read.signing_public)
    assert repr(made) == "UnitKeys(…)"
    with pytest.raises(ConflictError):
        UnitKeys.create(settings.data_dir / KEY_FILE, b"a long passphrase")
    secret.write_text("another passphrase")
    with pytest.raises(KeyFileError):
        load_or_create_keys(settings)


def test_a_missing_passphrase_and_a_file_of_something_else(tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(ConfigurationError):
        load_or_create_keys(Settings(role="linkage", data_dir=tmp_path))
    monkeypatch.setenv("WASL_PASSPHRASE", "a long passphrase")  # shows in dumps of the environment: not a way in
    with pytest.raises(ConfigurationError, match="No passphrase"):
        load_or_create_keys(Settings(role="linkage", data_dir=tmp_path))
    write_encrypted(tmp_path / KEY_FILE, b'{"signing": "AAAA"}', b"a long passphrase")
    (tmp_path / "passphrase").write_text("a long passphrase")
    settings = Settings(role="linkage", data_dir=tmp_path, passphrase_file=tmp_path / "passphrase")
    with pytest.raises(KeyFileError):
        load_or_create_keys(settings)
    assert "a long passphrase" not in repr(settings)
    with pytest.raises(ConfigurationError):
        Settings(role="linkage", passphrase_file=tmp_path / "absent").read_passphrase()
