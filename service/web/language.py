"""Languages of the pages: which one a request wants, its texts, its numbers and dates.

Texts are written in English in templates and in `service.web.texts`; `catalogues/*.po` translate them.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from babel.support import NullTranslations, Translations
from fastapi import Request

from service.web.texts import msg

CATALOGUES = Path(__file__).parent / "catalogues"
COOKIE, PARAMETER, DEFAULT = "wasl-language", "lang", "fr"
_LOCALES = {"fr": "fr", "ar": "ar_MA", "en": "en_GB"}
NAMES = {"fr": "Français", "ar": "العربية", "en": "English"}


@dataclass(frozen=True)
class Language:
    """One language: `code` (ISO 639-1), writing direction, and everything that depends on it."""

    code: str
    locale: Locale
    translations: NullTranslations

    @property
    def direction(self) -> str:
        """``rtl`` or ``ltr``."""
        return str(self.locale.text_direction)

    def text(self, message: str, values: Mapping[str, Any] | None = None) -> str:
        """Return a message in this language, its ``%(name)s`` replaced."""
        translated = str(self.translations.gettext(message))
        return translated % {name: self.isolate(value) for name, value in values.items()} if values else translated

    def isolate(self, value: Any) -> Any:
        """Keep a text like ``2024-12`` from being reordered by the right-to-left words around it (UAX #9)."""
        return f"\u2068{value}\u2069" if self.direction == "rtl" else value

    def number(self, value: float, digits: int = 0) -> str:
        """Return a number with at most so many decimals."""
        return str(format_decimal(value, format=f"#,##0.{'#' * digits}" if digits else "#,##0", locale=self.locale))

    def percent(self, share: float, digits: int = 0) -> str:
        """Return a share as a percentage."""
        own = str(self.locale.percent_formats[None].pattern)  # French writes a space before the sign
        pattern = own.replace("#,##0", f"#,##0.{'0' * digits}") if digits else own
        return str(format_percent(share, format=pattern, locale=self.locale))

    def date(self, value: date) -> str:
        """Return a day in words."""
        return str(format_date(value, format="long", locale=self.locale))

    def moment(self, value: datetime | str) -> str:
        """Return a moment in UTC, to the minute."""
        given = datetime.fromisoformat(value) if isinstance(value, str) else value
        return f"{format_datetime(given.astimezone(UTC), 'd MMM y HH:mm', locale=self.locale)} UTC"

    def duration(self, seconds: float) -> str:
        """Return a duration in its largest unit, rounded up."""
        for size, message in ((3600, msg("%(n)s h")), (60, msg("%(n)s min"))):
            if seconds >= size:
                return self.text(message, {"n": self.number(seconds / size, 1 if size == 3600 else 0)})
        return self.text("%(n)s s", {"n": self.number(max(1, seconds))})

    def together(self, items: list[str]) -> str:
        """Return a list in words: "a, b and c"."""
        return str(format_list(items, locale=self.locale)) if items else ""


@lru_cache(maxsize=1)
def languages() -> dict[str, Language]:
    """Return the languages by code, their catalogues read."""
    return {code: Language(code, Locale.parse(name), _translations(code)) for code, name in _LOCALES.items()}


def _translations(code: str) -> NullTranslations:
    path = CATALOGUES / f"{code}.po"
    if not path.exists():
        return NullTranslations()  # English: the messages themselves
    compiled = io.BytesIO()
    with path.open("rb") as source:
        write_mo(compiled, read_po(source, locale=code))
    compiled.seek(0)
    return Translations(compiled)


def language_of(request: Request) -> Language:
    """Return the language a request wants: its parameter, else its cookie, else its `Accept-Language`, else French."""
    known = languages()
    for wanted in (request.query_params.get(PARAMETER), request.cookies.get(COOKIE)):
        if wanted in known:
            return known[wanted]
    return known[_accepted(request.headers.get("accept-language", "")[:500])]


def _accepted(header: str) -> str:
    offered: list[tuple[float, int, str]] = []
    for place, part in enumerate(header.split(",")):
        tag, _, quality = part.strip().partition(";q=")
        code = tag.split("-")[0].lower()
        try:
            weight = float(quality or 1)
        except ValueError:
            continue
        if code in _LOCALES and weight > 0:
            offered.append((-weight, place, code))
    return min(offered)[2] if offered else DEFAULT
