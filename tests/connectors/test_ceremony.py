"""The ceremony on the real relay: killed between any two messages or writings it goes on; a lost share is said so."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from connectors import ceremony
from connectors.ceremony import LostShareError, step
from connectors.client import UnitClient
from connectors.errors import UnitRefusedError
from contract.agreement import APPROVAL_CONTEXT, SIGNATURE_CONTEXT, Agreement, Signature, SignedAgreement
from contract.errors import ConflictError
from contract.signing import sign
from pseudonymisation.keys.store import KeyDestroyedError, KeyStore
from service.agreements.service import install_agreement
from tests.connectors.world import PASSPHRASE, URLS, World, build


class Killed(BaseException):
    """The process ends here."""


class Dying(httpx2.BaseTransport):
    """A transport that dies at a message, before it was sent or before its answer was read. Reading changes nothing."""

    def __init__(self, inner: httpx2.BaseTransport, at: int, *, answered: bool) -> None:
        self.inner, self.at, self.answered, self.seen = inner, at, answered, 0

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method != "POST":
            return self.inner.handle_request(request)
        number, self.seen = self.seen, self.seen + 1
        if number == self.at and not self.answered:
            raise Killed
        response = self.inner.handle_request(request)
        if number == self.at:
            raise Killed
        return response


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = build(tmp_path_factory.mktemp("ceremony"))
    # one event loop for all requests: starting one for each would take most of the time
    with TestClient(made.apps["linkage_unit"], base_url=URLS[0], raise_server_exceptions=False) as client:
        for agent in made.agents.values():
            agent._transports["linkage_unit"] = client._transport
        yield made


_epochs = iter(range(2, 10_000))


def another_agreement(world: World) -> Agreement:
    """A live agreement of its own for one ceremony."""
    agreement = world.agreement.model_copy(update={"epoch": next(_epochs)})
    signed = SignedAgreement(
        agreement=agreement,
        signatures=tuple(
            Signature(party=name, signature=sign(SIGNATURE_CONTEXT, agreement, agent.store.signing_key))
            for name, agent in world.agents.items()
        ),
        approval=Signature(party="cndp", signature=sign(APPROVAL_CONTEXT, agreement, world.officer.signing)),
    )
    unit = world.apps["linkage_unit"].state.unit
    with unit.database.write() as session:
        install_agreement(unit, session, signed)
    return agreement


def relay(world: World) -> httpx2.BaseTransport:
    return world.agents["dgsn"]._transports["linkage_unit"]


def client(
    world: World, agreement: Agreement, store: KeyStore, transport: httpx2.BaseTransport | None = None
) -> UnitClient:
    return UnitClient(
        URLS[0],
        agreement_id=agreement.id,
        party=store.party,
        key=store.signing_key,
        transport=transport or relay(world),
        sleep=lambda _seconds: None,
    )


def reopened(world: World, name: str) -> KeyStore:
    return KeyStore.open(world.agents[name].configuration.key_file, PASSPHRASE)


def steps(world: World, agreement: Agreement, *, killing: Callable[[int], httpx2.BaseTransport] | None = None) -> int:
    """Take the parties' turns until all hold the key; return how many messages the first party sent."""
    made = 0
    for _ in range(8):
        done = []
        for name in world.agents:
            if name == "dgsn" and killing is not None:
                transport = killing(made)
                try:
                    step(agreement, reopened(world, name), client(world, agreement, reopened(world, name), transport))
                except Killed:
                    assert isinstance(transport, Dying)
                made += getattr(transport, "seen", 0)
            store = reopened(world, name)
            done.append(step(agreement, store, client(world, agreement, store)).complete)
        if all(done):
            break
    assert all(done)
    keys = {reopened(world, name).epoch_key(agreement.id, agreement.epoch) for name in world.agents}
    assert len(keys) == 1
    return made


def test_killed_at_any_message_it_goes_on_to_one_key(world: World) -> None:
    total = steps(world, another_agreement(world), killing=lambda _made: Dying(relay(world), -1, answered=False))
    assert total >= 6
    # dying after a message was taken is dying before the next one, but for the last
    for at, answered in [*((at, False) for at in range(total)), (total - 1, True)]:
        steps(
            world,
            another_agreement(world),
            killing=lambda made, at=at, answered=answered: Dying(relay(world), at - made, answered=answered),
        )


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_any_writing_of_the_key_store_it_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    real = KeyStore._write
    for at in range(0, 7, 1 + after):  # the two of them write six times when nothing dies
        agreement = another_agreement(world)
        counted = iter(range(100))

        def write(self: KeyStore, contents: Any, counted: Any = counted, at: int = at, **how: Any) -> None:
            if next(counted) != at:
                return real(self, contents, **how)
            if after:
                real(self, contents, **how)
            raise Killed

        monkeypatch.setattr(KeyStore, "_write", write)
        killed, done = 0, [False]
        while not all(done):
            done = []
            for name in world.agents:
                try:
                    store = reopened(world, name)
                    done.append(step(agreement, store, client(world, agreement, store)).complete)
                except Killed:
                    killed += 1
                    done.append(False)
        monkeypatch.setattr(KeyStore, "_write", real)
        assert killed == (next(counted) > at)
        assert len({reopened(world, name).epoch_key(agreement.id, agreement.epoch) for name in world.agents}) == 1


