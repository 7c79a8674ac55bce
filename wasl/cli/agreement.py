"""`wasl agreement`: draft, read, sign off and install what the parties agree on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contract.errors import InputError, StorageError
from wasl.cli.output import emit, say
from wasl.cli.passphrase import read_passphrase

if TYPE_CHECKING:
    from contract.agreement import Agreement, Party, PassTerms

app = typer.Typer(no_args_is_help=True, help="Draft, read, approve and install agreements.")
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]


@app.command()
def identity(
    name: Annotated[str, typer.Argument(help="Name of the party, such as cndp.")],
    role: Annotated[str, typer.Option(help="institution or privacy_officer (units: `wasl serve --init`).")],
    keys: Annotated[Path, typer.Option(help="Where the encrypted key store is made.")],
    as_json: Json = False,
) -> None:
    """Make a party's keys and print its public half, to be given to whoever drafts the agreement."""
    from contract.agreement import Party
    from pseudonymisation.keys.store import KeyStore

    store = KeyStore.create(keys, name, read_passphrase())
    signing, sealing = store.public_keys
    party = Party.model_validate({"name": name, "role": role, "signing_key": signing, "sealing_key": sealing})
    emit(party.model_dump(), as_json)
    say(f"Next: send this to whoever drafts the agreement, and read the fingerprint out by telephone. Keys: {keys}")


@app.command()
def draft(
    parties: Annotated[list[Path], typer.Argument(help="One JSON file for each party, as printed by `identity`.")],
    register: Annotated[list[str], typer.Option(help="REGISTER or REGISTER=HOLDER; again for each register.")],
    persons: Annotated[int, typer.Option(help="Expected number of persons over all registers.")],
    title: Annotated[str, typer.Option(help="A name people will recognise.")],
    purpose: Annotated[str, typer.Option(help="What the linked data are for, and nothing else.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the draft is written.")],
    passes: Annotated[Path | None, typer.Option(help="Passes that `plan` proposed, in place of the table's.")] = None,
    authorisation: Annotated[str, typer.Option(help="The data-protection authority's decision.")] = "",
    as_json: Json = False,
) -> None:
    """Draft an agreement: registers, passes and coarsening follow from the registers' fields."""
    from connectors.drafting import canonical_proposal, draft_agreement
    from contract.registers import REGISTERS

    proposals = []
    for entry in register:
        name, _, holder = entry.partition("=")
        if name not in REGISTERS:
            raise InputError(f"There is no canonical register {name!r}.", advice=f"One of {', '.join(REGISTERS)}.")
        proposals.append(canonical_proposal(name, holder or None, persons=persons))
    agreement = draft_agreement(
        [_read_party(path) for path in parties],
        proposals,
        title=title,
        purpose=purpose,
        persons=persons,
        passes=_read_passes(passes) if passes else None,
        authorisation=authorisation,
    )
    try:
        output.write_text(agreement.model_dump_json(indent=2), encoding="utf-8")
    except OSError as error:
        raise StorageError("The draft cannot be written.", where={"file": output.name}) from error
    emit({"agreement": agreement.id, "file": str(output), "passes": len(agreement.passes)}, as_json)
    say("Next: every institution reads it (`wasl agreement show`), compares fingerprints and signs it.")


@app.command()
def plan(
    draft: Annotated[Path | None, typer.Argument(help="A draft; or name registers.")] = None,
    register: Annotated[list[str] | None, typer.Option(help="A canonical register; again for each.")] = None,
    persons: Annotated[int | None, typer.Option(help="Persons of all registers together.", min=50)] = None,
    own: Annotated[
        Path | None, typer.Option(help="A connector's folder: plan for its own register's persons, on this machine.")
    ] = None,
    rate: Annotated[list[str] | None, typer.Option(help="An error rate as NAME=SHARE, such as typing=0.05.")] = None,
    simulate: Annotated[int, typer.Option(help="Persons simulated at most.", min=50)] = 20_000,
    most: Annotated[int, typer.Option(help="Passes at most.", min=1)] = 16,
    seed: Annotated[int, typer.Option(help="Seed of the simulation.")] = 1,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Where the proposed passes go.")] = None,
    as_json: Json = False,
) -> None:
    """Predict what passes find, withhold and leak, by group, and find the set that finds most within the bounds."""
    from wasl.cli.plan import plan_agreement

    report, text = plan_agreement(
        draft, register or [], persons=persons, own=own, rates=rate or [], seed=seed, simulated=simulate, most=most,
        output=output,
    )  # fmt: skip
    emit(report, as_json, text)


