"""Error rates that a prediction assumes, and views of a person as a register with such errors would hold her."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from contract.errors import InputError
from contract.fields import FieldType, field_type
from evaluation.synthetic.errors import blur, misdate, misread, mistype, respell, shorten, slur_arabic
from pseudonymisation.normalisation.fields import FieldMapping
from pseudonymisation.normalisation.identities import normalise

Strings = npt.NDArray[np.object_]
_OWN_VALUES: Final[Mapping[FieldType, int]] = {
    FieldType.TEXT: 300,
    FieldType.NAME: 300,
    FieldType.CATEGORY: 6,
    FieldType.COUNTRY: 12,
    FieldType.DATE: 20_000,
    FieldType.CODE: 10**9,
}


@dataclass(frozen=True)
class ErrorRates:
    """Shares of a register's records with each error, assumed independent of each other.

    Attributes:
        typing: A typing error, each of the two names.
        transliteration: Another spelling of the same name (French, English, Arabic habits), each of the two names.
        shortened: Only one of several given names, or an abbreviation.
        swap: Given and family name exchanged.
        date: A wrong day, month or year, or day and month exchanged.
        date_unknown: Day, or day and month, unknown.
        missing: An empty cell, each field but the names.
        other_document: Another document's number than in other registers (renewed, or of another kind).
        document: A wrong character in a document's number.
        moved: Another value in a text field of its own (an address left).
    """

    typing: float = 0.03
    transliteration: float = 0.08
    shortened: float = 0.05
    swap: float = 0.02
    date: float = 0.04
    date_unknown: float = 0.03
    missing: float = 0.02
    other_document: float = 0.3
    document: float = 0.02
    moved: float = 0.2

    def __post_init__(self) -> None:
        for rate in fields(self):
            if not 0 <= getattr(self, rate.name) <= 1:
                raise InputError(f"The error rate {rate.name} is not a share from 0 to 1.")

    def as_dict(self) -> dict[str, float]:
        """Return the rates by name."""
        return asdict(self)


#: What each standard field is called among a person's own columns.
_DOCUMENTS: Final = ("passport_no", "national_id", "residence_card_no", "social_security_no")


def view(
    persons: pl.DataFrame,
    held: Collection[str],
    own_fields: Mapping[str, FieldType],
    rates: ErrorRates,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Return the normalised identities of a register that holds every person once, with errors.

    Args:
        persons: `given_names`, `family_name`, `birth_date` (ISO), `sex`, `nationality`, and where there are any
            `given_names_ar`, `family_name_ar`, numbers and own fields: text, "" where missing. What is not
            there is made up, alike in all registers.
        held: Linkage fields of the register.
        own_fields: Types of the fields that are not standard ones.
        rates: Errors.
        rng: Their source.

    Returns:
        Columns of `normalise`, and `subject`, the person's row number.
    """
    columns = {name: persons.get_column(name).to_numpy().astype(object) for name in persons.columns}
    count = persons.height

    def hit(rate: float) -> npt.NDArray[np.int64]:
        return np.flatnonzero(rng.random(count) < rate)

    for name in ("given_names", "family_name"):
        for at in hit(rates.transliteration):
            columns[name][at] = respell(rng, str(columns[name][at]).title())
        for at in hit(rates.typing):
            columns[name][at] = mistype(rng, str(columns[name][at]))
        if f"{name}_ar" in columns:
            for at in hit(rates.transliteration):
                columns[f"{name}_ar"][at] = slur_arabic(rng, str(columns[f"{name}_ar"][at]))
    for at in hit(rates.shortened):
        columns["given_names"][at] = shorten(rng, str(columns["given_names"][at]).title())
    swapped = hit(rates.swap)
    columns["given_names"][swapped], columns["family_name"][swapped] = (
        columns["family_name"][swapped],
        columns["given_names"][swapped],
    )
    columns["full_name"] = _joined(columns["given_names"], columns["family_name"], rng.random() < 0.5)
    for at in hit(rates.date):
        if columns["birth_date"][at]:
            columns["birth_date"][at] = misdate(rng, str(columns["birth_date"][at]))
    for at in hit(rates.date_unknown):
        if columns["birth_date"][at]:
            columns["birth_date"][at] = blur(rng, str(columns["birth_date"][at]))
    for name in held:
        if name not in columns and name in _DOCUMENTS:
            columns[name] = _numbers(_DOCUMENTS.index(name), count)
        elif name not in columns and name not in {"birth_year", "birth_month", "birth_day", "doc_no", "doc_type"}:
            _own(columns, name, field_type(name, dict(own_fields)), rates, rng)
    for name in (name for name in _DOCUMENTS if name in columns):
        renewed, misread_at = hit(rates.other_document), hit(rates.document)
        columns[name][renewed] = _numbers(int(rng.integers(1000, 2**30)), count)[renewed]
        for at in misread_at:
            if str(columns[name][at]):
                columns[name][at] = misread(rng, str(columns[name][at]))
    if "doc_no" in held:
        columns["doc_no"] = columns.get("passport_no", _numbers(0, count))
        columns["doc_type"] = np.full(count, "P", dtype=object)
    for place, name in enumerate(("birth_year", "birth_month", "birth_day")):
        columns[name] = _date_part(columns["birth_date"], place)
    for name in sorted(set(held) - {"given_names", "family_name", "full_name", "doc_type"}):
        columns[name] = columns[name].copy()
        columns[name][hit(rates.missing)] = ""
    table = pl.DataFrame({name: pl.Series([str(one) for one in columns[name]], dtype=pl.String) for name in held})
    types = {name: field_type(name, dict(own_fields)).value for name in held}
    made = normalise(table, {name: FieldMapping(name, kind) for name, kind in types.items()}).frame
    return made.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("subject"))


def _joined(given: Strings, family: Strings, family_first: bool) -> Strings:
    pairs = zip(family, given, strict=True) if family_first else zip(given, family, strict=True)
    return np.array([f"{one} {two}".strip() for one, two in pairs], dtype=object)


def _numbers(kind: int, count: int) -> Strings:
    """Return made-up numbers of a kind: the same for the same person in every register."""
    drawn = np.random.default_rng([kind, 0xD0C5]).integers(0, 26 * 10**7, count)
    return np.array([f"{chr(65 + kind % 26)}{chr(65 + at // 10**7)}{at % 10**7:07d}" for at in drawn], dtype=object)


def _own(columns: dict[str, Strings], name: str, kind: FieldType, rates: ErrorRates, rng: np.random.Generator) -> None:
    """Make up a field that the population lacks, with the values of `blocking.planner`'s rough counts."""
    count = len(columns["given_names"])
    seed = [int.from_bytes(name.encode()[:6], "big"), 0x0FF1]
    values = np.random.default_rng(seed).integers(0, _OWN_VALUES[kind], count)
    if kind in {FieldType.TEXT, FieldType.NAME}:
        elsewhere = rng.random(count) < rates.moved
        values[elsewhere] = rng.integers(0, _OWN_VALUES[kind], int(elsewhere.sum()))
    columns[name] = np.array([f"{kind.value} {at}" for at in values], dtype=object)


def _date_part(dates: Strings, place: int) -> Strings:
    parts = [str(date).split("-") for date in dates]
    return np.array([found[place] if len(found) == 3 else "" for found in parts], dtype=object)
