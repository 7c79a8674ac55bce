"""Reads everything a running unit answers: its pages in all forms, its API as people, as the operator, as a party."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx2

from connectors.client import UnitClient
from contract.errors import WaslError
from pseudonymisation.keys.store import KeyStore

_LINK = re.compile(r'(?:href|src|action|data-[a-z]+)="([^"]+)"')
_OF_ONE_PATH = 2  # a chart or table is drawn for many choices: two of each kind are read


def pages(url: str, name: str, password: str) -> dict[str, httpx2.Response]:
    """Sign in and follow every link; each page is also read as its JSON twin. Nothing is changed at the unit."""
    read: dict[str, httpx2.Response] = {}
    times: Counter[str] = Counter()
    with httpx2.Client(base_url=url, headers={"origin": url}, timeout=60.0, trust_env=False) as client:
        entered = client.post("/sign-in", data={"name": name, "password": password})
        assert entered.status_code == 303, entered.text[-500:]
        waiting = ["/", "/overview", "/overview?lang=ar", "/metrics", "/api/v1/runs", "/api/v1/releases"]
        while waiting:
            path = waiting.pop(0)
            alone = path.partition("?")[0]
            if path in read or times[alone] == _OF_ONE_PATH:
                continue
            times[alone] += 1
            answer = client.get(path, follow_redirects=True)
            read[path] = answer
            if "text/html" not in answer.headers.get("content-type", ""):
                continue
            found = [urljoin(url + path, link.replace("&amp;", "&")) for link in _LINK.findall(answer.text)]
            own = [urlsplit(link) for link in found if link.startswith(url + "/")]
            waiting += [
                f"{part.path}?{part.query}" if part.query else part.path for part in own if "sign-" not in part.path
            ]
            waiting.append(alone + ".json" if path != "/" else "/overview.json")
    return read


def api(url: str, known: Mapping[str, str], token: str, store: KeyStore | None) -> dict[str, bytes]:
    """Read every GET of the interface with the operator's token, and signed as an institution where a store is given.

    Args:
        url: The unit's address.
        known: Values of path parameters.
        token: The operator's.
        store: Of the institution; `known` then has the `agreement_id`.
    """
    read: dict[str, bytes] = {}
    with httpx2.Client(
        base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=60.0, trust_env=False
    ) as client:
        described = client.get("/api/v1/openapi.json")
        read["openapi"] = described.content
        paths = [path for path, methods in described.json()["paths"].items() if "get" in methods]
        for path in paths:
            read[f"operator {path}"] = client.get(path.format_map(known)).content
        if store is None:
            return read
    with UnitClient(url, agreement_id=known["agreement_id"], party=store.party, key=store.signing_key) as signed:
        for path in paths:
            try:
                read[f"party {path}"] = signed.request("GET", path.format_map(known)).content
            except WaslError as error:
                read[f"party {path} refused"] = str(error.problem()).encode()
    return read


def key_store(folder: Path) -> KeyStore:
    """Open the key store of a connector's folder of the demo."""
    return KeyStore.open(folder / "institution.keys", (folder / "passphrase").read_bytes())
