"""One mapping from errors to answers: problem details (RFC 9457), and a record of every refusal.

An answer never repeats a value from the request, and an unexpected error says nothing but its
request's id. What a unit refuses is logged in its audit log; where that fails, the answer is 503.
"""

from __future__ import annotations

import re
import time
from collections import deque
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from contract.errors import InputError, SignatureError, StorageError, WaslError
from service.audit.actions import Action
from service.unit import Unit

PROBLEM = "application/problem+json"
_RECORDED = "recorded in the audit log"
_ANONYMOUS_PER_MINUTE = 60  # strangers must not fill the log; what is left out is counted in the next record
_WRITING = {"POST", "PUT", "PATCH", "DELETE"}
_NAME = re.compile(r"^[a-z_]{1,40}$")


class TooLargeError(InputError):
    """A body is longer than the unit takes at once."""

    code = "input.too_large"
    http_status = 413
    default_advice = "Send it in smaller chunks."


class RequestFormError(InputError):
    """A request's body or parameters do not have the form that the interface describes."""

    code = "request.form"
    default_advice = "Compare the request with the interface's description: /api/v1/openapi.json."


def mark_recorded(error: WaslError) -> WaslError:
    """Say that an error's refusal is in the audit log already, so that it is not recorded twice."""
    error.add_note(_RECORDED)
    return error


def problem_response(error: WaslError, extra: dict[str, Any] | None = None) -> JSONResponse:
    """Return the answer for an error raised on purpose."""
    return JSONResponse(error.problem() | (extra or {}), status_code=error.http_status, media_type=PROBLEM)


def unexpected_response() -> JSONResponse:
    """Return the answer for an error nobody thought of: it gives nothing away."""
    return JSONResponse(
        {
            "type": "urn:wasl:error:wasl.unexpected",
            "title": "Something failed that should not.",
            "status": 500,
            "detail": "Give the operator the X-Request-Id of this answer.",
        },
        status_code=500,
        media_type=PROBLEM,
    )


class _StrangerLimit:
    """How many refusals of unknown callers were recorded in the last minute, and how many were not."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque()
        self._left_out = 0

    def admit(self) -> int | None:
        """Return the number left out since the last record, or None if this one is left out too."""
        now = time.monotonic()
        while self._recent and self._recent[0] < now - 60:
            self._recent.popleft()
        if len(self._recent) >= _ANONYMOUS_PER_MINUTE:
            self._left_out += 1
            return None
        self._recent.append(now)
        left_out, self._left_out = self._left_out, 0
        return left_out


def install_error_handlers(app: FastAPI) -> None:
    """Make an application answer errors as this module says.

    Pages may answer in their own form: `app.state.render_error(request, error)`, if set, answers
    errors raised on purpose outside ``/api/``.
    """
    strangers = _StrangerLimit()

    async def answer(request: Request, error: WaslError) -> Response:
        request.state.error_code = error.code
        try:
            await run_in_threadpool(_record, request, error, strangers)
        except StorageError as failure:
            return problem_response(failure)
        render = getattr(request.app.state, "render_error", None)
        if render is not None and not request.url.path.startswith("/api/"):
            page: Response = render(request, error)
            return page
        return problem_response(error)

    @app.exception_handler(WaslError)
    async def on_purpose(request: Request, error: WaslError) -> Response:
        return await answer(request, error)

    @app.exception_handler(RequestValidationError)
    async def form(request: Request, error: RequestValidationError) -> Response:
        return await answer(request, _form_error(error))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, WaslError):  # raised while the framework read the body
            return await answer(request, error.__cause__)
        if error.status_code == HTTPStatus.BAD_REQUEST:
            return await answer(request, RequestFormError("The request's body cannot be read."))
        phrase = HTTPStatus(error.status_code).phrase
        body = {"type": "about:blank", "title": phrase, "status": error.status_code}
        return JSONResponse(body, status_code=error.status_code, media_type=PROBLEM, headers=error.headers)


def _form_error(error: RequestValidationError) -> RequestFormError:
    """Name the places of the faults, with no value and no name that the caller made up."""
    places = []
    for fault in error.errors()[:20]:
        path = [part for part in fault["loc"] if isinstance(part, int) or _NAME.match(part)]
        if fault["type"] == "extra_forbidden":
            path = path[:-1]
        places.append(f"{'.'.join(map(str, path))}: {fault['type']}")
    return RequestFormError("The request does not have the expected form.", where={"faults": places})


def _record(request: Request, error: WaslError, strangers: _StrangerLimit) -> None:
    if _RECORDED in getattr(error, "__notes__", ()) or error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return
    caller = getattr(request.state, "caller", None)
    if not (isinstance(error, SignatureError) or request.method in _WRITING):
        return
    left_out = strangers.admit() if caller is None else 0
    if left_out is None:
        return
    route = request.scope.get("route")
    unit: Unit = request.app.state.unit
    unit.record_refusal(
        actor=caller.actor if caller else "anonymous",
        action=Action.REQUEST_REFUSE,
        code=error.code,
        agreement_id=caller.agreement_id if caller else None,
        obj=f"{request.method} {getattr(route, 'path', 'unknown')}",
        details={"left_out": left_out} if left_out else None,
    )
