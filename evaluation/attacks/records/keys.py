"""A6: the dictionary attack of whoever holds a key: everything with the right one, nothing with any other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from evaluation.attacks.records.result import AttackResult, share_named
from evaluation.attacks.records.scenario import Scenario
from evaluation.attacks.records.similarity import dice

_CHUNK_ROWS = 2048


def dictionary_attack(attacked: Scenario, key: bytes, name: str) -> AttackResult:
    """Encode the attacker's persons under a key and name each row by its most similar one."""
    own = attacked.encoder.encode(attacked.persons, key)
    starts = range(0, len(attacked.bits), _CHUNK_ROWS)
    named = [dice(attacked.bits[start : start + _CHUNK_ROWS], own).argmax(axis=1) for start in starts]
    return share_named(name, np.concatenate(named) == attacked.truth, attacked.guess)


def key_attacks(attacked: Scenario, keys: Mapping[str, bytes]) -> list[AttackResult]:
    """Return one dictionary attack for each key by its name: say the right key, a wrong one, another epoch's."""
    return [dictionary_attack(attacked, key, f"dictionary, {name}") for name, key in keys.items()]
