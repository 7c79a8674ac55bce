"""`connector.toml`: what an institution's own files are called and how their columns map to the canonical ones.

A connector folder holds this file, the key store, the encrypted state and the outbox of submissions. No secret stands
in the file: a database's URL comes from an environment variable or from a file of its own.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from connectors.errors import ConnectorConfigurationError
from contract.fields import STANDARD_FIELDS, FieldType
from contract.registers import REGISTERS

FILE_NAME = "connector.toml"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnMap(_Section):
    """One canonical column: which own column it is, and how to read it.

    Attributes:
        column: The institution's own column.
        format: strptime form of a date or time; found from the values (or ISO 8601) where none is given.
        values: Own codes and what they mean canonically; other values stay as they are.
        concordance: A versioned code table of `connectors.concordances`, applied after `values`.
        any_document: The number may be any kind of document, cut to 8 characters (social security).
    """

    column: str
    format: str | None = None
    values: dict[str, str] = {}
    concordance: str | None = None
    any_document: bool = False


class _Units(_Section):
    linkage: str
    statistics: str


class _SourceSection(_Section):
    file: str | None = None
    url_env: str | None = None
    url_file: str | None = None
    table: str | None = None
    encoding: str = "utf-8"
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    sheet: str | None = None


class _FieldSection(_Section):
    type: FieldType


class _MapSection(BaseModel):
    """Canonical column = own column; `[map.events]` the same for the event table."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, ColumnMap]
    record_id: ColumnMap
    events: dict[str, ColumnMap] = {}

    @field_validator("*", mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return _expand(value)


class _File(_Section):
    institution: str
    register_name: str = Field(alias="register")
    units: _Units | None = None
    source: _SourceSection
    events: _SourceSection | None = None
    map: _MapSection
    field: dict[str, _FieldSection] = {}
    attributes: tuple[str, ...] = ()
    bad_dates: Literal["refuse", "empty"] = "refuse"
    keys: str = "institution.keys"


@dataclass(frozen=True)
class Source:
    """Where a table is. The URL of a database may hold a password, so it is in no text form of this object."""

    path: Path | None = None
    url: str | None = field(default=None, repr=False)
    table: str | None = None
    encoding: str = "utf-8"
    delimiter: str = ","
    sheet: str | None = None


@dataclass(frozen=True)
class Configuration:
    """A connector's settings, checked.

    Attributes:
        folder: The connector's folder; keys, state and outbox lie in it.
        institution: The party's name in the agreement.
        register: The register's name.
        source: Identity table.
        events_source: Event table; the identity table where one table serves both; None without events.
        columns: Canonical identity and attribute column to own column, `record_id` among them.
        event_columns: The same for events.
        own_fields: Types of linkage fields that are not standard.
        attributes: Canonical columns that travel in the payload, for registers that are not canonical.
        bad_dates: What a date that cannot be parsed does: refuse the vintage, or count as missing.
        keys: Path of the key store, from the connector's folder.
        linkage_url, statistics_url: Addresses of the units.
    """

    folder: Path
    institution: str
    register: str
    source: Source
    columns: dict[str, ColumnMap]
    events_source: Source | None = None
    event_columns: dict[str, ColumnMap] = field(default_factory=dict)
    own_fields: dict[str, FieldType] = field(default_factory=dict)
    attributes: tuple[str, ...] = ()
    bad_dates: Literal["refuse", "empty"] = "refuse"
    keys: str = "institution.keys"
    linkage_url: str = ""
    statistics_url: str = ""

    @property
    def key_file(self) -> Path:
        """The encrypted key store; several registers of one institution share one."""
        return self.folder / self.keys

    @property
    def state_file(self) -> Path:
        """The encrypted local state."""
        return self.folder / "state.sqlite"

    @property
    def outbox(self) -> Path:
        """Where encoded submissions wait for approval and push."""
        return self.folder / "outbox"

    @property
    def agreement_file(self) -> Path:
        """The agreement in force, with signatures."""
        return self.folder / "agreement.json"


def load_configuration(folder: Path) -> Configuration:
    """Read and check ``connector.toml`` in a connector folder.

    Raises:
        ConnectorConfigurationError: Missing, not TOML, unknown or missing keys (`where` names file and key).
    """
    path = folder / FILE_NAME
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConnectorConfigurationError(
            f"There is no readable {FILE_NAME} in the connector's folder: {error.strerror}.",
            advice="Make one with `wasl connector init`.",
            where={"file": FILE_NAME},
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConnectorConfigurationError(f"Not valid TOML: {error}.", where={"file": FILE_NAME}) from None
    return parse_configuration(raw, folder)


def parse_configuration(raw: dict[str, Any], folder: Path) -> Configuration:
    """Check the parsed form of ``connector.toml``. Raises as `load_configuration`."""
    prepared = dict(raw)
    if isinstance(prepared.get("map"), dict):
        prepared["map"] = {key: _expand(value) for key, value in prepared["map"].items()}
    try:
        parsed = _File.model_validate(prepared)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        problem = "Unknown key" if first["type"] == "extra_forbidden" else first["msg"]
        raise ConnectorConfigurationError(f"{problem}: {key}.", where={"file": FILE_NAME, "key": key}) from None
    columns = {"record_id": parsed.map.record_id, **parsed.map.__pydantic_extra__}
    own_fields = {name: section.type for name, section in parsed.field.items()}
    _check_names(parsed, columns, own_fields)
    events = None
    if parsed.map.events:
        events = _source(parsed.events or parsed.source, folder, "events" if parsed.events else "source")
    units = parsed.units
    return Configuration(
        folder=folder,
        institution=parsed.institution,
        register=parsed.register_name,
        source=_source(parsed.source, folder, "source"),
        columns=columns,
        events_source=events,
        event_columns=dict(parsed.map.events),
        own_fields=own_fields,
        attributes=parsed.attributes,
        bad_dates=parsed.bad_dates,
        keys=parsed.keys,
        linkage_url=units.linkage.rstrip("/") if units else "",
        statistics_url=units.statistics.rstrip("/") if units else "",
    )


def _expand(value: Any) -> Any:
    """Write ``x = "COLUMN"`` as ``x = { column = "COLUMN" }``, in the event map too."""
    if isinstance(value, str):
        return {"column": value}
    if isinstance(value, dict) and "column" not in value:
        return {key: {"column": inner} if isinstance(inner, str) else inner for key, inner in value.items()}
    return value


def _check_names(parsed: _File, columns: dict[str, ColumnMap], own_fields: dict[str, FieldType]) -> None:
    schema = REGISTERS.get(parsed.register_name)
    known = {"record_id", *STANDARD_FIELDS, *own_fields, *parsed.attributes}
    if schema is not None:
        known |= {*schema.identity, *schema.attributes}
    for name in columns:
        if name not in known:
            raise ConnectorConfigurationError(
                f"Unknown key: map.{name} is no column of the register {parsed.register_name}.",
                advice=f"Declare it with [field.{name}] type = ..., or list it in `attributes`.",
                where={"file": FILE_NAME, "key": f"map.{name}"},
            )
    if parsed.map.events and "record_id" not in parsed.map.events:
        raise ConnectorConfigurationError(
            "The event table's record id is not mapped.", where={"file": FILE_NAME, "key": "map.events.record_id"}
        )
    for name in parsed.map.events:
        if schema is not None and name not in {"record_id", *schema.events}:
            raise ConnectorConfigurationError(
                f"Unknown key: map.events.{name} is no event column of the register {parsed.register_name}.",
                where={"file": FILE_NAME, "key": f"map.events.{name}"},
            )
    from connectors.concordances import check_concordance

    for name, mapped in [*columns.items(), *((f"events.{key}", value) for key, value in parsed.map.events.items())]:
        if mapped.concordance is not None:
            check_concordance(mapped.concordance, where={"file": FILE_NAME, "key": f"map.{name}.concordance"})


def _source(section: _SourceSection, folder: Path, key: str) -> Source:
    where = {"file": FILE_NAME, "key": key}
    given = [name for name in ("file", "url_env", "url_file") if getattr(section, name) is not None]
    if len(given) != 1:
        raise ConnectorConfigurationError("A source names exactly one of file, url_env and url_file.", where=where)
    if section.file is not None:
        return Source(
            path=folder / section.file, encoding=section.encoding, delimiter=section.delimiter, sheet=section.sheet
        )
    if section.table is None:
        raise ConnectorConfigurationError("A database source names its table.", where=where)
    if section.url_env is not None:
        url = os.environ.get(section.url_env, "")
    else:
        try:
            url = (folder / str(section.url_file)).read_text(encoding="utf-8").strip()
        except OSError:
            url = ""
    if not url:
        raise ConnectorConfigurationError(
            "The database's URL is empty: the environment variable or file named does not hold it.", where=where
        )
    return Source(url=url, table=section.table)
