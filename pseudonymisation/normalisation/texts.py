"""Free texts, custom codes and categories."""

from __future__ import annotations

from typing import Final

import polars as pl

from pseudonymisation.normalisation.fields import ColumnReport
from pseudonymisation.normalisation.names import map_distinct
from pseudonymisation.normalisation.romanise import MAX_TEXT_LENGTH, romanise

_OTHER_SIGNS: Final = "[^a-z0-9]+"
_WORD_APOSTROPHE: Final = r"([A-Za-z])'([A-Za-z])"
_SEX: Final[dict[str, str]] = {
    **dict.fromkeys(
        ("f", "female", "femme", "feminin", "féminin", "woman", "w", "fille", "2", "mme", "أنثى", "انثى", "امرأة"),
        "f",
    ),
    **dict.fromkeys(
        ("m", "male", "homme", "h", "masculin", "man", "garcon", "garçon", "1", "ذكر", "رجل"),
        "m",
    ),
}


def text_column(column: pl.Series, report: ColumnReport) -> pl.Series:
    """Return lowercase a-z and 0-9 tokens; abbreviations stay as written, numbers are kept."""
    cut = column.str.slice(0, MAX_TEXT_LENGTH)
    report.truncated += int((column.str.len_chars() > MAX_TEXT_LENGTH).sum())
    # addresses are nearly unique: ASCII ones are done by Polars, only the rest value by value
    plain = (
        cut.str.replace_all(_WORD_APOSTROPHE, "${1}${2}")
        .str.to_lowercase()
        .str.replace_all(_OTHER_SIGNS, " ")
        .str.strip_chars()
    )
    ascii_only = cut.str.contains(r"^[\x00-\x7f]*$")
    other = pl.select(pl.when(~ascii_only).then(cut)).to_series()
    romanised = map_distinct(other, lambda value: romanise(value, digits=True))
    out = pl.select(pl.when(ascii_only & (plain != "")).then(plain).when(~ascii_only).then(romanised)).to_series()
    report.count_unparsable(column, out)
    return out.alias(column.name)


def custom_code_column(column: pl.Series) -> pl.Series:
    """Return identifiers of other kinds (e-mail): lower case, no spaces around."""
    out = column.str.normalize("NFKC").str.strip_chars().str.to_lowercase()
    return pl.select(pl.when(out != "").then(out)).to_series().alias(column.name)


def category_column(column: pl.Series) -> pl.Series:
    """Return categories in lower case with single spaces."""
    out = column.str.normalize("NFKC").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
    return pl.select(pl.when(out != "").then(out)).to_series().alias(column.name)


def sex_column(column: pl.Series, report: ColumnReport) -> pl.Series:
    """Return f, m or null; codes that are neither are counted."""
    bare = category_column(column).str.replace_all(r"[.\s]", "")
    out = bare.replace_strict(_SEX, default=None, return_dtype=pl.String)
    report.count_unparsable(column, out)
    return out.alias(column.name)
