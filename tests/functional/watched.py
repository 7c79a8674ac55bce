"""The demo on canonical files with a person planted in all six, watched while both units are up."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import sqlite3
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from contract.agreement import Agreement
from contract.registers import REGISTERS
from pseudonymisation.keys.store import KeyStore
from tests.functional import crawl, planted
from tests.functional.commands import Ended, ended, started, wait_for_words, wasl
from tests.functional.needles import read_files


@dataclass(frozen=True)
class Watched:
    """A demo on planted registers, read whole while both units were up and again when all had ended.

    Attributes:
        ended: The command.
        sources, out, kept, run: Folders of the registers, the results, the demo, the command.
        answers: What to ask both units gave; `statuses` of the pages among them.
    """

    ended: Ended
    sources: Path
    out: Path
    kept: Path
    run: Path
    answers: dict[str, bytes]
    statuses: dict[str, int]
    while_up: dict[str, list[bytes]] = field(repr=False)
    afterwards: dict[str, list[bytes]] = field(repr=False)

    def files(self, *places: str) -> dict[str, list[bytes]]:
        """Return the contents of files below some places of the demo's folder, at both moments.

        `temporary` is the folder for temporary files of all its processes, `""` is everything.
        """
        roots = tuple(str(self.run / "temporary" if place == "temporary" else self.kept / place) for place in places)
        both = self.while_up.keys() | self.afterwards.keys()
        return {
            name: [*self.while_up.get(name, []), *self.afterwards.get(name, [])]
            for name in sorted(both)
            if name.startswith(roots)
        }

    @property
    def said(self) -> dict[str, list[bytes]]:
        """What both units and the command itself said."""
        own = {"standard output": [self.ended.out.encode()], "standard error": [self.ended.err.encode()]}
        return {name: [answer] for name, answer in self.answers.items()} | own

    @cached_property
    def stores(self) -> dict[str, KeyStore]:
        """The key stores of all connectors."""
        return {name: crawl.key_store(self.kept / "connectors" / name) for name in REGISTERS}

    def unit(self, role: str) -> Path:
        return self.kept / f"{role}-unit"


def watch(country: Path, folder: Path) -> Watched:
    """Run the demo on planted registers with ``--serve`` and read everything while it is up."""
    sources, out, kept, run = folder / "sources", folder / "out", folder / "kept", folder / "run"
    planted.plant(country, sources)
    answers: dict[str, bytes] = {}
    statuses: dict[str, int] = {}
    demo = ("demo", "--registers", sources, "--out", out, "--keep", kept, "--serve", "--json")
    with started(*demo, folder=run) as process:
        wait_for_words(process, run, "stop with Ctrl+C")
        while_up = read_files([kept, run / "temporary"])  # the connectors have ended, both units run
        for role in ("linkage", "statistics"):
            _listen(folder, kept, role, answers, statuses)
        process.send_signal(signal.SIGINT)
        process.wait(120)
    finished = ended(process, run)
    return Watched(finished, sources, out, kept, run, answers, statuses, while_up, read_files([kept]))


def _listen(folder: Path, kept: Path, role: str, answers: dict[str, bytes], statuses: dict[str, int]) -> None:
    unit = kept / f"{role}-unit"
    words = (folder / "run" / "err").read_text(encoding="utf-8")
    (url,) = re.findall(rf"open (http://\S+)  \({role} unit\)", words)
    password = folder / "password"
    password.write_text("a password of the canary test", encoding="utf-8")
    roles = ["operator", "privacy_officer", *(["statistician"] if role == "statistics" else [])]
    flags = [part for one in roles for part in ("--role", one)]
    added = wasl(
        "account", "add", "watcher", *flags, "--unit", role, "--data", unit,
        folder=folder / "account", more={"WASL_ACCOUNT_PASSWORD_FILE": str(password)},
    )  # fmt: skip
    assert added.code == 0, added.err
    read = crawl.pages(url, "watcher", password.read_text(encoding="utf-8"))
    if role == "statistics":
        read |= {
            f"checker {path}": answer
            for path, answer in crawl.pages(url, "checker", (kept / "checker.password").read_text("utf-8")).items()
        }
    answers.update({f"{role} {path}": answer.content for path, answer in read.items()})
    answers.update(
        {f"{role} {path} head": repr(answer.headers.multi_items()).encode() for path, answer in read.items()}
    )
    statuses.update({f"{role} {path}": answer.status_code for path, answer in read.items()})
    delivered = (kept / "logs" / "connector-border_crossing.out").read_text(encoding="utf-8")
    agreement = Agreement.model_validate_json((kept / "agreement.json").read_text(encoding="utf-8"))
    known = {
        "agreement_id": agreement.id,
        "manifest_id": json.loads(delivered)["manifest"],
        "run_id": json.loads(answers[f"{role} /api/v1/runs"])["runs"][0]["id"],
        "release_id": _release(unit),
        "digest": "0" * 64,  # no cohort was tried
        "cohort_run_id": "0" * 32,
    }
    token = (unit / "operator.token").read_text(encoding="ascii").strip()
    store = crawl.key_store(kept / "connectors" / "border_crossing")
    answers.update({f"{role} {name}": answer for name, answer in crawl.api(url, known, token, store).items()})


def _release(unit: Path) -> str:
    with contextlib.closing(sqlite3.connect(unit / f"{unit.name.removesuffix('-unit')}.sqlite")) as database:
        found = database.execute("SELECT id FROM releases").fetchone()
    return str(found[0]) if found else "0" * 32
