"""Consonant skeleton of a romanised name: what French, English and Arabic spellings of one name share.

The classes are those of the Maghreb's spellings: ch = sh, kh = q = k, gh = rh, dj = j, ou = w, th = t, c before
e and i = s; p = b and v = f, because Arabic writes both pairs with one letter; hard g = k (Guerraoui,
الكراوي). Double letters, a final h and vowels fall, in this order, so
that Traore (trr) does not become Toure (tr). Diallo and Jallow share the class of j.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

# West African names with unlike English and French (or Portuguese) spellings that no letter rule joins
_VARIANTS: Final[dict[str, str]] = {
    variant: head
    for head, variants in {
        "cisse": "ceesay sesay sisay cissay sise",
        "toure": "turay touray ture",
        "conde": "conteh konteh condeh kondeh konde conte",
        "ndiaye": "njie njai njay",
        "gueye": "gaye geye",
        "kourouma": "koroma",
        "traore": "trawalleh trawally",
        "sylla": "sillah",
        "ba": "bah mbah baah",
        "sow": "sowe",
    }.items()
    for variant in variants.split()
}
_STEPS: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern), put)
    for pattern, put in (
        (r"^(n?)di(?=[aeou])", r"\1j"),  # Diallo, Jallow; Ndiaye, Njie
        (r"^l(?=[bcdfghjkmnpqrstvxz])|^la(?=a)", ""),  # the article grown on: Lhoucine, Laaroussi
        (r"tch|sch|sh|ch|tsh", "1"),
        (r"kh|ck|qu|q", "k"),
        (r"gh|rh", "r"),
        (r"dj", "j"),
        (r"ph", "f"),
        (r"th", "t"),
        (r"dh", "d"),
        (r"gu(?=[eiy])", "k"),
        (r"g(?=[eiy])", "j"),
        (r"c(?=[eiy])", "s"),
        (r"[cg]", "k"),
        (r"x", "ks"),
        (r"1", "x"),
        (r"p", "b"),
        (r"v", "f"),
        (r"^(?:ou|u|w)(?=[aeiouy])|^w", "#"),  # a leading w is a consonant: Ouafae, Wafaa
        (r"^(?:y|i(?=[aeou]))", "%"),
        (r"(.)\1+", r"\1"),
        (r"(?<=.)h$", ""),
        (r"[aeiouyw]", ""),
        (r"#", "w"),
        (r"%", "y"),
    )
)


@lru_cache(maxsize=200_000)
def skeleton_token(token: str) -> str:
    """Return the consonant skeleton (a-z) of one romanised token; the token's vowels where it has no consonant."""
    bare = _VARIANTS.get(token, token)
    for pattern, put in _STEPS:
        bare = pattern.sub(put, bare)
    return bare or token


def skeleton(name: str) -> str:
    """Return the skeletons of the space-separated tokens of a romanised name, in the same order."""
    return " ".join(skeleton_token(token) for token in name.split())
