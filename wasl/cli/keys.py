"""The life of keys after the ceremony: successor agreements, destruction, the end of retention, its evidence.

The commands stand where their users look for them: `wasl agreement succeed` and `wasl agreement changes`,
`wasl connector destroy-keys`, `wasl unit retention`, `wasl audit verify-evidence`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wasl.cli.output import emit, say

unit = typer.Typer(no_args_is_help=True, help="What a unit's operator does beside the running unit.")
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
HERE = Path()


def install(agreement: typer.Typer, connector: typer.Typer, audit: typer.Typer) -> None:
    """Add this module's commands to the groups they belong to."""
    agreement.command("succeed")(succeed)
    agreement.command("changes")(changes)
    connector.command("destroy-keys")(destroy_keys)
    audit.command("verify-evidence")(verify_evidence)


def succeed(
    predecessor: Annotated[Path, typer.Argument(help="The agreement to continue.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the draft is written.")],
    party: Annotated[
        list[Path] | None, typer.Option(help="Public file of a party that joins or has new keys; again for each.")
    ] = None,
    leaves: Annotated[list[str] | None, typer.Option(help="Institution that leaves; again for each.")] = None,
    register: Annotated[
        list[str] | None, typer.Option(help="REGISTER or REGISTER=HOLDER that joins; again for each.")
    ] = None,
    persons: Annotated[
        int | None, typer.Option(help="Expected number of persons over all registers, where registers change.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Another title.")] = None,
    authorisation: Annotated[str | None, typer.Option(help="Another decision of the authority.")] = None,
    as_json: Json = False,
) -> None:
    """Draft a successor: next key epoch, same terms but for what is said; all sign and hold a ceremony again."""
    from connectors.agreements import read_agreement
    from connectors.drafting import canonical_proposal
    from connectors.succession import draft_successor
    from contract.errors import InputError, StorageError
    from contract.registers import REGISTERS
    from contract.succession import changes as changes_of
    from wasl.cli.agreement import _read_party

    proposals = []
    for entry in register or []:
        name, _, holder = entry.partition("=")
        if name not in REGISTERS:
            raise InputError(f"There is no canonical register {name!r}.", advice=f"One of {', '.join(REGISTERS)}.")
        proposals.append(canonical_proposal(name, holder or None))
    before = read_agreement(predecessor).agreement
    after = draft_successor(
        before,
        parties=[_read_party(path) for path in party or []],
        leaving=leaves or [],
        registers=proposals,
        persons=persons,
        title=title,
        authorisation=authorisation,
    )
    try:
        output.write_text(after.model_dump_json(indent=2), encoding="utf-8")
    except OSError as error:
        raise StorageError("The draft cannot be written.", where={"file": output.name}) from error
    found = changes_of(before, after)
    emit(
        {"agreement": after.id, "predecessor": before.id, "epoch": after.epoch, "file": str(output), **found},
        as_json,
        _told(found, after.epoch),
    )
    say("Next: install it at both units; every institution signs it and runs `wasl connector ceremony` again.")


def changes(
    predecessor: Annotated[Path, typer.Argument(help="The agreement before.")],
    successor: Annotated[Path, typer.Argument(help="The agreement that continues it.")],
    as_json: Json = False,
) -> None:
    """Show what a successor changes, and refuse one that continues another agreement or reuses its keys."""
    from connectors.agreements import read_agreement
    from contract.succession import changes as changes_of
    from contract.succession import check_successor

    before, after = read_agreement(predecessor).agreement, read_agreement(successor).agreement
    check_successor(before, after)
    found = changes_of(before, after)
    emit({"predecessor": before.id, "successor": after.id, **found}, as_json, _told(found, after.epoch))


def _told(found: dict[str, Any], epoch: int) -> str:
    lines = [f"{name.replace('_', ' '):<18} {', '.join(names)}" for name, names in found.items() if names]
    return "\n".join([f"{'key epoch':<18} {epoch}: a new ceremony", *(lines or ["nothing else changes"])])


