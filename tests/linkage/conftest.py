"""Agreements and random pass tables for the linkage room's tests."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa

from contract.agreement import Agreement, Party, PassTerms, ProfileTerms, RegisterTerms
from contract.fields import FieldType
from contract.signing import encode_bytes
from linkage.columns import columns_of
from linkage.plan import ComparisonPlan, plan_of

KEY = encode_bytes(bytes(32))
ALL_FIELDS = (
    "given_names",
    "family_name",
    "full_name",
    "birth_date",
    "sex",
    "nationality",
    "birth_place",
    "passport_no",
    "national_id",
    "social_security_no",
    "doc_no",
    "email",
    "guild",
)


def agreement_of(
    registers: dict[str, str],
    fields: tuple[str, ...] = ALL_FIELDS,
    passes: tuple[PassTerms, ...] = (PassTerms(name="names", levels=(("skeleton_pair",),)),),
    profile: str = "blind_blocks",
    own: dict[str, FieldType] | None = None,
) -> Agreement:
    """Return an agreement over registers (name to rows_per_person) that all hold the same fields."""
    people = [("holder", "institution"), ("lu", "linkage_unit"), ("su", "statistics_unit"), ("po", "privacy_officer")]
    own = own or {"email": FieldType.CODE, "guild": FieldType.CATEGORY}
    return Agreement(
        title="test",
        purpose="test",
        epoch=1,
        created_on=date(2026, 1, 1),
        expires_on=date(2027, 1, 1),
        retention_until=date(2027, 1, 1),
        parties=tuple(Party(name=name, role=role, signing_key=KEY, sealing_key=KEY) for name, role in people),
        registers=tuple(
            RegisterTerms(name=name, holder="holder", rows_per_person=rows, fields=fields)
            for name, rows in registers.items()
        ),
        own_fields={name: kind for name, kind in own.items() if name in fields},
        passes=passes,
        profile=ProfileTerms(name=profile, record_bits=1024),
    )


def plan_for(registers: dict[str, str], **options: object) -> ComparisonPlan:
    return plan_of(agreement_of(registers, **options))


def near(sketch: bytes, bits: int, draw: np.random.Generator) -> bytes:
    """Return a sketch with some bits turned."""
    flat = np.unpackbits(np.frombuffer(sketch, dtype=np.uint8))
    flat[draw.permutation(128)[:bits]] ^= 1
    return np.packbits(flat).tobytes()


def random_table(plan: ComparisonPlan, rows: int, blocks: int, seed: int, start: int = 0) -> pa.Table:
    """Return a pass table with few distinct values, near and far sketches, and gaps everywhere."""
    draw = np.random.default_rng(seed)
    pool_draw = np.random.default_rng(99)  # values common to all tables
    spec = columns_of(plan)
    pool = [pool_draw.bytes(16) for _ in range(3)]
    columns: dict[str, pa.Array] = {
        "handle": pa.array(draw.permutation(10**6)[:rows].astype(np.uint64) + np.uint64(start), pa.uint64()),
        "block": pa.array(draw.integers(0, blocks, rows).astype(np.uint64), pa.uint64()),
    }
    gaps = lambda: draw.random(rows) < 0.2  # noqa: E731
    for name in spec.sketches:
        values = [near(pool[draw.integers(3)], int(draw.choice([0, 0, 8, 20, 40])), draw) for _ in range(rows)]
        columns[name] = pa.array(
            [None if gap else value for gap, value in zip(gaps(), values, strict=True)], pa.binary(16)
        )
    for name in spec.tokens:
        columns[name] = pa.array(draw.integers(0, 3, rows).astype(np.uint32), pa.uint32(), mask=gaps())
    for name in spec.classes:
        columns[name] = pa.array(draw.integers(0, 4, rows).astype(np.uint8), pa.uint8(), mask=gaps())
    if spec.order:
        columns[spec.order] = pa.array(draw.random(rows) < 0.5)
    if spec.words:
        base = pool_draw.bytes(8 * spec.words)
        encodings = []
        for _ in range(rows):
            noise = draw.bytes(8 * spec.words)
            share = draw.random() < 0.3
            encodings.append(base if share else noise)
        columns["encoding"] = pa.array(encodings, pa.binary(8 * spec.words))
    return pa.table(columns)


def random_tables(plan: ComparisonPlan, rows: int, blocks: int, seed: int = 0) -> dict[str, pa.Table]:
    return {
        name: random_table(plan, rows, blocks, seed + at, start=at * 10**7) for at, name in enumerate(plan.registers)
    }
