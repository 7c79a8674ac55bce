"""`wasl connector`: what an institution's operator does, in the order in which it is done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wasl.cli.output import emit, say
from wasl.cli.passphrase import read_passphrase

if TYPE_CHECKING:
    from connectors.agent import ConnectorAgent

app = typer.Typer(no_args_is_help=True, help="What an institution does on its own machine.")
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Folder = Annotated[Path, typer.Option("--folder", "-C", help="The connector's folder.")]
Submission = Annotated[str, typer.Argument(help="Manifest id of a submission, or its first 8 characters or more.")]
Vintage = Annotated[str, typer.Argument(help="Name of the delivery, such as 2024-12.")]
Group = Annotated[str, typer.Option(help="local: group own records into subjects; none: each record alone.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
HERE = Path()


def _open(folder: Path, **options: Any) -> ConnectorAgent:
    from connectors.agent import ConnectorAgent

    return ConnectorAgent.open(folder, read_passphrase(), **options)


def _grouping(value: str) -> Any:
    from contract.errors import InputError

    if value not in {"local", "none"}:
        raise InputError("The grouping is neither local nor none.")
    return value


@app.command()
def init(
    institution: Annotated[str, typer.Option(help="Name of this institution in the agreement.")],
    register: Annotated[str, typer.Option(help="One of the six registers.")],
    source: Annotated[Path, typer.Option(help="The register's file: CSV, Parquet or Excel.")],
    events: Annotated[Path | None, typer.Option(help="The event table's file, if it is another one.")] = None,
    linkage: Annotated[str, typer.Option(help="Address of the linkage unit.")] = "http://127.0.0.1:8001",
    statistics: Annotated[str, typer.Option(help="Address of the statistics unit.")] = "http://127.0.0.1:8002",
    keys: Annotated[Path | None, typer.Option(help="This institution's key store, if it has one already.")] = None,
    encoding: Annotated[str, typer.Option(help="Character encoding of CSV files.")] = "utf-8",
    delimiter: Annotated[str, typer.Option(help="Delimiter of CSV files.")] = ",",
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Write a first connector.toml from the file's header, and make this institution's keys."""
    import os

    from connectors.starter import columns_of, starter_toml, write_starter
    from contract.agreement import Party
    from pseudonymisation.keys.store import KeyStore

    options = {"encoding": encoding, "delimiter": delimiter}
    text = starter_toml(
        institution,
        register,
        os.path.relpath(source, folder),
        columns_of(source, **options),
        events=os.path.relpath(events, folder) if events else None,
        event_columns=columns_of(events, **options) if events else (),
        units=(linkage, statistics),
        keys=os.path.relpath(keys, folder) if keys else "institution.keys",
        **options,
    )
    passphrase = read_passphrase()
    path = write_starter(folder, text)
    configured = _configured(text, folder)
    key_file = keys or folder / "institution.keys"
    known = keys is not None or key_file.exists()
    store = KeyStore.open(key_file, passphrase) if known else KeyStore.create(key_file, institution, passphrase)
    signing, sealing = store.public_keys
    party = Party(name=institution, role="institution", signing_key=signing, sealing_key=sealing)
    emit({"configuration": str(path), "complete": configured, "party": party.model_dump()}, as_json)
    if not configured:
        say("Some columns are not recognised: open connector.toml and fill in the lines that begin with #.")
    say("Next: give the party's public half to whoever drafts the agreement, then run `wasl connector sign`.")


def _configured(text: str, folder: Path) -> bool:
    import tomllib

    from connectors.configuration import parse_configuration
    from connectors.errors import ConnectorConfigurationError

    try:
        parse_configuration(tomllib.loads(text), folder)
    except ConnectorConfigurationError:
        return False
    return True


@app.command()
def sign(
    agreement: Annotated[Path | None, typer.Argument(help="The agreement's file; the one kept before if none.")] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="The fingerprints have been compared: sign without asking.")
    ] = False,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Show an agreement with the parties' fingerprints, sign it, and leave the signature at both units."""
    from connectors.agreements import describe, read_agreement

    agent = _open(folder)
    if agreement is not None:
        agent.use_agreement(read_agreement(agreement))
    described = describe(agent.agreement)
    if not yes:
        for party in described["parties"]:
            say(f"{party['name']:<20} {party['role']:<18} {party['signing_fingerprint']}")
        typer.confirm("Are these the fingerprints the parties read out, and do you sign?", abort=True, err=True)
    signed = agent.sign_agreement()
    emit({"agreement": signed.agreement.id, "waiting_for": list(signed.missing())}, as_json)


