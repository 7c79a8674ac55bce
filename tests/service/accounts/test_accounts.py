"""Accounts and sessions on both databases: nothing secret is stored, everything is logged, everything ends."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import select

from contract.errors import ConflictError, InputError, NotFoundError
from service.accounts import accounts, sessions
from service.accounts.attempts import Attempts, TooManyAttemptsError
from service.accounts.models import AccountRow, AccountSession
from service.accounts.passwords import PasswordError, check_password, hash_password, is_password
from service.accounts.sessions import IDLE, LIFETIME, SignInError
from service.audit.models import AuditEntry
from service.db.base import Database
from service.db.migrate import upgrade

PASSWORD = "sept oliviers et un vélo"


@pytest.fixture
def database(database_url: str):
    made = Database(database_url)
    upgrade(made.engine)
    accounts.create_account(made, "linker", ["operator", "statistician"], PASSWORD)
    yield made
    made.close()


def log(database: Database) -> list[dict]:
    with database.read() as session:
        documents = session.scalars(select(AuditEntry.document).order_by(AuditEntry.sequence)).all()
    return [json.loads(document) for document in documents]


def enter(database: Database, password: str = PASSWORD, name: str = "linker", attempts: Attempts | None = None) -> str:
    return sessions.sign_in(database, attempts or Attempts(), name, password, "192.0.2.1")


def test_a_session_says_who_is_signed_in(database: Database) -> None:
    account = sessions.read_session(database, enter(database))
    assert account is not None
    assert (account.actor, account.roles) == ("account:linker", ("operator", "statistician"))
    assert sessions.read_session(database, "made-up") is None
    assert [entry["action"] for entry in log(database)] == ["account:create", "session:open"]


def test_neither_password_nor_token_is_stored(database: Database) -> None:
    token = enter(database)
    with database.read() as session:
        rows = [vars(row) for kind in (AccountRow, AccountSession, AuditEntry) for row in session.scalars(select(kind))]
        phc = session.get_one(AccountRow, "linker").password
    assert phc.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert not any(secret in str(rows) for secret in (token, PASSWORD))


def test_a_wrong_password_an_unknown_and_a_disabled_account_are_refused_alike(database: Database) -> None:
    accounts.create_account(database, "gone", ["admin"], PASSWORD)
    accounts.disable_account(database, "gone")
    answers = set()
    for name, password in (("linker", "x" * 12), ("gone", PASSWORD), (PASSWORD, "linker")):
        with pytest.raises(SignInError) as refused:
            enter(database, password, name)
        answers.add(refused.value.diagnostics())
    assert len(answers) == 1
    last = log(database)[-3:]
    assert [entry["actor"] for entry in last] == ["account:linker", "account:gone", "anonymous"]
    assert {(entry["action"], entry["outcome"]) for entry in last} == {("session:refuse", "refused")}
    assert PASSWORD not in json.dumps(log(database), ensure_ascii=False)


def test_sessions_end_when_idle_and_after_a_day(database: Database) -> None:
    start = datetime(2026, 3, 2, 8, tzinfo=UTC)
    with time_machine.travel(start, tick=False) as clock:
        token = enter(database)
        for _ in range(int(LIFETIME / timedelta(minutes=20)) - 1):
            clock.shift(timedelta(minutes=20))
            assert sessions.read_session(database, token) is not None
        clock.shift(timedelta(minutes=20))
        assert sessions.read_session(database, token) is None
        token = enter(database)
        for _ in range(2):
            clock.shift(IDLE / 2)
            found = sessions.read_session(database, token, seen=False)  # polling keeps nothing alive
        assert found is None


def test_sessions_end_at_sign_out_and_when_the_account_changes(database: Database) -> None:
    enders = [
        lambda token: sessions.sign_out(database, token),
        lambda _: accounts.set_roles(database, "linker", ["privacy_officer"]),
        lambda _: accounts.set_password(database, "linker", PASSWORD),
        lambda _: accounts.disable_account(database, "linker"),
    ]
    for end in enders:
        token = enter(database)
        end(token)
        assert sessions.read_session(database, token) is None
    actions = [entry["action"] for entry in log(database)]
    for action in ("session:close", "account:change", "account:disable"):
        assert action in actions


def test_attempts_are_limited_by_account_and_address(database: Database) -> None:
    attempts = Attempts()
    for _ in range(10):
        attempts.admit("linker", "192.0.2.1")
    with pytest.raises(TooManyAttemptsError, match="too many"):
        enter(database, attempts=attempts)
    attempts.admit("linker", "192.0.2.2")
    attempts.forget("linker", "192.0.2.1")
    assert enter(database, attempts=attempts)


def test_one_address_cannot_try_all_accounts() -> None:
    attempts = Attempts()
    for number in range(60):
        attempts.admit(f"account{number}", "192.0.2.1")
    with pytest.raises(TooManyAttemptsError):
        attempts.admit("another", "192.0.2.1")


def test_bad_accounts_are_refused(database: Database) -> None:
    with pytest.raises(ConflictError):
        accounts.create_account(database, "linker", ["admin"], PASSWORD)
    for name, roles in (("Linker", ["admin"]), ("a b", ["admin"]), ("b", []), ("b", ["root"])):
        with pytest.raises(InputError):
            accounts.create_account(database, name, roles, PASSWORD)
    for password in ("short", "linker et un vélo", "x" * 40, "y" * 300):
        with pytest.raises(PasswordError) as refused:
            accounts.set_password(database, "linker", password)
        assert password not in refused.value.diagnostics()
    with pytest.raises(NotFoundError):
        accounts.disable_account(database, "nobody")
    assert [account.name for account in accounts.list_accounts(database)] == ["linker"]


def test_a_hash_knows_its_own_password_only_and_is_never_twice_the_same() -> None:
    phc = hash_password(PASSWORD)
    assert is_password(PASSWORD, phc)
    assert not is_password(PASSWORD + " ", phc)
    assert not is_password("", phc)
    assert not is_password(PASSWORD, None)
    assert hash_password(PASSWORD) != phc


def test_composed_and_decomposed_letters_are_one_password() -> None:
    check_password("linker", PASSWORD)
    assert is_password("sept oliviers et un ve\u0301lo", hash_password(PASSWORD))
