"""The `record` profile as the attacks see it: the real encoder, its rows put in the order of the persons."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from contract.agreement import Agreement
from evaluation.attacks.records.persons import Persons
from evaluation.attacks.records.plain_filters import PlainFilters
from evaluation.attacks.records.scenario import Bits
from pseudonymisation.encoding.columns import HANDLE
from pseudonymisation.encoding.profile import EncodingContext
from pseudonymisation.encoding.record import RECORD_TABLE, Record, hash_count
from pseudonymisation.randomness import SeededRandomness

_PARTS: Final = (("year", 0, 4, pl.Int32), ("month", 4, 2, pl.Int8), ("day", 6, 2, pl.Int8))


@dataclass(frozen=True)
class RecordProfile:
    """The profile `record` of an agreement, under the vintage keys that `encode` is given."""

    agreement: Agreement
    name: str = "record"

    @property
    def diffusion(self) -> int:
        """Return t, the input bits of an output bit."""
        return self.agreement.profile.diffusion

    def encode(self, persons: Persons, key: bytes) -> Bits:
        """Return uint8[n, record_bits].

        Raises:
            EncodingError: The profile refuses the persons, as it would an institution's.
        """
        register = self.agreement.registers[0].name
        random = SeededRandomness(hashlib.sha256(b"handles" + key).digest())
        context = EncodingContext(self.agreement, register, key, random=random)
        encoded = Record().encode(identities(persons), context)[RECORD_TABLE]
        table = pl.DataFrame(encoded.table.select([HANDLE, "encoding"]))
        rows = table.join(encoded.handles, on=HANDLE).sort("subject").get_column("encoding")
        raw = np.frombuffer(b"".join(rows.to_list()), dtype=np.uint8).reshape(len(rows), -1)
        return np.unpackbits(raw, axis=1, bitorder="little")

    def input_fill(self, persons: Persons, key: bytes) -> npt.NDArray[np.float64]:
        """Return float64[n], the share of ones of each filter before the diffusion, under a key."""
        filters = PlainFilters(hash_count(self.agreement)).encode(persons, key)
        return np.asarray(filters.mean(axis=1), dtype=np.float64)


def identities(persons: Persons) -> pl.DataFrame:
    """Return persons as the normalised columns that an encoder takes; `subject` is the position."""
    both = [" ".join(sorted(f"{one} {two}".split())) for one, two in zip(persons.given, persons.family, strict=True)]
    text = pl.DataFrame(
        {"given": persons.given, "family": persons.family, "full": both, "birth": persons.birth},
        schema=dict.fromkeys(("given", "family", "full", "birth"), pl.String),
    ).with_columns(pl.when(pl.all() != "").then(pl.all()))
    return text.select(
        pl.int_range(pl.len(), dtype=pl.Int64).alias("subject"),
        pl.lit(0, dtype=pl.Int32).alias("identity"),
        "given",
        "family",
        "full",
        # an unknown part of a date is written in zeros
        *(
            pl.col("birth").str.slice(first, width).cast(kind, strict=False).replace(0, None).alias(f"birth_{part}")
            for part, first, width, kind in _PARTS
        ),
    )