def _read_passes(path: Path) -> list[PassTerms]:
    from pydantic import TypeAdapter, ValidationError

    from contract.agreement import PassTerms

    try:
        return TypeAdapter(list[PassTerms]).validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        raise InputError("This is not a list of passes.", where={"file": path.name}) from error


def _read_party(path: Path) -> Party:
    from pydantic import ValidationError

    from contract.agreement import Party

    try:
        return Party.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError) as error:
        raise InputError("This is not a party's public file.", where={"file": path.name}) from error


@app.command()
def show(file: Path, as_json: Json = False) -> None:
    """Show an agreement: terms, passes, parties with fingerprints, and who has not signed yet."""
    from connectors.agreements import describe, read_agreement

    signed = read_agreement(file)
    described = describe(signed)
    if as_json:
        emit({**described, "agreement": signed.agreement.model_dump(mode="json")}, True)
        return
    agreement = signed.agreement
    lines = [
        agreement.title,
        f"  id          {agreement.id}",
        f"  purpose     {agreement.purpose}",
        f"  epoch       {agreement.epoch}, expires {agreement.expires_on}, deleted by {agreement.retention_until}",
        f"  profile     {agreement.profile.name}, at most {agreement.caps.persons_per_key} persons a key value",
        "  parties",
        *(f"    {p['name']:<18} {p['role']:<16} {p['signing_fingerprint']}" for p in described["parties"]),
        "  passes",
        *(f"    {p.name:<28} " + " -> ".join("+".join(level) for level in p.levels) for p in agreement.passes),
        *_loose_bounds(agreement),
        f"  waits for   {', '.join(signed.missing()) or 'nobody: it is signed and approved'}",
    ]
    emit({}, False, "\n".join(lines))


def _loose_bounds(agreement: Agreement) -> list[str]:
    """Return a warning for each bound of the gate that lets out more than the default one does."""
    return [
        f"  WARNING     the gate's {name} is {found:g}, looser than the default {usual:g}"
        for name, (found, usual) in agreement.gate.looser.items()
    ]


@app.command()
def install(
    file: Path,
    role: Annotated[str, typer.Option(help="linkage or statistics")],
    data: Annotated[Path, typer.Option(help="The unit's data folder.")],
    as_json: Json = False,
) -> None:
    """Make an agreement known to a unit on this machine (its operator's decision)."""
    from connectors.agreements import read_agreement
    from service.agreements.service import install_agreement
    from wasl.cli.units import opened_unit

    with opened_unit(role, data) as unit, unit.database.write() as session:
        installed = install_agreement(unit, session, read_agreement(file))
    emit({"agreement": installed.agreement.id, "waits_for": list(installed.missing())}, as_json)


@app.command()
def approve(
    file: Annotated[Path, typer.Argument(help="The agreement, as read and understood.")],
    keys: Annotated[Path, typer.Option(help="The privacy officer's key store.")],
    unit: Annotated[list[str], typer.Option(help="Address of a unit; again for the other one.")],
    as_json: Json = False,
) -> None:
    """Approve an agreement as its privacy officer and leave the approval at the units."""
    from connectors.agreements import read_agreement
    from connectors.client import UnitClient
    from contract.agreement import APPROVAL_CONTEXT, Signature
    from contract.signing import sign
    from pseudonymisation.keys.store import KeyStore

    store = KeyStore.open(keys, read_passphrase())
    agreement = read_agreement(file).agreement
    approval = Signature(party=store.party, signature=sign(APPROVAL_CONTEXT, agreement, store.signing_key))
    for address in unit:
        with UnitClient(address, agreement_id=agreement.id, party=store.party, key=store.signing_key) as client:
            client.post(f"/api/v1/agreements/{agreement.id}/approval", approval.model_dump_json())
    for warning in _loose_bounds(agreement):
        say(warning.strip())
    emit({"agreement": agreement.id, "approved_by": store.party, "units": unit}, as_json)


@app.command()
def verify(file: Path, as_json: Json = False) -> None:
    """Check every signature, the approval and the expiry; exit 0 only for a live agreement."""
    from connectors.agreements import read_agreement

    signed = read_agreement(file)
    signed.check_live()
    emit({"agreement": signed.agreement.id, "live": True}, as_json)
