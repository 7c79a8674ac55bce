"""`wasl bench`: speed, memory and quality on this machine."""

from __future__ import annotations

import typer

from wasl.cli import bench_linkage, bench_privacy, bench_trajectories

app = typer.Typer(no_args_is_help=True, help="Measure speed, memory and quality on this machine.")
app.command("trajectories")(bench_trajectories.bench_trajectories)
bench_linkage.add_commands(app)
bench_privacy.add_commands(app)
