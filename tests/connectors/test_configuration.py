"""connector.toml: unknown keys are refused with file and key; no secret stands in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.configuration import load_configuration
from connectors.errors import ConnectorConfigurationError, DateError, RecordIdError, SourceError
from connectors.mapping import read_events, read_identities

ASSETS = Path(__file__).parent / "assets"
BASE = """
institution = "dgsn"
register = "border_crossing"
[source]
file = "a.csv"
"""


def write(folder: Path, text: str) -> Path:
    (folder / "connector.toml").write_text(text, encoding="utf-8")
    return folder


def test_own_columns_map_to_canonical_ones(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes((ASSETS / "people.csv").read_bytes())
    folder = write(
        tmp_path,
        BASE
        + """delimiter = ";"
[map]
record_id = "ID"
family_name = "NOM"
nationality = { column = "NAT", concordance = "country/1", values = { FR = "France" } }
birth_date = { column = "DDN", format = "%d/%m/%Y" }
""",
    )
    configuration = load_configuration(folder)
    assert configuration.columns["birth_date"].format == "%d/%m/%Y"
    mapped = read_identities(configuration)
    assert mapped.frame.get_column("nationality").to_list() == ["SEN", "FRA", None]
    assert mapped.rows.to_list() == [2, 3, 4]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[map]\nrecord_id = "ID"\nnom = "NOM"', "map.nom"),
        ('[map]\nrecord_id = "ID"\nsex = { column = "S", codes = {} }', "map.sex.codes"),
        ('[map]\nsex = "S"', "map.record_id"),
        ('[map]\nrecord_id = "ID"\n[map.events]\nrecord_id = "ID"\nwhere = "W"', "map.events.where"),
        ('[map]\nrecord_id = "ID"\n[map.events]\ncrossed_at = "W"', "map.events.record_id"),
        ('[map]\nrecord_id = "ID"\nsex = { column = "S", concordance = "x/1" }', "map.sex.concordance"),
        ('password = "sesame"\n[map]\nrecord_id = "ID"', "source.password"),
        ('[map]\nrecord_id = "ID"\n[unit]\nlinkage = "x"', "unit"),
        ('url_env = "X"\n[map]\nrecord_id = "ID"', "source"),
    ],
)
def test_an_unknown_or_missing_key_is_named(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(ConnectorConfigurationError) as caught:
        load_configuration(write(tmp_path, BASE + text))
    assert caught.value.where == {"file": "connector.toml", "key": key}
    assert "sesame" not in caught.value.diagnostics()


def test_a_databases_url_comes_from_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = BASE.replace('file = "a.csv"', 'url_env = "WASL_TEST_URL"\ntable = "t"') + '[map]\nrecord_id = "ID"'
    folder = write(tmp_path, text)
    with pytest.raises(ConnectorConfigurationError, match="empty"):
        load_configuration(folder)
    monkeypatch.setenv("WASL_TEST_URL", "sqlite:///sesame.db")
    configuration = load_configuration(folder)
    assert configuration.source.url == "sqlite:///sesame.db"
    assert "sesame" not in repr(configuration)


def events_configuration(folder: Path, more: str = "") -> Path:
    return write(
        folder,
        f'{more}{BASE}[events]\nfile = "e.csv"\n[map]\nrecord_id = "record_id"\n'
        'family_name = "family_name"\n[map.events]\n'
        'record_id = "record_id"\ncrossed_at = { column = "crossed_at", format = "%d/%m/%Y" }\n',
    )


def test_a_doubled_record_id_is_refused_with_its_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes((ASSETS / "doubled_id.csv").read_bytes())
    with pytest.raises(RecordIdError) as caught:
        read_identities(load_configuration(events_configuration(tmp_path)))
    assert caught.value.where["row"] == 4


def test_a_bad_event_date_is_refused_with_row_and_column_or_counted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("record_id,family_name\n1,a\n2,b\n3,c\n")
    (tmp_path / "e.csv").write_bytes((ASSETS / "bad_dates.csv").read_bytes())
    configuration = load_configuration(events_configuration(tmp_path))
    identities = read_identities(configuration)
    with pytest.raises(DateError) as caught:
        read_events(configuration, identities.frame.get_column("record_id"))
    assert caught.value.where == {"file": "e.csv", "row": 3, "column": "crossed_at", "rows_affected": 2}
    lenient = load_configuration(events_configuration(tmp_path, 'bad_dates = "empty"\n'))
    events = read_events(lenient, identities.frame.get_column("record_id"))
    assert events is not None
    assert events.frame.get_column("crossed_at").to_list() == ["2019-04-03", None, None]
    assert (events.faults["crossed_at"].unparsable, events.faults["crossed_at"].rows) == (2, [3, 4])


def test_an_event_of_an_unknown_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("record_id,family_name\n1,a\n")
    (tmp_path / "e.csv").write_text("record_id,crossed_at\n1,01/01/2020\n9,01/01/2020\n")
    configuration = load_configuration(events_configuration(tmp_path))
    with pytest.raises(RecordIdError) as caught:
        read_events(configuration, read_identities(configuration).frame.get_column("record_id"))
    assert caught.value.where["row"] == 3


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConnectorConfigurationError, match="no readable"):
        load_configuration(tmp_path)
    with pytest.raises(SourceError):
        read_identities(load_configuration(events_configuration(tmp_path)))