@app.command()
def ceremony(folder: Folder = HERE, as_json: Json = False) -> None:
    """Do what the key ceremony allows now; run it again when the others have done their part."""
    from connectors.errors import WaitingError

    progress = _open(folder).ceremony_step()
    emit({"phase": progress.phase, "waiting_for": list(progress.waiting_for)}, as_json)
    if not progress.complete:
        raise WaitingError(f"The key ceremony waits for {', '.join(progress.waiting_for)}.")


@app.command()
def check(folder: Folder = HERE, as_json: Json = False) -> None:
    """Read the register as encoding would and report on it: counts and row numbers, no values."""
    report = _open(folder).check()
    lines = [f"{report['records']} records, {report['subjects']} subjects, {report['events']} events", ""]
    lines += [f"{'field':<22}{'column':<22}{'filled':>8}{'unread':>8}{'no value':>10}"]
    for name, field in report["fields"].items():
        lines.append(
            f"{name:<22}{field['column']:<22}{field['coverage']:>8.1%}{field['unparsable']:>8}{field['sentinels']:>10}"
        )
    lines += ["", *(report["warnings"] or ["Nothing to point out."])]
    emit(report, as_json, "\n".join(lines))


@app.command()
def preview(
    vintage: Vintage,
    group: Group = "local",
    rows: Annotated[int, typer.Option(help="Rows shown of each table.", min=0)] = 3,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Show exactly what would leave; nothing is sent and nothing is kept."""
    shown = _open(folder).preview(vintage, group=_grouping(group), rows=rows)
    lines = [f"{shown['records']} records, {shown['subjects']} subjects"]
    for table in shown["tables"]:
        lines += ["", f"{table['file']} for {table['for']}: {table['rows']} rows"]
        lines += ["  " + ", ".join(f"{column['name']} {column['type']}" for column in table["columns"])]
        lines += ["  " + ", ".join(str(cell) for cell in row.values()) for row in table["first_rows"]]
    lines += ["", f"{'pass':<30}{'rows':>8}{'dummies':>9}{'no key':>8}{'withheld':>10}"]
    for name, counts in shown["passes"].items():
        lines.append(
            f"{name:<30}{counts['rows']:>8}{counts['dummies']:>9}{counts['keyless']:>8}{counts['withheld']:>10}"
        )
    if shown["crowded_lists_missing"]:
        lines += ["", f"Not final: lists of crowded keys are missing of {', '.join(shown['crowded_lists_missing'])}."]
    emit(shown, as_json, "\n".join(lines))


@app.command()
def encode(
    vintage: Vintage,
    group: Group = "local",
    audit: Annotated[bool, typer.Option(help="Attack it at once; else later, by `wasl audit encodings`.")] = True,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Encode a vintage into the outbox and attack it; it leaves only after `approve` and `push`."""
    options: dict[str, Any] = {}
    if audit:
        from evaluation.audit.auditor import SubmissionAuditor

        options["auditor"] = SubmissionAuditor()
    agent = _open(folder, **options)
    made = agent.encode(vintage, group=_grouping(group))
    manifest = made.signed.manifest
    result = {
        "manifest_id": manifest.id,
        "folder": str(made.folder),
        "files": len(manifest.files),
        "bytes": sum(entry.size for entry in manifest.files),
        "records": made.report["records"],
        "subjects": made.report["subjects"],
    }
    if audit:
        from wasl.cli.audit import told_of

        told = told_of(agent.audits.dossier(manifest.id), agent.agreement.agreement)
        result |= {"audit": told["verdict"], "reasons": told["reasons"] if as_json else len(told["reasons"])}
        if told["verdict"] != "PASS":
            say("The gate will not let it leave: `wasl audit encodings --show` says why.")
    emit({**result, "report": made.report} if as_json else result, as_json)
    say(f"Next: `wasl connector preview {vintage}`, then `wasl connector approve {manifest.id[:12]} --by NAME`.")


@app.command()
def approve(
    submission: Submission,
    by: Annotated[str, typer.Option(help="Who decides; kept with the decision.")],
    refuse: Annotated[str | None, typer.Option(help="Refuse instead, for this reason.")] = None,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Let an encoded submission leave, or refuse it."""
    agent = _open(folder)
    decided = agent.approve(submission, by=by) if refuse is None else agent.refuse(submission, by=by, reason=refuse)
    emit({"manifest_id": decided.manifest_id, "vintage": decided.vintage, "state": decided.state}, as_json)


@app.command()
def push(
    submission: Submission,
    to_folder: Annotated[Path | None, typer.Option(help="Copy it here for a carrier instead of sending it.")] = None,
    dry_run: DryRun = False,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Deliver an approved submission to both units; repeating it resumes where it stopped."""
    agent = _open(folder)
    if dry_run:
        from connectors.preview import preview_files

        known = agent.state.submission(submission)
        would = preview_files(agent.configuration.outbox / known.folder)
        emit({**would, "state": known.state, "sent": False}, as_json)
        return
    if to_folder is not None:
        places = agent.drop(submission, to_folder)
        emit({"folders": [str(place) for place in places]}, as_json)
        return
    deliveries = agent.push(submission, progress=None if as_json else _progress())
    emit(
        {
            unit: {"accepted_at": one.receipt.receipt.accepted_at.isoformat(), "sent_bytes": one.sent_bytes}
            for unit, one in deliveries.items()
        },
        as_json,
    )


def _progress() -> Any:
    """Return a line of progress on standard error with rate and time left."""
    import time

    began: dict[str, tuple[float, int]] = {}

    def tell(name: str, done: int, size: int) -> None:
        start, first = began.setdefault(name, (time.monotonic(), done))
        rate = (done - first) / max(time.monotonic() - start, 1e-6)
        left = f", {(size - done) / rate:.0f} s left" if rate > 0 and done < size else ""
        say(f"{name}: {done / max(size, 1):.0%} of {size / 1e6:.1f} MB, {rate / 1e6:.1f} MB/s{left}")

    return tell


@app.command()
def status(folder: Folder = HERE, as_json: Json = False) -> None:
    """Show agreement, key ceremony and submissions as this connector knows them."""
    report = _open(folder).status()
    lines = [f"{report['institution']}: {report['register']}", f"signing key  {report['fingerprints']['signing']}"]
    described = report["agreement"]
    if described is None:
        lines.append("agreement    none: `wasl connector sign FILE`")
    else:
        waiting = ", ".join(described["waiting_for"]) or "nobody"
        lines += [f"agreement    {described['agreement_id'][:12]}, waits for {waiting}"]
        lines += [f"epoch key    {'here' if report['epoch_key'] else 'missing: `wasl connector ceremony`'}"]
    lines += [
        f"{one['manifest_id'][:12]}  {one['vintage']:<16} {one['state']:<10} audit {one['audit'] or 'none'}"
        for one in report["submissions"]
    ]
    emit(report, as_json, "\n".join(lines))


@app.command()
def retract(
    submission: Annotated[str | None, typer.Argument(help="Manifest id of a submission to take back whole.")] = None,
    records: Annotated[
        Path | None, typer.Option(help="File with one record id a line: take their subjects back.")
    ] = None,
    dry_run: DryRun = False,
    folder: Folder = HERE,
    as_json: Json = False,
) -> None:
    """Take a submission back at both units, or single subjects at the statistics unit."""
    from contract.errors import InputError

    agent = _open(folder)
    if (submission is None) == (records is None):
        raise InputError("Name either a submission or a file of record ids.")
    if records is not None:
        ids = _record_ids(records)
        if dry_run:
            known = agent.record_refs()
            emit({"records": len(ids), "known": sum(one in known for one in ids), "retracted": False}, as_json)
            return
        emit({"records": len(ids), "subjects": agent.retract_records(ids), "retracted": True}, as_json)
        return
    known_submission = agent.state.submission(str(submission))
    if not dry_run:
        known_submission = agent.retract(known_submission.manifest_id)
    emit(
        {
            "manifest_id": known_submission.manifest_id,
            "vintage": known_submission.vintage,
            "state": known_submission.state,
            "retracted": not dry_run,
        },
        as_json,
    )


def _record_ids(path: Path) -> list[str]:
    from contract.errors import InputError

    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        raise InputError("The file of record ids cannot be read.", where={"file": path.name}) from None
