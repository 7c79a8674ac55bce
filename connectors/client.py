"""The connector's side of the units' HTTP interface: signed requests, retries, problem details as errors."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.errors import UnitRefusedError, UnitUnreachableError
from contract.http_signing import key_id, sign_request

ATTEMPTS = 6
_BUSY = frozenset({429, 502, 503, 504})
_FIRST_WAIT_SECONDS = 0.25
_MAX_WAIT_SECONDS = 30.0


class UnitClient:
    """Speaks to one unit as one party of one agreement.

    Args:
        base_url: Address of the unit, as the unit itself knows it (it is part of what is signed).
        agreement_id: Agreement under which the party speaks.
        party: The party's name.
        key: Its signing key.
        transport: For tests and in-process use; the network by default.
        attempts: Attempts at a request while the unit does not answer or is busy.
        sleep: Waits between attempts; for tests.
    """

    def __init__(
        self,
        base_url: str,
        *,
        agreement_id: str,
        party: str,
        key: Ed25519PrivateKey,
        transport: httpx2.BaseTransport | None = None,
        attempts: int = ATTEMPTS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._key_id, self._key = key_id(agreement_id, party), key
        self._client = httpx2.Client(transport=transport, timeout=httpx2.Timeout(60.0, connect=10.0), trust_env=False)
        self._attempts, self._sleep = attempts, sleep

    def __enter__(self) -> UnitClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # the connection pool is ours; an injected transport belongs to its maker and closes with the client only once
        self._client.close()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """Return the JSON answer to a GET. Raises as `request`."""
        return self.request("GET", path, params=params).json()

    def post(self, path: str, document: str = "") -> Any:
        """Return the JSON answer to a POST of a JSON document. Raises as `request`."""
        answer = self.request("POST", path, document.encode(), {"content-type": "application/json"})
        return answer.json() if answer.content else {}

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        params: Mapping[str, str] | None = None,
        accept: frozenset[int] = frozenset(),
    ) -> httpx2.Response:
        """Send a signed request, again while the unit does not answer; each attempt is signed anew.

        Args:
            method: Upper-case method.
            path: Path below the unit's address.
            body: Exact bytes of the body.
            headers: Further headers.
            params: Query parameters.
            accept: Statuses of refusal that the caller handles itself.

        Raises:
            UnitUnreachableError: No answer after all attempts.
            UnitRefusedError: An answer of status 400 or above; `where` has its status and problem type.
        """
        url = httpx2.URL(self.base_url + path)
        if params:
            url = url.copy_merge_params(dict(params))
        wait, answer = _FIRST_WAIT_SECONDS, None
        for attempt in range(self._attempts):
            if attempt:
                self._sleep(wait)
                wait = min(2 * wait, _MAX_WAIT_SECONDS)
            signed = sign_request(method, str(url), body, key=self._key, keyid=self._key_id)
            try:
                answer = self._client.request(method, url, content=body, headers={**(headers or {}), **signed})
            except httpx2.TransportError:
                answer = None
                continue
            if answer.status_code not in _BUSY:
                break
        if answer is None:
            raise UnitUnreachableError("The unit does not answer.", where={"unit": self.base_url})
        if answer.status_code >= 400 and answer.status_code not in accept:
            raise _refusal(answer, self.base_url)
        return answer


def _refusal(answer: httpx2.Response, unit: str) -> UnitRefusedError:
    where: dict[str, Any] = {"unit": unit, "status": answer.status_code}
    try:
        problem = answer.json()
        where["type"] = str(problem.get("type", ""))
        where.update(problem.get("where") or {})
        return UnitRefusedError(f"The unit refused: {problem['title']}", advice=problem.get("detail"), where=where)
    except (ValueError, KeyError, AttributeError, TypeError):
        return UnitRefusedError("The unit refused the request.", where=where)
