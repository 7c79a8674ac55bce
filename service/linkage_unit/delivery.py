"""Delivers edges to the statistics unit: signed requests, resumed where a transfer broke off."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contract.canonical import canonical_json
from contract.edges import SignedEdgesManifest
from contract.errors import ConfigurationError, StorageError, SubmissionError, UnreachableError
from contract.http_signing import key_id, sign_request

_TIMEOUT = httpx2.Timeout(30.0, read=300.0)  # completing opens and checks the whole file
_ATTEMPTS = 4
_FIRST_DELAY_SECONDS = 0.5
_CONFLICT, _SERVER_ERROR = 409, 500


class DeliveryError(SubmissionError):
    """The statistics unit refuses the edges; the message is its own."""

    code = "edges.refused"
    default_advice = "Read the statistics unit's audit log for the reason, then start the run again."


class EdgesClient:
    """Speaks to one statistics unit in the name of the linkage unit.

    Args:
        url: The statistics unit's address, exactly as it knows itself: signatures cover it.
        agreement_id: Under which agreement.
        party: The linkage unit's name in it.
        key: The linkage unit's signing key.
        transport: For tests; the network by default.
        sleep: For tests.
    """

    def __init__(
        self,
        url: str,
        agreement_id: str,
        party: str,
        key: Ed25519PrivateKey,
        *,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise ConfigurationError(
                "The statistics unit's address is not one.", advice="Set WASL_STATISTICS_URL=https://host."
            )
        self._base, self._key, self._keyid = url.rstrip("/") + "/api/v1/edges", key, key_id(agreement_id, party)
        self._client = httpx2.Client(timeout=_TIMEOUT, transport=transport)
        self._sleep = sleep

    def deliver(self, signed: SignedEdgesManifest, path: Path) -> None:
        """Send the manifest and the sealed file and have it accepted; doing it again is harmless.

        Raises:
            UnreachableError: The statistics unit does not answer; the next call resumes.
            DeliveryError: It refuses the edges.
            StorageError: The sealed file cannot be read.
        """
        run_id, size = signed.manifest.run_id, signed.manifest.size
        with self._client:
            state = self._call("POST", self._base, canonical_json(signed), {"Content-Type": "application/json"})
            if state["state"] == "accepted":
                return
            offset, step = int(state["offset"]), int(state["chunk_bytes"])
            while offset < size:
                offset = self._append(f"{self._base}/{run_id}", offset, _read(path, offset, step))
            self._call("POST", f"{self._base}/{run_id}/complete", b"", {})

    def _append(self, url: str, offset: int, chunk: bytes) -> int:
        headers = {"Content-Type": "application/octet-stream", "Upload-Offset": str(offset)}
        return int(self._call("PATCH", url, chunk, headers)["offset"])

    def _call(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._sleep(_FIRST_DELAY_SECONDS * 2 ** (attempt - 1))
            signed = sign_request(method, url, body, key=self._key, keyid=self._keyid)
            try:
                answer = self._client.request(method, url, content=body, headers=headers | signed)
            except httpx2.TransportError:
                continue
            if answer.status_code >= _SERVER_ERROR:
                continue
            return _body_of(answer)
        raise UnreachableError("The statistics unit does not answer.")


def _body_of(answer: httpx2.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise UnreachableError("What answers is not a statistics unit.", advice="Check WASL_STATISTICS_URL.")
    if answer.status_code == _CONFLICT and isinstance(offset := body.get("where", {}).get("offset"), int):
        return {"offset": offset}  # an answer got lost: the chunk had arrived
    if not answer.is_success:
        raise DeliveryError(
            f"The statistics unit refuses the edges: {body.get('title', 'no reason given')}",
            advice=str(body.get("detail") or DeliveryError.default_advice),
            where={"status": answer.status_code},
        )
    return body


def _read(path: Path, offset: int, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(size)
    except OSError as error:
        raise StorageError("The sealed edges cannot be read.") from error
