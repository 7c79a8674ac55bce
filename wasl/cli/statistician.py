"""A statistician's session at the statistics unit, by password, for commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from contract.errors import ForbiddenError, NotFoundError, UnreachableError
from wasl.cli.passphrase import read_account_password
from wasl.cli.runs import RefusedByUnitError


class Desk:
    """Signed in at a unit: its interface with the person's own rights."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def _request(self, method: str, path: str, document: dict[str, Any] | None = None) -> Any:
        import httpx2

        try:
            answer = self._client.request(method, path, json=document)
        except httpx2.TransportError as error:
            raise UnreachableError("The unit does not answer.") from error
        if answer.status_code >= 400:
            found = answer.json() if answer.content else {}
            title = str(found.get("title", f"The unit answered {answer.status_code}."))
            raise RefusedByUnitError(title, advice=found.get("detail"))
        return answer

    def call(self, method: str, path: str, document: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the unit's JSON answer.

        Raises:
            UnreachableError: The unit does not answer.
            RefusedByUnitError: It refused.
        """
        found: dict[str, Any] = self._request(method, path, document).json()
        return found

    def content(self, path: str) -> bytes:
        """Return the bytes at a path. Errors as `call`."""
        return bytes(self._request("GET", path).content)

    def newest_computation(self) -> str:
        """Return the id of the newest computation that succeeded.

        Raises:
            NotFoundError: There is none.
        """
        for run in self.call("GET", "/api/v1/runs")["runs"]:
            if run["kind"] == "statistics" and run["state"] == "succeeded":
                return str(run["id"])
        raise NotFoundError("No computation has succeeded yet.", advice="Wait until one has: `wasl run status`.")


@contextmanager
def signed_in(url: str, account: str) -> Iterator[Desk]:
    """Sign in at a unit and out again.

    Raises:
        ForbiddenError: Name and password do not belong together.
        UnreachableError: The unit does not answer.
    """
    import httpx2

    with httpx2.Client(base_url=url, headers={"origin": url}, timeout=600.0, trust_env=False) as client:
        try:
            answer = client.post("/sign-in", data={"name": account, "password": read_account_password()})
        except httpx2.TransportError as error:
            raise UnreachableError("The unit does not answer.") from error
        if answer.status_code >= 400:
            raise ForbiddenError("The unit did not sign you in.", advice="Check the account's name and password.")
        try:
            yield Desk(client)
        finally:
            client.post("/sign-out")
