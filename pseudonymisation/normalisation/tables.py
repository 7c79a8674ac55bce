"""The public tables beside this code (data/SOURCE.md names origin and licence)."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = files("pseudonymisation.normalisation").joinpath("data", name).read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines())


@lru_cache(maxsize=1)
def arabic_lexicon() -> Mapping[str, str]:
    """Return the usual Latin spelling (a-z) of common name tokens, keyed by the folded Arabic form.

    Names of the Maghreb, and European ones with a form that is no Arabic name: their ghain is a g, their waw an o.
    """
    tables = [*_rows("european_names.csv"), *_rows("arabic_names.csv")]
    return MappingProxyType({row["arabic"]: row["latin"] for row in tables})


@lru_cache(maxsize=1)
def maghrebi_names() -> frozenset[str]:
    """Return the Latin spellings (a-z) of the names of the Arabic table: names that may carry a grown-on article."""
    return frozenset(row["latin"] for row in _rows("arabic_names.csv"))


@lru_cache(maxsize=2)
def skeleton_shares(kind: str) -> Mapping[str, float]:
    """Return the public share of each skeleton token among given or family names (`kind`)."""
    return MappingProxyType({row["skeleton"]: float(row["share"]) for row in _rows(f"{kind}_shares.csv")})
