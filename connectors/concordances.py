"""Versioned code tables from national codes to the canonical ones.

A concordance is named ``name/version`` in connector.toml, so that a change of a table is a change of the mapping.
`country/1` reads codes, names and adjectives to ISO 3166-1 alpha-3; the other tables are CSV files in `data/`, looked
up by the longest leading part of the code (digits only), so that ``01.11`` falls under division ``01``.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import polars as pl

from connectors.errors import ConnectorConfigurationError

_TABLES = {"nma2010_isic4/1": "nma2010_isic4.csv"}
_COUNTRY = "country/1"
CONCORDANCES = (_COUNTRY, *_TABLES)


def check_concordance(name: str, *, where: dict[str, Any]) -> None:
    """Refuse a concordance that does not exist.

    Raises:
        ConnectorConfigurationError: It lists the ones that do.
    """
    if name not in CONCORDANCES:
        raise ConnectorConfigurationError(
            f"There is no concordance {name!r}; there are {', '.join(CONCORDANCES)}.", where=where
        )


def apply_concordance(column: pl.Series, name: str) -> pl.Series:
    """Return the column (String) with every code replaced by its target; null where the table has none."""
    if name == _COUNTRY:
        from pseudonymisation.normalisation.countries import country_column
        from pseudonymisation.normalisation.fields import ColumnReport

        return country_column(column, ColumnReport()).alias(column.name)
    table = _table(_TABLES[name])
    distinct = column.drop_nulls().unique(maintain_order=True)
    targets = pl.Series([_longest_prefix(code, table) for code in distinct.to_list()], dtype=pl.String)
    return column.replace_strict(distinct, targets, default=None, return_dtype=pl.String)


def _longest_prefix(code: str, table: Mapping[str, str]) -> str | None:
    digits = "".join(letter for letter in code if letter.isdigit())
    return next((table[digits[:end]] for end in range(len(digits), 0, -1) if digits[:end] in table), None)


@lru_cache(maxsize=8)
def _table(file: str) -> Mapping[str, str]:
    text = files("connectors").joinpath("data", file).read_text(encoding="utf-8")
    return MappingProxyType({row["code"]: row["target"] for row in csv.DictReader(text.splitlines())})
