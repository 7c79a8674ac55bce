"""`wasl audit`: attack what would leave, read the verdict, override it by two signatures; verify the units' logs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from contract.errors import InputError, NotFoundError, StorageError
from wasl.cli.output import emit, say
from wasl.cli.passphrase import read_passphrase

if TYPE_CHECKING:
    from connectors.agent import ConnectorAgent
    from contract.agreement import Agreement
    from contract.audit_override import AuditDossier
    from contract.audit_report import AuditReport

app = typer.Typer(no_args_is_help=True, help="Attack what would leave; verify and export the audit log.")
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Folder = Annotated[Path, typer.Option("--folder", "-C", help="The connector's folder.")]
HERE = Path()
_PASSED = ("PASS", "OVERRIDDEN")


@app.command()
def encodings(
    submission: Annotated[
        str | None, typer.Argument(help="Manifest id of a submission; the vintage's last one if none.")
    ] = None,
    vintage: Annotated[str | None, typer.Option(help="Name of the delivery, such as 2024-12.")] = None,
    config: Annotated[Path, typer.Option(help="The connector's configuration.")] = Path("connector.toml"),
    rows: Annotated[
        int | None, typer.Option(help="Persons attacked; by default as many as the agreement asks for.", min=1)
    ] = None,
    overlap: Annotated[
        list[float] | None, typer.Option(help="Share of the persons whom the attacker knows; again for each.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of every draw: the same seed gives the same figures.")] = 1,
    show: Annotated[bool, typer.Option("--show", help="Show the report that is there; attack nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Attack an encoded submission as the linkage unit could; keep the signed report beside it. Exit 45 if refused."""
    agent = _open(config.parent)
    manifest_id = _chosen(agent, submission, vintage)
    if show:
        dossier = agent.audits.dossier(manifest_id)
    else:
        from evaluation.audit.auditor import SubmissionAuditor

        dossier = agent.audits.run(manifest_id, SubmissionAuditor(rows=rows, overlaps=_overlaps(overlap), seed=seed))
    agreement = agent.agreement.agreement
    told = told_of(dossier, agreement)
    emit({**told, "report": dossier.report.report.model_dump(mode="json")}, as_json, words_of(dossier, agreement))
    if told["verdict"] not in _PASSED:
        raise typer.Exit(45)


