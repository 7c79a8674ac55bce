"""Name columns to romanised tokens and consonant skeletons, each distinct value normalised once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import polars as pl

from pseudonymisation.normalisation.fields import ColumnReport
from pseudonymisation.normalisation.particles import PARTICLES, fold_particles
from pseudonymisation.normalisation.romanise import MAX_NAME_LENGTH, romanise
from pseudonymisation.normalisation.skeleton import skeleton_token
from pseudonymisation.normalisation.titles import TITLES, split_comma, strip_titles

# in a column of given or family names only what no register holds as a name
_COURTESY: Final = frozenset({"mr", "mrs", "mme", "mlle", "dr"})

_RULED: Final = PARTICLES | TITLES


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
    if value.isascii() and value.replace(" ", "").isalpha():
        plain = value.lower().split()
        if _RULED.isdisjoint(plain):  # most names: no title, no particle
            tokens = fold_particles(plain)
            return " ".join(tokens[:-1]), tokens[-1]
    if "," in value:
        parts = split_comma(value)
        if parts is not None:
            return normalise_name(parts[1]), normalise_name(parts[0])
    words, personal = strip_titles(value)
    tokens = fold_particles(romanise(" ".join(words[:personal])).split(), order_known=False)
    place = romanise(" ".join(words[personal:])).split() if personal < len(words) else []
    place = fold_particles(place) if place else []
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
    (out,) = _spread(column, distinct, [forms(value) for value in distinct.to_list()])
    return out.alias(column.name)


def _spread(column: pl.Series, distinct: pl.Series, *forms: list[str]) -> list[pl.Series]:
    """Return, for each list of forms of the distinct values, the series of the forms of the column's values."""
    made = {f"form_{place}": pl.Series(form, dtype=pl.String) for place, form in enumerate(forms)}
    table = pl.DataFrame({"value": distinct, **made}).with_columns(
        pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in made
    )
    out = pl.DataFrame({"value": column}).join(table, on="value", how="left", maintain_order="left")
    return [out.get_column(name) for name in made]


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
    given, family = _spread(column, distinct, [pair[0] for pair in pairs], [pair[1] for pair in pairs])
    report.count_unparsable(column, family)
    report.truncated += int((column.str.len_chars() > MAX_NAME_LENGTH).sum())
    return given, family


def skeleton_column(column: pl.Series) -> pl.Series:
    """Return the skeleton tokens of a normalised name column, in the order of its tokens."""
    return map_distinct(column, lambda name: " ".join([skeleton_token(token) for token in name.split(" ")]))


def sorted_tokens(first: pl.Series, second: pl.Series) -> pl.Series:
    """Return all tokens of the two columns, sorted and joined by a space; null where there is none."""
    one, other = pl.col("one"), pl.col("other")
    names = pl.DataFrame({"one": first, "other": second})
    both = one.is_not_null() & other.is_not_null()
    # most names are one token each: sorting lists of strings is slow, so it is done for the rest only
    out = names.select(
        pl.when(both & (one <= other))
        .then(one + " " + other)
        .when(both)
        .then(other + " " + one)
        .otherwise(pl.coalesce(one, other))
    ).to_series()
    several = first.str.contains(" ", literal=True).fill_null(value=False)
    several |= second.str.contains(" ", literal=True).fill_null(value=False)
    rows = several.arg_true()
    if len(rows):
        joined = pl.concat_str(one, other, separator=" ", ignore_nulls=True)
        tokens = names[rows].select(joined.str.split(" ").list.sort().list.join(" ")).to_series()
        out = out.scatter(rows, tokens)
    return out
