"""Accounts: made, changed and disabled by whoever operates the unit, for the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from contract.errors import ConflictError, InputError, NotFoundError
from service.accounts.models import AccountRow, AccountSession
from service.accounts.passwords import check_password, hash_password
from service.audit.actions import Action
from service.audit.log import append
from service.db.base import Database
from service.runs.actors import CHECKER, OFFICER, OPERATOR, STATISTICIAN

ADMIN = "admin"
ROLES = (ADMIN, OPERATOR, CHECKER, OFFICER, STATISTICIAN)
LOCAL_OPERATOR = "operator:local"
_NAME = re.compile(r"^[a-z][a-z0-9_.-]{0,39}$")


@dataclass(frozen=True)
class Account:
    """An account as it stood when it was read."""

    name: str
    roles: tuple[str, ...]
    created_at: datetime
    disabled_at: datetime | None

    @property
    def actor(self) -> str:
        """How the audit log names the person."""
        return actor_name(self.name)


def actor_name(name: str) -> str:
    """Return how the audit log names an account's person."""
    return f"account:{name}"


def create_account(
    database: Database, name: str, roles: Iterable[str], password: str, *, actor: str = LOCAL_OPERATOR
) -> Account:
    """Make an account.

    Args:
        database: Of the unit.
        name: A lower-case word; it shows in the audit log.
        roles: Of `ROLES`, at least one.
        password: Of at least 12 characters. It comes from a prompt or a file, never from an argument.
        actor: Who makes it, as ``kind:name``.

    Raises:
        InputError: Name or roles are not as they must be.
        PasswordError: The password is too short or easily guessed.
        ConflictError: There is an account of this name.
        StorageError: The database does not take it.
    """
    if not _NAME.match(name):
        raise InputError(
            "An account's name is a lower-case word.", advice="Use letters a to z, digits, and any of . _ - after them."
        )
    wanted = _checked(roles)
    check_password(name, password)
    phc, now = hash_password(password), datetime.now(UTC)
    with database.write() as session:
        if session.get(AccountRow, name) is not None:
            raise ConflictError("There is an account of this name.", advice="Choose another name.")
        row = AccountRow(name=name, roles=wanted, password=phc, created_at=now, changed_at=now)
        session.add(row)
        append(session, Action.ACCOUNT_CREATE, actor=actor, obj=name, details={"roles": wanted.split()})
        return as_account(row)


def set_password(database: Database, name: str, password: str, *, actor: str = LOCAL_OPERATOR) -> None:
    """Give an account another password; who is signed in under it must sign in again.

    Raises:
        NotFoundError: There is no such account.
        PasswordError: The password is too short or easily guessed.
    """
    check_password(name, password)
    phc = hash_password(password)
    with database.write() as session:
        _find(session, name).password = phc
        _changed(session, name, actor, "password")


def set_roles(database: Database, name: str, roles: Iterable[str], *, actor: str = LOCAL_OPERATOR) -> Account:
    """Give an account other roles, at once.

    Raises:
        NotFoundError: There is no such account.
        InputError: A role is none, or there is none.
    """
    wanted = _checked(roles)
    with database.write() as session:
        row = _find(session, name)
        row.roles = wanted
        _changed(session, name, actor, "roles", roles=wanted.split())
        return as_account(row)


def disable_account(database: Database, name: str, *, actor: str = LOCAL_OPERATOR) -> Account:
    """Close an account for good and end its sessions. Doing it again is harmless.

    Raises:
        NotFoundError: There is no such account.
    """
    with database.write() as session:
        row = _find(session, name)
        if row.disabled_at is None:
            row.disabled_at = datetime.now(UTC)
            session.execute(delete(AccountSession).where(AccountSession.account == name))
            append(session, Action.ACCOUNT_DISABLE, actor=actor, obj=name)
        return as_account(row)


def list_accounts(database: Database) -> list[Account]:
    """Return all accounts by name."""
    with database.read() as session:
        return [as_account(row) for row in session.scalars(select(AccountRow).order_by(AccountRow.name))]


def as_account(row: AccountRow) -> Account:
    """Return a row without its password."""
    return Account(row.name, tuple(row.roles.split()), row.created_at, row.disabled_at)


def _find(session: Session, name: str) -> AccountRow:
    row = session.get(AccountRow, name)
    if row is None:
        raise NotFoundError("There is no such account at this unit.")
    return row


def _changed(session: Session, name: str, actor: str, what: str, **details: list[str]) -> None:
    session.get_one(AccountRow, name).changed_at = datetime.now(UTC)
    session.execute(delete(AccountSession).where(AccountSession.account == name))
    append(session, Action.ACCOUNT_CHANGE, actor=actor, obj=name, details={"changed": what, **details})


def _checked(roles: Iterable[str]) -> str:
    wanted = sorted(set(roles))
    if not wanted or not set(wanted) <= set(ROLES):
        raise InputError("Every account has one role or more.", advice=f"Choose from: {', '.join(ROLES)}.")
    return " ".join(wanted)
