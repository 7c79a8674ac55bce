"""Who sent a request from a browser: the session in its cookie, and no other site's page.

The cookie is HttpOnly and SameSite=Strict. Its name holds the unit's role, because cookies of two
units on one host are not told apart by port.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response

from contract.errors import ForbiddenError
from service.accounts.accounts import Account
from service.accounts.attempts import Attempts
from service.accounts.sessions import LIFETIME, read_session
from service.runs.actors import Actor
from service.settings import Settings
from service.unit import Unit

_SAFE = {"GET", "HEAD", "OPTIONS"}


class CrossSiteError(ForbiddenError):
    """A request that changes something came from another site's page, or does not say whence."""

    code = "account.cross_site"
    default_advice = "Open this unit's own page and repeat what you did there."


class NotSignedInError(ForbiddenError):
    """A page was asked for without a live session."""

    code = "account.not_signed_in"
    http_status = 401
    default_advice = "Sign in, then repeat what you did."


def install_accounts(app: FastAPI, unit: Unit) -> None:
    """Make an application know who is signed in (`app.state.actor_of`) and count attempts to sign in."""
    app.state.attempts = Attempts()

    def actor_of(request: Request) -> Actor | None:
        account = signed_in(request, unit)
        return None if account is None else Actor(account.actor, frozenset(account.roles))

    app.state.actor_of = actor_of


def signed_in(request: Request, unit: Unit) -> Account | None:
    """Return the account signed in, if there is one.

    Raises:
        CrossSiteError: The request carries a session, changes something, and comes from elsewhere.
    """
    token = request.cookies.get(cookie_name(unit.settings))
    if token is None:
        return None
    check_same_site(request)
    # What a page fetches by itself does not keep a session alive.
    return read_session(unit.database, token, seen=not request.url.path.endswith(".json"))


def check_same_site(request: Request) -> None:
    """Refuse a changing request that did not come from one of this unit's own pages.

    `Sec-Fetch-Site` where the browser sends it, else `Origin`.

    Raises:
        CrossSiteError: It came from elsewhere, or says nothing.
    """
    if request.method in _SAFE:
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        own = site == "same-origin"
    else:
        own = origin is not None and urlsplit(origin).netloc == request.headers.get("host")
    if not own:
        raise CrossSiteError("This request did not come from a page of this unit.")


def cookie_name(settings: Settings) -> str:
    """Return the name of a unit's session cookie; over HTTPS one that only this very host can set."""
    return f"{'__Host-' if _secure(settings) else ''}wasl-{settings.role}"


def set_cookie(response: Response, settings: Settings, token: str) -> None:
    """Hand a session's token to the browser."""
    response.set_cookie(
        cookie_name(settings),
        token,
        max_age=int(LIFETIME.total_seconds()),
        path="/",
        secure=_secure(settings),
        httponly=True,
        samesite="strict",
    )


def delete_cookie(response: Response, settings: Settings) -> None:
    """Take a session's token from the browser."""
    response.delete_cookie(cookie_name(settings), path="/", secure=_secure(settings), httponly=True, samesite="strict")


def _secure(settings: Settings) -> bool:
    return settings.url.startswith("https:")
