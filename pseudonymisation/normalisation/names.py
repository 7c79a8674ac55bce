"""Name columns to romanised tokens and consonant skeletons, each distinct value normalised once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import polars as pl

from pseudonymisation.normalisation.fields import ColumnReport
from pseudonymisation.normalisation.particles import fold_particles
from pseudonymisation.normalisation.romanise import MAX_NAME_LENGTH, romanise
from pseudonymisation.normalisation.skeleton import skeleton_token
from pseudonymisation.normalisation.titles import split_comma, strip_titles

# in a column of given or family names only what no register holds as a name
_COURTESY: Final = frozenset({"mr", "mrs", "mme", "mlle", "dr"})


def normalise_name(value: str) -> str:
    """Return one given or family name as a-z tokens, particles folded; "" if it has no letter."""
    tokens = romanise(value[:MAX_NAME_LENGTH]).split()
    if len(tokens) > 1 and tokens[0] in _COURTESY:
        tokens = tokens[1:]
    return " ".join(fold_particles(tokens))


def split_full_name(value: str) -> tuple[str, str]:
    """Return the best guess of (given, family) of a full name of unknown order, both normalised.

    The family name is the last token, or the part before a comma ("FAMILY, Given"); tokens of a title's place ("2nd
    Earl of Dartmouth") count as given names, so that no token is lost from the full name.
    """
    value = value[:MAX_NAME_LENGTH]
    if "," in value:
        parts = split_comma(value)
        if parts is not None:
            return normalise_name(parts[1]), normalise_name(parts[0])
    words, personal = strip_titles(value)
    tokens = fold_particles(romanise(" ".join(words[:personal])).split(), order_known=False)
    place = fold_particles(romanise(" ".join(words[personal:])).split()) if personal < len(words) else []
    if not tokens:
        tokens, place = place, []
    if len(tokens) > 1 or (tokens and place):
        family = tokens[-1] if len(tokens) > 1 else place.pop()
        given = tokens[:-1] if len(tokens) > 1 else tokens
        return " ".join([*given, *place]), family
    return "", " ".join(tokens)


def map_distinct(column: pl.Series, forms: Callable[[str], str]) -> pl.Series:
    """Return the column with every distinct value replaced by its form; "" becomes null.

    Args:
        column: String values, null where missing.
        forms: Pure function of one value.
    """
    distinct = column.drop_nulls().unique(maintain_order=True)
    return _replace(column, distinct, (forms(value) for value in distinct.to_list()))


def _replace(column: pl.Series, distinct: pl.Series, forms: Iterable[str]) -> pl.Series:
    new = pl.Series("form", [form or None for form in forms], dtype=pl.String)
    table = pl.DataFrame({"value": distinct, "form": new})
    left = pl.DataFrame({"value": column})
    return left.join(table, on="value", how="left", maintain_order="left").get_column("form").alias(column.name)


def name_column(column: pl.Series, report: ColumnReport) -> pl.Series:
    """Return a column of given or family names normalised; values without any letter are counted as unparsable."""
    out = map_distinct(column, normalise_name)
    report.count_unparsable(column, out)
    report.truncated += int((column.str.len_chars() > MAX_NAME_LENGTH).sum())
    return out


def full_name_columns(column: pl.Series, report: ColumnReport) -> tuple[pl.Series, pl.Series]:
    """Return the (given, family) guesses of a column of full names."""
    distinct = column.drop_nulls().unique(maintain_order=True)
    pairs = [split_full_name(value) for value in distinct.to_list()]
    given = _replace(column, distinct, (pair[0] for pair in pairs))
    family = _replace(column, distinct, (pair[1] for pair in pairs))
    report.count_unparsable(column, family)
    report.truncated += int((column.str.len_chars() > MAX_NAME_LENGTH).sum())
    return given, family


def skeleton_column(column: pl.Series) -> pl.Series:
    """Return the skeleton tokens of a normalised name column, in the order of its tokens."""
    return map_distinct(column, lambda name: " ".join([skeleton_token(token) for token in name.split(" ")]))


def sorted_tokens(*columns: pl.Expr) -> pl.Expr:
    """Return all tokens of the columns, sorted and joined by a space; null where there is none."""
    joined = pl.concat_str(columns, separator=" ", ignore_nulls=True)
    tokens = joined.str.split(" ").list.eval(pl.element().filter(pl.element() != ""))
    out = tokens.list.sort().list.join(" ")
    return pl.when(out != "").then(out)
