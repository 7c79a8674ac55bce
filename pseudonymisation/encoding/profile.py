"""What an encoding profile is: a batch of normalised identities in, one encoded table for each pass out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from contract.agreement import Agreement
from contract.errors import ConfigurationError, InputError
from pseudonymisation.blocking.caps import CrowdedKeys
from pseudonymisation.encoding.dummies import DUMMY_SUBJECT, add_dummies
from pseudonymisation.encoding.stored import read_pass_rows, read_pass_table
from pseudonymisation.keys.tree import KEY_BYTES, WeakKeyError
from pseudonymisation.randomness import RandomSource, SystemRandomness, distinct_words

_KEYS: Final = ("subject", "identity")


class EncodingError(InputError):
    """Identities cannot be encoded as the agreement says without leaking more than it allows, or not at all."""

    code = "encoding.refused"
    default_advice = "Check the register's mapping and the agreement's profile, then encode again."


@dataclass(frozen=True)
class EncodingContext:
    """Everything a profile needs beside the identities.

    Attributes:
        agreement: The agreement in force.
        register: Name of the register.
        vintage_key: K_v, 32 bytes.
        crowded: Union of all registers' crowded key values.
        random: Handles and dummies' missing cells; seeded in tests and evaluation only.
    """

    agreement: Agreement
    register: str
    vintage_key: bytes = field(repr=False)
    crowded: CrowdedKeys = field(default_factory=CrowdedKeys)
    random: RandomSource = field(default_factory=SystemRandomness)

    def __post_init__(self) -> None:
        self.agreement.register(self.register)
        if len(self.vintage_key) < KEY_BYTES:
            raise WeakKeyError(f"A vintage key has at least {KEY_BYTES} bytes.")


@dataclass(frozen=True)
class PassReport:
    """Counts about one pass.

    `rows` and `levels` (rows by level of the pass) are real rows, `dummies` the fictitious ones; `keyless` and
    `withheld` identities are counted with the dummies among them. `withheld_by_group` are the real identities: by
    nationality group and by how common the family name is, how many there are and the share of them withheld here.
    """

    rows: int
    dummies: int
    keyless: int
    withheld: int
    levels: tuple[int, ...]
    withheld_by_group: Mapping[str, Mapping[str, Mapping[str, int | float]]] = field(default_factory=dict)


@dataclass(frozen=True)
class EncodedPass:
    """One pass of one register.

    Attributes:
        source: The table, or the Parquet file it was written to: passes of a large register do not all fit in memory.
        handles: `handle` (UInt64), `subject`, `identity` of the real rows: what the statistics unit gets.
        dummy_handles: uint64, the rest; they stay at the institution.
        report: Counts.
    """

    source: pa.Table | Path
    handles: pl.DataFrame
    dummy_handles: npt.NDArray[np.uint64]
    report: PassReport

    @property
    def table(self) -> pa.Table:
        """What the linkage unit gets, sorted by its random handles; a file is read anew at each access."""
        return read_pass_table(self.source) if isinstance(self.source, Path) else self.source

    @property
    def num_rows(self) -> int:
        """Rows of the table, dummies among them; of a file its footer alone is read."""
        return read_pass_rows(self.source) if isinstance(self.source, Path) else int(self.source.num_rows)

    def columns(self, *names: str) -> pa.Table:
        """Return some columns of the table; of a file no others are read."""
        wanted = list(names)
        return read_pass_table(self.source, wanted) if isinstance(self.source, Path) else self.source.select(wanted)


class Profile(Protocol):
    """An encoding profile."""

    name: str

    def encode(self, identities: pl.DataFrame, context: EncodingContext) -> dict[str, EncodedPass]:
        """Encode a whole register.

        Args:
            identities: Normalised columns (see `pseudonymisation.normalisation`), with `subject` (int, not
                negative) and `identity` (int): each pair once, one row a distinct identity. A missing column is a
                field the register lacks.
            context: Agreement, keys, crowded key values, randomness.

        Returns:
            One entry for each name of `contract.submission.pass_names`.

        Raises:
            EncodingError: Columns or values are not as described.
        """
        ...

    def encode_each(self, identities: pl.DataFrame, context: EncodingContext) -> Iterator[tuple[str, EncodedPass]]:
        """Yield the same passes as `encode` in the agreement's order, as they are made.

        Whoever writes each pass down and lets go of it before taking the next needs memory for a few passes, not for
        all. Arguments and errors as `encode`.
        """
        ...


def profile_for(agreement: Agreement) -> Profile:
    """Return the profile that an agreement names."""
    from pseudonymisation.encoding.blind_blocks import BlindBlocks
    from pseudonymisation.encoding.clear import Clear
    from pseudonymisation.encoding.record import Record

    known: dict[str, type[Profile]] = {"blind_blocks": BlindBlocks, "clear": Clear, "record": Record}
    if agreement.profile.name not in known:
        raise ConfigurationError(f"There is no encoding profile {agreement.profile.name}.")
    return known[agreement.profile.name]()


def prepared(identities: pl.DataFrame, context: EncodingContext) -> pl.DataFrame:
    """Check a batch, put it in one order whatever the order it came in, and add the dummies.

    Raises:
        EncodingError: `subject` or `identity` is missing, negative, or doubled.
    """
    for name in _KEYS:
        if name not in identities.columns or not identities.schema[name].is_integer():
            raise EncodingError("The identities lack a key column of integers.", where={"column": name})
        if identities.get_column(name).null_count() or (identities.get_column(name) < 0).any():
            raise EncodingError("A key column has an empty or negative cell.", where={"column": name})
    if identities.select(_KEYS).is_duplicated().any():
        raise EncodingError("A subject's identity occurs twice.", where={"columns": ", ".join(_KEYS)})
    ordered = identities.sort(_KEYS)
    share = context.agreement.profile.dummy_share
    return add_dummies(ordered, share, context.vintage_key, context.register, context.random.child("dummies"))


def with_handles(
    columns: dict[str, pa.Array],
    schema: pa.Schema,
    frame: pl.DataFrame,
    rows: npt.NDArray[np.int64],
    random: RandomSource,
) -> tuple[pa.Table, pl.DataFrame, npt.NDArray[np.uint64]]:
    """Give encoded rows random handles and sort by them, which shuffles the rows.

    Args:
        columns: Encoded columns without `handle`, n rows each.
        schema: Schema of the table.
        frame: The identities with dummies.
        rows: int64[n], row of `frame` behind each encoded row.
        random: Source of the handles: one of its own for each pass.

    Returns:
        The table, the real rows' handles with subject and identity, and the dummies' handles.
    """
    handles = distinct_words(random, len(rows))
    order = np.argsort(handles)
    arrays = {"handle": pa.array(handles, pa.uint64()), **columns}
    table = pa.table([arrays[name] for name in schema.names], schema=schema).take(pa.array(order))
    whose = frame.select(_KEYS)[rows[order]].insert_column(0, pl.Series("handle", handles[order], dtype=pl.UInt64))
    real = whose.filter(pl.col("subject") != DUMMY_SUBJECT)
    return table, real, whose.filter(pl.col("subject") == DUMMY_SUBJECT).get_column("handle").to_numpy()
