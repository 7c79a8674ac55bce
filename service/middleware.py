"""Around every request: an id, a bound on the body, security headers, one log line, metrics, a safety net."""

from __future__ import annotations

import secrets
import time
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contract.errors import WaslError
from service.errors import TooLargeError, problem_response, unexpected_response
from service.logs import describe
from service.metrics import Metrics

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Envelope:
    """The outermost layer of the application. A route may set a security header itself: its own stands."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int, metrics: Metrics) -> None:
        self._app, self._max, self._metrics = app, max_body_bytes, metrics
        self._log: Any = structlog.get_logger()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, begin = secrets.token_hex(8), time.perf_counter()
        scope.setdefault("state", {})["request_id"] = request_id
        status, received = 0, 0

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max:
                raise TooLargeError("The request's body is too long.")
            return message

        async def wrapped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers["X-Request-Id"] = request_id
            await send(message)

        try:
            length = Headers(scope=scope).get("content-length", "")
            if length.isdecimal() and int(length[:20]) > self._max:
                await problem_response(TooLargeError("The request's body is too long."))(scope, receive, wrapped)
            else:
                await self._app(scope, bounded, wrapped)
        except WaslError as error:
            await self._fail(error, scope, receive, wrapped, status)
        except Exception as error:  # noqa: BLE001  the safety net: a traceback may quote values
            self._log.error("unexpected", request_id=request_id, **describe(error))
            await self._fail(error, scope, receive, wrapped, status)
        finally:
            self._report(scope, status or 500, time.perf_counter() - begin, request_id)

    async def _fail(self, error: Exception, scope: Scope, receive: Receive, send: Send, status: int) -> None:
        if not status:  # nothing was sent yet
            answer = problem_response(error) if isinstance(error, WaslError) else unexpected_response()
            await answer(scope, receive, send)

    def _report(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route = getattr(scope.get("route"), "path", "unknown")
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        state = scope.get("state", {})
        caller = state.get("caller")
        self._metrics.requests.labels(method, route, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        if code := state.get("error_code"):
            self._metrics.refusals.labels(code).inc()
        self._log.info(
            "request",
            request_id=request_id,
            method=method,
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 1),
            **({"party": caller.party.name} if caller else {}),
            **({"code": code} if code else {}),
        )
