"""Titles in full names: dropped where they cannot be a name.

Words that are hardly ever names (Sir, Dr, Baronet, 2nd) always fall; words that may be names (Lord, General)
only as the first of several words, after another title or a comma, or before "of"; ranks that are names of many
(Earl, Prince) not in the first place either. A name that holds nothing else is kept as it is.
"""

from __future__ import annotations

import re
from typing import Final

_ALWAYS_TEXT: Final = """sir dr mr mrs ms mme mlle monsieur madame mademoiselle rev reverend revd rt hon honourable
    honorable baronet bt bart esq esquire jr sr junior senior phd viscount viscountess marquess marquis marchioness
    countess duchess epouse epse ep vve veuve"""
_FIRST_TEXT: Final = """lord lady baroness princess general gen colonel col major maj captain capt admiral adm
    lieutenant lt commander sergeant sgt professor prof bishop archbishop canon father brother sister dame emperor
    cheikh sheikh hadj hajj haj hajja most very right"""
_ALWAYS: Final = frozenset(_ALWAYS_TEXT.split())
_FIRST: Final = frozenset(_FIRST_TEXT.split())
# also given names or surnames of many (Prince, Earl, Dean): a first place is not enough
_RANKS: Final = frozenset({"earl", "duke", "baron", "prince", "count", "dean", "queen", "master", "saint"})
_OF: Final = frozenset({"of", "the", "and"})
#: Every word that may fall.
TITLES: Final = _ALWAYS | _FIRST | _RANKS | _OF
_ORDINAL: Final = re.compile(r"^\d+(?:st|nd|rd|th|er|eme|e)$")
_WORD: Final = re.compile(r"[^\s.,;()/|]+|,")
_TWO_WORDS: Final = 2


def strip_titles(name: str) -> tuple[list[str], int]:
    """Return the words of a full name without titles, and how many of them stand before a title after a comma.

    Args:
        name: A full name as written.

    Returns:
        The words left (all words, if nothing else is left), and the number of words that belong to the personal
        name: in "William Legge, 2nd Earl of Dartmouth" the words are William, Legge, Dartmouth and the number is 2.
    """
    if name.isascii() and name.replace(" ", "").isalpha() and TITLES.isdisjoint(plain := name.lower().split()):
        return plain, len(plain)
    parts = [word for word in _WORD.findall(name) if word]
    words = [word for word in parts if word != ","]
    kept: list[str] = []
    personal = -1
    titled = after_comma = False
    position = 0
    for word in parts:
        if word == ",":
            after_comma = True
            continue
        low = word.casefold()
        following = words[position + 1].casefold() if position + 1 < len(words) else ""
        position += 1
        ordinal = _ORDINAL.match(low) is not None
        title = ordinal or low in _ALWAYS or low in _OF
        if low in _FIRST or low in _RANKS:
            placed = titled or after_comma or following == "of"
            title = following != "" and (placed or (not kept and low in _FIRST))
        if title:
            if kept and personal < 0 and low not in _OF and (after_comma or ordinal or following == "of"):
                personal = len(kept)
            titled = True
        else:
            kept.append(word)
            titled = False
        after_comma = False
    if not kept:
        return words, len(words)
    return kept, personal if personal > 0 else len(kept)


def split_comma(name: str) -> tuple[str, str] | None:
    """Return (family, given) of the form "FAMILY, Given", or None.

    One comma, no title on either side, and before the comma one word or capitals only: "Joan Holland, Exeter" is not
    of this form.
    """
    if name.count(",") != 1:
        return None
    family, given = (part.strip() for part in name.split(","))
    if not family or not given:
        return None
    words = [word.casefold() for word in _WORD.findall(name)]
    if any(word in TITLES or _ORDINAL.match(word) for word in words):
        return None
    if len(family.split()) < _TWO_WORDS or family.isupper():
        return family, given
    return None
