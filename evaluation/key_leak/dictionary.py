"""The dictionary attack: encode a list of people in clear under what leaked, and look for them in the tables.

Only public code and the leaked bytes are used, never the truth. A row is *read* if exactly one person of the list gives
that row's block and all its fields. Exact comparison is a lower bound for a patient attacker: where registers
misspell, comparing sketches by resemblance reads those rows too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from contract.agreement import Agreement, PassTerms
from pseudonymisation.blocking.caps import pass_components
from pseudonymisation.blocking.components import key_values, key_variants
from pseudonymisation.encoding.columns import columns_of
from pseudonymisation.encoding.profile import EncodedPass
from pseudonymisation.encoding.values import Values, distinct_values, encode_values, plain_values
from pseudonymisation.keys.tree import block_secrets, block_tokens, field_keys

Keys128 = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Reading:
    """What an attack read: `handle` of the row and `person`, the row number in the dictionary."""

    rows: pl.DataFrame

    def right(self, encoded: EncodedPass) -> int:
        """Return how many rows were read as the person they are of (the truth is used here, after the attack)."""
        truth = encoded.handles.select("handle", "subject")
        return self.rows.join(truth, on="handle").filter(pl.col("person") == pl.col("subject")).height

    def wrong(self, encoded: EncodedPass) -> int:
        """Return how many rows were read as somebody else, dummies among them."""
        return self.rows.height - self.right(encoded)


class Dictionary:
    """A list of people in clear, laid out once for all tables.

    Args:
        people: Normalised identities, one row a person.
        agreement: Public: passes and fields.
    """

    def __init__(self, people: pl.DataFrame, agreement: Agreement) -> None:
        self.people, self.agreement = people, agreement
        self.columns = columns_of(agreement)
        self._values: dict[str, Values] = {
            column.name: distinct_values(plain_values(people, column), column.kind, column.tag)
            for column in self.columns
        }

    def read(self, table: pl.DataFrame, terms: PassTerms, of_pass: bytes) -> Reading:
        """Attack one pass table with a pass key: try every person at every level of the pass."""
        variants = key_variants(self.people, pass_components(terms))
        found = []
        for number, level in enumerate(terms.levels):
            keyed = variants.with_columns(key_values(variants, level)).filter(pl.col("value").is_not_null())
            values = keyed.get_column("value").unique().sort()
            secrets = block_secrets(of_pass, number, values)
            tokens = block_tokens(of_pass, secrets)
            hit = np.isin(tokens, table.get_column("block").to_numpy())
            if not hit.any():
                continue
            place = pl.DataFrame({"value": values, "block": np.arange(len(values)), "hit": hit})
            tried = keyed.join(place, on="value").filter(pl.col("hit")).select("row", "block").unique().sort(pl.all())
            keys = {group: field_keys(of_pass, group, secrets) for group in self._groups()}
            rows, blocks = tried.get_column("row").to_numpy(), tried.get_column("block").to_numpy()
            encoded = self._encoded(rows, blocks, keys)
            found.append(encoded.with_columns(pl.Series("block", tokens[blocks])))
        return _matched(table, found, ["block", *(column.name for column in self.columns)])

    def read_block(self, table: pl.DataFrame, keys: dict[str, Keys128]) -> Reading:
        """Attack one pass table with the field keys of one block (uint64[1, 2] a group): try every person in it."""
        rows = np.arange(self.people.height, dtype=np.int64)
        encoded = self._encoded(rows, np.zeros(len(rows), dtype=np.int64), keys)
        return _matched(table, [encoded], [column.name for column in self.columns])

    def crowded_values(self, tokens: npt.NDArray[np.uint64], terms: PassTerms, of_pass: bytes) -> int:
        """Return how many tokens of an opened list of crowded key values this dictionary explains."""
        variants = key_variants(self.people, pass_components(terms))
        mine = [
            block_tokens(of_pass, block_secrets(of_pass, number, key_values(variants, level).drop_nulls().unique()))
            for number, level in enumerate(terms.levels)
        ]
        return int(np.isin(tokens, np.concatenate(mine)).sum())

    def tokens_found(self, table: pl.DataFrame, terms: PassTerms, of_pass: bytes) -> int:
        """Return how many rows' `block` is the token of a key value of anybody in the dictionary."""
        tokens = table.get_column("block").to_numpy()
        return self.crowded_values(tokens, terms, of_pass)

    def groups(self) -> Sequence[str]:
        """Return the groups of fields that share a key in a block."""
        return self._groups()

    def _groups(self) -> list[str]:
        return sorted({column.group for column in self.columns})

    def _encoded(
        self, rows: npt.NDArray[np.int64], blocks: npt.NDArray[np.int64], keys: dict[str, Keys128]
    ) -> pl.DataFrame:
        made: dict[str, pl.Series] = {"person": pl.Series(rows)}
        for column in self.columns:
            encoded = encode_values(self._values[column.name], column.kind, rows, blocks, keys[column.group])
            distinct = [value.tobytes() for value in np.ascontiguousarray(encoded.distinct)]
            made[column.name] = pl.Series(
                [distinct[at] if at >= 0 else None for at in encoded.inverse], dtype=pl.Binary
            )
        return pl.DataFrame(made)


def comparable(table: pl.DataFrame) -> pl.DataFrame:
    """Return a pass table with every encoded field as bytes, as `Dictionary` compares them."""
    tokens = [name for name, kind in table.schema.items() if kind == pl.UInt32]
    as_bytes = [
        pl.Series(
            name,
            [None if value is None else int(value).to_bytes(4, "little") for value in table[name]],
            dtype=pl.Binary,
        )
        for name in tokens
    ]
    return table.with_columns(as_bytes)


def _matched(table: pl.DataFrame, tried: list[pl.DataFrame], columns: list[str]) -> Reading:
    """Join on all columns, empty cells included, and keep the rows that one person alone explains."""
    empty = pl.DataFrame(schema={"handle": pl.UInt64, "person": pl.Int64})
    if not tried:
        return Reading(empty)
    joined = table.join(pl.concat(tried), on=columns, how="inner", nulls_equal=True).select("handle", "person").unique()
    alone = joined.filter(pl.len().over("handle") == 1).sort("handle")
    return Reading(alone)
