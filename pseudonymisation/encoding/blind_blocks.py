"""Profile `blind_blocks`: rows comparable only inside one small block of one pass.

Each pass is encoded apart: random handles of its own, a keyed token for the block, and every field under a key that
only that block has. Names become sketches, everything else short keyed tokens (`contract/submission.py`).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from contract.agreement import PassTerms
from pseudonymisation.blocking.caps import Placement, choose_levels, one_row_a_subject
from pseudonymisation.blocking.groups import group_shares, record_groups
from pseudonymisation.encoding.columns import Column, columns_of, pass_schema
from pseudonymisation.encoding.dummies import DUMMY_SUBJECT
from pseudonymisation.encoding.profile import EncodedPass, EncodingContext, PassReport, prepared, with_handles
from pseudonymisation.encoding.sketches import SKETCH_BYTES
from pseudonymisation.encoding.values import Encoded, Values, distinct_values, encode_values, plain_values
from pseudonymisation.keys.tree import field_keys, pass_key

#: Passes encoded at a time: each needs about 400 bytes an identity while it is made.
MOST_THREADS: Final = 4


class BlindBlocks:
    """The default profile. See `Profile`."""

    name = "blind_blocks"

    def encode(self, identities: pl.DataFrame, context: EncodingContext) -> dict[str, EncodedPass]:
        """Encode a whole register; see `Profile.encode`."""
        return dict(self.encode_each(identities, context))

    def encode_each(self, identities: pl.DataFrame, context: EncodingContext) -> Iterator[tuple[str, EncodedPass]]:
        """Yield the passes, a few of them encoded at a time; see `Profile.encode_each`.

        The passes are the same whatever the number of processors.
        """
        frame = prepared(identities, context)
        groups = record_groups(frame)
        values = {
            column: distinct_values(plain_values(frame, column), column.kind, column.tag)
            for column in columns_of(context.agreement)
        }
        threads = min(MOST_THREADS, available_processors())
        waiting = list(reversed(context.agreement.passes))
        with ThreadPoolExecutor(threads) as pool:
            running: deque[tuple[str, Future[EncodedPass]]] = deque()
            while waiting or running:
                while waiting and len(running) < threads:
                    terms = waiting.pop()
                    running.append((terms.name, pool.submit(_encode_pass, frame, groups, values, terms, context)))
                yield _taken(running)


def _taken(running: deque[tuple[str, Future[EncodedPass]]]) -> tuple[str, EncodedPass]:
    # a function of its own: the generator, which waits while the pass is written, must not hold it afterwards
    name, made = running.popleft()
    return name, made.result()


def available_processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _encode_pass(
    frame: pl.DataFrame,
    groups: Mapping[str, pl.Series],
    values: dict[Column, Values],
    terms: PassTerms,
    context: EncodingContext,
) -> EncodedPass:
    agreement, of_pass = context.agreement, pass_key(context.vintage_key, terms.name)
    placement = choose_levels(frame, terms, context.vintage_key, context.crowded, agreement.caps)
    placement = one_row_a_subject(frame, placement)
    schema = pass_schema(agreement)
    columns: dict[str, pa.Array] = {"block": pa.array(placement.tokens[placement.blocks], pa.uint64())}
    keys: dict[str, npt.NDArray[np.uint64]] = {}
    for column, known in values.items():
        if column.group not in keys:
            keys[column.group] = field_keys(of_pass, column.group, placement.secrets)
        encoded = encode_values(known, column.kind, placement.rows, placement.blocks, keys[column.group])
        columns[column.name] = _arrow(encoded)
    random = context.random.child(f"handles/{context.register}/{terms.name}")
    table, handles, dummies = with_handles(columns, schema, frame, placement.rows, random)
    return EncodedPass(table, handles, dummies, pass_report(frame, groups, placement, terms))


def pass_report(
    frame: pl.DataFrame, groups: Mapping[str, pl.Series], placement: Placement, terms: PassTerms
) -> PassReport:
    """Count a pass's rows; keyless and withheld rows include dummies' share, their groups do not."""
    persons = (frame.get_column("subject") != DUMMY_SUBJECT).to_numpy()
    real = persons[placement.rows]
    withheld = np.zeros(frame.height, dtype=np.bool_)
    withheld[placement.withheld_rows] = True
    levels = np.bincount(placement.levels[placement.blocks[real]], minlength=len(terms.levels))
    return PassReport(
        rows=int(real.sum()),
        dummies=int((~real).sum()),
        keyless=placement.keyless,
        withheld=placement.withheld,
        levels=tuple(int(count) for count in levels),
        withheld_by_group={
            name: group_shares(withheld[persons], group.filter(pl.Series(persons))) for name, group in groups.items()
        },
    )


def _arrow(encoded: Encoded) -> pa.Array:
    distinct = encoded.distinct
    if distinct.dtype == np.uint32:
        array = pa.array(distinct, pa.uint32())
    else:
        raw = pa.py_buffer(np.ascontiguousarray(distinct).tobytes())
        array = pa.Array.from_buffers(pa.binary(SKETCH_BYTES), len(distinct), [None, raw])
    return array.take(pa.array(encoded.inverse, mask=encoded.inverse < 0))
