"""Lists of crowded keys travel sealed under K; a false, foreign or missing one is refused."""

import numpy as np
import pytest

from contract.errors import SignatureError
from contract.relay import RELAY_CONTEXT, SignedRelayMessage
from contract.signing import decode_bytes, sign
from pseudonymisation.blocking.caps import CrowdedKeys
from pseudonymisation.blocking.exchange import CrowdedKeysError, crowded_message, merge_crowded
from tests.pseudonymisation.frames import KEY, agreement


def _keys(**tokens):
    return {name: np.array(values, dtype=np.uint64) for name, values in tokens.items()}


@pytest.fixture
def sent():
    terms, keys = agreement()
    lists = {
        "dgsn": CrowdedKeys(_keys(birth_date=[3, 1], names=[]), 10),
        "anapec": CrowdedKeys(_keys(birth_date=[2, 3], document=[2**63]), 7),
    }
    messages = [
        crowded_message(held, terms, name, "2026", epoch_key=KEY, signing=keys[name].signing)
        for name, held in lists.items()
    ]
    return terms, keys, messages


def test_all_get_the_union(sent):
    terms, _, messages = sent
    merged = merge_crowded([*messages, messages[0]], terms, "2026", epoch_key=KEY)
    assert {name: tokens.tolist() for name, tokens in merged.tokens.items()} == {
        "birth_date": [1, 2, 3],
        "names": [],
        "document": [2**63],
    }
    assert merged.persons == 10


def test_the_relay_reads_nothing(sent):
    _, _, messages = sent
    for signed in messages:
        raw = decode_bytes(signed.message.body)
        assert b"birth_date" not in raw
        assert np.uint64(3).tobytes() not in raw


def test_a_missing_list_is_named(sent):
    terms, _, messages = sent
    with pytest.raises(CrowdedKeysError, match="anapec"):
        merge_crowded(messages[:1], terms, "2026", epoch_key=KEY)


def test_lists_of_another_vintage_are_not_these(sent):
    terms, _, messages = sent
    with pytest.raises(CrowdedKeysError, match="missing"):
        merge_crowded(messages, terms, "2027", epoch_key=KEY)


def _altered(signed, keys, **changes):
    message = signed.message.model_copy(update=changes)
    return SignedRelayMessage(message=message, signature=sign(RELAY_CONTEXT, message, keys["dgsn"].signing))


def test_tampering_is_refused(sent):
    terms, keys, (first, second) = sent
    with pytest.raises(CrowdedKeysError, match="not open"):
        merge_crowded([_altered(first, keys, body=second.message.body), second], terms, "2026", epoch_key=KEY)
    with pytest.raises(CrowdedKeysError, match="another agreement"):
        merge_crowded([_altered(first, keys, epoch=2), second], terms, "2026", epoch_key=KEY)
    with pytest.raises(CrowdedKeysError, match="another agreement"):
        merge_crowded([_altered(first, keys, sender="anapec"), second], terms, "2026", epoch_key=KEY)
    with pytest.raises(SignatureError):
        merge_crowded([first, _altered(second, keys)], terms, "2026", epoch_key=KEY)
    with pytest.raises(CrowdedKeysError, match="not open"):
        merge_crowded([first, second], terms, "2026", epoch_key=bytes(32))


def test_two_lists_of_one_register_are_refused(sent):
    terms, keys, messages = sent
    other = crowded_message(CrowdedKeys(), terms, "dgsn", "2026", epoch_key=KEY, signing=keys["dgsn"].signing)
    with pytest.raises(CrowdedKeysError, match="two different"):
        merge_crowded([*messages, other], terms, "2026", epoch_key=KEY)
