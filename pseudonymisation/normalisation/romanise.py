"""Text in any script to lowercase a-z tokens.

Arabic goes through `arabic.py`; everything else through anyascii (one fixed table for all of Unicode, ISC
licence), so that a name is spelled alike on every machine, whatever its locale.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from anyascii import anyascii

from pseudonymisation.normalisation.arabic import ARABIC_LETTERS, fold_arabic, romanise_arabic_token

#: Longer names are cut: no register field is longer (CNSS: 60 characters), and damage must not cost time.
MAX_NAME_LENGTH: Final = 256
#: Longer free texts are cut.
MAX_TEXT_LENGTH: Final = 1024

_JOINERS: Final = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\u00ad\ufeff\x00]")
_APOSTROPHES: Final = re.compile("(?<=\\w)['`´ʹʼʻʾʿʽ‘’‛′＇](?=\\w)")
_CEDILLA: Final = re.compile("[çÇ]")


def _only_letters(text: str, *, digits: bool) -> str:
    kept = []
    for letter in text:
        kind = unicodedata.category(letter)
        if kind[0] in "LM" or (digits and kind == "Nd"):
            kept.append(letter)
        else:
            kept.append(" ")
    return "".join(kept)


def romanise(text: str, *, digits: bool = False) -> str:
    """Return the text as lowercase a-z tokens separated by one space; "" if it has no letter.

    Args:
        text: Any Unicode text. Apostrophes inside a word join its parts (M'barek, O'Neill), every other sign
            and each digit parts or is dropped.
        digits: Keep digits (in ASCII form), as in addresses.
    """
    if text.isascii() and text.replace(" ", "").isalpha():
        return " ".join(text.lower().split())
    text = unicodedata.normalize("NFKC", _JOINERS.sub("", text))
    text = _APOSTROPHES.sub("", text)
    if text.isascii():
        return " ".join(_latin(text.lower(), digits=digits).split())
    if ARABIC_LETTERS.search(text):
        text = fold_arabic(text)
    out = []
    for token in _only_letters(text, digits=digits).split():
        if ARABIC_LETTERS.search(token):
            # a damaged mix of scripts must end as a-z too
            out.append(_latin(anyascii(romanise_arabic_token(token)).lower(), digits=digits))
        else:
            plain = anyascii(_CEDILLA.sub("s", unicodedata.normalize("NFC", token))).lower()
            out.append(_latin(plain.replace("'", ""), digits=digits))
    return " ".join(" ".join(out).split())


_NOT_LETTER: Final = re.compile("[^a-z]+")
_NOT_LETTER_OR_DIGIT: Final = re.compile("[^a-z0-9]+")
# Scanned names: l and i read as a stroke or a colon (Ky|ie, Franc:s); a digit in a name is a slip of the key
_STROKE: Final = re.compile(r"(?<=[a-z])\|(?=[a-z])")
_COLON: Final = re.compile(r"(?<=[a-z]):(?=[a-z])")
_DIGIT: Final = re.compile("[0-9]+")


def _latin(text: str, *, digits: bool) -> str:
    if text.isalpha():
        return text
    if digits:
        return _NOT_LETTER_OR_DIGIT.sub(" ", text)
    text = _DIGIT.sub("", _COLON.sub("i", _STROKE.sub("l", text)))
    return _NOT_LETTER.sub(" ", text)
