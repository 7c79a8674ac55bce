"""Sign-in, sessions, sign-out.

A session is a random token in the person's cookie; the database holds its SHA-256 only. It ends at
sign-out, after `IDLE` without a page, after `LIFETIME` in any case, and as soon as the account is
disabled or its password or roles change.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from contract.errors import ForbiddenError
from service.accounts.accounts import Account, actor_name, as_account
from service.accounts.attempts import Attempts
from service.accounts.models import AccountRow, AccountSession
from service.accounts.passwords import is_password
from service.audit.actions import Action
from service.audit.log import append
from service.db.base import Database
from service.errors import mark_recorded

IDLE = timedelta(minutes=30)
LIFETIME = timedelta(hours=10)  # a working day
_SEEN_EVERY = timedelta(minutes=1)  # how often a page view is worth a write
_ANONYMOUS = "anonymous"


class SignInError(ForbiddenError):
    """Name and password do not belong together, or the account is closed: the answer does not say which."""

    code = "account.sign_in"
    http_status = 401
    default_advice = "Check both and try again, or ask the unit's operator for a new password."


def sign_in(database: Database, attempts: Attempts, name: str, password: str, address: str) -> str:
    """Open a session and return its token.

    Args:
        database: Of the unit.
        attempts: Counts attempts by account and address.
        name: As typed.
        password: As typed.
        address: Whence, for counting.

    Raises:
        TooManyAttemptsError: Too many attempts on this account or from this address.
        SignInError: Name and password do not belong together, or the account is disabled.
    """
    attempts.admit(name, address)
    with database.read() as session:
        row = session.get(AccountRow, name)
        phc = row.password if row is not None and row.disabled_at is None else None
    valid = is_password(password, phc)
    now, token = datetime.now(UTC), secrets.token_urlsafe(32)
    with database.write() as session:
        row = session.get(AccountRow, name)
        # Looked at again: the account may have been disabled while the password was checked.
        valid = valid and row is not None and row.disabled_at is None and row.password == phc
        # A name that is no account's may be a password typed into the wrong field: it is not kept.
        actor = actor_name(name) if row is not None else _ANONYMOUS
        if valid:
            session.execute(delete(AccountSession).where(AccountSession.expires_at < now))
            session.add(
                AccountSession(
                    token_hash=_hash(token), account=name, opened_at=now, seen_at=now, expires_at=now + LIFETIME
                )
            )
            append(session, Action.SESSION_OPEN, actor=actor)
        else:
            append(session, Action.SESSION_REFUSE, actor=actor, outcome="refused")
    if not valid:
        raise mark_recorded(SignInError("This name and password do not belong together."))
    attempts.forget(name, address)
    return token


def read_session(database: Database, token: str, *, seen: bool = True) -> Account | None:
    """Return whose session a token is; None where it is nobody's or has ended.

    Args:
        database: Of the unit.
        token: From the cookie.
        seen: Whether this keeps the session from idling out; False for what a page does by itself.
    """
    now = datetime.now(UTC)
    with database.read() as session:
        found = _live(session, token, now)
        if found is None:
            return None
        row, account = found
        fresh = now - row.seen_at < _SEEN_EVERY
    if seen and not fresh:
        with database.write() as session:
            found = _live(session, token, now)
            if found is None:
                return None
            found[0].seen_at = now
    return account


def sign_out(database: Database, token: str) -> None:
    """End a session. Doing it again is harmless."""
    with database.write() as session:
        row = session.get(AccountSession, _hash(token))
        if row is not None:
            append(session, Action.SESSION_CLOSE, actor=actor_name(row.account))
            session.delete(row)


def _live(session: Session, token: str, now: datetime) -> tuple[AccountSession, Account] | None:
    row = session.get(AccountSession, _hash(token))
    if row is None or now >= row.expires_at or now - row.seen_at >= IDLE:
        return None
    account = session.get_one(AccountRow, row.account)
    return None if account.disabled_at is not None else (row, as_account(account))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
