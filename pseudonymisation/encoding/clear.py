"""Profile `clear`: the yardstick, in evaluation only. Same passes and blocks, plain values in the columns.

It never leaves the evaluation: a connector refuses to push it.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pyarrow as pa

from pseudonymisation.blocking.caps import choose_levels, one_row_a_subject
from pseudonymisation.blocking.groups import record_groups
from pseudonymisation.encoding.blind_blocks import pass_report
from pseudonymisation.encoding.columns import columns_of, pass_schema
from pseudonymisation.encoding.profile import EncodedPass, EncodingContext, prepared, with_handles
from pseudonymisation.encoding.values import plain_values


class Clear:
    """Plain values, `string` columns with the names of `blind_blocks`. See `Profile`."""

    name = "clear"

    def encode(self, identities: pl.DataFrame, context: EncodingContext) -> dict[str, EncodedPass]:
        """Lay out a whole register; see `Profile.encode`."""
        return dict(self.encode_each(identities, context))

    def encode_each(self, identities: pl.DataFrame, context: EncodingContext) -> Iterator[tuple[str, EncodedPass]]:
        """Yield the passes one by one; see `Profile.encode_each`."""
        agreement = context.agreement
        frame = prepared(identities, context)
        schema = pass_schema(agreement, clear=True)
        plain: dict[str, pa.Array] = {
            column.name: plain_values(frame, column).to_arrow().cast(pa.string()) for column in columns_of(agreement)
        }
        groups = record_groups(frame)
        for terms in agreement.passes:
            placement = choose_levels(frame, terms, context.vintage_key, context.crowded, agreement.caps)
            placement = one_row_a_subject(frame, placement)
            rows = pa.array(placement.rows)
            columns = {name: array.take(rows) for name, array in plain.items()}
            columns["block"] = pa.array(placement.tokens[placement.blocks], pa.uint64())
            random = context.random.child(f"handles/{context.register}/{terms.name}")
            table, handles, dummies = with_handles(columns, schema, frame, placement.rows, random)
            yield terms.name, EncodedPass(table, handles, dummies, pass_report(frame, groups, placement, terms))
