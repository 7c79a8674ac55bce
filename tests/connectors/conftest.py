"""A key file's passphrase hashing at its least cost: dozens of stores are opened and written here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import contract.keyfile


@pytest.fixture(scope="package", autouse=True)
def cheap_passphrases() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contract.keyfile, "_MEMORY_KIB", 64)
        patch.setattr(contract.keyfile, "_PASSES", 1)
        yield
