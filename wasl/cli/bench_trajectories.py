"""`wasl bench trajectories`: time and memory of spells and the full indicator set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wasl.cli.output import emit


def bench_trajectories(
    persons: Annotated[int, typer.Option(help="Number of made-up persons.", min=1)] = 100_000,
    seed: Annotated[int, typer.Option(help="Seed of the made-up registers.")] = 1,
    folder: Annotated[Path | None, typer.Option(help="Where the registers are written; temporary by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Measure spells and the full indicator set over made-up registers, 30 crossings and declarations a person."""
    from evaluation.benchmarks.trajectories import bench

    emit(bench(persons, seed, folder), as_json)
