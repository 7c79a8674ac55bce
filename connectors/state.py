"""The connector's local state: one SQLite file in which no identity stands in the clear.

Record ids and subject references are encrypted value by value (AES-256-GCM, the column's name as associated data) and
looked up by HMAC-SHA-256, under two keys derived from the key store. What else is there (vintages, submissions,
receipts, approvals) holds no identity and stays readable for whoever repairs the file.
"""

from __future__ import annotations

import hmac
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contract.errors import IntegrityError, NotFoundError, StorageError

_SCHEMA = """
create table if not exists record (
    record_mac blob primary key, record_sealed blob not null, subject_sealed blob not null
) without rowid;
create table if not exists submission (
    manifest_id text primary key, agreement_id text not null, register_name text not null, vintage text not null,
    created_at text not null, state text not null, folder text not null, details text not null
);
create table if not exists event (
    number integer primary key, manifest_id text, kind text not null, at text not null, details text not null
);
"""
_NONCE = 12
SubmissionState = Literal["prepared", "approved", "refused", "sent", "dropped", "retracted", "destroyed"]


@dataclass(frozen=True)
class LocalSubmission:
    """A submission as the connector remembers it; `folder` is its folder's name in the outbox."""

    manifest_id: str
    agreement_id: str
    register_name: str
    vintage: str
    created_at: str
    state: SubmissionState
    folder: str
    details: dict[str, Any]


