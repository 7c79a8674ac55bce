"""Controls: what the attack must break, and what it must not. A control that misbehaves makes the audit INVALID.

Positive: Bloom filters in place of sketches (128 bits, 3 hashes, keyed in the block); sketches on an uncapped pass of
family name and year; handles that join uncapped passes. Negative: random bits. They run on a synthetic population of
fixed size, so that they must break whatever the size of the audited register.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from numba import njit
from scipy.stats import binom

from contract.agreement import Agreement, CapTerms, PassTerms
from evaluation.attacks.blocks.attacker import Attacker, attacker_of
from evaluation.attacks.blocks.fingerprint import attack_pass
from evaluation.attacks.blocks.handles import linkable_handles_uncapped
from evaluation.attacks.blocks.leakage import PassLeakage, draw_persons, score_pass
from evaluation.attacks.blocks.likelihood import SKETCHES, Encoding
from evaluation.attacks.blocks.population import FIELDS, synthetic_identities
from pseudonymisation.blocking.caps import choose_levels
from pseudonymisation.encoding.columns import columns_of, pass_schema
from pseudonymisation.encoding.dummies import DUMMY_SUBJECT
from pseudonymisation.encoding.prf import sip_word
from pseudonymisation.encoding.profile import EncodingContext, prepared
from pseudonymisation.encoding.sketches import SKETCH_BITS, SKETCH_BYTES
from pseudonymisation.encoding.values import distinct_values, encode_values, plain_values
from pseudonymisation.keys.tree import field_keys, pass_key
from pseudonymisation.randomness import SeededRandomness, distinct_words

BLOOM_HASHES: Final = 3
UNCAPPED: Final = CapTerms(persons_per_key=10**9)
FAMILY_AND_YEAR: Final = PassTerms(name="control_family_year", levels=(("family_skeleton3", "birth_year"),))
#: Persons of the synthetic population, and rows attacked in each control.
CONTROL_PERSONS, CONTROL_ROWS = 20_000, 200
#: Uncapped passes that linkable handles would join.
JOINED: Final = tuple(
    PassTerms(name=f"control_{number}", levels=(level,))
    for number, level in enumerate(
        (
            ("family_skeleton3", "birth_year"),
            ("given_skeleton3", "birth_year"),
            ("birth_year", "birth_month", "birth_day"),
            ("skeleton_pair",),
            ("family_skeleton3", "birth_month", "birth_day"),
            ("given_skeleton3", "birth_month", "birth_day"),
        )
    )
)
#: Least share named of rows in Bloom blocks of three and more, of all rows of the uncapped pass, and of persons whose
#: handles are joined, at this size.
BLOOM_BOUND, UNCAPPED_BOUND, JOINED_BOUND = 0.5, 0.3, 0.8
#: Random bits misbehave if so many hits are less probable than this by chance.
CHANCE_LEVEL: Final = 0.001
_CONTROL_SEED: Final = 20_000
_CONTROL_KEY: Final = b"key of the controls; no secret at all"


@njit(nogil=True, cache=True)
def bloom_kernel(keys: Any, values: Any, offsets: Any, grams: Any) -> Any:
    """Return Bloom filters of 128 bits with 3 hashes, uint8[n, 16]; arguments as of `sketch_kernel`."""
    out = np.zeros((len(values), SKETCH_BYTES), dtype=np.uint8)
    for at in range(len(values)):
        for gram in range(offsets[values[at]], offsets[values[at] + 1]):
            hashed = sip_word(keys[at, 0], keys[at, 1], grams[gram])
            for number in range(BLOOM_HASHES):
                bit = int((hashed >> np.uint64(16 * number)) & np.uint64(SKETCH_BITS - 1))
                out[at, bit >> 3] |= np.uint8(1 << (bit & 7))
    return out


BLOOM: Final = Encoding(bloom_kernel, by_difference=True)


@dataclass(frozen=True)
class ControlPass:
    """A pass table made for a control, with the truth: `handle` and `person` of its real rows."""

    table: pa.Table
    truth: pl.DataFrame


def encode_control(
    identities: pl.DataFrame, terms: PassTerms, context: EncodingContext, encoding: Encoding = SKETCHES
) -> ControlPass:
    """Encode one pass as `blind_blocks` does, with any encoding of gram sets."""
    agreement = context.agreement
    frame = prepared(identities, context)
    of_pass = pass_key(context.vintage_key, terms.name)
    placement = choose_levels(frame, terms, context.vintage_key, context.crowded, agreement.caps)
    rows, blocks = placement.rows, placement.blocks
    random = context.random.child(f"control/{context.register}/{terms.name}")
    handles = distinct_words(random, len(rows))
    columns = {"handle": pa.array(handles, pa.uint64()), "block": pa.array(placement.tokens[blocks], pa.uint64())}
    for column in columns_of(agreement):
        known = distinct_values(plain_values(frame, column), column.kind, column.tag)
        keys = field_keys(of_pass, column.group, placement.secrets)
        if column.kind == "token":
            encoded = encode_values(known, "token", rows, blocks, keys)
            tokens = pa.array(encoded.distinct, pa.uint32())
            columns[column.name] = tokens.take(pa.array(encoded.inverse, mask=encoded.inverse < 0))
            continue
        ids = known.ids[rows]
        bits = encoding.kernel(keys[blocks][ids >= 0], ids[ids >= 0], known.offsets, known.data)
        columns[column.name] = _sketch_column(bits, ids >= 0)
    schema = pass_schema(agreement)
    table = pa.table([columns[name] for name in schema.names], schema=schema).take(pa.array(np.argsort(handles)))
    subject = frame.get_column("subject").cast(pl.Int64)[rows]
    truth = pl.DataFrame({"handle": pl.Series(handles, dtype=pl.UInt64), "person": subject})
    return ControlPass(table, truth.filter(pl.col("person") != DUMMY_SUBJECT).sort("handle"))


def _sketch_column(bits: npt.NDArray[np.uint8], present: npt.NDArray[np.bool_]) -> pa.Array:
    raw = pa.py_buffer(np.ascontiguousarray(bits).tobytes())
    distinct = pa.Array.from_buffers(pa.binary(SKETCH_BYTES), len(bits), [None, raw])
    return distinct.take(pa.array(np.cumsum(present) - 1, mask=~present))


def random_bits(table: pa.Table, seed: int) -> pa.Table:
    """Return the table with random bits for every encoding; blocks and missing cells move to other rows."""
    random = SeededRandomness(f"random bits {seed}".encode())
    columns = {}
    for field in table.schema:
        cells = table.column(field.name).combine_chunks()
        order = pa.array(np.argsort(random.words(len(cells))))
        if field.name == "handle":
            columns[field.name] = cells
        elif field.name == "block":
            columns[field.name] = cells.take(order)
        else:
            present = cells.is_valid().take(order).to_numpy(zero_copy_only=False)
            words = random.words(2 * len(cells))
            if pa.types.is_uint32(field.type):
                drawn = pa.array((words[: len(cells)] >> np.uint64(32)).astype(np.uint32), mask=~present)
            else:
                drawn = _sketch_column(words.view(np.uint8).reshape(-1, SKETCH_BYTES)[present], present)
            columns[field.name] = drawn
    return pa.table([columns[name] for name in table.schema.names], schema=table.schema)


@dataclass(frozen=True)
class Control:
    """One control: what was measured, what was expected, and whether it behaved."""

    name: str
    leakage: PassLeakage
    bound: float
    behaved: bool

    def as_dict(self) -> dict[str, object]:
        """Return the figures without the rows."""
        return {"name": self.name, "bound": self.bound, "behaved": self.behaved, **self.leakage.as_dict()}


@dataclass(frozen=True)
class ControlReport:
    """All controls; anything learnt from an attack counts only under the verdict VALID."""

    controls: tuple[Control, ...]

    @property
    def verdict(self) -> Literal["VALID", "INVALID"]:
        """INVALID if any control misbehaved."""
        return "VALID" if all(control.behaved for control in self.controls) else "INVALID"


def at_baseline(leak: PassLeakage) -> bool:
    """Tell whether an attack named no more rows than blind guesses would (one-sided binomial test at .001)."""
    return bool(binom.sf(leak.all.hits - 1, leak.all.total, leak.baseline) >= CHANCE_LEVEL)


def control_context(agreement: Agreement) -> EncodingContext:
    """Return what controls are encoded under: the agreement's columns for the population's fields, no cap."""
    register = agreement.registers[0].model_copy(update={"fields": tuple(FIELDS)})
    free = agreement.model_copy(
        update={"caps": UNCAPPED, "registers": (register,), "passes": (FAMILY_AND_YEAR,), "own_fields": {}}
    )
    return EncodingContext(free, register.name, _CONTROL_KEY, random=SeededRandomness(b"controls"))


def run_controls(
    agreement: Agreement,
    *,
    seed: int,
    rows: int = CONTROL_ROWS,
    persons: int = CONTROL_PERSONS,
    bloom_bound: float = BLOOM_BOUND,
    uncapped_bound: float = UNCAPPED_BOUND,
    joined_bound: float = JOINED_BOUND,
) -> ControlReport:
    """Attack the controls at full overlap.

    Args:
        agreement: The audited one; its share of dummies counts, its caps and passes do not.
        seed: Of the attacks.
        rows: Rows attacked in each control.
        persons: Synthetic persons; the bounds hold from 20 000 on, fewer have smaller blocks.
        bloom_bound: Least share named of rows in Bloom blocks of three and more.
        uncapped_bound: Least share named on the uncapped pass of sketches.
        joined_bound: Least share of persons named by linkable handles.
    """
    context, identities = control_context(agreement), synthetic_identities(persons, _CONTROL_SEED)
    clear = identities.rename({"subject": "person"}).drop("identity")
    bloom = encode_control(identities, FAMILY_AND_YEAR, context, BLOOM)
    knows = attacker_of(clear, context.agreement, seed=seed, encoding=BLOOM)
    leak = _score(bloom.table, bloom, knows, rows, seed)
    crowded = leak.of_blocks(3)
    found = [Control("bloom", leak, bloom_bound, crowded.share >= bloom_bound)]
    made = encode_control(identities, FAMILY_AND_YEAR, context)
    knows = attacker_of(clear, context.agreement, seed=seed)
    leak = _score(made.table, made, knows, rows, seed)
    found.append(Control("sketches uncapped", leak, uncapped_bound, leak.all.share >= uncapped_bound))
    leak = _score(random_bits(made.table, seed), made, knows, rows, seed)
    found.append(Control("random bits", leak, leak.baseline, at_baseline(leak)))
    leak = _joined(identities, clear, context, rows, seed)
    found.append(Control("linkable handles", leak, joined_bound, leak.all.share >= joined_bound))
    return ControlReport(tuple(found))


def _joined(
    identities: pl.DataFrame, clear: pl.DataFrame, context: EncodingContext, rows: int, seed: int
) -> PassLeakage:
    joined = context.agreement.model_copy(update={"passes": JOINED})
    sample = draw_persons(identities.get_column("subject").to_numpy(), rows, seed)
    knows = attacker_of(clear, joined, seed=seed)
    share = linkable_handles_uncapped(identities, knows, context.vintage_key, sample)
    named = np.arange(share.total) < share.hits
    made = {"handle": np.arange(share.total), "person": sample.drawn, "named": named, "posterior": 1.0, "block_rows": 1}
    return PassLeakage(pl.DataFrame(made), 1 / len(sample.known))


def _score(table: pa.Table, made: ControlPass, knows: Attacker, rows: int, seed: int) -> PassLeakage:
    targets = made.truth.get_column("handle").to_numpy()
    return score_pass(attack_pass(table, knows, FAMILY_AND_YEAR, rows=rows, seed=seed, targets=targets), made.truth)