def test_repeating_a_step_sends_nothing_new(world: World) -> None:
    agreement = another_agreement(world)
    store = reopened(world, "dgsn")
    one = client(world, agreement, store)
    for _ in range(3):
        step(agreement, store, one)
    kinds = [message.message.kind for message in ceremony.fetch(one, agreement.id, "commitment")]
    assert kinds == ["commitment"]


def test_a_lost_share_is_noticed_before_anything_is_sent(world: World) -> None:
    agreement = another_agreement(world)
    path = world.agents["cnss"].configuration.key_file
    backup = path.with_suffix(".backup")
    shutil.copy(path, backup)
    store = reopened(world, "cnss")
    step(agreement, store, client(world, agreement, store))
    shutil.copy(backup, path)  # the share is gone with the store's newer state
    before = path.read_bytes()
    with pytest.raises(LostShareError) as caught:
        step(agreement, reopened(world, "cnss"), client(world, agreement, store))
    assert "agreement succeed" in caught.value.advice
    assert path.read_bytes() == before


def test_a_store_restored_from_within_the_ceremony_goes_on(world: World) -> None:
    agreement = another_agreement(world)
    path = world.agents["cnss"].configuration.key_file
    backup = path.with_suffix(".backup")
    for name in ("cnss", "dgsn"):
        store = reopened(world, name)
        step(agreement, store, client(world, agreement, store))
        if name == "cnss":
            shutil.copy(path, backup)  # holds the share, not yet the sealed messages
    store = reopened(world, "cnss")
    step(agreement, store, client(world, agreement, store))
    shutil.copy(backup, path)
    steps(world, agreement)


def test_another_message_in_the_place_of_ours_stops_the_ceremony(world: World) -> None:
    agreement = another_agreement(world)
    store = reopened(world, "dgsn")

    class Refusing(httpx2.BaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            if request.method == "POST":
                return httpx2.Response(409, json={"title": "no", "detail": "no", "type": "x"})
            return relay(world).handle_request(request)

    with pytest.raises(UnitRefusedError):
        step(agreement, store, client(world, agreement, store, Refusing()))


def test_two_processes_of_one_institution_take_one_part(world: World) -> None:
    """Two connectors share the key store: both begin at once, and the store ends with one share."""
    agreement = another_agreement(world)
    stores = [reopened(world, "dgsn") for _ in range(2)]
    failures: list[BaseException] = []

    def run(store: KeyStore) -> None:
        try:
            step(agreement, store, client(world, agreement, store))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    steps(world, agreement)


def test_a_destroyed_key_never_comes_back(world: World) -> None:
    agreement = another_agreement(world)
    steps(world, agreement)
    store = reopened(world, "dgsn")
    key = store.epoch_key(agreement.id, agreement.epoch)
    assert store.destroy_epoch_key(agreement.id, agreement.epoch, "2031-01-01T00:00:00+00:00")
    assert not store.destroy_epoch_key(agreement.id, agreement.epoch, "2032-01-01T00:00:00+00:00")
    store = reopened(world, "dgsn")
    assert store.destroyed_at(agreement.id, agreement.epoch) == "2031-01-01T00:00:00+00:00"
    for again in (
        lambda: step(agreement, store, client(world, agreement, store)),
        lambda: store.epoch_key(agreement.id, agreement.epoch),
        lambda: store.put_epoch_key(agreement.id, agreement.epoch, key),
        lambda: store.put_ceremony(agreement.id, agreement.epoch, "{}"),
    ):
        with pytest.raises(KeyDestroyedError):
            again()


def test_writers_of_one_store_do_not_lose_each_others_keys(world: World) -> None:
    one, other = reopened(world, "cnss"), reopened(world, "cnss")
    one.put_epoch_key("c" * 64, 1, b"1" * 32)
    other.put_epoch_key("d" * 64, 1, b"2" * 32)
    kept = reopened(world, "cnss")
    assert kept.epoch_key("c" * 64, 1) == b"1" * 32
    assert kept.epoch_key("d" * 64, 1) == b"2" * 32
    with pytest.raises(ConflictError):
        one.put_epoch_key("d" * 64, 1, b"3" * 32)


def test_the_replaced_file_of_a_destroyed_key_is_overwritten(world: World, tmp_path: Path) -> None:
    store = KeyStore.create(tmp_path / "keys", "dgsn", PASSPHRASE)
    store.put_epoch_key("c" * 64, 1, b"1" * 32)
    with (tmp_path / "keys").open("rb") as before:
        content = before.read()
        store.destroy_epoch_key("c" * 64, 1, "2031-01-01T00:00:00+00:00")
        before.seek(0)
        assert before.read() != content
        before.seek(0)
        assert not before.read().startswith(b"WASLKEY1")
