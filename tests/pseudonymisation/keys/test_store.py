"""The key store keeps keys over a restart and opens under its passphrase alone."""

import pytest

import contract.keyfile
from contract.errors import ConflictError
from contract.keyfile import KeyFileError, write_encrypted
from pseudonymisation.keys.store import KeyStore, MissingEpochKeyError
from pseudonymisation.keys.tree import WeakKeyError

PASS = b"correct horse battery"
ID = "a" * 64


@pytest.fixture
def store(tmp_path):
    return KeyStore.create(tmp_path / "keys.wasl", "cnss", PASS)


def test_it_holds_the_same_keys_after_reopening(store):
    store.put_epoch_key(ID, 1, bytes(range(32)))
    again = KeyStore.open(store.path, PASS)
    assert again.public_keys == store.public_keys
    assert again.epoch_key(ID, 1) == bytes(range(32))
    assert again.local_key("state") == store.local_key("state") != store.local_key("other")
    assert again.party == "cnss"


def test_another_passphrase_is_refused(store):
    with pytest.raises(KeyFileError):
        KeyStore.open(store.path, b"another passphrase")


def test_neither_keys_nor_passphrase_are_legible(store):
    store.put_epoch_key(ID, 1, b"k" * 32)
    raw = store.path.read_bytes()
    assert b"signing_key" not in raw
    assert PASS not in raw
    assert "k" * 8 not in repr(store)
    assert PASS.decode() not in repr(store)
    assert store.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in store.path.parent.iterdir()] == [store.path.name]


def test_a_store_is_never_overwritten(store):
    with pytest.raises(ConflictError):
        KeyStore.create(store.path, "cnss", PASS)


def test_an_epoch_key_is_never_replaced_and_never_short(store):
    store.put_epoch_key(ID, 1, bytes(32))
    store.put_epoch_key(ID, 1, bytes(32))
    with pytest.raises(ConflictError):
        store.put_epoch_key(ID, 1, b"x" * 32)
    with pytest.raises(WeakKeyError):
        store.put_epoch_key(ID, 2, bytes(31))


def test_a_key_of_another_epoch_or_a_forgotten_one_is_missing(store):
    store.put_epoch_key(ID, 1, bytes(32))
    with pytest.raises(MissingEpochKeyError):
        store.epoch_key(ID, 2)
    store.forget_epoch_key(ID, 1)
    with pytest.raises(MissingEpochKeyError):
        KeyStore.open(store.path, PASS).epoch_key(ID, 1)


def test_the_ceremony_state_goes_when_its_key_is_there(store):
    store.put_ceremony(ID, 1, "state")
    assert KeyStore.open(store.path, PASS).ceremony(ID, 1) == "state"
    store.put_epoch_key(ID, 1, bytes(32))
    assert store.ceremony(ID, 1) is None


def test_the_passphrase_changes(store):
    store.change_passphrase(b"a new passphrase")
    assert KeyStore.open(store.path, b"a new passphrase").public_keys == store.public_keys
    with pytest.raises(KeyFileError):
        KeyStore.open(store.path, PASS)


def test_another_encrypted_file_is_not_a_store_and_is_not_quoted(tmp_path):
    write_encrypted(tmp_path / "x", b'{"secret": "hidden"}', PASS)
    with pytest.raises(KeyFileError) as caught:
        KeyStore.open(tmp_path / "x", PASS)
    assert "hidden" not in caught.value.diagnostics()
    assert caught.value.__cause__ is None


def test_a_store_of_another_cost_is_written_anew_when_it_opens(tmp_path, monkeypatch):
    monkeypatch.setattr(contract.keyfile, "_PASSES", 1)
    old = KeyStore.create(tmp_path / "keys", "cnss", PASS)
    monkeypatch.undo()
    before = old.path.read_bytes()
    opened = KeyStore.open(old.path, PASS)
    assert opened._file_key.current
    assert old.path.read_bytes() != before
    assert KeyStore.open(old.path, PASS).public_keys == old.public_keys


def test_a_store_that_vanished_is_not_made_again(store):
    store.path.unlink()
    with pytest.raises(KeyFileError):
        store.put_epoch_key(ID, 1, bytes(32))
