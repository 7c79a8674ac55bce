"""The tree of commands. Only Typer is imported here; everything heavy waits for its command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wasl.cli import accounts, agreement, audit, audit_reports, bench, cohort, connector, drill, keys, runs, units
from wasl.cli.output import emit

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # drawing boxes would take a third of the start
    help="Wasl links the registers of labour migration without sharing identities.",
    epilog="First steps: wasl demo. Then: docs/guides.",
)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]

app.add_typer(connector.app, name="connector", help="What an institution does on its own machine.")
app.add_typer(agreement.app, name="agreement")
app.add_typer(bench.app, name="bench")
app.add_typer(runs.app, name="run")
app.add_typer(cohort.app, name="cohort")
app.add_typer(accounts.app, name="account")
app.add_typer(audit.app, name="audit")
audit_reports.add_commands(audit.app)
app.add_typer(keys.unit, name="unit")
audit.app.add_typer(drill.app, name="drill")
keys.install(agreement.app, connector.app, audit.app)
app.command("serve")(units.serve)


@app.command()
def demo(
    persons: Annotated[int, typer.Option(help="Number of synthetic persons.", min=50)] = 5000,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic country.")] = 1,
    keep: Annotated[Path | None, typer.Option(help="Keep everything the demo made in this folder.")] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Keep both units up and print their pages.")] = False,
    registers: Annotated[
        Path | None,
        typer.Option(help="Canonical register files (NAME.csv, NAME_events.csv) instead of synthetic ones."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where --registers writes links, spells and indicators.")] = None,
    as_json: Json = False,
) -> None:
    """Run the whole mission on this machine: six connectors and both units as real processes."""
    from wasl.demo.run import run_demo

    result, text = run_demo(persons=persons, seed=seed, keep=keep, serve=serve, registers=registers, out=out)
    emit(result, as_json, text)


@app.command()
def synthetic(
    directory: Annotated[Path, typer.Argument(help="A new folder for registers, truth and true indicators.")],
    persons: Annotated[int, typer.Option(help="Number of synthetic persons.", min=50)] = 5000,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic country.")] = 1,
    as_json: Json = False,
) -> None:
    """Write the six registers of a synthetic country, a labelled data set that `evaluate` and `demo` read."""
    from wasl.cli.synthesis import write_country

    result, text = write_country(directory, persons=persons, seed=seed)
    emit(result, as_json, text)


@app.command()
def evaluate(
    directory: Annotated[Path, typer.Argument(help="A labelled data set (docs/labelled-data.md).")],
    profile: Annotated[str, typer.Option(help="blind_blocks, record or clear.")] = "blind_blocks",
    group: Annotated[str, typer.Option(help="none: each record a subject; local: the connector groups.")] = "none",
    links: Annotated[Path | None, typer.Option(help="Write register,record_id,person_id to this file.")] = None,
    audit: Annotated[bool, typer.Option(help="Attack the encodings of this very run.")] = True,
    audit_rows: Annotated[int, typer.Option(help="Persons attacked in each register.", min=1)] = 300,
    trajectories: Annotated[
        bool, typer.Option("--trajectories", help="Compare the figures with a synthetic set's recorded truth.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run the real path on a labelled data set and score the link map against its truth."""
    from wasl.cli.evaluation import evaluate_set

    rows = audit_rows if audit else None
    result, text = evaluate_set(
        directory, profile=profile, group=group, links=links, audit_rows=rows, trajectories=trajectories
    )
    emit(result, as_json, text)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check this machine: Python, libraries, disk, clock, compiled kernels."""
    from wasl.cli.doctor import examine

    result, text = examine()
    emit(result, as_json, text)
    if not result["healthy"]:
        raise typer.Exit(1)


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    emit({}, False, installed("wasl"))
