"""Birth dates to year, month and day, each null where it is not known.

01/01 and 00/00 mean that month and day are unknown, not equal; `1984`, `1984-00-00`, `840000` give a year only.
A date that does not exist (month 21) keeps its year. Nobody is born in the future: a two-digit year is of the
last hundred years, and a later four-digit year is dropped.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from typing import Final, NamedTuple

from hijridate import Hijri

EARLIEST_YEAR: Final = 1000
#: Years of the Hijri calendar that a living person may be born in; read so only in a modern column.
HIJRI_YEARS: Final = range(1300, 1501)
_HIJRIDATE_YEARS: Final = range(1343, 1501)
# Hijri years before the library's table: mean length of the lunar year, 354.367 days
_HIJRI_RATIO: Final = 0.970224
_HIJRI_EPOCH: Final = 621.5774


class DateParts(NamedTuple):
    """Parts of a date, null where unknown, and whether the text was read as a whole."""

    year: int | None
    month: int | None
    day: int | None
    parsed: bool


@dataclass(frozen=True)
class DateStyle:
    """How the dates of one column are written.

    Attributes:
        order: Order of the parts where signs part them or no sign does: YMD, DMY or MDY.
        compact_order: The same for eight or six digits without signs.
        format: strptime form given by the mapping.
        hijri: Years 1300 to 1500 are Hijri years.
        last_year: The latest year of birth that can be.
        first_year: The earliest: 1850 in a column of living persons.
    """

    order: str = "DMY"
    compact_order: str = "YMD"
    format: str | None = None
    hijri: bool = False
    last_year: int = 2100
    first_year: int = EARLIEST_YEAR


UNREADABLE: Final = DateParts(None, None, None, parsed=False)
_DIGITS: Final = str.maketrans(
    "٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹OoQDIl|iZzSsBGbqg<", "0123456789" * 2 + "0000" + "1111" + "2255" + "86699" + "0"
)
_NOT_REPAIRED: Final = re.compile(r"[^\d٠-٩۰-۹OoQDIl|iZzSsBGbqg<./\- ]")
_TIME: Final = re.compile(r"[T ]\d{1,2}:\d{2}.*$")
_MONTH_NAMES: Final[dict[str, int]] = {
    name: number
    for number, names in enumerate(
        (
            "jan janvier january يناير", "feb fev fevr fevrier february فبراير", "mar mars march مارس",
            "apr avr avril april أبريل ابريل", "may mai ماي", "jun juin june يونيو",
            "jul juil juillet july يوليوز", "aug aou aout august غشت", "sep sept septembre september شتنبر",
            "oct octobre october أكتوبر اكتوبر", "nov novembre november نونبر",
            "dec decembre december دجنبر",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_ACCENTS: Final = str.maketrans("éèûôÉÈÛÔ", "eeuoeeuo")
_WORD: Final = re.compile(r"[^\W\d_]{3,}\.?")
_SIGNS: Final = re.compile(r"[./\-\s]+")
_FORMAT: Final = re.compile("%([YymdbBj])")
_FORM_WIDTHS: Final = {"Y": r"(\d{4})", "y": r"(\d{2})", "m": r"(\d{1,2})", "d": r"(\d{1,2})", "b": r"(\d{1,2})"}


def clean_date(text: str) -> str:
    """Return the text with ASCII digits, month names as numbers, letters read for digits repaired, no time of day."""
    text = _TIME.sub("", text.strip())
    text = _WORD.sub(_month_number, text.translate(_ACCENTS))
    if _NOT_REPAIRED.search(text):
        return text
    return text.translate(_DIGITS)


def _month_number(found: re.Match[str]) -> str:
    number = _MONTH_NAMES.get(found.group().casefold().rstrip("."))
    return found.group() if number is None else f"{number:02d}"


def parse_date(text: str, style: DateStyle) -> DateParts:
    """Return the parts of one date as written in a column of the given style."""
    text = clean_date(text)
    digits = _SIGNS.sub("", text)
    if not digits.isdigit() or not digits.isascii():
        return _year_only(text, style)
    if style.format is not None:
        found = format_pattern(style.format).fullmatch(text)
        if found is not None:
            letters = "".join(letter.upper() for letter in _FORMAT.findall(style.format)).replace("B", "M")
            return _judge(dict(zip(letters, found.groups(), strict=True)), style)
    parts = _SIGNS.split(text.strip("./- "))
    if len(parts) == 3:
        order = "YMD" if len(parts[0]) == 4 else "DMY" if len(parts[2]) == 4 and style.order == "YMD" else style.order
        return _judge(dict(zip(order, parts, strict=True)), style)
    if len(parts) == 2:
        order = "YM" if len(parts[0]) == 4 else "MY"
        return _judge(dict(zip(order, parts, strict=True)), style)
    return _compact(digits, style)


def _compact(digits: str, style: DateStyle) -> DateParts:
    order = style.compact_order
    year_width = {8: 4, 6: 2}.get(len(digits))
    if len(digits) == 4:
        return _judge({"Y": digits}, style)
    if year_width is None:
        return _year_only(digits, style)
    parts: dict[str, str] = {}
    start = 0
    for part in order:
        width = year_width if part == "Y" else 2
        parts[part] = digits[start : start + width]
        start += width
    return _judge(parts, style)


def _year_only(text: str, style: DateStyle) -> DateParts:
    """Keep the year of a damaged date where its place shows it, as evidence; the rest is unknown."""
    first = (style.format or style.compact_order).lstrip("%")[:1]
    place = text[:4] if first == "Y" else text[-4:]
    if place.isascii() and place.isdigit() and len(text) >= 8:
        year = _year(place, style)
        if year is not None:
            return DateParts(year, None, None, parsed=False)
    return UNREADABLE


def _year(text: str, style: DateStyle) -> int | None:
    year = int(text)
    if len(text) <= 2:
        year += style.last_year // 100 * 100
        return year if year <= style.last_year else year - 100
    return year if style.first_year <= year <= style.last_year else None


def _judge(parts: dict[str, str], style: DateStyle) -> DateParts:
    if any(len(part) > 4 for part in parts.values()):
        return UNREADABLE
    year_text = parts.get("Y", "")
    month, day = int(parts.get("M") or 0), int(parts.get("D") or 0)
    if style.hijri and len(year_text) == 4 and int(year_text) in HIJRI_YEARS:
        return _hijri(int(year_text), month, day, style)
    year = _year(year_text, style) if year_text else None
    parsed = year is not None or not year_text.strip("0")
    if month == 0 and day == 0:
        return DateParts(year, None, None, parsed=parsed and year is not None)
    if month == 1 and day == 1:
        return DateParts(year, None, None, parsed=parsed)
    if not _exists(year, month, day):
        return DateParts(year, None, None, parsed=False)
    return DateParts(year, month, day or None, parsed=parsed)


def _exists(year: int | None, month: int, day: int) -> bool:
    return 1 <= month <= 12 and 0 <= day <= monthrange(year or 2000, month)[1]


def _hijri(year: int, month: int, day: int, style: DateStyle) -> DateParts:
    """Convert by the Umm al-Qura table; Moroccan moon sighting differs by a day or two, so the day is approximate."""
    whole = 1 <= month <= 12 and 1 <= day <= 30 and (month, day) != (1, 1)
    if year not in _HIJRIDATE_YEARS:
        mean = int(year * _HIJRI_RATIO + _HIJRI_EPOCH + 0.5)
        return DateParts(mean, None, None, parsed=True) if mean <= style.last_year else UNREADABLE
    if not whole:  # the year's middle decides, as a lunar year lies in two solar ones
        parsed = month <= 12 and day <= 30
        month, day = 7, 1
    else:
        parsed = True
        day = min(day, Hijri(year, month, 1).month_length())
    date = Hijri(year, month, day).to_gregorian()
    if date.year > style.last_year:
        return UNREADABLE
    return DateParts(date.year, date.month if whole else None, date.day if whole else None, parsed=parsed)


def format_pattern(form: str) -> re.Pattern[str]:
    """Return the pattern of a strptime form; the groups follow the form's parts.

    Raises:
        ValueError: The form has a directive other than %Y, %y, %m, %d, %b, %B, or one of them twice.
    """
    letters = _FORMAT.findall(form)
    rest = _FORMAT.sub("", form)
    kinds = [letter.upper().replace("B", "M") for letter in letters]
    if "%" in rest or "j" in letters or len(set(kinds)) != len(kinds) or "Y" not in kinds:
        raise ValueError
    pattern = ""
    place = 0
    compact = not _SIGNS.search(rest)
    for found in _FORMAT.finditer(form):
        pattern += re.escape(form[place : found.start()])
        letter = found.group(1).replace("B", "b")
        pattern += r"(\d{2})" if compact and letter in "mdb" else _FORM_WIDTHS[letter]
        place = found.end()
    return re.compile(pattern + re.escape(form[place:]))
