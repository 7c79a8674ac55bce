"""Commands of `wasl audit` about the payload, and pages that a privacy officer can sign."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contract.errors import InputError, StorageError
from wasl.cli.output import emit, say
from wasl.cli.passphrase import read_passphrase

if TYPE_CHECKING:
    from evaluation.payload_audit.audit import PayloadAudit

Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Language = Annotated[str, typer.Option("--lang", help="fr, ar or en.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="The HTML file.")]
REFUSED = 45


def payload(
    folder: Annotated[Path, typer.Option("--folder", "-C", help="The connector's folder.")] = Path(),
    group: Annotated[
        str, typer.Option(help="local: group own records into subjects; none: each record alone.")
    ] = "local",
    seed: Annotated[int, typer.Option(help="Of the persons and points drawn for trajectories.")] = 1,
    persons: Annotated[int, typer.Option(help="How many persons' trajectories are sought.", min=1)] = 2000,
    synthetic: Annotated[
        int | None,
        typer.Option(help="No connector: six synthetic registers of so many persons, under the draft's rules.", min=50),
    ] = None,
    as_json: Json = False,
) -> None:
    """Attack the payload as it would leave: leaked table, uniqueness, differences, trajectories. Exit 45 if refused."""
    from connectors.agent import ConnectorAgent
    from connectors.encode import prepare
    from evaluation.payload_audit.audit import audit_prepared

    if synthetic is not None:
        _synthetic_payload(synthetic, seed, persons, as_json)
        return
    if group not in {"local", "none"}:
        raise InputError("The grouping is neither local nor none.")
    agent = ConnectorAgent.open(folder, read_passphrase())
    signed = agent.refresh_agreement()
    prepared = prepare(
        agent.configuration, signed, agent.store.public_keys, group="none" if group == "none" else "local"
    )
    found = audit_prepared(prepared, seed=seed, persons=persons)
    if found is None:
        emit({"register": prepared.terms.name, "payload": None}, as_json, "The agreement lets no column travel.")
        return
    bound = signed.agreement.gate.payload_joined
    told = {**found.document(), "bound": bound, "kept": found.holds(bound)}
    emit(told, as_json, payload_words(found, bound))
    if not found.holds(bound):
        raise typer.Exit(REFUSED)


def _synthetic_payload(size: int, seed: int, persons: int, as_json: bool) -> None:
    """Audit what the default rules would make of synthetic registers."""
    from connectors.drafting import canonical_proposal
    from contract.agreement import GateTerms
    from evaluation.payload_audit.audit import audit_payload
    from evaluation.payload_audit.synthetic import synthetic_payload
    from evaluation.synthetic import generate

    country, bound = generate(size, seed), GateTerms().payload_joined
    records = max(register.identity.height for register in country.registers.values())
    audits = [
        audit_payload(synthetic_payload(country, canonical_proposal(name, persons=records)), seed=seed, persons=persons)
        for name in country.registers
    ]
    kept = all(found.holds(bound) for found in audits)
    told = {"persons": size, "bound": bound, "kept": kept, "registers": [found.document() for found in audits]}
    emit(told, as_json, "\n\n".join(payload_words(found, bound) for found in audits))
    if not kept:
        raise typer.Exit(REFUSED)


def report(
    file: Annotated[Path, typer.Argument(help="audit.json of a submission: the signed audit report.")],
    out: Out = Path("report.html"),
    lang: Language = "fr",
    agreement: Annotated[
        Path | None, typer.Option(help="The agreement: verifies the signature, shows the bounds.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a signed audit report as a page for the screen and for paper, with places for two signatures."""
    from connectors.agreements import read_agreement
    from evaluation.audit_report.report import read_report, render_report, verdict_of

    read = read_report(file)
    known = read_agreement(agreement).agreement if agreement is not None else None
    page = render_report(read, lang, known)
    _write(out, page)
    told = {"file": str(out), "verdict": verdict_of(read, known)[0], "sha256": read.sha256, "report_id": read.report.id}
    emit({**told, "signature_verified": known is not None}, as_json)
    if known is None:
        say("The signature was not verified: give the agreement with --agreement.")


