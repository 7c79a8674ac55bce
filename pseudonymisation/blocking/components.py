"""Key components: from normalised columns to the key values of blocking passes.

A row that may be read in several ways (order of names unknown, several documents) has several *variants*; each
variant has one value, or none, for each component:

- `given_*` take the first given name, `family_*` the last family name; `*_skeleton3` the first three letters of
  its consonant skeleton, `*_initial` the first letter. A skeleton's initial survives vowel changes (Omar, Umar).
- `initial_pair` and `skeleton_pair` are unordered, so that swapped names stay in one block.
- Where the order of names is unknown, a second variant swaps given and family.
- `document` gives a variant for each document a row has, cut to 8 characters, whatever its type.
- `text:F` is the text without spaces, `code:F`, `category:F` and `country:F` the value.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

from contract.errors import AgreementError
from contract.fields import DOCUMENT_CUT, DOCUMENT_SLOTS, component_touches

SEPARATOR: Final = "\x1f"
_GIVEN, _FAMILY = pl.col("_given"), pl.col("_family")


def _pair(left: pl.Expr, right: pl.Expr) -> pl.Expr:
    """Return both values joined in alphabetical order; null where one is missing."""
    return pl.when(left <= right).then(left + "+" + right).otherwise(right + "+" + left)


_FROM_NAMES: Final[dict[str, pl.Expr]] = {
    "given_initial": _GIVEN.str.slice(0, 1),
    "family_initial": _FAMILY.str.slice(0, 1),
    "initial_pair": _pair(_GIVEN.str.slice(0, 1), _FAMILY.str.slice(0, 1)),
    "given_skeleton": _GIVEN,
    "family_skeleton": _FAMILY,
    "skeleton_pair": _pair(_GIVEN, _FAMILY),
    "given_skeleton3": _GIVEN.str.slice(0, 3),
    "family_skeleton3": _FAMILY.str.slice(0, 3),
}
NAME_COMPONENTS: Final = frozenset(_FROM_NAMES)


def _filled(value: pl.Expr) -> pl.Expr:
    return pl.when(value != "").then(value)


def key_variants(identities: pl.DataFrame, components: Iterable[str]) -> pl.DataFrame:
    """Return the rows' variants with one String column for each component.

    Args:
        identities: Normalised identities; a column that is not there counts as missing throughout.
        components: Components of `contract.fields.COMPONENT_TOUCHES`, or of an agreement's own fields.

    Returns:
        `row` (Int64, row number of `identities`), then a String column for each component, named after it.

    Raises:
        AgreementError: There is no such component.
    """
    wanted = sorted(set(components))
    for component in wanted:
        component_touches(component)
    frame = identities.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("row"))
    if NAME_COMPONENTS & set(wanted):
        frame = _name_variants(frame)
    if "document" in wanted:
        frame = _document_variants(frame)
    made = frame.select("row", *(_component(frame, name).alias(name) for name in wanted))
    # one variant a row is in order and distinct as it is
    return made if made.height == identities.height else made.unique().sort(pl.all())


def key_values(variants: pl.DataFrame, level: tuple[str, ...]) -> pl.Series:
    """Return the key value of each variant at a level; null where one of the level's components is missing."""
    joined = pl.concat_str([pl.col(name) for name in level], separator=SEPARATOR, ignore_nulls=False)
    return variants.select(joined.alias("value")).to_series()


def _column(frame: pl.DataFrame, name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String) if name in frame.columns else pl.lit(None, dtype=pl.String)


def _name_variants(frame: pl.DataFrame) -> pl.DataFrame:
    given = _column(frame, "given_skeleton").str.split(" ").list.first()
    family = _column(frame, "family_skeleton").str.split(" ").list.last()
    named = frame.with_columns(_filled(given).alias("_given"), _filled(family).alias("_family"))
    if "name_order_known" not in frame.columns:
        return named
    guessed = named.filter(~pl.col("name_order_known").fill_null(value=True))
    return pl.concat([named, guessed.with_columns(_FAMILY.alias("_given"), _GIVEN.alias("_family"))])


def _document_variants(frame: pl.DataFrame) -> pl.DataFrame:
    cut = [_filled(_column(frame, slot).str.slice(0, DOCUMENT_CUT)) for slot in DOCUMENT_SLOTS]
    listed = pl.concat_list(cut).list.drop_nulls().list.unique(maintain_order=True)
    return frame.with_columns(listed.alias("_document")).explode("_document", empty_as_null=True)


def _component(frame: pl.DataFrame, name: str) -> pl.Expr:
    if name in _FROM_NAMES:
        return _FROM_NAMES[name]
    if name == "document":
        return pl.col("_document")
    kind, _, own = name.partition(":")
    if not own:
        return _filled(_column(frame, name))
    if kind not in {"text", "code", "category", "country"}:
        raise AgreementError(f"There is no blocking key component called {name!r}.")
    plain = _column(frame, own if own in {"sex", "nationality", "birth_country"} else name)
    return _filled(plain.str.replace_all(" ", "") if kind == "text" else plain)
