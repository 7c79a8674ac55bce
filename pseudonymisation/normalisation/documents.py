"""Identifiers: upper case, letters and digits only; "no number" sentinels dropped; check digits counted.

CNSS insured number: nine digits, the first is 1, C9 = (10 - ((C2+C4+C6+C8)*2 + C3+C5+C7) mod 10) mod 10;
000000000 means no number, 999999999 a casual worker, 100000000 is invalid (registers' format description). A
wrong check digit is kept and counted, since a typing error is evidence; a sentinel never matches anything.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from pseudonymisation.normalisation.fields import ColumnReport

_NO_NUMBER: Final = (
    "NEANT", "NÉANT", "SANS", "AUCUN", "INCONNU", "UNKNOWN", "NULL", "NONE", "NA", "NC", "NR", "ND", "NAN", "ABSENT",
    "ENCOURS", "NOTKNOWN", "MISSING", "SN", "X", "XX",
)  # fmt: skip
_CNSS_INVALID: Final = "100000000"
_SAME_CHARACTER: Final = "^(?:" + "|".join(f"{sign}+" for sign in "0123456789X") + ")$"
_SEPARATORS: Final = r"[^\p{L}\p{Nd}]"
#: doc_type codes and the kind of number they announce.
DOCUMENT_TYPES: Final[dict[str, str]] = {
    **dict.fromkeys(("P", "PASSPORT", "PASSEPORT", "PP", "PA"), "passport"),
    **dict.fromkeys(("CIN", "CNI", "CNIE", "ID", "I", "C"), "national_id"),
    **dict.fromkeys(("CRE", "CR", "RP", "AR", "TS", "CS", "CARTESEJOUR"), "residence_card"),
}


def code_column(column: pl.Series, report: ColumnReport) -> pl.Series:
    """Return identifiers in upper case, letters and digits only; sentinels (all one digit, NEANT, X…) null."""
    bare = column.str.normalize("NFKC").str.to_uppercase().str.replace_all(_SEPARATORS, "")
    sentinel = bare.is_in(_NO_NUMBER) | (bare.str.contains(_SAME_CHARACTER) & (bare.str.len_chars() > 1))
    sentinel = (sentinel | (bare == "0")).fill_null(value=False)
    report.sentinels += int(sentinel.sum())
    empty = (bare == "") & column.is_not_null()
    report.mark_unparsable(empty)
    return pl.select(pl.when(~sentinel & ~empty).then(bare)).to_series().alias(column.name)


def social_security_column(column: pl.Series, report: ColumnReport) -> pl.Series:
    """Return social security numbers as digits only; sentinels null; wrong CNSS check digits counted.

    Letters that scanning puts for digits are repaired (O 0, I 1, l 1, | 1, S 5, Z 2, B 8).
    """
    text = column.str.normalize("NFKC").str.replace_many(
        ["O", "o", "I", "l", "|", "S", "Z", "B"], ["0", "0", "1", "1", "1", "5", "2", "8"]
    )
    digits = code_column(text, report).str.replace_all("[^0-9]", "")
    invalid = (digits == _CNSS_INVALID).fill_null(value=False)
    report.sentinels += int(invalid.sum())
    unreadable = (digits == "").fill_null(value=False)
    report.mark_unparsable(unreadable)
    out = pl.select(pl.when(~invalid & ~unreadable).then(digits)).to_series()
    plain = column.str.strip_chars().str.contains(r"^1\d{8}$").fill_null(value=False) & out.is_not_null()
    report.check_failed += int((plain & ~cnss_check(out)).fill_null(value=False).sum())
    return out.alias(column.name)


def cnss_check(numbers: pl.Series) -> pl.Series:
    """Return whether each nine-digit number is a valid CNSS insured number (null for null)."""
    digit = [numbers.str.slice(place, 1).cast(pl.Int32, strict=False) for place in range(9)]
    doubled = digit[1] + digit[3] + digit[5] + digit[7]
    single = digit[2] + digit[4] + digit[6]
    check = (10 - (doubled * 2 + single) % 10) % 10
    shaped = numbers.str.contains(r"^1\d{8}$")
    return shaped & (check == digit[8]).fill_null(value=False)


def document_kind(doc_type: pl.Series, report: ColumnReport) -> pl.Series:
    """Return passport, national_id, residence_card, or null for each document type; unknown types are counted."""
    bare = doc_type.str.to_uppercase().str.replace_all("[^A-Z]", "")
    kind = bare.replace_strict(DOCUMENT_TYPES, default=None, return_dtype=pl.String)
    report.count_unparsable(doc_type, kind)
    return kind
