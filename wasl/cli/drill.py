"""`wasl audit drill`: rehearse an incident on synthetic people."""

from __future__ import annotations

from typing import Annotated

import typer

from wasl.cli.output import emit

app = typer.Typer(no_args_is_help=True, help="Rehearse an incident on synthetic people.")
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


@app.command("key-leak")
def key_leak(
    persons: Annotated[int, typer.Option(help="Synthetic persons in two registers.", min=50)] = 300,
    seed: Annotated[int, typer.Option(help="Seed of the people; keys are fresh each time.")] = 1,
    as_json: Json = False,
) -> None:
    """Leak each kind of key to each kind of party, run the attacks for real, and show what they read."""
    from evaluation.key_leak.drill import as_json as described
    from evaluation.key_leak.drill import as_table, drill_key_leak

    findings = drill_key_leak(persons, seed)
    emit({"persons": persons, "seed": seed, "findings": described(findings)}, as_json, as_table(findings))


@app.callback()
def drills() -> None:
    """Rehearse an incident on synthetic people."""
