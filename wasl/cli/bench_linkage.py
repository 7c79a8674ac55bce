"""`wasl bench linkage`, `assessment`, `kernels`, `scaling` and `vintage`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from contract.errors import ConfigurationError
from wasl.cli.output import emit, say

Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Threads = Annotated[int, typer.Option(help="Threads.", min=1)]
Folder = Annotated[Path | None, typer.Option(help="Keep the made-up data here for the next time.")]


def linkage(
    persons: Annotated[int, typer.Option(help="Rows of each of two registers.", min=100)] = 100_000,
    threads: Threads = 2,
    folder: Folder = None,
    seed: Annotated[int, typer.Option(help="Seed of the made-up registers.")] = 1,
    engine: Annotated[str, typer.Option(help="local, or dask: the workers of a cluster that is there.")] = "local",
    scheduler: Annotated[
        str | None, typer.Option(help="The cluster's scheduler, such as tcp://127.0.0.1:8786.")
    ] = None,
    beside: Annotated[
        str | None, typer.Option(help="Another system's script, run in turn on the same files (docs/benchmarks/peers).")
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="How often both run, with --beside: 3 times.", min=1)] = None,
    as_json: Json = False,
) -> None:
    """Measure a linkage from pass tables to person ids: time, memory and F1."""
    from evaluation.benchmarks.beside import bench_beside
    from evaluation.benchmarks.linkage import bench

    if engine not in {"local", "dask"} or (engine == "dask") != (scheduler is not None):
        raise ConfigurationError("A scheduler goes with engine dask.", advice="--engine dask --scheduler ADDRESS")
    if rounds and not beside:
        raise ConfigurationError("Rounds are for another system beside.", advice="--beside COMMAND --rounds N")
    if beside is None:
        result = bench(persons, threads=threads, folder=folder, seed=seed, scheduler=scheduler)
    elif scheduler is None:
        result = bench_beside(beside, persons, rounds=rounds or 3, threads=threads, folder=folder, seed=seed)
    else:
        raise ConfigurationError("A cluster is not measured beside another system.", advice="Leave out one of the two.")
    emit(result, as_json, _linkage_text(result))


def assessment(
    persons: Annotated[int, typer.Option(help="Persons of each synthetic country.", min=100)] = 20_000,
    seeds: Annotated[int, typer.Option(help="So many countries, one a seed from 1.", min=1)] = 10,
    as_json: Json = False,
) -> None:
    """Measure how often the 95 % intervals of estimated precision and recall hold the truth."""
    from evaluation.benchmarks.assessment import bench

    result = bench(persons, range(1, seeds + 1), say)
    emit(result, as_json, _assessment_text(result))


def kernels(
    rows: Annotated[int, typer.Option(help="Rows of each side of a scan.", min=64)] = 20_000,
    repeats: Annotated[int, typer.Option(help="Runs of each kernel; the least time counts.", min=1)] = 5,
    as_json: Json = False,
) -> None:
    """Measure each kernel on one core, beside what this processor allows at most."""
    from evaluation.benchmarks.kernels import bench

    result = bench(rows=rows, repeats=repeats)
    emit(result, as_json, _kernels_text(result))


def scaling(
    records: Annotated[list[int] | None, typer.Option(help="Records of both registers; may be given again.")] = None,
    threads: Threads = 2,
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Measure how the time of a linkage grows, from 100,000 records to four million."""
    from evaluation.benchmarks.scaling import RECORDS, bench

    result = bench(tuple(records or RECORDS), threads=threads, folder=folder)
    emit(result, as_json, _scaling_text(result))


