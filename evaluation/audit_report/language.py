"""Texts, numbers and dates of the reports in one language. One catalogue a language: `texts/CODE.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from contract.audit_report import Hits
from contract.errors import InputError
from service.web.language import Language, languages

TEXTS: Final = Path(__file__).parent / "texts"
CODES: Final = ("fr", "ar", "en")


@dataclass(frozen=True)
class Texts:
    """A language of the reports.

    Attributes:
        language: Writing direction, numbers and dates.
        catalogue: Section to key to text; `{name}` stands for a value.
    """

    language: Language
    catalogue: Mapping[str, Mapping[str, str]]

    @property
    def code(self) -> str:
        """ISO 639-1."""
        return self.language.code

    @property
    def direction(self) -> str:
        """``rtl`` or ``ltr``."""
        return self.language.direction

    def text(self, key: str, **values: Any) -> str:
        """Return the text ``section.key`` with its values, each kept in its own writing direction.

        Raises:
            KeyError: There is no such text.
        """
        section, _, name = key.partition(".")
        isolated = {place: self.language.isolate(value) for place, value in values.items()}
        return self.catalogue[section][name].format(**isolated)

    def known(self, section: str, name: str) -> str | None:
        """Return a text that may be missing, such as the name of a column of an institution's own."""
        return self.catalogue[section].get(name)

    def percent(self, share: float, digits: int = 1) -> str:
        """Return a share as a percentage."""
        return self.language.percent(share, digits)

    def number(self, value: float, digits: int = 0) -> str:
        """Return a number."""
        return self.language.number(value, digits)

    def interval(self, found: Hits) -> str:
        """Return the 95 % interval of a share in words."""
        return self.text("common.range", low=self.percent(found.low, 2), high=self.percent(found.high, 2))

    def count(self, found: Hits) -> str:
        """Return hits and total in words."""
        return self.text("common.of", hits=self.number(found.hits), total=self.number(found.total))


@lru_cache(maxsize=len(CODES))
def texts(code: str) -> Texts:
    """Return a language of the reports.

    Raises:
        InputError: There is no such language.
    """
    if code not in CODES:
        raise InputError(f"There is no report in the language {code!r}.", advice=f"One of {', '.join(CODES)}.")
    with (TEXTS / f"{code}.toml").open("rb") as file:
        return Texts(languages()[code], tomllib.load(file))
