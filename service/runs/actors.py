"""Who acts on runs and releases: a person with roles.

Accounts install their own way of telling (`app.state.actor_of`). Beside it, whoever can read the
unit's data directory is its operator: the token in `operator.token` (mode 0600, made at the first
start) says so on this machine, in the header ``Authorization: Bearer``.
"""

from __future__ import annotations

import hmac
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from contract.errors import ForbiddenError, SignatureError, StorageError
from service.requests import UnitOf
from service.settings import Settings

TOKEN_FILE = "operator.token"  # noqa: S105  (a file's name)
OPERATOR, STATISTICIAN, CHECKER, OFFICER = "operator", "statistician", "output_checker", "privacy_officer"


@dataclass(frozen=True)
class Actor:
    """A person (or the local operator) with roles; `name` is ``kind:name`` as the audit log has it."""

    name: str
    roles: frozenset[str]

    def require(self, *roles: str) -> None:
        """Refuse an actor that has none of these roles.

        Raises:
            ForbiddenError: It has none.
        """
        if not self.roles & set(roles):
            raise ForbiddenError(f"This is for {' or '.join(roles)} only.")


ActorOf = Callable[[Request], Actor | None]


def operator_token(settings: Settings) -> str:
    """Return the token of the operator on this machine, made where it is missing.

    Raises:
        StorageError: The data directory does not take or give it.
    """
    path = settings.data_dir / TOKEN_FILE
    try:
        if not path.exists():
            _make(path)
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise StorageError("The operator's token cannot be read.", where={"file": TOKEN_FILE}) from error


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{TOKEN_FILE}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32))
    try:
        os.link(partial, path)  # fails where another process was first: its token stands
    except FileExistsError:
        pass
    finally:
        partial.unlink()


def current_actor(request: Request, unit: UnitOf) -> Actor:
    """Return who acts: the account signed in, or the operator of this machine.

    The local operator runs and watches linkages. It has no part in releases: those need two people with
    accounts.

    Raises:
        SignatureError: Nobody is signed in, or the token is not the operator's.
    """
    actor_of: ActorOf | None = getattr(request.app.state, "actor_of", None)
    if actor_of is not None and (actor := actor_of(request)) is not None:
        return actor
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), operator_token(unit.settings).encode()):
        return Actor("operator:local", frozenset({OPERATOR}))
    raise SignatureError(
        "Nobody is signed in.",
        advice=f"Sign in with an account, or use the operator's token in the file {TOKEN_FILE} of the data directory.",
    )


ActorOfRequest = Annotated[Actor, Depends(current_actor)]
