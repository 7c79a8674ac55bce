"""What the linkage unit could name of a simulated register: the block attack itself, on every candidate pass at once.

The same persons are attacked in all passes, so that the leakage of any set of passes is read off, not modelled. The
attacker holds the whole register in clear, without errors of its own. Whether an encoding may leave is said by the
audit of that very encoding, never by this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from contract.agreement import CapTerms, PassTerms
from contract.audit_report import wilson
from contract.fields import FieldType
from evaluation.attacks.blocks.attacker import attacker_of
from evaluation.attacks.blocks.leakage import attack_passes, draw_persons
from evaluation.planning.agreement import planning_agreement
from pseudonymisation.blocking.caps import CrowdedKeys, choose_levels
from pseudonymisation.encoding.profile import EncodingContext, profile_for
from pseudonymisation.randomness import SeededRandomness

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Named:
    """Share named, with the upper end of its 95 % interval, which is what a bound is held against."""

    share: float
    high: float


@dataclass(frozen=True)
class AttackedPasses:
    """What was named of the same persons in every candidate pass.

    Attributes:
        placed: Pass to bool[persons], who has a row in it.
        named: Pass to bool[persons], who was named in it.
        population: Persons the attacker chose among.
    """

    placed: Mapping[str, Flags]
    named: Mapping[str, Flags]
    population: int

    @property
    def persons(self) -> int:
        """Number of persons attacked."""
        return len(next(iter(self.named.values()), ()))

    def of(self, name: str) -> Named:
        """Return the share named of the rows of a pass."""
        return _named(int(self.named[name].sum()), int(self.placed[name].sum()))

    def union(self, names: Sequence[str]) -> Named:
        """Return the share of the persons whom some of the passes names."""
        found = np.zeros(self.persons, dtype=np.bool_)
        for name in names:
            found |= self.named[name]
        return _named(int(found.sum()), self.persons)


def _named(hits: int, total: int) -> Named:
    return Named(hits / total, wilson(hits, total)[1]) if total else Named(0.0, 0.0)


def attack(
    identities: pl.DataFrame,
    fields: Sequence[str],
    own_fields: Mapping[str, FieldType],
    passes: Sequence[PassTerms],
    caps: CapTerms,
    crowded: CrowdedKeys,
    vintage_key: bytes,
    *,
    persons: int,
    seed: int,
) -> AttackedPasses:
    """Encode a register's candidate passes and attack them.

    Args:
        identities: Normalised, one row a person, with `subject`.
        fields: Its linkage fields.
        own_fields: Types of those that are not standard ones.
        passes: Candidates.
        caps: As in the simulation, so that blocks are the same; so are the next two.
        crowded: Crowded key values of all registers.
        vintage_key: Key of the simulation.
        persons: So many are attacked, drawn at random.
        seed: Of the draw, the handles and the attack.
    """
    everybody = identities.get_column("subject").to_numpy().astype(np.int64)
    sample = draw_persons(everybody, persons, seed)
    rows = identities.with_columns(pl.lit(0, dtype=pl.Int32).alias("identity"))
    random = SeededRandomness(f"planning/attack/{seed}".encode())
    # where nobody is placed there is nothing to name
    nobody = np.zeros(len(sample.drawn), dtype=np.bool_)
    placed = {terms.name: nobody for terms in passes}
    named = dict(placed)
    held = [terms for terms in passes if len(choose_levels(identities, terms, vintage_key, crowded, caps).rows)]
    agreement = planning_agreement(fields, own_fields, held or passes, caps, identities.height)
    context = EncodingContext(agreement, "holder", vintage_key, crowded, random)
    if not held:
        return AttackedPasses(placed, named, len(everybody))
    attacker = attacker_of(identities.rename({"subject": "person"}), agreement, seed=seed)
    encoded = profile_for(agreement).encode(rows, context)
    found = attack_passes(encoded, attacker, sample, seed=seed)
    for name, leak in found.passes.items():
        placed[name] = np.isin(sample.drawn, leak.rows.get_column("person").to_numpy())
        hits = leak.rows.filter(pl.col("named")).get_column("person").to_numpy()
        named[name] = np.isin(sample.drawn, hits)
    return AttackedPasses(placed, named, len(everybody))