@app.command()
def override(
    submission: Annotated[str, typer.Argument(help="Manifest id of the submission that was refused.")],
    by: Annotated[str | None, typer.Option(help="Your name: you answer for it.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why it may leave all the same; name nobody.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file for the privacy officer.")] = Path(
        "override.json"
    ),
    signed: Annotated[
        Path | None, typer.Option(help="The file with both signatures: put it to the submission.")
    ] = None,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Ask that a submission over its bounds may leave, and sign it; then add the officer's signature with --signed."""
    from connectors.overrides import ask, read_override

    agent = _open(folder)
    if signed is not None:
        agent.audits.accept(submission, read_override(signed))
        emit(told_of(agent.audits.dossier(submission), agent.agreement.agreement), as_json)
        return
    if by is None or reason is None:
        raise InputError("An override needs --by NAME and --reason TEXT, or --signed FILE.")
    asked = ask(agent.audits.overridable(submission), reason=reason, name=by, key=agent.store.signing_key)
    _write(output, asked)
    emit({**told_of(asked, agent.agreement.agreement), "file": str(output)}, as_json)
    say(f"Next: the privacy officer reads and signs it: `wasl audit countersign {output}`.")


@app.command()
def countersign(
    file: Annotated[Path, typer.Argument(help="The operator's file.")],
    agreement: Annotated[Path, typer.Option(help="The agreement.")],
    keys: Annotated[Path, typer.Option(help="The privacy officer's key store.")],
    by: Annotated[str, typer.Option(help="Your name: you answer for it.")],
    yes: Annotated[bool, typer.Option("--yes", help="The figures have been read: sign without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Sign an override as the privacy officer, after its figures and its reason are shown."""
    from connectors.agreements import read_agreement
    from connectors.overrides import countersign as sign_it
    from connectors.overrides import read_override
    from pseudonymisation.keys.store import KeyStore

    store = KeyStore.open(keys, read_passphrase())
    asked, terms = read_override(file), read_agreement(agreement).agreement
    say(words_of(asked, terms))
    if not yes:
        typer.confirm("Do you let this submission leave all the same, and sign?", abort=True, err=True)
    made = sign_it(asked, terms, party=store.party, name=by, key=store.signing_key)
    _write(file, made)
    emit({**told_of(made, terms), "file": str(file)}, as_json)
    say("Next: the institution adds it: `wasl audit override SUBMISSION --signed FILE`, then pushes.")


@app.command("verify")
def verify(
    bundle: Annotated[Path, typer.Argument(help="An exported audit bundle.")],
    signing_key: Annotated[str | None, typer.Option(help="The unit's public key, known from elsewhere.")] = None,
    as_json: Json = False,
) -> None:
    """Verify an exported audit log offline: entries, tree, checkpoints, cosignatures."""
    from contract.audit_log import verify_bundle

    report = verify_bundle(bundle, signing_key=signing_key)
    emit({"verified": True, **report.model_dump()}, as_json)


@app.command("export")
def export(
    output: Annotated[Path, typer.Argument(help="Where the bundle is written.")],
    role: Annotated[str, typer.Option(help="linkage or statistics")],
    data: Annotated[Path, typer.Option(help="The unit's data folder.")] = Path("wasl-data"),
    as_json: Json = False,
) -> None:
    """Export the whole audit log of a unit on this machine as one file that verifies offline."""
    from service.audit.export import export_bundle
    from wasl.cli.units import opened_unit

    with opened_unit(role, data) as unit, unit.database.write() as session:
        bundle = export_bundle(session, unit.keys, unit.role, output)
    emit({"file": str(output), "entries": len(bundle.entries)}, as_json)


def told_of(dossier: AuditDossier, agreement: Agreement) -> dict[str, Any]:
    """Return what every audit command tells of a dossier: what holds under the agreement, not the report's own word."""
    report = dossier.report.report
    verdict, reasons = dossier.standing(agreement)
    told: dict[str, Any] = {
        "manifest_id": report.manifest_id,
        "register": report.register_name,
        "vintage": report.vintage,
        "verdict": verdict,
        "reasons": [reason.words() for reason in reasons],
        "report_id": report.id,
    }
    if dossier.override is not None:
        signers = {who: given.name for who, given in dossier.override.signers()}
        told["override"] = {"reason": dossier.override.statement.reason, **signers}
    return told


def words_of(dossier: AuditDossier, agreement: Agreement) -> str:
    """Return a dossier for people: verdict, figures with intervals, controls, reasons."""
    report, told = dossier.report.report, told_of(dossier, agreement)
    lines = [f"{report.register_name} {report.vintage}: {told['verdict']}", *_figures(report)]
    lines += ["", *(f"- {reason}" for reason in told["reasons"])] if told["reasons"] else []
    if dossier.override is not None:
        named = ", ".join(f"{given.name} ({who})" for who, given in dossier.override.signers())
        lines += ["", f"Override: {dossier.override.statement.reason}", f"Signed by {named}"]
    return "\n".join(lines)


def _figures(report: AuditReport) -> list[str]:
    lines = [f"{report.attacked} of {report.subjects} persons attacked, profile {report.profile}", ""]
    full = report.at_overlap(1.0)
    if full is not None:
        lines.append(f"{'named at full overlap':<34}{'rows':>8}{'named':>9}{'at most (95 %)':>17}")
        for one in full.passes:
            lines.append(f"{one.name:<34}{one.named.total:>8}{one.named.share:>9.2%}{one.named.high:>17.2%}")
    for at in report.leakage:
        label = f"all passes, attacker knows {at.overlap:.0%}"
        lines.append(f"{label:<34}{at.union.total:>8}{at.union.share:>9.2%}{at.union.high:>17.2%}")
    if report.known_pairs is not None:
        pairs, named = report.known_pairs.pairs, report.known_pairs.named
        lines.append(f"{f'{pairs} known pairs: other rows':<34}{named.total:>8}{named.share:>9.2%}{named.high:>17.2%}")
    if report.payload is not None and report.payload.joined is not None:
        found = report.payload.joined
        lines.append(
            f"{'payload joined with a leaked table':<34}{found.total:>8}{found.share:>9.2%}{found.high:>17.2%}"
        )
    for control in report.controls:
        lines.append(f"{'control ' + control.name:<34}{control.found.total:>8}{control.found.share:>9.2%}")
    return lines


def _open(folder: Path) -> ConnectorAgent:
    from connectors.agent import ConnectorAgent

    return ConnectorAgent.open(folder, read_passphrase())


def _chosen(agent: ConnectorAgent, submission: str | None, vintage: str | None) -> str:
    if submission is not None:
        return agent.state.submission(submission).manifest_id
    known = [one for one in agent.state.submissions() if vintage in {None, one.vintage}]
    if not known:
        raise NotFoundError("There is no submission of this vintage here.", advice="Run `wasl connector encode`.")
    return known[-1].manifest_id


def _overlaps(given: list[float] | None) -> Sequence[float]:
    from contract.audit_report import OVERLAPS

    return tuple(sorted({1.0, *given}, reverse=True)) if given else OVERLAPS


def _write(path: Path, dossier: AuditDossier) -> None:
    try:
        path.write_text(dossier.model_dump_json(indent=1), encoding="utf-8")
    except OSError as error:
        raise StorageError("The file cannot be written.", where={"file": path.name}) from error
