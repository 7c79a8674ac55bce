"""Objects are there whole or not at all, and never give other bytes than those that were put."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import pytest

from contract.canonical import digest
from contract.errors import IntegrityError, NotFoundError, StorageError
from service.storage import ContentStore, temporary_folder


def test_put_twice_read_delete(tmp_path: Path) -> None:
    store = ContentStore(tmp_path / "store")
    content = b"table" * 1000
    assert store.put(io.BytesIO(content)) == store.put(io.BytesIO(content)) == (digest(content), len(content))
    with store.open(digest(content)) as source:
        assert source.read() == content
    assert list(store.digests()) == [digest(content)]
    assert store.delete(digest(content)) is True
    assert store.delete(digest(content)) is False
    with pytest.raises(NotFoundError):
        store.open(digest(content))


def test_changed_content_is_never_given_out(tmp_path: Path) -> None:
    store = ContentStore(tmp_path / "store")
    name, _ = store.put(io.BytesIO(b"content"))
    store.path(name).write_bytes(b"other")
    with pytest.raises(IntegrityError):
        store.open(name)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "0" * 63, "A" * 64, "0" * 62 + "/."])
def test_only_digests_are_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFoundError):
        ContentStore(tmp_path / "store").path(name)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch, call: str) -> None:
    store = ContentStore(tmp_path / "store")

    def full(*_args) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(*((os, "fsync") if call == "fsync" else (Path, "replace")), full)
        with pytest.raises(StorageError) as caught:
            store.put(io.BytesIO(b"content"))
    assert "Free disk space" in caught.value.advice
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []
    store.put(io.BytesIO(b"content"))


def test_what_a_killed_process_left_half_written_is_cleared_at_the_next_start(tmp_path: Path) -> None:
    ContentStore(tmp_path / "store")
    (tmp_path / "store" / "incoming" / "half").write_bytes(b"half")
    ContentStore(tmp_path / "store")
    assert list((tmp_path / "store" / "incoming").iterdir()) == []


def test_a_temporary_folder_is_private_and_goes_whatever_happens(tmp_path: Path) -> None:
    def work() -> None:
        with temporary_folder(tmp_path / "tmp") as folder:
            assert folder.stat().st_mode & 0o777 == 0o700
            (folder / "plain").write_bytes(b"plain")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert list((tmp_path / "tmp").iterdir()) == []