class LocalState:
    """The state file. Every method is one transaction."""

    def __init__(self, path: Path, mac_key: bytes, seal_key: bytes) -> None:
        self._path, self._mac_key, self._cipher = path, mac_key, AESGCM(seal_key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.touch(mode=0o600)
            with self._transaction() as connection:
                connection.executescript(_SCHEMA)
        except OSError as error:
            raise StorageError(f"The connector's state cannot be written: {error.strerror}.") from None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, timeout=30)) as connection:
                connection.execute("pragma synchronous=full")
                connection.execute("pragma temp_store=memory")
                with connection:
                    yield connection
        except sqlite3.DatabaseError as error:
            raise StorageError(
                f"The connector's state does not answer: {type(error).__name__}.", where={"file": self._path.name}
            ) from None

    def subject_refs(
        self, record_ids: Sequence[str], subjects: Sequence[int], draw: Callable[[int], list[str]]
    ) -> list[str]:
        """Return the subject reference of every record, known ones kept and new ones drawn at random.

        A subject keeps the reference that most of its records had before (the smallest where two are level); of two
        subjects that had one reference, the one with more of its records keeps it.

        Args:
            record_ids: All record ids of the vintage.
            subjects: Subject number of each, from 0.
            draw: Gives that many random references of 32 hexadecimal digits.

        Raises:
            IntegrityError: The state was made under another key, or altered.
        """
        macs = [hmac.digest(self._mac_key, record_id.encode(), "sha256") for record_id in record_ids]
        with self._transaction() as connection:
            before = self._known(connection)
            references = _assign([before.get(mac) for mac in macs], subjects, draw)
            connection.executemany(
                "insert or replace into record values (?, ?, ?)",
                (
                    (mac, self._seal("record", record_id.encode()), self._seal("subject", bytes.fromhex(reference)))
                    for mac, record_id, reference in zip(macs, record_ids, references, strict=True)
                    if before.get(mac) != reference
                ),
            )
        return references

    def record_refs(self) -> dict[str, str]:
        """Return record id to subject reference of every record seen so far. For the institution itself only."""
        with self._transaction() as connection:
            rows = connection.execute("select record_sealed, subject_sealed from record order by record_mac").fetchall()
        return {self._open("record", record).decode(): self._open("subject", subject).hex() for record, subject in rows}

    def count_records(self) -> int:
        """Return how many records have a subject reference. No identity is read."""
        with self._transaction() as connection:
            (count,) = connection.execute("select count(*) from record").fetchone()
        return int(count)

    def add_submission(self, submission: LocalSubmission) -> None:
        """Remember a submission that was just encoded."""
        with self._transaction() as connection:
            connection.execute(
                "insert into submission values (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    submission.manifest_id,
                    submission.agreement_id,
                    submission.register_name,
                    submission.vintage,
                    submission.created_at,
                    submission.state,
                    submission.folder,
                    json.dumps(submission.details, sort_keys=True),
                ),
            )
            _note(connection, submission.manifest_id, submission.state, {})

    def move(self, manifest_id: str, state: SubmissionState, details: dict[str, Any]) -> None:
        """Set the state of a submission and note when and why (`details` holds no identity).

        Raises:
            NotFoundError: There is no such submission.
        """
        with self._transaction() as connection:
            changed = connection.execute(
                "update submission set state = ? where manifest_id = ?", (state, manifest_id)
            ).rowcount
            if not changed:
                raise NotFoundError("There is no submission with this manifest id here.")
            _note(connection, manifest_id, state, details)

    def note(self, manifest_id: str, kind: str, details: dict[str, Any]) -> None:
        """Keep something that happened to a submission, such as a unit's receipt."""
        with self._transaction() as connection:
            _note(connection, manifest_id, kind, details)

    def submissions(self) -> list[LocalSubmission]:
        """Return all submissions, the oldest first."""
        with self._transaction() as connection:
            rows = connection.execute("select * from submission order by created_at, manifest_id").fetchall()
        return [
            LocalSubmission(row[0], row[1], row[2], row[3], row[4], row[5], row[6], json.loads(row[7])) for row in rows
        ]

    def submission(self, manifest_id: str) -> LocalSubmission:
        """Return one submission by its manifest id, or by the id's first characters (at least 8).

        Raises:
            NotFoundError: There is none, or more than one.
        """
        found = [one for one in self.submissions() if one.manifest_id.startswith(manifest_id)]
        if len(found) != 1 or len(manifest_id) < 8:
            raise NotFoundError("There is no submission with this manifest id here.")
        return found[0]

    def events(self, manifest_id: str) -> list[dict[str, Any]]:
        """Return what happened to a submission, in order."""
        with self._transaction() as connection:
            rows = connection.execute(
                "select kind, at, details from event where manifest_id = ? order by number", (manifest_id,)
            ).fetchall()
        return [{"kind": kind, "at": at, **json.loads(details)} for kind, at, details in rows]

    def _known(self, connection: sqlite3.Connection) -> dict[bytes, str]:
        rows = connection.execute("select record_mac, subject_sealed from record")
        return {mac: self._open("subject", sealed).hex() for mac, sealed in rows}

    def _seal(self, column: str, value: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, value, column.encode())

    def _open(self, column: str, sealed: bytes) -> bytes:
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], column.encode())
        except InvalidTag:
            raise IntegrityError(
                "The connector's state does not open: another key store, or an altered file.",
                advice="Restore state.sqlite and the key store from the same backup. If that key store is lost, move "
                "state.sqlite away: the next vintage then draws new subject references (docs/guides/key-incidents.md).",
            ) from None


def _note(connection: sqlite3.Connection, manifest_id: str, kind: str, details: dict[str, Any]) -> None:
    connection.execute(
        "insert into event (manifest_id, kind, at, details) values (?, ?, ?, ?)",
        (manifest_id, kind, datetime.now(UTC).isoformat(timespec="seconds"), json.dumps(details, sort_keys=True)),
    )


def _assign(before: Sequence[str | None], subjects: Sequence[int], draw: Callable[[int], list[str]]) -> list[str]:
    votes: dict[tuple[int, str], int] = {}
    for subject, reference in zip(subjects, before, strict=True):
        if reference is not None:
            votes[int(subject), reference] = votes.get((int(subject), reference), 0) + 1
    chosen: dict[int, str] = {}
    taken: set[str] = set()
    for subject, reference in sorted(votes, key=lambda one: (-votes[one], one[1], one[0])):
        if subject not in chosen and reference not in taken:
            chosen[subject] = reference
            taken.add(reference)
    new = [subject for subject in dict.fromkeys(int(one) for one in subjects) if subject not in chosen]
    chosen.update(zip(new, draw(len(new)), strict=True))
    return [chosen[int(subject)] for subject in subjects]
