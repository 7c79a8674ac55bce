"""Two people publish: a statistician proposes the protected tables, an output checker approves them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from contract.errors import WaslError
from service.accounts.accounts import create_account
from service.db.base import Database
from service.settings import Settings
from wasl.demo.processes import ProcessFailedError

PEOPLE = {"statistician": ["statistician"], "checker": ["output_checker"]}
_SIGN_IN = "/sign-in"


def make_people(settings: Settings, folder: Path) -> dict[str, Path]:
    """Make the two accounts; each password lies in a file (mode 0600) of the demo's folder."""
    database = Database(settings.database)
    places = {}
    try:
        for name, roles in PEOPLE.items():
            password = secrets.token_urlsafe(15)
            create_account(database, name, roles, password)
            places[name] = folder / f"{name}.password"
            with os.fdopen(os.open(places[name], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(password)
    finally:
        database.close()
    return places


def publish(url: str, run_id: str, places: dict[str, Path]) -> dict[str, Any]:
    """Propose and approve the release of a computation, as two people; return its id and CSV.

    Raises:
        ProcessFailedError: The unit refused one of the steps.
    """
    with _signed_in(url, "statistician", places) as statistician, _signed_in(url, "checker", places) as checker:
        proposed = _answer(statistician.post("/api/v1/releases", json={"run_id": run_id}))
        approved = _answer(checker.post(f"/api/v1/releases/{proposed['id']}/approve"))
        table = checker.get(f"/api/v1/releases/{proposed['id']}/tables.csv")
        if table.status_code != 200:
            raise ProcessFailedError("The released tables cannot be read.")
        return {"id": approved["id"], "state": approved["state"], "csv": table.text}


@contextmanager
def _signed_in(url: str, name: str, places: dict[str, Path]) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=url, headers={"origin": url}, timeout=30.0, trust_env=False) as client:
        answer = client.post(_SIGN_IN, data={"name": name, "password": places[name].read_text(encoding="utf-8")})
        if answer.status_code >= 400:
            raise ProcessFailedError(f"The {name} could not sign in ({answer.status_code}).")
        yield client


def _answer(answer: httpx2.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()
    if answer.status_code >= 400:
        raise ProcessFailedError(
            str(found.get("title", "The unit refused.")), advice=str(found.get("detail", WaslError.default_advice))
        )
    return found
