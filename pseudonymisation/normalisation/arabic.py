"""Arabic script to the Latin spelling in use in Morocco (French values: ch, ou, kh, gh, dj as j).

General transliterators give consonants of scholarly romanisations (sh, q, th, w), which share few bigrams
with the French spellings that registers hold. Written Arabic has no short vowels, so the vowels put in
here are a guess; the consonant skeleton (`skeleton.py`) is what must coincide with the Latin spelling.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from anyascii import anyascii

from pseudonymisation.normalisation.tables import arabic_lexicon

_DROPPED: Final = re.compile(
    "[\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0640\u200c-\u200f\u202a-\u202e\u2066-\u2069]"
)
_ALIF_FORMS: Final = str.maketrans(
    {"إ": "أ", "ٱ": "ا", "آ": "أ", "ی": "ي", "ک": "ك", "ہ": "ه", "ھ": "ه", "ۀ": "ه", "ە": "ه", "ۃ": "ة"}
)
_CONSONANTS: Final[dict[str, str]] = {
    "ب": "b", "ت": "t", "ث": "th", "ج": "j", "ح": "h", "خ": "kh", "د": "d", "ذ": "d", "ر": "r", "ز": "z",
    "س": "s", "ش": "ch", "ص": "s", "ض": "d", "ط": "t", "ظ": "d", "غ": "gh", "ف": "f", "ق": "k", "ك": "k",
    "ل": "l", "م": "m", "ن": "n", "ه": "h", "پ": "p", "چ": "ch", "ڤ": "v", "گ": "g", "ڭ": "g", "ݣ": "g",
    "ژ": "j", "ڨ": "g", "ڥ": "v", "ٹ": "t", "ڈ": "d", "ڑ": "r", "ں": "n", "ڢ": "f", "ڧ": "k",
}  # fmt: skip
# ain, hamza and the long vowels; a leading waw or ya is a consonant (Walid, Yassine)
_VOWELS: Final[dict[str, str]] = {
    "ا": "a", "أ": "a", "ى": "a", "ة": "a", "ع": "a", "و": "ou", "ي": "i", "ؤ": "ou", "ئ": "i", "ء": "", "ے": "i",
}  # fmt: skip
# the table's keys know one alif, one ya and no ta marbuta
_LEXICON_FORMS: Final = str.maketrans({"أ": "ا", "ى": "ي", "ة": "ه"})
_ARTICLE: Final = re.compile("^(?:وال|ال)(?=..)")
ARABIC_LETTERS: Final = re.compile("[\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufeff]")


def fold_arabic(text: str) -> str:
    """Return Arabic text without vowel signs, one form of ya, kaf and ha, hamza-bearing alifs as one."""
    return _DROPPED.sub("", text).translate(_ALIF_FORMS)


@lru_cache(maxsize=100_000)
def romanise_arabic_token(token: str) -> str:
    """Return one folded Arabic token in a-z, Moroccan French spelling; the article ال is written ``el `` before it.

    A public table gives the usual spelling of common names; the rest is spelled letter by letter, with an
    ``a`` between two consonants that no written vowel parts.
    """
    lexicon = arabic_lexicon()
    known = lexicon.get(token.translate(_LEXICON_FORMS))
    if known is not None:
        return known
    match = _ARTICLE.match(token)
    if match:
        rest = token[match.end() :]
        return f"el {lexicon.get(rest.translate(_LEXICON_FORMS)) or _spell(rest)}"
    return _spell(token)


def _spell(token: str) -> str:
    out: list[str] = []
    after_consonant = False
    last = len(token) - 1
    for place, letter in enumerate(token):
        if place == 0 and letter in "وي" and last > 0:
            out.append("w" if letter == "و" else "y")
            after_consonant = True
        elif letter in _CONSONANTS:
            if after_consonant:
                out.append("a")
            out.append(_CONSONANTS[letter])
            after_consonant = True
        elif letter in _VOWELS:
            # the ending alif, ta marbuta is spoken: Najat, Hayat
            spelled = "t" if letter == "ة" and token[place - 1] == "ا" and place else _VOWELS[letter]
            if spelled == "a" and out and out[-1] == "a" and place < last:
                spelled = ""
            out.append(spelled)
            after_consonant = False
        else:  # letters of other languages in Arabic script, or a damaged mix of scripts
            out.append(anyascii(letter).lower())
            after_consonant = False
    return "".join(out)
