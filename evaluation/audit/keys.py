"""A6 on `blind_blocks`: what a list of people in clear reads under the right key, a wrong one, and another epoch's.

The right key reads the rows that are spelled as the list spells them: so much hangs on the key. Any other key must read
nothing at all, else the tables would not be keyed.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from connectors.auditing import AuditSubject
from contract.audit_report import AttackFigures, ControlFigures, Hits
from evaluation.key_leak.dictionary import Dictionary, comparable
from pseudonymisation.encoding.profile import EncodedPass
from pseudonymisation.keys.tree import derive, epoch_key, pass_key, vintage_key


def key_figures(
    subject: AuditSubject,
    passes: Mapping[str, EncodedPass],
    people: pl.DataFrame,
    drawn: npt.NDArray[np.int64],
    *,
    seed: int,
) -> tuple[AttackFigures, tuple[ControlFigures, ...]]:
    """Return what the right key reads, as an attack, and what wrong keys read, as negative controls.

    Args:
        subject: The submission, profile `blind_blocks`.
        passes: Its passes; `subject` of their handles numbers persons as `people` does.
        people: One row a `person`: normalised columns.
        drawn: Persons under attack.
        seed: Of the wrong keys.
    """
    listed = people.filter(pl.col("person").is_in(drawn)).sort("person")
    dictionary = Dictionary(listed.drop("person"), subject.agreement)
    person = listed.get_column("person").to_numpy()
    right = subject.epoch_key
    wrong = derive(seed.to_bytes(32, "big"), "a wrong key")
    # another epoch's key comes from fresh shares, as its ceremony makes it
    other = epoch_key({"attacker": wrong}, subject.agreement.id, subject.agreement.epoch + 1)

    def read(key: bytes) -> Hits:
        return _read(subject, passes, dictionary, person, vintage_key(key, subject.manifest.vintage))

    attack = AttackFigures(name="dictionary, right key", named=read(right))
    return attack, (
        ControlFigures(name="wrong_key", found=read(wrong)),
        ControlFigures(name="wrong_epoch", found=read(other)),
    )


def _read(
    subject: AuditSubject,
    passes: Mapping[str, EncodedPass],
    dictionary: Dictionary,
    person: npt.NDArray[np.int64],
    of_vintage: bytes,
) -> Hits:
    """Return how many of the persons with a row in any pass are read somewhere."""
    present, found = set[int](), set[int]()
    for terms in subject.agreement.passes:
        made = passes[terms.name]
        own = made.handles.filter(pl.col("subject").is_in(person)).select("handle", "subject")
        frame = pl.DataFrame(pl.from_arrow(made.table)).join(own, on="handle")
        present.update(frame.get_column("subject").to_list())
        reading = dictionary.read(comparable(frame.drop("subject")), terms, pass_key(of_vintage, terms.name)).rows
        named = reading.with_columns(pl.Series("named", person[reading.get_column("person").to_numpy()]))
        right = named.join(own, on="handle").filter(pl.col("named") == pl.col("subject"))
        found.update(right.get_column("subject").to_list())
    return Hits(hits=len(found), total=len(present))
