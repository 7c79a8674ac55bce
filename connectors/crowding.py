"""Exchange the crowded key values of a vintage: leave the own list once, take the union of all."""

from __future__ import annotations

import polars as pl

from connectors.client import UnitClient
from connectors.errors import WaitingError
from connectors.relay import fetch, post
from contract.agreement import Agreement, RegisterTerms
from contract.relay import SignedRelayMessage
from pseudonymisation.blocking.caps import CrowdedKeys, PersonCount, count_crowded
from pseudonymisation.blocking.exchange import crowded_message, merge_crowded, topic
from pseudonymisation.keys.store import KeyStore
from pseudonymisation.keys.tree import vintage_key
from pseudonymisation.randomness import RandomSource


def exchange_crowded(
    agreement: Agreement,
    terms: RegisterTerms,
    vintage: str,
    identities: pl.DataFrame,
    store: KeyStore,
    client: UnitClient,
    random: RandomSource,
    persons: PersonCount | None = None,
) -> CrowdedKeys:
    """Leave the own list of crowded key values, unless it is there already, and return the union of all lists.

    The list of a vintage never changes once sent: everybody must refine alike, also when one register is encoded a
    second time.

    Args:
        agreement: The live agreement.
        terms: The register's terms.
        vintage: The delivery.
        identities: Normalised identities with `subject`, the connector's own grouping.
        store: The key store.
        client: The linkage unit's.
        random: Source of the noise.
        persons: Counts the persons that share a key value (`connectors.counting`).

    Raises:
        WaitingError: Other registers' lists are not there yet.
        CrowdedKeysError: A list is false or does not open.
        MissingEpochKeyError: The ceremony is not complete.
    """
    key = store.epoch_key(agreement.id, agreement.epoch)
    messages = _lists(agreement, vintage, client)
    if topic(terms.name, vintage) not in _topics(messages):
        counted = count_crowded(
            identities, agreement.passes, vintage_key(key, vintage), agreement.caps, random, persons
        )
        own = crowded_message(counted, agreement, terms.name, vintage, epoch_key=key, signing=store.signing_key)
        post(client, agreement.id, [own])
        messages = _lists(agreement, vintage, client)
    here = _topics(messages)
    missing = [register.name for register in agreement.registers if topic(register.name, vintage) not in here]
    if missing:
        holders = sorted({agreement.register(name).holder for name in missing})
        raise WaitingError(
            f"Encoding waits for the crowded key values of {', '.join(missing)}.",
            where={"vintage": vintage, "waiting_for": ", ".join(holders)},
        )
    return merge_crowded(messages, agreement, vintage, epoch_key=key)


def available_crowded(
    agreement: Agreement,
    terms: RegisterTerms,
    vintage: str,
    identities: pl.DataFrame,
    store: KeyStore,
    client: UnitClient,
    random: RandomSource,
    persons: PersonCount | None = None,
) -> tuple[CrowdedKeys, tuple[str, ...]]:
    """Return the union of the lists that are there, without sending anything, and the registers still missing.

    While a list is missing, the own one is counted afresh: what a preview shows is then refined a little less than
    what will leave. Arguments and errors as `exchange_crowded`, apart from `WaitingError`.
    """
    key = store.epoch_key(agreement.id, agreement.epoch)
    messages = _lists(agreement, vintage, client)
    here = _topics(messages)
    missing = tuple(register.name for register in agreement.registers if topic(register.name, vintage) not in here)
    if not missing:
        return merge_crowded(messages, agreement, vintage, epoch_key=key), ()
    own = count_crowded(identities, agreement.passes, vintage_key(key, vintage), agreement.caps, random, persons)
    return own, tuple(name for name in missing if name != terms.name)


def _lists(agreement: Agreement, vintage: str, client: UnitClient) -> list[SignedRelayMessage]:
    return [
        message
        for register in agreement.registers
        for message in fetch(client, agreement.id, "crowded_keys", topic(register.name, vintage))
    ]


def _topics(messages: list[SignedRelayMessage]) -> set[str]:
    return {message.message.topic for message in messages}
