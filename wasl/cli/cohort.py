"""`wasl cohort`: check a definition, try it on dummy data, run it at the statistics unit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from contract.errors import InputError
from wasl.cli.output import emit, say

if TYPE_CHECKING:
    from trajectories.cohorts import Cohort

app = typer.Typer(no_args_is_help=True, help="Cohorts as code: check, try on dummy data, run.")
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
File = Annotated[Path, typer.Argument(help="The cohort's definition (TOML).")]
_LARGEST = 20_000


def _read(path: Path) -> tuple[str, Cohort]:
    from trajectories.cohorts import read_cohort

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("The definition cannot be read.", where={"file": path.name}) from error
    if len(text) > _LARGEST:
        raise InputError("The definition is too long.", where={"file": path.name})
    return text, read_cohort(text)


@app.command()
def check(file: File, as_json: Json = False) -> None:
    """Check a definition; nothing is computed."""
    _, cohort = _read(file)
    emit({"name": cohort.name, "digest": cohort.digest, **cohort.document()}, as_json)


@app.command()
def dummy(
    file: File,
    persons: Annotated[int, typer.Option(help="Number of dummy persons.", min=50)] = 2000,
    out: Annotated[Path | None, typer.Option(help="A folder for tables and every export of the dummy persons.")] = None,
    as_json: Json = False,
) -> None:
    """Run a cohort on dummy data, on this machine; real data are not touched."""
    from trajectories.cohorts import dummy_run
    from trajectories.exports import code_digest

    _, cohort = _read(file)
    made = dummy_run(cohort, persons)
    shown = made.table["value"].drop_nulls().len()
    result: dict[str, Any] = {
        "name": cohort.name,
        "digest": cohort.digest,
        "tables": made.digest,
        "cells": made.table.height,
        "shown": shown,
        "code": code_digest(),
    }
    if out is not None:
        from trajectories.cohorts.files import write_dummy_files

        result["files"] = [path.name for path in write_dummy_files(cohort, out, persons)]
    emit(result, as_json)
    say("Next: wasl cohort run FILE --account NAME")


@app.command()
def run(
    file: File,
    account: Annotated[str, typer.Option(help="A statistician's account at the statistics unit.")],
    computation: Annotated[
        str | None, typer.Option("--run", help="The computation; the newest that succeeded by default.")
    ] = None,
    url: Annotated[str, typer.Option(help="The statistics unit's address.")] = "http://127.0.0.1:8002",
    propose: Annotated[bool, typer.Option("--propose", help="Propose the tables for release as well.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the protected tables to this CSV file.")] = None,
    as_json: Json = False,
) -> None:
    """Run a cohort at the statistics unit, which tries it on dummy data first. Only protected tables come back.

    The password is asked for, or comes from the file named by WASL_ACCOUNT_PASSWORD_FILE. A release needs another
    person, the output checker, as everywhere.
    """
    from wasl.cli.statistician import signed_in

    text, _ = _read(file)
    with signed_in(url, account) as desk:
        tried = desk.call("POST", "/api/v1/cohorts", {"source": text})
        wanted = computation or desk.newest_computation()
        made = desk.call("POST", f"/api/v1/cohorts/{tried['digest']}/runs", {"run_id": wanted})
        if out is not None:
            out.write_bytes(desk.content(f"/api/v1/cohorts/runs/{made['id']}/tables.csv"))
        result = {name: made[name] for name in ("id", "run_id", "vintage", "state", "tag", "table_digest")}
        result["cells"], result["not_shown"] = made["report"]["cells"], made["report"]["not_shown"]
        if propose:
            result["release"] = desk.call("POST", f"/api/v1/cohorts/runs/{made['id']}/release")["id"]
    emit(result, as_json)
