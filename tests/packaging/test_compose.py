"""The compose file keeps the parties apart and holds no secret; the image runs as nobody in particular."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from service.settings import Settings
from tests.packaging.test_install import instructions
from tests.packaging.test_wheel import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
UNITS = ("linkage-unit", "statistics-unit")


def test_the_parts_are_there() -> None:
    assert set(SERVICES) == {*UNITS, "linkage-database", "statistics-database", "connector"}
    assert SERVICES["connector"]["profiles"] == ["connector"]


@pytest.mark.parametrize("name", [*UNITS, "linkage-database", "statistics-database"])
def test_what_runs_on_is_watched_and_restarted(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", [*UNITS, "connector"])
def test_our_containers_may_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service.get("privileged") is None
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_the_image_does_not_run_as_root() -> None:
    said = [rest for word, rest in instructions() if word == "USER"]
    assert said[-1] == "wasl"
    last = max(place for place, (word, _) in enumerate(instructions()) if word == "FROM")
    assert any("useradd" in rest and "--uid 10001" in rest for word, rest in instructions()[last:] if word == "RUN")


def test_units_share_no_database_no_network_to_it_no_volume_and_no_secret() -> None:
    linkage, statistics = (SERVICES[name] for name in UNITS)
    for part in ("volumes", "secrets"):
        assert not set(linkage[part]) & set(statistics[part])
    assert set(linkage["networks"]) & set(statistics["networks"]) == {"exchange"}
    for role in ("linkage", "statistics"):
        assert SERVICES[f"{role}-database"]["networks"] == [role]
        assert COMPOSE["networks"][role] == {"internal": True}
        assert list(SERVICES[f"{role}-unit"]["depends_on"]) == [f"{role}-database"]
    volumes = [volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    assert len(volumes) == len(set(volumes))
    assert not set(SERVICES["connector"]["secrets"]) & {*linkage["secrets"], *statistics["secrets"]}


def test_no_secret_stands_in_it() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if any(word in variable for word in ("PASS", "SECRET", "TOKEN", "KEY", "DATABASE_URL")):
                assert variable.endswith("_FILE"), (name, variable)
                assert str(value).startswith("/run/secrets/")
                assert str(value).removeprefix("/run/secrets/") in service["secrets"]
            assert "@" not in str(value), (name, variable)
    for name, secret in COMPOSE["secrets"].items():
        assert secret == {"file": f"./secrets/{name}.txt"}
    used = {secret for service in SERVICES.values() for secret in service["secrets"]}
    assert used == COMPOSE["secrets"].keys()
    assert "/docker/secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_told_settings_that_exist(name: str) -> None:
    for variable in SERVICES[name]["environment"]:
        assert variable.removeprefix("WASL_").lower() in Settings.model_fields, variable


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_asks_itself_how_it_is(name: str) -> None:
    port = SERVICES[name]["command"][-1]
    assert f"http://127.0.0.1:{port}/api/v1/status" in SERVICES[name]["healthcheck"]["test"][-1]
    assert SERVICES[name]["ports"] == [f"127.0.0.1:{port}:{port}"]
