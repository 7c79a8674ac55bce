"""Who sent this request: RFC 9421 signatures of the parties to installed agreements.

A request counts once: its nonce is kept until the signature has expired, in a transaction of its
own, so that a refused action spends its nonce too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import delete

from contract.agreement import Agreement, Party
from contract.errors import AgreementError, ForbiddenError, NotFoundError, SignatureError
from contract.http_signing import MAX_AGE_SECONDS, verify_request
from service.agreements.service import get_agreement
from service.db.models import Nonce
from service.unit import Unit

_NONCE_LIFETIME = timedelta(seconds=2 * MAX_AGE_SECONDS)  # longer than a signature's life, clock skew included
_MAX_NONCE_CHARACTERS = 128


@dataclass(frozen=True)
class Caller:
    """The party that signed a request, and the agreement under which it speaks."""

    agreement: Agreement
    party: Party

    @cached_property
    def agreement_id(self) -> str:
        """The agreement's id."""
        return self.agreement.id

    @property
    def actor(self) -> str:
        """How the audit log names the caller."""
        return f"{self.party.role}:{self.party.name}"

    def require(self, *roles: str) -> None:
        """Refuse a caller whose role is not one of these.

        Raises:
            ForbiddenError: It is another.
        """
        if self.party.role not in roles:
            raise ForbiddenError(f"This is for {' or '.join(roles)} only.", advice="Ask the party with that role.")

    def require_agreement(self, agreement_id: str) -> None:
        """Refuse a caller that speaks under another agreement, as if there were none.

        Raises:
            NotFoundError: It is another.
        """
        if agreement_id != self.agreement_id:
            raise NotFoundError("There is no such agreement at this unit.")


def current_unit(request: Request) -> Unit:
    """Return the unit that serves this request."""
    unit: Unit = request.app.state.unit
    return unit


async def body_bytes(request: Request) -> bytes:
    """Return the whole body; the application bounds its size (`service.middleware`)."""
    return await request.body()


def signed_by_party(
    request: Request,
    unit: Annotated[Unit, Depends(current_unit)],
    body: Annotated[bytes, Depends(body_bytes)],
) -> Caller:
    """Return who signed the request.

    Raises:
        SignatureError: Unsigned, expired, altered, replayed, or signed by no party of an installed agreement.
    """
    known: dict[str, Agreement] = {}

    def public_key(agreement_id: str, name: str) -> str | None:
        try:
            with unit.database.read() as session:
                known[agreement_id] = get_agreement(session, agreement_id).agreement
            return known[agreement_id].party(name).signing_key
        except (NotFoundError, AgreementError):
            return None

    path = request.scope.get("raw_path") or request.scope["path"].encode()
    query = request.scope.get("query_string", b"")
    url = unit.settings.url + path.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")
    sent = verify_request(request.method, url, request.headers.items(), body, public_key)
    caller = Caller(known[sent.agreement_id], known[sent.agreement_id].party(sent.party))
    request.state.caller = caller
    _spend(unit, sent.agreement_id, sent.party, sent.nonce)
    return caller


def _spend(unit: Unit, agreement_id: str, party: str, nonce: str) -> None:
    if len(nonce) > _MAX_NONCE_CHARACTERS:
        raise SignatureError("The request's nonce is too long.")
    now = datetime.now(UTC)
    with unit.database.write() as session:
        if session.get(Nonce, (agreement_id, party, nonce)) is not None:
            raise SignatureError("This request was received before.", advice="Sign each request anew.")
        session.execute(delete(Nonce).where(Nonce.expires_at < now))
        session.add(Nonce(agreement_id=agreement_id, party=party, nonce=nonce, expires_at=now + _NONCE_LIFETIME))


UnitOf = Annotated[Unit, Depends(current_unit)]
SignedCaller = Annotated[Caller, Depends(signed_by_party)]
Body = Annotated[bytes, Depends(body_bytes)]
