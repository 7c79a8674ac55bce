"""`wasl bench names`, `encoding` and `price`: quality and speed of pseudonymisation, and what privacy costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wasl.cli.output import emit, say, table

Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to `wasl bench`."""
    app.command()(names)
    app.command()(encoding)
    app.command()(price)
    app.command()(yardstick)


def names(
    file: Annotated[Path | None, typer.Argument(help="A list of name pairs; the project's own by default.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of keys and unlike pairs.")] = 1,
    as_json: Json = False,
) -> None:
    """Measure recall of names at 1 % false positives, by origin and script, and wrong merges of common names."""
    from evaluation.names.pairs import own_list, read_list
    from evaluation.names.recall import name_report

    report = name_report(read_list(file) if file else own_list(), seed=seed)
    emit(report, as_json, _names_text(report))


def encoding(
    persons: Annotated[int, typer.Option(help="Identities, one a person.", min=1)] = 100_000,
    passes: Annotated[int | None, typer.Option(help="Only the first so many of the planner's passes.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic persons and of the audit.")] = 1,
    audit: Annotated[bool, typer.Option("--audit", help="Audit the stored passes too, as the connector does.")] = False,
    rows: Annotated[int, typer.Option(help="Persons attacked by the audit.", min=1)] = 3000,
    many_rows: Annotated[
        bool, typer.Option("--many-rows", help="Find persons among rows, as if some had more.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure encoding, and with --audit the audit: time and memory of a whole register, stage by stage."""
    from evaluation.benchmarks.encoding import bench_encoding

    report = bench_encoding(
        persons,
        seed=seed,
        passes=passes,
        audit_rows=rows if audit else None,
        rows_per_person="many" if many_rows else "one",
    )
    flat = {name: figure for name, figure in report.items() if not isinstance(figure, dict)}
    for name, one in report["stages"].items():
        flat |= {f"{name} CPU seconds": one["cpu_seconds"], f"{name} peak bytes": one["peak_bytes"]}
    flat |= {f"within: {name}": held for name, held in report.get("within", {}).items()}
    emit(report, as_json, table(flat))


def price(
    directories: Annotated[list[Path], typer.Argument(help="Labelled data sets (docs/labelled-data.md).")],
    uncapped: Annotated[bool, typer.Option("--uncapped", help="Link without caps too.")] = False,
    group: Annotated[str, typer.Option(help="none: each record a subject; local: the connector groups.")] = "none",
    as_json: Json = False,
) -> None:
    """Measure the price of privacy: F1 in the clear over the same passes, less F1 of the default profile."""
    from evaluation.datasets import load_dataset
    from evaluation.price import price_of, price_report

    found = []
    for directory in directories:
        dataset = load_dataset(directory)
        say(f"Linking {dataset.name} ...")
        found.append(price_of(dataset, uncapped=uncapped, group=group))
    report = price_report(found)
    emit(report, as_json, _price_text(report))


def yardstick(
    directory: Annotated[Path, typer.Argument(help="A labelled data set (docs/labelled-data.md).")],
    as_json: Json = False,
) -> None:
    """Link a labelled set in the clear with recordlinkage, another engine (extra `yardstick`)."""
    from evaluation.datasets import load_dataset
    from evaluation.yardstick import link_by_recordlinkage

    emit(link_by_recordlinkage(load_dataset(directory)), as_json)


def _price_text(report: dict[str, Any]) -> str:
    lines = [f"{'set':<24}{'clear':>9}{'default':>9}{'price':>9}{'no caps':>9}{'caps cost':>11}"]
    for one in report["sets"]:
        f1 = one["f1"]
        caps = f"{f1['uncapped']:>9.4f}{one['price_of_caps']:>11.4f}" if "uncapped" in f1 else ""
        lines.append(f"{one['dataset']:<24}{f1['clear']:>9.4f}{f1['blind_blocks']:>9.4f}{one['price']:>9.4f}{caps}")
    verdict = "within the targets" if report["within"] else "above the targets"
    lines += ["", f"mean {report['mean']:.4f}, worst {report['worst']:.4f}: {verdict}"]
    return "\n".join(lines)


def _names_text(report: dict[str, Any]) -> str:
    lines = [f"{'origin':<16}{'scripts':<15}{'pairs':>7}{'recall':>9}{'exact sets':>12}{'equal skeleton':>16}"]
    lines += [
        f"{one['origin']:<16}{one['script']:<15}{one['pairs']:>7}{one['recall']:>9.3f}{one['recall_exact']:>12.3f}"
        f"{one['recall_skeleton']:>16.3f}"
        for one in report["groups"]
    ]
    if report["wrong_merges"]:
        lines += ["", "Common names that look alike and differ: taken for one by the name alone"]
        lines += [
            f"{one['origin']:<16}{one['script']:<15}{one['pairs']:>7}{one['wrong_merges']:>9.3f}{'':>12}"
            f"{one['wrong_merges_skeleton']:>16.3f}"
            for one in report["wrong_merges"]
        ]
    lines += ["", f"at {report['false_positives']:.0%} false positives; {report['unreadable']} pairs without a letter"]
    return "\n".join(lines)