def destroy_keys(
    agreement: Annotated[
        str | None, typer.Option(help="Id of the agreement, or its first 8 characters; the present one if none.")
    ] = None,
    early: Annotated[
        bool, typer.Option("--early", help="Before the end of retention: on leaving, or after a leak.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Destroy without asking.")] = False,
    folder: Annotated[Path, typer.Option("--folder", "-C", help="The connector's folder.")] = HERE,
    as_json: Json = False,
) -> None:
    """Overwrite and delete an agreement's epoch key and its encoded submissions, and sign evidence of it."""
    from connectors.agent import ConnectorAgent
    from connectors.agreements import kept_agreement
    from wasl.cli.passphrase import read_passphrase

    agent = ConnectorAgent.open(folder, read_passphrase())
    named = kept_agreement(agent.configuration.agreement_file, agreement).agreement
    if not yes:
        say(f"{named.title}: epoch {named.epoch}, to be deleted by {named.retention_until}. This cannot be undone.")
        typer.confirm("Destroy the epoch key of this agreement?", abort=True, err=True)
    signed, path = agent.destroy_keys(named.id, early=early)
    emit(
        {
            "agreement": named.id,
            "evidence": str(path),
            "evidence_id": signed.evidence.id,
            "reason": signed.evidence.reason,
            "deleted": {one.kind: one.items for one in signed.evidence.deleted},
        },
        as_json,
    )
    say("Next: delete the backups of the key store from before today, and give the evidence to the privacy officer.")


@unit.command("retention")
def retention(
    role: Annotated[str, typer.Option(help="linkage or statistics")],
    data: Annotated[Path, typer.Option(help="The unit's data folder.")] = Path("wasl-data"),
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Delete all that agreements no longer allow to keep; the running unit does the same at its start and daily."""
    from service.agreements.service import list_agreements
    from service.retention.erasure import due, end_retention, evidence_of, write_evidence
    from service.retention.inventory import take_inventory
    from wasl.cli.units import opened_unit

    with opened_unit(role, data) as opened:
        with opened.database.read() as session:
            waiting = [one for one in due(session) if evidence_of(session, one) is None]
            ends = {one.agreement.id: str(one.agreement.retention_until) for one in list_agreements(session)}
            held = {one: len(take_inventory(opened, session, one).objects) for one in waiting}
        if dry_run:
            emit({"due": held, "ends": ends, "deleted": False}, as_json)
            return
        made = end_retention(opened)
        files = [str(write_evidence(opened, one.evidence.agreement_id)) for one in made]
    emit({"agreements": [one.evidence.agreement_id for one in made], "evidence": files, "ends": ends}, as_json)


def verify_evidence(
    file: Annotated[Path, typer.Argument(help="Deletion evidence of a unit or an institution.")],
    agreement: Annotated[
        Path | None, typer.Option(help="Your own copy of the agreement, to compare with the one in the file.")
    ] = None,
    log: Annotated[Path | None, typer.Option(help="The unit's exported audit log, which must name it.")] = None,
    as_json: Json = False,
) -> None:
    """Verify deletion evidence offline: who signed it, under which agreement, and that the unit's log has it."""
    from contract.evidence import EvidenceError, check_logged, read_evidence

    signed = read_evidence(file)
    evidence = signed.evidence
    if agreement is not None:
        from connectors.agreements import read_agreement

        if read_agreement(agreement).agreement.id != evidence.agreement_id:
            raise EvidenceError("The evidence is of another agreement than yours.", where={"file": file.name})
    entry = None
    if log is not None:
        from contract.audit_log import read_bundle

        entry = check_logged(signed, read_bundle(log))
    emit(
        {
            "verified": True,
            "agreement": evidence.agreement_id,
            "party": evidence.party,
            "role": evidence.role,
            "reason": evidence.reason,
            "finished_at": evidence.finished_at.isoformat(),
            "deleted": {one.kind: one.items for one in evidence.deleted},
            "kept": {one.kind: one.items for one in evidence.kept},
            "log_entry": entry,
            "agreement_compared": agreement is not None,
        },
        as_json,
    )
