"""The ceremony makes one key for all institutions, and stops at the first false message."""

import pytest

from contract.agreement import Party, RegisterTerms
from contract.errors import SignatureError
from contract.relay import RELAY_CONTEXT, SignedRelayMessage
from contract.sealing import seal, sealing_public_text
from contract.signing import decode_bytes, encode_bytes, public_text, sign
from pseudonymisation.keys.ceremony import (
    Ceremony,
    CeremonyError,
    CeremonyOrderError,
    EquivocationError,
    commitment,
    share_info,
)
from tests.contract.builders import make_agreement, make_keys


def _agreement(*institutions):
    base, keys = make_agreement()
    parties = [party for party in base.parties if party.role != "institution"]
    for name in institutions:
        keys[name] = make_keys()
        parties.append(
            Party(
                name=name,
                role="institution",
                signing_key=public_text(keys[name].signing),
                sealing_key=sealing_public_text(keys[name].sealing),
            )
        )
    register = RegisterTerms(name="r", holder=institutions[0], fields=("full_name",))
    return base.model_copy(update={"parties": tuple(parties), "registers": (register,)}), keys


def _begin(agreement, keys, names):
    return {name: Ceremony.begin(agreement, name, keys[name].signing, keys[name].sealing) for name in names}


def _for(messages, name):
    return [one for one in messages if one.message.recipient in {name, "*"}]


def _round(parties):
    """All send what is due to all, own echoes included."""
    sent = [one for party in parties.values() for one in party.outgoing()]
    for name, party in parties.items():
        party.receive_all(reversed(_for(sent, name)))
    return sent


@pytest.fixture
def three():
    agreement, keys = _agreement("cnss", "dgsn", "anapec")
    return agreement, keys, _begin(agreement, keys, ("cnss", "dgsn", "anapec"))


def _resigned(signed, keys, **changes):
    message = signed.message.model_copy(update=changes)
    return SignedRelayMessage(message=message, signature=sign(RELAY_CONTEXT, message, keys[message.sender].signing))


def test_all_end_with_one_key(three):
    _, _, parties = three
    for _ in range(3):
        _round(parties)
    assert {party.phase for party in parties.values()} == {"complete"}
    assert len({party.epoch_key() for party in parties.values()}) == 1


def test_the_phases_follow_each_other(three):
    _, _, parties = three
    seen = []
    for _ in range(3):
        seen.append(parties["cnss"].phase)
        _round(parties)
    assert seen == ["committing", "sharing", "confirming"]


def test_a_single_institution_has_its_key_at_once():
    agreement, keys = _agreement("alone")
    party = _begin(agreement, keys, ["alone"])["alone"]
    assert party.phase == "complete"
    assert len(party.epoch_key()) == 32
    party.receive_all(party.outgoing())


def test_two_ceremonies_make_two_keys():
    agreement, keys = _agreement("alone")
    assert len({_begin(agreement, keys, ["alone"])["alone"].epoch_key() for _ in range(2)}) == 2


def test_it_resumes_with_the_very_same_messages(three):
    agreement, keys, parties = three
    _round(parties)
    before = parties["cnss"].outgoing()
    parties["cnss"] = Ceremony.resume(agreement, parties["cnss"].state(), keys["cnss"].signing, keys["cnss"].sealing)
    assert parties["cnss"].outgoing() == before
    for _ in range(2):
        _round(parties)
    assert len({party.epoch_key() for party in parties.values()}) == 1


def test_no_key_before_everybody_confirmed(three):
    _, _, parties = three
    for _ in range(2):
        _round(parties)
    with pytest.raises(CeremonyOrderError, match="anapec"):
        parties["cnss"].epoch_key()


def test_the_relay_reads_no_share(three):
    _, _, parties = three
    sent = []
    for _ in range(3):
        sent = _round(parties)
    text = "".join(one.model_dump_json() for one in sent).encode()
    raw = b"".join(decode_bytes(one.message.body) for one in sent)
    for party in parties.values():
        for secret in (party._state.share, party._state.opening, encode_bytes(party.epoch_key())):
            assert secret.encode() not in text
            assert decode_bytes(secret) not in raw


def test_a_state_of_another_agreement_is_refused(three):
    _, keys, parties = three
    other, _ = _agreement("cnss", "dgsn")
    with pytest.raises(CeremonyError, match="another agreement"):
        Ceremony.resume(other, parties["cnss"].state(), keys["cnss"].signing, keys["cnss"].sealing)
    with pytest.raises(CeremonyError, match="damaged"):
        Ceremony.resume(other, "{}", keys["cnss"].signing, keys["cnss"].sealing)


def test_only_institutions_take_part(three):
    agreement, keys, _ = three
    with pytest.raises(CeremonyError):
        Ceremony.begin(agreement, "lu", keys["lu"].signing, keys["lu"].sealing)


def _share_for_cnss(parties):
    _round(parties)
    return next(
        one for one in parties["dgsn"].outgoing() if (one.message.kind, one.message.recipient) == ("share", "cnss")
    )


