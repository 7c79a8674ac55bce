"""The relay passes on what a party signed, to whom it is for, once; it takes nothing else."""

from __future__ import annotations

from contract.relay import RELAY_CONTEXT, RelayMessage, SignedRelayMessage
from contract.sealing import seal
from contract.signing import encode_bytes, sign
from tests.service.parties import World


def message(world: World, *, signer: str = "cnss", **changes) -> SignedRelayMessage:
    made = RelayMessage(
        **{
            "agreement_id": world.agreement.id,
            "epoch": 1,
            "kind": "share",
            "sender": "cnss",
            "recipient": "dgsn",
            "body": encode_bytes(seal(world.agreement.party("dgsn").sealing_key, b"a share", b"test")),
            **changes,
        }
    )
    return SignedRelayMessage(message=made, signature=sign(RELAY_CONTEXT, made, world.keys[signer].signing))


def post(world: World, signed: SignedRelayMessage, party: str = "cnss"):
    path = f"/api/v1/agreements/{world.agreement.id}/relay"
    return world.send("POST", path, party=party, body=signed.model_dump_json().encode())


def read(world: World, party: str, query: str = ""):
    return world.send("GET", f"/api/v1/agreements/{world.agreement.id}/relay{query}", party=party)


def test_a_message_reaches_its_recipient_unchanged_and_nobody_else(linkage: World) -> None:
    share, to_all = message(linkage), message(linkage, kind="commitment", recipient="*", body="AAAA")
    numbers = [post(linkage, one).json()["number"] for one in (share, to_all, share)]
    assert numbers[0] == numbers[2]
    assert linkage.actions().count("relay:post") == 2
    got = [SignedRelayMessage.model_validate(one) for one in read(linkage, "dgsn").json()["messages"]]
    assert got == [share, to_all]
    assert [one["message"]["kind"] for one in read(linkage, "cnss").json()["messages"]] == ["commitment"]
    assert len(read(linkage, "dgsn", "?kind=share").json()["messages"]) == 1
    assert read(linkage, "dgsn", "?kind=share&topic=other").json() == {"messages": [], "next": None}
    assert read(linkage, "dgsn", f"?after={numbers[0]}").json()["messages"][0]["message"]["kind"] == "commitment"
    for outsider in ("su", "lu", "cndp"):
        assert read(linkage, outsider).status_code == 403


def test_what_is_not_in_order_is_refused_and_recorded(linkage: World) -> None:
    post(linkage, message(linkage))
    cases = [
        (message(linkage, body="AAAA"), 409),  # another share in the place of the first
        (message(linkage, signer="dgsn"), 401),
        (message(linkage, sender="dgsn", recipient="cnss", signer="dgsn"), 403),  # not the one who sends it
        (message(linkage, epoch=2), 422),
        (message(linkage, agreement_id="0" * 64), 422),
        (message(linkage, recipient="*"), 422),
        (message(linkage, recipient="su"), 422),
        (message(linkage, topic="x" * 129), 422),
    ]
    before = linkage.actions().count("request:refuse")
    assert [post(linkage, signed).status_code for signed, _ in cases] == [status for _, status in cases]
    assert linkage.actions().count("request:refuse") == before + len(cases)
    assert len(read(linkage, "dgsn").json()["messages"]) == 1


def test_long_lists_come_in_pages(worlds, monkeypatch) -> None:
    world = worlds()
    monkeypatch.setattr("service.relay.service._PAGE_CHARACTERS", 2500)
    sent = [
        message(world, kind="crowded_keys", topic=f"t{number}", recipient="*", body="A" * 1000) for number in range(5)
    ]
    for one in sent:
        post(world, one)
    got, after, pages = [], 0, 0
    while after is not None:
        page = read(world, "dgsn", f"?after={after}").json()
        got += page["messages"]
        after, pages = page["next"], pages + 1
    assert [SignedRelayMessage.model_validate(one) for one in got] == sent
    assert pages > 1


def test_the_statistics_unit_relays_nothing(statistics: World) -> None:
    assert post(statistics, message(statistics)).status_code == 404