def vintage(
    persons: Annotated[int, typer.Option(help="Persons of the first vintage.", min=100)] = 100_000,
    changed: Annotated[float, typer.Option(help="Share of persons of whom something changed.", min=0, max=1)] = 0.01,
    seed: Annotated[int, typer.Option(help="Seed of the made-up pairs.")] = 1,
    as_json: Json = False,
) -> None:
    """Measure the clustering of a new vintage, in full and continuing the one before."""
    from evaluation.benchmarks.vintage import bench

    result = bench(persons, changed=changed, seed=seed)
    emit(result, as_json, _vintage_text(result))


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to `wasl bench`."""
    app.command("assessment")(assessment)
    app.command("vintage")(vintage)
    app.command("linkage")(linkage)
    app.command("kernels")(kernels)
    app.command("scaling")(scaling)


def _linkage_text(result: dict[str, Any]) -> str:
    lines = [
        f"{name:<20} {stage['seconds']:8.2f} s {stage['peak_bytes'] / 1e9:6.2f} GB"
        for name, stage in result["stages"].items()
    ]
    lines += [
        "",
        f"2 x {result['persons']} rows: {result['seconds']:.2f} s ({result['cpu_seconds']:.2f} s of processor time)",
        f"{result['pairs_compared']} pairs compared in {result['passes']} passes, F1 {result['f1']:.4f}",
        _where(result),
    ]
    return "\n".join([*lines, *_beside_text(result.get("beside", {"rounds": []}))])


def _beside_text(beside: dict[str, Any]) -> list[str]:
    lines = []
    for one in beside["rounds"]:
        ours, other, ratios = one["wasl"], one["other"], one["ratios"]
        lines.append(
            f"beside {other['system']} {other['version']}: {ours['seconds']:.2f} and {other['seconds']:.2f} s "
            f"({ratios['seconds']:.2f}), {ours['peak_bytes'] / 1e9:.2f} and {other['peak_bytes'] / 1e9:.2f} GB "
            f"({ratios['peak_bytes']:.2f}), F1 {ours['f1']:.4f} and {other['f1']:.4f}"
        )
    if lines:
        low, middle, high = (beside["ratios"]["seconds"][name] for name in ("least", "median", "largest"))
        lines.append(f"ratio of wall seconds: {middle:.2f} (median; {low:.2f} to {high:.2f})")
    return ["", *lines] if lines else []


def _assessment_text(result: dict[str, Any]) -> str:
    share = f"{'estimated':>10} {'between':>17}"
    lines = [f"{'seed':>5} {'true precision':>15} {share} {'recall':>12} {share} {'calibration':>12} {'chance':>7}"]
    for run in result["runs"]:
        cells = [
            f"{own['true']:>{width}.4f} {own['value']:>10.4f} {own['low']:>8.4f} {own['high']:>8.4f}"
            for own, width in ((run["precision"], 15), (run["recall"], 12))
        ]
        error, chance = run["calibration_error"], run["calibration_error_by_chance"]
        lines.append(f"{run['seed']:>5} {' '.join(cells)} {error:>10.3f} {chance:>7.3f}")
    held = ", ".join(f"{name} {count}" for name, count in result["held"].items())
    return "\n".join([*lines, "", f"held by the interval, of {result['seeds']} seeds: {held}", _where(result)])


def _kernels_text(result: dict[str, Any]) -> str:
    lines = ["in blocks of"]
    for one in result["in_block"]:
        pairs, median, rows = (one[f"{name}_per_second"] / 1e6 for name in ("pairs", "median_pairs", "rows"))
        rates = f"{pairs:7.1f} M pairs/s (median {median:5.1f}) {rows:7.2f} M rows/s"
        lines.append(f"{one['block_rows']:>8} rows {rates}, {one['of_rows_limit']:.2f} of reading rows only")
    for one in result["emitted"]:
        lines.append(f"{one['kept']:>9.2%} emitted {one['pairs_per_second'] / 1e6:5.1f} M pairs/s")
    for one in result["scan"]:
        limit = one["limit_pairs_per_second"] / 1e9
        lines += ["", f"{one['bits']} bits, {one['rows']} x {one['rows']}; limit {limit:.2f} G pairs/s"]
        for name, way in one["kernels"].items():
            rate, share = way["pairs_per_second"] / 1e9, way["of_limit"]
            lines.append(
                f"{name:>10} {rate:9.2f} G pairs/s {share:6.2f} of the limit, finds {way['of_exact_found']:.4f}"
            )
        lines.append(f"two-stage loss at most {one['two_stage_loss_bound']:.1e}")
    return "\n".join([*lines, "", _where(result)])


def _scaling_text(result: dict[str, Any]) -> str:
    lines = [
        f"{one['records']:>10} records {one['seconds']:8.2f} s {one['cpu_seconds']:8.2f} s cpu "
        f"{one['peak_bytes'] / 1e9:6.2f} GB  F1 {one['f1']:.4f}"
        for one in result["runs"]
    ]
    exponents = f"exponent {result['exponent']:.3f} (wall), {result['exponent_cpu']:.3f} (processor time)"
    return "\n".join([*lines, exponents, _where(result)])


def _vintage_text(result: dict[str, Any]) -> str:
    seconds = result["cpu_seconds"]
    lines = [
        f"{result['subjects']} subjects, {result['pairs']} pairs, "
        f"{result['subjects_in_changed_components']} subjects in changed components",
        f"full clustering {seconds['full']:8.3f} s of processor time",
        f"re-clustering   {seconds['recluster']:8.3f} s, {100 * result['share']:.1f} % of it",
        f"stored state    {seconds['read']:8.3f} s to read and renumber",
        f"{result['persons_untouched_kept']} of {result['persons_untouched']} untouched persons are as they were",
        _where(result),
    ]
    return "\n".join(lines)


def _where(result: dict[str, Any]) -> str:
    machine = result["machine"]
    return f"{machine['processor']}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB"