def test_an_altered_message_is_refused(three):
    _, _, parties = three
    share = _share_for_cnss(parties)
    altered = share.model_copy(update={"message": share.message.model_copy(update={"body": "AAAA"})})
    with pytest.raises(SignatureError):
        parties["cnss"].receive(altered)


def test_a_message_signed_by_another_is_refused(three):
    _, keys, parties = three
    message = _share_for_cnss(parties).message
    forged = SignedRelayMessage(message=message, signature=sign(RELAY_CONTEXT, message, keys["anapec"].signing))
    with pytest.raises(SignatureError):
        parties["cnss"].receive(forged)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"agreement_id": "b" * 64}, "another agreement"),
        ({"epoch": 2}, "another agreement or epoch"),
        ({"recipient": "anapec"}, "somebody else"),
        ({"transcript": "c" * 64}, "other commitments"),
        ({"kind": "crowded_keys"}, "no key ceremony"),
        ({"body": "AAAA"}, "does not open"),
    ],
)
def test_a_share_that_is_not_what_it_must_be_is_refused(three, changes, says):
    _, keys, parties = three
    with pytest.raises(CeremonyError, match=says):
        parties["cnss"].receive(_resigned(_share_for_cnss(parties), keys, **changes))
    assert "dgsn" not in parties["cnss"]._state.shares


def test_a_sender_outside_the_agreement_is_refused(three):
    _, keys, parties = three
    with pytest.raises(CeremonyError, match="not an institution"):
        parties["cnss"].receive(_resigned(_share_for_cnss(parties), keys, sender="lu"))


def test_a_share_of_another_recipient_does_not_open(three):
    _, keys, parties = three
    _round(parties)
    to_anapec = next(one for one in parties["dgsn"].outgoing() if one.message.recipient == "anapec")
    with pytest.raises(CeremonyError, match="does not open"):
        parties["cnss"].receive(_resigned(to_anapec, keys, recipient="cnss"))


def test_another_share_than_the_committed_one_is_refused(three):
    agreement, keys, parties = three
    share = _share_for_cnss(parties)
    info = share_info(agreement.id, agreement.epoch, "dgsn", "cnss", share.message.transcript)
    body = encode_bytes(seal(agreement.party("cnss").sealing_key, bytes(64), info))
    with pytest.raises(CeremonyError, match="committed"):
        parties["cnss"].receive(_resigned(share, keys, body=body))


def test_two_commitments_of_one_sender_are_noticed(three):
    _, keys, parties = three
    first = parties["dgsn"].outgoing()[0]
    parties["cnss"].receive(first)
    parties["cnss"].receive(first)
    with pytest.raises(EquivocationError):
        parties["cnss"].receive(_resigned(first, keys, body=encode_bytes(bytes(32))))


def test_a_commitment_has_its_length(three):
    _, keys, parties = three
    with pytest.raises(CeremonyError, match="32 bytes"):
        parties["cnss"].receive(_resigned(parties["dgsn"].outgoing()[0], keys, body="AAAA"))


def test_a_split_view_of_the_commitments_shows(three):
    """A dishonest sender gives two institutions two commitments: their transcripts differ, no share is taken."""
    agreement, keys, parties = three
    double = Ceremony.begin(agreement, "dgsn", keys["dgsn"].signing, keys["dgsn"].sealing)
    for name, sender in (("cnss", parties["dgsn"]), ("anapec", double)):
        parties[name].receive(sender.outgoing()[0])
    parties["cnss"].receive(parties["anapec"].outgoing()[0])
    parties["anapec"].receive(parties["cnss"].outgoing()[0])
    share = next(one for one in parties["anapec"].outgoing() if one.message.recipient == "cnss")
    with pytest.raises(CeremonyError, match="two faces"):
        parties["cnss"].receive(share)


def test_a_share_before_the_commitments_waits(three):
    agreement, keys, parties = three
    share = _share_for_cnss(parties)
    late = Ceremony.begin(agreement, "cnss", keys["cnss"].signing, keys["cnss"].sealing)
    with pytest.raises(CeremonyOrderError):
        late.receive(share)


def test_a_confirmation_before_the_shares_waits_and_a_false_one_is_refused(three):
    _, keys, parties = three
    for _ in range(2):
        sent = _round(parties)
    assert {one.message.kind for one in sent} == {"commitment", "share"}
    confirmation = parties["dgsn"].outgoing()[-1]
    with pytest.raises(CeremonyError, match="another key"):
        parties["cnss"].receive(_resigned(confirmation, keys, body=encode_bytes(bytes(32))))
    parties["cnss"]._state.shares.pop("anapec")
    with pytest.raises(CeremonyOrderError):
        parties["cnss"].receive(confirmation)


def test_a_commitment_is_bound_to_its_place():
    made = {commitment(a, e, s, bytes(32), bytes(32)) for a in "ab" for e in (1, 2) for s in ("x", "y")}
    assert len(made) == 8
