"""The drill: for each key that may leak and each hand it may fall into, run the attack and count what it reads.

Nothing is asserted: every figure comes from an attack on the scene's encodings, pseudonyms, lists and messages. The
truth is used only afterwards, to tell rows read right from rows read wrong.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from connectors.payload import coarsen
from contract.agreement import PassTerms
from contract.sealing import SealError, seal_stream, unseal, unseal_stream
from contract.signing import decode_bytes
from evaluation.key_leak.dictionary import Dictionary, Reading, comparable
from evaluation.key_leak.scene import (
    EMPLOYER,
    INSTITUTIONS,
    REGISTERS,
    VINTAGES,
    Delivery,
    Epoch,
    Scene,
    employer_numbers,
    make_scene,
)
from pseudonymisation.blocking.components import key_values, key_variants
from pseudonymisation.blocking.exchange import CrowdedKeysError, merge_crowded
from pseudonymisation.encoding.profile import EncodedPass
from pseudonymisation.keys.ceremony import share_info
from pseudonymisation.keys.tree import block_secrets, block_tokens, derive, epoch_key, field_keys, pass_key, vintage_key

LU, SU, OUTSIDER = "linkage unit", "statistics unit", "outsider"


@dataclass(frozen=True)
class Finding:
    """What one attack read.

    Attributes:
        leak: Which key leaked.
        holder: In whose hands it is.
        target: What the holder tried to read with it.
        items: How many there are.
        read: How many were read, right or wrong.
        right: How many were read right.
    """

    leak: str
    holder: str
    target: str
    items: int
    read: int
    right: int

    @property
    def share(self) -> float:
        """Share of the items that was read right."""
        return self.right / self.items if self.items else 0.0


def drill_key_leak(persons: int = 300, seed: int = 1) -> list[Finding]:
    """Run the drill on so many synthetic persons.

    Args:
        persons: Persons in the two registers; the attacker's list holds three times as many.
        seed: Of the people.
    """
    scene = make_scene(persons, seed)
    return list(_Attacks(scene).all())


def as_json(findings: list[Finding]) -> list[dict[str, Any]]:
    """Return the findings with their shares, for programs."""
    return [{**asdict(one), "share": round(one.share, 4)} for one in findings]


def as_table(findings: list[Finding]) -> str:
    """Return the findings as a table for people."""
    lines = [f"{'what leaked':<38}{'to whom':<17}{'what was attacked':<44}{'items':>7}{'read':>7}{'right':>8}"]
    for one in findings:
        lines.append(
            f"{one.leak:<38}{one.holder:<17}{one.target:<44}{one.items:>7}{one.read:>7}{one.share:>8.1%}"
            if one.items
            else f"{one.leak:<38}{one.holder:<17}{one.target:<44}{0:>7}{0:>7}{'-':>8}"
        )
    return "\n".join(lines)


class _Attacks:
    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.before, self.after = scene.epochs
        self.dictionary = Dictionary(scene.dictionary, self.before.agreement)

    def all(self) -> Iterator[Finding]:
        """Yield the findings in the order of the table."""
        yield from self._epoch_key()
        yield from self._vintage_key()
        yield from self._pass_key()
        yield from self._block()
        yield from self._rotation()
        yield from self._sealing_key()
        yield from self._nothing()

    def _epoch_key(self) -> Iterator[Finding]:
        leak, key = "epoch key", self.before.key
        for vintage in VINTAGES:
            yield self._rows(leak, LU, f"rows of vintage {vintage}", self.before, vintage, vintage_key(key, vintage))
        yield self._lists(leak, LU, self.before, key)
        yield self._handles(leak, SU, key)
        yield self._employers(leak, SU, key)
        yield Finding(leak, OUTSIDER, "nothing else in hand", 0, 0, 0)
        carried = f"a carrier's folder ({next(iter(REGISTERS))})"
        yield self._rows(leak, OUTSIDER, carried, self.before, VINTAGES[0], vintage_key(key, VINTAGES[0]), folders=1)
        yield self._sealed_half(leak, OUTSIDER, key)

    def _vintage_key(self) -> Iterator[Finding]:
        leak, key = f"vintage key of {VINTAGES[0]}", vintage_key(self.before.key, VINTAGES[0])
        for vintage in VINTAGES:
            yield self._rows(leak, LU, f"rows of vintage {vintage}", self.before, vintage, key)
        yield self._lists(leak, LU, self.before, key)
        yield self._employers(leak, SU, key)

    def _pass_key(self) -> Iterator[Finding]:
        first = self.before.agreement.passes[0]
        key = pass_key(vintage_key(self.before.key, VINTAGES[0]), first.name)
        leak, delivery = f"pass key ({first.name})", self.before.deliveries[VINTAGES[0]]
        yield self._tried(leak, LU, "rows of this pass", delivery, lambda table, terms: self._read(table, terms, key),
                          only=lambda terms: terms.name == first.name)  # fmt: skip
        yield self._tried(leak, LU, "rows of all other passes", delivery,
                          lambda table, terms: self._read(table, terms, key),
                          only=lambda terms: terms.name != first.name)  # fmt: skip

    def _block(self) -> Iterator[Finding]:
        """One person's block in one pass: its secret alone, then the field keys made of it."""
        delivery, agreement = self.before.deliveries[VINTAGES[0]], self.before.agreement
        terms = agreement.passes[0]
        of_pass = pass_key(vintage_key(self.before.key, VINTAGES[0]), terms.name)
        table = comparable(pl.from_arrow(delivery.passes[next(iter(REGISTERS))][terms.name].table))  # type: ignore[arg-type]
        variants = key_variants(self.scene.dictionary, tuple(terms.levels[0]))
        values = key_values(variants, terms.levels[0]).drop_nulls().unique().sort()
        secrets = block_secrets(of_pass, 0, values)
        tokens = block_tokens(of_pass, secrets)
        there = [place for place, token in enumerate(tokens) if token in set(table["block"].to_list())]
        chosen = there[0]
        secret = secrets[chosen : chosen + 1]
        alone = secret.view("<u8").astype("uint64")
        groups = self.dictionary.groups()
        keys = {group: field_keys(of_pass, group, secret) for group in groups}
        size = table.filter(pl.col("block") == int(tokens[chosen])).height
        name = next(iter(REGISTERS))
        encoded = delivery.passes[name][terms.name]
        for leak, tried in (("one block's secret", dict.fromkeys(groups, alone)), ("one block's field keys", keys)):
            reading = self.dictionary.read_block(table, tried)
            inside = Reading(reading.rows.join(table.filter(pl.col("block") == int(tokens[chosen])), on="handle"))
            others = Reading(reading.rows.join(table.filter(pl.col("block") != int(tokens[chosen])), on="handle"))
            yield Finding(leak, LU, "rows of this block", size, inside.rows.height, inside.right(encoded))
            rest = table.height - size
            yield Finding(leak, LU, "rows of the pass's other blocks", rest, others.rows.height, others.right(encoded))

    def _rotation(self) -> Iterator[Finding]:
        leak, key, vintage = "old epoch's key after rotation", self.before.key, VINTAGES[0]
        target = "rows of the new epoch, same vintage"
        yield self._rows(leak, LU, target, self.after, vintage, vintage_key(key, vintage))
        yield self._lists(leak, LU, self.after, key)
        yield self._employers(leak, SU, key, self.after)

    def _sealing_key(self) -> Iterator[Finding]:
        """The relay with one institution's sealing key: it opens the shares sent there, and lacks the one sent away."""
        leaked = INSTITUTIONS[0]
        opened: dict[str, bytes] = {}
        shares = [one.message for one in self.before.messages if one.message.kind == "share"]
        for message in shares:
            info = share_info(
                message.agreement_id, message.epoch, message.sender, message.recipient, message.transcript
            )
            try:
                opened[message.sender] = unseal(self.scene.keys[leaked].sealing, decode_bytes(message.body), info)[:32]
            except SealError:
                continue
        leak = f"sealing key of one institution of {len(INSTITUTIONS)}"
        yield Finding(leak, LU, "key shares in the relay", len(shares), len(opened), len(opened))
        agreement = self.before.agreement
        made = epoch_key(opened, agreement.id, agreement.epoch) if opened else b""
        yield Finding(leak, LU, "the epoch key, from those shares", 1, 1 if made else 0, int(made == self.before.key))

    def _nothing(self) -> Iterator[Finding]:
        key, vintage = os.urandom(32), VINTAGES[0]
        yield self._rows("none (a random key)", LU, f"rows of vintage {vintage}", self.before, vintage, key)
        yield self._employers("none (a random key)", SU, key)

    def _read(self, table: pl.DataFrame, terms: PassTerms, key: bytes) -> Reading:
        return self.dictionary.read(table, terms, key)

    def _rows(
        self, leak: str, holder: str, target: str, epoch: Epoch, vintage: str, key: bytes, *, folders: int | None = None
    ) -> Finding:
        def attack(table: pl.DataFrame, terms: PassTerms) -> Reading:
            return self.dictionary.read(table, terms, pass_key(key, terms.name))

        return self._tried(leak, holder, target, epoch.deliveries[vintage], attack, folders=folders)

    def _tried(
        self,
        leak: str,
        holder: str,
        target: str,
        delivery: Delivery,
        attack: Callable[[pl.DataFrame, PassTerms], Reading],
        *,
        only: Callable[[PassTerms], bool] = lambda _terms: True,
        folders: int | None = None,
    ) -> Finding:
        """Attack the real rows of a delivery's tables; dummies stand for nobody and are not counted as items."""
        items = read = right = 0
        for name in list(delivery.passes)[:folders]:
            for terms in filter(only, self.before.agreement.passes):
                encoded: EncodedPass = delivery.passes[name][terms.name]
                found = attack(comparable(pl.from_arrow(encoded.table)), terms)  # type: ignore[arg-type]
                items += encoded.handles.height
                read += found.rows.height
                right += found.right(encoded)
        return Finding(leak, holder, target, items, read, right)

    def _lists(self, leak: str, holder: str, epoch: Epoch, key: bytes) -> Finding:
        """Open the sealed lists of crowded key values and explain their tokens."""
        target, items, right = "crowded key values in the relay", 0, 0
        for vintage, delivery in epoch.deliveries.items():
            true = merge_crowded(delivery.lists, epoch.agreement, vintage, epoch_key=epoch.key)
            items += sum(len(tokens) for tokens in true.tokens.values())
            try:
                opened = merge_crowded(delivery.lists, epoch.agreement, vintage, epoch_key=key)
            except CrowdedKeysError:
                continue
            for terms in epoch.agreement.passes:
                of_pass = pass_key(vintage_key(key, vintage), terms.name)
                right += self.dictionary.crowded_values(opened.of(terms.name), terms, of_pass)
        return Finding(leak, holder, target, items, right, right)

    def _handles(self, leak: str, holder: str, key: bytes) -> Finding:
        """The statistics unit holds handles and no encodings: try to find a block token of anybody among them."""
        delivery, items, read = self.before.deliveries[VINTAGES[0]], 0, 0
        of_vintage = vintage_key(key, VINTAGES[0])
        for passes in delivery.passes.values():
            for terms in self.before.agreement.passes:
                held = passes[terms.name].handles.get_column("handle")
                table = pl.DataFrame({"handle": held, "block": held})
                items += held.len()
                read += self.dictionary.tokens_found(table, terms, pass_key(of_vintage, terms.name))
        return Finding(leak, holder, "handles (it has no encodings)", items, read, read)

    def _employers(self, leak: str, holder: str, key: bytes, epoch: Epoch | None = None) -> Finding:
        """Employers' pseudonyms in the payload: compute those of every employer on the public list."""
        numbers = employer_numbers()
        held = (epoch or self.before).employers
        guesses = coarsen(pl.Series(EMPLOYER.column, numbers), EMPLOYER, derive(key, "pseudonyms")).to_list()
        known = dict(zip(guesses, numbers, strict=True))
        read = [known[pseudonym] == number for number, pseudonym in held.items() if pseudonym in known]
        return Finding(leak, holder, "employers' pseudonyms in the payload", len(held), len(read), sum(read))

    def _sealed_half(self, leak: str, holder: str, key: bytes) -> Finding:
        """The half for the statistics unit in a carrier's folder: sealed to a key that no epoch key leads to."""
        party = self.before.agreement.party("su")
        sealed = io.BytesIO()
        seal_stream(party.sealing_key, io.BytesIO(b"payload"), sealed, b"half")
        try:
            sealed.seek(0)
            unseal_stream(X25519PrivateKey.from_private_bytes(key), sealed, io.BytesIO(), b"half")
        except SealError:
            return Finding(leak, holder, "the sealed statistics half", 1, 0, 0)
        return Finding(leak, holder, "the sealed statistics half", 1, 1, 1)
