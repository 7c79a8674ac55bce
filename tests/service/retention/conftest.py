"""Both units after one linkage, ready to be erased."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.keys import UnitKeys
from service.linkage_unit.start import start_linkage
from tests.service.linkage_unit.builders import VINTAGE, Federation, Register, make_registers, open_federation


@pytest.fixture(scope="module")
def registers() -> dict[str, Register]:
    return make_registers(persons=40)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, registers: dict[str, Register]) -> tuple[Path, Federation]:
    """Both units' folders after one linkage, to copy: linking anew for each test would take most of the time."""
    folder = tmp_path_factory.mktemp("template")
    made = open_federation(folder)
    link(made, registers)
    made.close()
    return folder, made


@pytest.fixture
def federation(tmp_path: Path, template: tuple[Path, Federation]) -> Iterator[Federation]:
    folder, closed = template
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    made = replace(closed, units={}, clients={})
    for role, party in (("linkage", "lu"), ("statistics", "su")):
        own = closed.units[role].settings.model_copy(update={"data_dir": tmp_path / role})
        app = create_app(own, UnitKeys(made.keys[party].signing, made.keys[party].sealing))
        made.units[role] = app.state.unit
        made.clients[role] = TestClient(app, base_url=made.urls[role], raise_server_exceptions=False)
    yield made
    made.close()


def link(federation: Federation, registers: dict[str, Register], vintage: str = VINTAGE) -> None:
    federation.push_all(registers, vintage)
    start_linkage(federation.units["linkage"].database, federation.agreement.id, vintage)
    federation.work("linkage")
    federation.work("statistics")
