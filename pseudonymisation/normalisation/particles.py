"""Particles of names: articles are dropped, kinship and place particles are joined to what they govern.

El Idrissi, Al-Idrissi, Ez Zahra lose the article; Ben Jelloun, Aït Taleb, Ould Daddah, Bou Zid, De la Cruz
become one token; every spelling of Abd al- becomes ``abdel`` + the name. So the spellings of one name give one
token list, whichever clerk parted or joined it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from pseudonymisation.normalisation.tables import maghrebi_names

_ARTICLES: Final = frozenset({"el", "al", "ul", "il"})
# the article before a sun letter takes that letter: Ez Zahra, Et Tahiri, Ech Chrif
_SUN: Final = re.compile(r"^(?:e|a)(ch|sh|[rsztndlj])$")
_JOINED: Final[dict[str, str]] = {
    "ben": "ben", "bin": "ben", "ibn": "ben", "bint": "bent", "bent": "bent", "mint": "bent", "bou": "bou",
    "bu": "bou", "abou": "abou", "abu": "abou", "ait": "ait", "ayt": "ait", "aith": "ait", "ould": "ould",
    "oueld": "ould", "wuld": "ould", "wald": "ould", "weld": "ould", "walad": "ould", "oulad": "oulad", "n": "n",
    "m": "m",
    "de": "de", "del": "del", "dela": "dela", "della": "della", "di": "di", "da": "da", "do": "do", "dos": "dos",
    "das": "das", "du": "du", "des": "des", "la": "la", "las": "las", "los": "los", "le": "le", "van": "van",
    "von": "von", "der": "der", "den": "den", "ter": "ter", "mac": "mac", "mc": "mc", "moul": "moul", "ou": "ou",
}  # fmt: skip
# names of their own as often as particles: joined only where another name stands beside them
_ALSO_NAMES: Final = frozenset(
    {"ben", "van", "al", "ed", "es", "an", "abou", "abu", "mac", "n", "m", "da", "do", "la", "le", "du", "di"}
)
_INITIALS: Final = frozenset({"n", "m"})
_SERVANT: Final = frozenset({"abd", "abdel", "abdul", "abdal", "abdu", "abdoul", "abdol", "abdil"})
_SERVANT_GLUED: Final = re.compile(
    r"^abd(?:(?:e|a|u|ou|o|i)l(?=[a-z]{2})|(?:e|u|ou|a)([rsztnd])(?=\1)|e(?=[rsztnd][a-z]{3}))"
)
_GOD: Final = re.compile("^(?:a|e|u|i)l+ah$")
_FAITH: Final = frozenset({"din", "dine", "deen", "dinne", "ddine"})
_FAITH_WORDS: Final = frozenset({"eddine", "eddin", "uddin", "addin", "addine", "aldin", "eldin", "eddeen", "udin"})
_FATIMA: Final = re.compile(r"^fatima?e?z{1,2}[ao]?hra$")
# El Yousfi written Elyousfi: only before a name of the public table, and not in short names (Elsa, Alami)
_GLUED_ARTICLE_LENGTH: Final = 7
#: Abbreviations that registers of the region use for a given name, and spellings that no rule joins.
_ABBREVIATIONS: Final = {
    "med": "mohamed",
    "mohd": "mohamed",
    "mhd": "mohamed",
    "mhmd": "mohamed",
    "md": "mohamed",
    "ezzahra": "zahra",
    "ezzohra": "zohra",
    "faycal": "faysal",
}


#: Every token that takes part in a rule on more than one token.
PARTICLES: Final = (
    _ARTICLES
    | frozenset(_JOINED)
    | _SERVANT
    | _FAITH
    | _FAITH_WORDS
    | frozenset(vowel + sun for vowel in "ea" for sun in ("ch", "sh", *"rsztndlj"))
)


def fold_particles(tokens: list[str], *, order_known: bool = True) -> list[str]:
    """Return the tokens with articles dropped and particles joined to the token they govern.

    Args:
        tokens: Romanised tokens in the order written.
        order_known: False for a full name: then a leading Ben, Al or Van of two tokens is a given name.
    """
    if PARTICLES.isdisjoint(tokens):
        return [word for token in tokens for word in _glued(token)]
    out: list[str] = []
    prefix = ""
    servant = False
    last = len(tokens) - 1
    for place, token in enumerate(tokens):
        following = tokens[place + 1] if place < last else ""
        if following and not _is_given_name(token, place, last, order_known):
            if _is_article(token, following):
                continue
            if token in _SERVANT and not servant:
                servant = True
                continue
            if token in _JOINED and not servant and not (token in _INITIALS and len(following) == 1):
                prefix += _JOINED[token]
                continue
        if out and not prefix and not servant and _is_faith(token, tokens[place - 1]):
            out[-1] += "eddine"
            continue
        stem = "abdel" + _GOD.sub("lah", token) if servant else token
        out.extend(_glued(prefix + stem))
        prefix, servant = "", False
    return out


def _is_faith(token: str, before: str) -> bool:
    """Tell whether the token is al-Din as in Noureddine: with the article on it, or with one before it."""
    return token in _FAITH_WORDS or (token in _FAITH and (before in _ARTICLES or _SUN.match(before) is not None))


def _is_given_name(token: str, place: int, last: int, order_known: bool) -> bool:
    return not order_known and place == 0 and last == 1 and token in _ALSO_NAMES


def _is_article(token: str, following: str) -> bool:
    if token in _ARTICLES:
        return True
    sun = _SUN.match(token)
    return sun is not None and following.startswith((sun.group(1), "ch" if sun.group(1) == "sh" else sun.group(1)))


@lru_cache(maxsize=200_000)
def _glued(token: str) -> tuple[str, ...]:
    if token in _ABBREVIATIONS:
        return (_ABBREVIATIONS[token],)
    if token.startswith("abd"):
        return (_SERVANT_GLUED.sub("abdel", token),)
    if token.startswith("fatim") and _FATIMA.match(token):
        return ("fatima", "zahra")
    if token.startswith(("el", "al")) and len(token) >= _GLUED_ARTICLE_LENGTH and token[2:] in maghrebi_names():
        return (token[2:],)
    return (token,)
