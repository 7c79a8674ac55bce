"""`wasl serve`: what a unit's operator does on the unit's machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from contract.errors import ConfigurationError
from wasl.cli.output import emit, say

if TYPE_CHECKING:
    from service.settings import Settings
    from service.unit import Unit

Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Role = Annotated[str, typer.Option(help="linkage or statistics")]
Data = Annotated[Path, typer.Option(help="The unit's data folder.")]


def unit_settings(role: str, data: Path, **given: Any) -> Settings:
    """Return a unit's settings: what is given, then the environment, then defaults.

    Raises:
        ConfigurationError: A setting is not valid.
    """
    from pydantic import ValidationError

    from service.settings import Settings

    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(role=role, data_dir=data, **chosen)  # type: ignore[arg-type]
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        raise ConfigurationError(
            f"The setting {'.'.join(str(part) for part in fault['loc'])} is not valid: {fault['msg']}."
        ) from None


@contextmanager
def opened_unit(role: str, data: Path) -> Iterator[Unit]:
    """Open a unit's database and stores for a local command, and close them."""
    from pseudonymisation.keys.process import guard_process
    from service.server import load_or_create_keys
    from service.unit import open_unit

    settings = unit_settings(role, data)
    guard_process()
    unit = open_unit(settings, load_or_create_keys(settings))
    try:
        yield unit
    finally:
        unit.close()


def serve(
    role: Role,
    data: Data = Path("wasl-data"),
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    database_url: Annotated[str | None, typer.Option(help="PostgreSQL URL; a SQLite file by default.")] = None,
    base_url: Annotated[str | None, typer.Option(help="Address as callers write it, behind a proxy.")] = None,
    statistics_url: Annotated[str | None, typer.Option(help="Where the linkage unit delivers its edges.")] = None,
    init: Annotated[
        bool, typer.Option("--init", help="Make the unit's keys, print its public half, and stop.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run one unit: the linkage unit, which holds no key, or the statistics unit, which holds no encodings."""
    from pseudonymisation.keys.process import guard_process

    guard_process()  # a crash must not write the unit's own keys to disk
    settings = unit_settings(
        role,
        data,
        host=host,
        port=port,
        database_url=database_url,
        base_url=base_url,
        statistics_url=statistics_url,
    )
    if init:
        from service.server import load_or_create_keys

        keys = load_or_create_keys(settings)
        emit(
            {
                "name": f"{settings.role}-unit",
                "role": settings.party_role,
                "signing_key": keys.signing_public,
                "sealing_key": keys.sealing_public,
            },
            as_json,
        )
        return
    from service.server import serve as run_server

    say(f"The {settings.role} unit listens on {settings.url} - stop it with Ctrl+C.")
    run_server(settings)
