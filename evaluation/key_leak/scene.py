"""The scene of the drill: two registers of synthetic people, encoded by the real code under real key trees.

Nothing here is simulated but the people: the epoch key comes from a ceremony, the lists of crowded key values are
sealed and merged as in a delivery, the pass tables are what the linkage unit would store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import polars as pl
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from connectors.payload import coarsen
from contract.agreement import Agreement, Party, PayloadColumn, RegisterTerms
from contract.relay import SignedRelayMessage
from contract.sealing import sealing_public_text
from contract.signing import public_text
from evaluation.attacks.blocks.population import FIELDS, synthetic_identities
from pseudonymisation.blocking.caps import count_crowded
from pseudonymisation.blocking.exchange import crowded_message, merge_crowded
from pseudonymisation.blocking.planner import plan_passes
from pseudonymisation.encoding.profile import EncodedPass, EncodingContext, profile_for
from pseudonymisation.keys.ceremony import Ceremony
from pseudonymisation.keys.tree import derive, vintage_key
from pseudonymisation.randomness import SeededRandomness

REGISTERS: Final = {"border_crossing": "dgsn", "work_contract": "anapec"}
INSTITUTIONS: Final = ("anapec", "cnss", "dgsn")
VINTAGES: Final = ("2025-01", "2025-02")
EMPLOYER: Final = PayloadColumn(column="employer_id", coarsen="pseudonym")
#: Strangers in the attacker's list for each person who is in a register.
STRANGERS: Final = 2
_EMPLOYERS: Final = 200


@dataclass(frozen=True)
class Keys:
    """A party's private keys."""

    signing: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate, repr=False)
    sealing: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate, repr=False)


@dataclass(frozen=True)
class Delivery:
    """One vintage of both registers: pass tables by register and pass, and the sealed lists of crowded key values."""

    passes: Mapping[str, Mapping[str, EncodedPass]]
    lists: Sequence[SignedRelayMessage]


@dataclass(frozen=True)
class Epoch:
    """One agreement with its key, its ceremony's messages, and what was delivered under it."""

    agreement: Agreement
    key: bytes = field(repr=False)
    messages: tuple[SignedRelayMessage, ...]
    deliveries: Mapping[str, Delivery]
    employers: Mapping[str, str]  # true number to the pseudonym in the payload


@dataclass(frozen=True)
class Scene:
    """Everything there is.

    Attributes:
        identities: Normalised identities of each register, with `subject`: the row's person in `dictionary`.
        dictionary: Normalised identities of all whom the attacker thinks of, one row a person.
        epochs: Before and after a rotation.
        keys: Private keys of the institutions.
    """

    identities: Mapping[str, pl.DataFrame]
    dictionary: pl.DataFrame
    epochs: tuple[Epoch, Epoch]
    keys: Mapping[str, Keys]


def make_scene(persons: int, seed: int) -> Scene:
    """Return a scene of so many persons, each in one or both registers; same arguments, same people.

    Keys and handles are drawn afresh each time, so that figures may differ by a row or two.
    """
    dictionary = synthetic_identities(persons * (1 + STRANGERS), seed)
    held = dictionary.head(persons)
    identities = {
        name: held.filter(pl.col("subject") % 5 != place).sort("subject") for place, name in enumerate(REGISTERS)
    }
    keys = {name: Keys() for name in (*INSTITUTIONS, "lu", "su", "cndp")}
    first = _agreement(keys, persons)
    second = first.model_copy(update={"epoch": 2, "predecessor": first.id})
    vintages: tuple[tuple[str, ...], tuple[str, ...]] = (VINTAGES, VINTAGES[:1])
    epochs = [
        _epoch(agreement, identities, keys, names, f"{seed}/{agreement.epoch}")
        for agreement, names in zip((first, second), vintages, strict=True)
    ]
    return Scene(identities, dictionary, (epochs[0], epochs[1]), {name: keys[name] for name in INSTITUTIONS})


def employer_numbers() -> list[str]:
    """Return the employers' public numbers: what anybody may list."""
    return [f"{number:015d}" for number in range(1_000_000, 1_000_000 + _EMPLOYERS)]


def _agreement(keys: Mapping[str, Keys], persons: int) -> Agreement:
    roles = {"lu": "linkage_unit", "su": "statistics_unit", "cndp": "privacy_officer"}
    fields = tuple(FIELDS)
    return Agreement(
        title="Key leak drill",
        purpose="To see what a leaked key lets one read, on synthetic people",
        epoch=1,
        created_on=date(2025, 1, 1),
        expires_on=date(2026, 1, 1),
        retention_until=date(2027, 1, 1),
        parties=tuple(
            Party.model_validate(
                {
                    "name": name,
                    "role": roles.get(name, "institution"),
                    "signing_key": public_text(own.signing),
                    "sealing_key": sealing_public_text(own.sealing),
                }
            )
            for name, own in keys.items()
        ),
        registers=tuple(
            RegisterTerms(name=name, holder=holder, fields=fields, attributes=(EMPLOYER,))
            for name, holder in REGISTERS.items()
        ),
        passes=tuple(plan_passes(dict.fromkeys(REGISTERS, fields), {}, persons)),
    )


def _epoch(
    agreement: Agreement,
    identities: Mapping[str, pl.DataFrame],
    keys: Mapping[str, Keys],
    vintages: Sequence[str],
    label: str,
) -> Epoch:
    key, messages = hold_ceremony(agreement, keys)
    deliveries = {
        vintage: _delivery(agreement, identities, keys, key, vintage, f"{label}/{vintage}") for vintage in vintages
    }
    numbers = employer_numbers()
    pseudonyms = coarsen(pl.Series("employer_id", numbers), EMPLOYER, derive(key, "pseudonyms"))
    return Epoch(agreement, key, messages, deliveries, dict(zip(numbers, pseudonyms.to_list(), strict=True)))


def hold_ceremony(agreement: Agreement, keys: Mapping[str, Keys]) -> tuple[bytes, tuple[SignedRelayMessage, ...]]:
    """Hold a key ceremony in memory; return the epoch key and every message that the relay saw."""
    parties = {name: Ceremony.begin(agreement, name, keys[name].signing, keys[name].sealing) for name in INSTITUTIONS}
    seen: dict[str, SignedRelayMessage] = {}
    for _ in range(3):
        seen |= {one.signature: one for party in parties.values() for one in party.outgoing()}
        for name, party in parties.items():
            party.receive_all(one for one in seen.values() if one.message.recipient in {name, "*"})
    return parties[INSTITUTIONS[0]].epoch_key(), tuple(seen.values())


def _delivery(
    agreement: Agreement,
    identities: Mapping[str, pl.DataFrame],
    keys: Mapping[str, Keys],
    key: bytes,
    vintage: str,
    label: str,
) -> Delivery:
    under, random = vintage_key(key, vintage), SeededRandomness(label.encode())
    lists = [
        crowded_message(
            count_crowded(frame, agreement.passes, under, agreement.caps, random.child(name)),
            agreement,
            name,
            vintage,
            epoch_key=key,
            signing=keys[REGISTERS[name]].signing,
        )
        for name, frame in identities.items()
    ]
    crowded = merge_crowded(lists, agreement, vintage, epoch_key=key)
    profile = profile_for(agreement)
    passes = {
        name: profile.encode(frame, EncodingContext(agreement, name, under, crowded, random.child(f"encode/{name}")))
        for name, frame in identities.items()
    }
    return Delivery(passes, lists)
