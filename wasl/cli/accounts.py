"""`wasl account`: people who sign in to a unit's pages, kept by the unit's operator on its machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wasl.cli.output import emit
from wasl.cli.passphrase import read_account_password

if TYPE_CHECKING:
    from service.accounts.accounts import Account
    from service.db.base import Database

app = typer.Typer(no_args_is_help=True, help="People who sign in to a unit's pages.")
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Name = Annotated[str, typer.Argument(help="Name to sign in with.")]
Roles = Annotated[
    list[str], typer.Option("--role", help="admin, operator, statistician, output_checker or privacy_officer.")
]
Unit = Annotated[str, typer.Option(help="linkage or statistics")]
Data = Annotated[Path, typer.Option(help="The unit's data folder.")]


@app.command("add")
def add(
    name: Name, roles: Roles, unit: Unit = "statistics", data: Data = Path("wasl-data"), as_json: Json = False
) -> None:
    """Make an account. The password is asked for, or comes from the file named by WASL_ACCOUNT_PASSWORD_FILE."""
    from service.accounts.accounts import create_account

    with _opened(unit, data) as database:
        made = create_account(database, name, roles, read_account_password(again=True))
    emit(_told(made), as_json)


@app.command("list")
def list_all(unit: Unit = "statistics", data: Data = Path("wasl-data"), as_json: Json = False) -> None:
    """List the accounts of a unit."""
    from service.accounts.accounts import list_accounts

    with _opened(unit, data) as database:
        found = [_told(one) for one in list_accounts(database)]
    lines = (f"{one['name']:<24} {', '.join(one['roles'])}{' (closed)' * one['closed']}" for one in found)
    emit({"accounts": found}, as_json, "\n".join(lines))


@app.command("password")
def password(name: Name, unit: Unit = "statistics", data: Data = Path("wasl-data"), as_json: Json = False) -> None:
    """Give an account another password, asked for as by `add`; who is signed in must sign in again."""
    from service.accounts.accounts import set_password

    with _opened(unit, data) as database:
        set_password(database, name, read_account_password(again=True))
    emit({"name": name, "changed": "password"}, as_json)


@app.command("roles")
def roles_of(
    name: Name, roles: Roles, unit: Unit = "statistics", data: Data = Path("wasl-data"), as_json: Json = False
) -> None:
    """Give an account other roles, at once."""
    from service.accounts.accounts import set_roles

    with _opened(unit, data) as database:
        changed = set_roles(database, name, roles)
    emit(_told(changed), as_json)


@app.command("close")
def close(name: Name, unit: Unit = "statistics", data: Data = Path("wasl-data"), as_json: Json = False) -> None:
    """Close an account for good and end its sessions; what it did stays in the audit log."""
    from service.accounts.accounts import disable_account

    with _opened(unit, data) as database:
        closed = disable_account(database, name)
    emit(_told(closed), as_json)


@contextmanager
def _opened(unit: str, data: Path) -> Iterator[Database]:
    from service.db.base import Database
    from service.db.migrate import upgrade
    from wasl.cli.units import unit_settings

    database = Database(unit_settings(unit, data).database)
    try:
        upgrade(database.engine)
        yield database
    finally:
        database.close()


def _told(account: Account) -> dict[str, Any]:
    return {"name": account.name, "roles": sorted(account.roles), "closed": account.disabled_at is not None}
