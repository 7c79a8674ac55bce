"""A unit's database URL, with its password, comes from a file: container secrets are files."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.errors import ConfigurationError
from service.settings import Settings

URL = "postgresql://wasl:a%20password@linkage-database/wasl"


def test_the_url_comes_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "linkage_database_url"
    place.write_text(URL + "\n", encoding="utf-8")
    monkeypatch.setenv("WASL_DATABASE_URL_FILE", str(place))
    settings = Settings(role="linkage", data_dir=tmp_path)
    assert settings.database == URL
    assert URL not in repr(settings)
    assert Settings(role="linkage", data_dir=tmp_path, database_url="sqlite:///x").database == "sqlite:///x"


def test_without_any_it_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    assert Settings(role="linkage", data_dir=tmp_path).database == f"sqlite:///{tmp_path}/linkage.sqlite"


@pytest.mark.parametrize("content", [None, b"", b"two lines\nsecret", b"\xff\xfe"])
def test_a_file_that_holds_no_url(tmp_path: Path, content: bytes | None) -> None:
    place = tmp_path / "url"
    if content is not None:
        place.write_bytes(content)
    settings = Settings(role="linkage", data_dir=tmp_path, database_url_file=place)
    with pytest.raises(ConfigurationError) as refused:
        settings.database  # noqa: B018
    assert refused.value.where == {"file": "url"}
    assert "secret" not in refused.value.diagnostics()
