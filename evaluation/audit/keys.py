"""A6 on `blind_blocks`: what a list of people in clear reads under the right key, a wrong one, and another epoch's.

The right key reads the rows that are spelled as the list spells them: so much hangs on the key. Any other key must read
nothing at all, else the tables would not be keyed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from contract.agreement import Agreement
from contract.audit_report import AttackFigures, ControlFigures, Hits
from evaluation.audit.encodings import Encodings
from evaluation.key_leak.dictionary import Dictionary, comparable
from pseudonymisation.encoding.profile import EncodedPass
from pseudonymisation.keys.tree import derive, epoch_key, pass_key, vintage_key


def key_figures(
    encodings: Encodings,
    people: pl.DataFrame,
    drawn: npt.NDArray[np.int64],
    *,
    seed: int,
) -> tuple[AttackFigures, tuple[ControlFigures, ...]]:
    """Return what the right key reads, as an attack, and what wrong keys read, as negative controls.

    Args:
        encodings: Profile `blind_blocks`; `subject` of their handles numbers persons as `people` does.
        people: One row a `person`: normalised columns.
        drawn: Persons under attack.
        seed: Of the wrong keys.
    """
    listed = people.filter(pl.col("person").is_in(drawn)).sort("person")
    dictionary = Dictionary(listed.drop("person"), encodings.agreement)
    person = listed.get_column("person").to_numpy()
    right = encodings.epoch_key
    wrong = derive(seed.to_bytes(32, "big"), "a wrong key")
    # another epoch's key comes from fresh shares, as its ceremony makes it
    other = epoch_key({"attacker": wrong}, encodings.agreement.id, encodings.agreement.epoch + 1)

    readings = _read(
        encodings.agreement,
        encodings.passes,
        dictionary,
        person,
        [vintage_key(key, encodings.vintage) for key in (right, wrong, other)],
    )
    attack = AttackFigures(name="dictionary, right key", named=readings[0])
    return attack, (
        ControlFigures(name="wrong_key", found=readings[1]),
        ControlFigures(name="wrong_epoch", found=readings[2]),
    )


def _read(
    agreement: Agreement,
    passes: Mapping[str, EncodedPass],
    dictionary: Dictionary,
    person: npt.NDArray[np.int64],
    of_vintages: Sequence[bytes],
) -> list[Hits]:
    """Return for each key how many of the persons with a row in any pass are read somewhere."""
    present, found = set[int](), [set[int]() for _ in of_vintages]
    for terms in agreement.passes:
        made = passes[terms.name]
        own = made.handles.filter(pl.col("subject").is_in(person)).select("handle", "subject")
        wanted = pa.array(own.get_column("handle").to_numpy(), pa.uint64())
        table = made.table
        frame = pl.DataFrame(pl.from_arrow(table.filter(pc.is_in(table.column("handle"), wanted)))).join(
            own, on="handle"
        )
        del table
        present.update(frame.get_column("subject").to_list())
        seen = comparable(frame.drop("subject"))
        for of_vintage, read in zip(of_vintages, found, strict=True):
            reading = dictionary.read(seen, terms, pass_key(of_vintage, terms.name)).rows
            named = reading.with_columns(pl.Series("named", person[reading.get_column("person").to_numpy()]))
            right = named.join(own, on="handle").filter(pl.col("named") == pl.col("subject"))
            read.update(right.get_column("subject").to_list())
    return [Hits(hits=len(read), total=len(present)) for read in found]
