"""Sign-in and sign-out."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from service.accounts import sessions
from service.accounts.attempts import TooManyAttemptsError
from service.accounts.requests import check_same_site, cookie_name, delete_cookie, set_cookie
from service.accounts.sessions import SignInError
from service.requests import UnitOf
from service.web.visit import go_to, render

router = APIRouter()
_MAX_PATH = 500


@router.get("/sign-in", include_in_schema=False)
def show(request: Request, then: str = "/overview") -> Response:
    """Show the form; nobody needs to be signed in for it."""
    return _form(request, then, None)


@router.post("/sign-in", include_in_schema=False)
def enter(
    request: Request,
    unit: UnitOf,
    name: Annotated[str, Form(max_length=200)],
    password: Annotated[str, Form(max_length=1000)],
    then: Annotated[str, Form(max_length=_MAX_PATH)] = "/overview",
) -> Response:
    """Open a session and go where the person wanted to go."""
    check_same_site(request)
    address = request.client.host if request.client else ""
    try:
        token = sessions.sign_in(unit.database, request.app.state.attempts, name.strip().lower(), password, address)
    except (SignInError, TooManyAttemptsError) as error:
        return _form(request, then, error)
    answer = go_to(_own(then))
    set_cookie(answer, unit.settings, token)
    return answer


@router.post("/sign-out", include_in_schema=False)
def leave(request: Request, unit: UnitOf) -> Response:
    """End the session."""
    check_same_site(request)
    sessions.sign_out(unit.database, request.cookies.get(cookie_name(unit.settings), ""))
    answer = go_to("/sign-in", notice="signed_out")
    delete_cookie(answer, unit.settings)
    return answer


def _form(request: Request, then: str, error: SignInError | TooManyAttemptsError | None) -> Response:
    data = {"then": _own(then), "problem": error.code if error else None, "advice": error.advice if error else ""}
    return render(request, "sign_in.html", data, status_code=error.http_status if error else HTTPStatus.OK)


def _own(path: str) -> str:
    """Return a path of this unit to go on to; anything else becomes the overview."""
    safe = path.startswith("/") and not path.startswith(("//", "/\\", "/sign-")) and len(path) <= _MAX_PATH
    return path if safe and path.isprintable() else "/overview"
