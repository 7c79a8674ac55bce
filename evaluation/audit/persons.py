"""Whom a register holds, as the audit sees it: the persons that an attacker with a civil register has one row of.

The connector's subjects are grouped so cautiously that one person may be several. To an attacker she is one, and naming
any of her rows names her. So subjects that likely are one person count as one (`connectors.counting`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import polars as pl

from connectors.counting import PersonCounter
from contract.agreement import PassTerms
from pseudonymisation.blocking.caps import pass_components
from pseudonymisation.blocking.components import key_values, key_variants
from pseudonymisation.encoding.profile import EncodedPass


def likely_persons(identities: pl.DataFrame, passes: Sequence[PassTerms]) -> npt.NDArray[np.int64]:
    """Return int64[n], the likely person of each identity; identities of one subject are of one person."""
    counter = PersonCounter(identities, identities.get_column("subject").to_numpy())
    return counter.likely_persons(_buckets(identities, passes))


def renumbered(passes: Mapping[str, EncodedPass], of_subject: Mapping[int, int]) -> dict[str, EncodedPass]:
    """Return passes whose handles' `subject` is the person of each subject."""
    person = pl.col("subject").cast(pl.Int64).replace_strict(of_subject, return_dtype=pl.Int64)
    return {name: replace(made, handles=made.handles.with_columns(person)) for name, made in passes.items()}


def _buckets(
    identities: pl.DataFrame, passes: Sequence[PassTerms]
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    for terms in passes:
        variants = key_variants(identities, pass_components(terms))
        keyed = pl.DataFrame({"value": key_values(variants, terms.levels[0]), "row": variants.get_column("row")})
        keyed = keyed.drop_nulls("value").sort("value", "row")
        buckets = keyed.get_column("value").rle_id().to_numpy().astype(np.int64)
        yield buckets, keyed.get_column("row").to_numpy().astype(np.int64)
