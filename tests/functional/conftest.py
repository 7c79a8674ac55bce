"""The runs that many tests of the whole path share: each is made once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evaluation.synthetic import generate, write
from tests.functional.commands import Ended, wasl
from tests.functional.watched import Watched, watch

PERSONS = 400
SMALL = 150


@dataclass(frozen=True)
class Demo:
    """A finished ``wasl demo --json --keep FOLDER``."""

    ended: Ended
    result: dict[str, Any]
    folder: Path


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo on a synthetic country, as `make demo` runs it."""
    folder = tmp_path_factory.mktemp("demo")
    ended = wasl("demo", "--persons", PERSONS, "--keep", folder / "kept", "--json", folder=folder / "run")
    assert ended.code == 0, ended.err[-3000:]
    return Demo(ended, ended.json(), folder / "kept")


@pytest.fixture(scope="session")
def country(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Canonical register files of a small synthetic country, with its truth beside them."""
    folder = tmp_path_factory.mktemp("country")
    write(generate(SMALL, seed=5), folder)
    return folder


@pytest.fixture(scope="session")
def watched(country: Path, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """The demo on all six register files with a person planted in each, and everything that was said and written."""
    return watch(country, tmp_path_factory.mktemp("watched"))