def sheet(
    agreement: Annotated[Path, typer.Argument(help="The agreement, with its signatures.")],
    out: Out = Path("sheet.html"),
    lang: Language = "fr",
    audit: Annotated[list[Path] | None, typer.Option(help="A signed audit report; again for each register.")] = None,
    as_json: Json = False,
) -> None:
    """Write the record of processing (Law 09-08; GDPR articles 30 and 35 in shape), filled from the agreement."""
    from connectors.agreements import read_agreement
    from evaluation.audit_report.report import read_report
    from evaluation.audit_report.sheet import render_sheet

    signed = read_agreement(agreement)
    reports = [read_report(path) for path in audit or []]
    _write(out, render_sheet(signed, lang, reports))
    emit({"file": str(out), "agreement": signed.agreement.id, "audits": len(reports)}, as_json)
    say("What is marked in the sheet must be confirmed by counsel or filled in by the institution.")


def frontier(
    directory: Annotated[
        Path | None,
        typer.Argument(help="A labelled data set (docs/labelled-data.md); synthetic registers without one."),
    ] = None,
    persons: Annotated[int, typer.Option(help="Synthetic persons, where no data set is given.", min=200)] = 1000,
    rows: Annotated[int, typer.Option(help="Persons attacked in each register.", min=10)] = 500,
    seed: Annotated[int, typer.Option(help="Of the synthetic persons and of the attacks.")] = 1,
    point: Annotated[
        list[str] | None, typer.Option(help="A point by its name; again for each. All by default.")
    ] = None,
    out: Out = Path("frontier.html"),
    lang: Language = "fr",
    as_json: Json = False,
) -> None:
    """Draw quality against re-identification over profiles and parameters; writes a page and the figures beside it."""
    import tempfile

    from contract.agreement import GateTerms
    from evaluation.audit_report.frontier import chosen, measure_point
    from evaluation.audit_report.frontier_page import render_frontier
    from evaluation.audit_report.language import texts
    from evaluation.datasets import load_dataset
    from evaluation.synthetic import generate, write

    texts(lang)  # a wrong language is said before the work begins
    points = chosen(point or [])
    with tempfile.TemporaryDirectory(prefix="wasl-frontier-") as folder:
        if directory is None:
            write(generate(persons, seed), Path(folder))
        dataset = load_dataset(directory or Path(folder))
        measured = []
        for one in points:
            say(f"{one.name} ...")
            measured.append(measure_point(dataset, one, rows=rows, seed=seed))
    bound = GateTerms().union_leakage
    known = dataset.truth.get_column("entity_id").n_unique()
    told = {
        "dataset": dataset.name,
        "persons": known,
        "attacked": rows,
        "bound": bound,
        "points": [one.document() for one in measured],
    }
    _write(out, render_frontier(measured, lang, dataset=dataset.name, persons=known, rows=rows, bound=bound))
    figures = out.with_suffix(".json")
    _write(figures, json.dumps(told, indent=1) + "\n")
    lines = [f"{'':<34}      F1   named"]
    lines += [f"{one.point.name:<34}{one.f1:>8.4f}{one.named:>8.2%}" for one in measured]
    emit({**told, "files": [str(out), str(figures)]}, as_json, "\n".join(lines))


def payload_words(found: PayloadAudit, bound: float) -> str:
    """Return a payload's audit for people."""
    held = found.holds(bound)
    lines = [
        f"{found.register}: {'kept' if held else 'REFUSED'} ({found.subjects} persons, {found.rows} rows)",
        "",
        f"{'named by a leaked table':<44}{'share':>8}{'at most (95 %)':>16}",
    ]
    for label, joined in (
        (f"one month ({found.joined.month or 'persons'}), bound {bound:.0%}", found.joined),
        ("one month and all nationalities", found.joined_nationality),
        ("all months at once", found.joined_history),
    ):
        lines.append(f"  {label:<42}{joined.named.share:>8.2%}{joined.named.high:>16.2%}")
    if found.differenced is not None:
        one = found.differenced.singled_out
        lines += ["", f"{f'newcomers of {found.differenced.month} singled out':<44}{one.share:>8.2%}{one.high:>16.2%}"]
    if found.unicity:
        lines += ["", f"trajectories, points of {' + '.join(found.points)}"]
        for known in found.unicity:
            if known.alone.total:
                lines.append(
                    f"  {f'{known.points} known single out':<42}{known.alone.share:>8.2%}{known.alone.high:>16.2%}"
                )
    lines += ["", "alone in the register with"]
    for combination in found.classes:
        if len(combination.columns) <= 4:
            lines.append(f"  {' + '.join(combination.columns):<42}{combination.alone.share:>8.2%}")
    return "\n".join(lines)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError("The page cannot be written.", where={"file": path.name}) from error


def add_commands(app: typer.Typer) -> None:
    """Add these commands to `wasl audit`."""
    for command in (payload, report, sheet, frontier):
        app.command()(command)
