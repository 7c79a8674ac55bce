"""Errors in names, dates and numbers, as registers make them.

Each function changes one value, with the random stream given; the registers decide how often. The kinds
follow what is reported of Moroccan registers and of French and Arabic spellings of names: attested other
spellings, letter groups romanised otherwise, particles joined, split or dropped, typing errors on the
keyboard, shortened and swapped names, cut fields, unknown days, day and month swapped.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from evaluation.synthetic.names import spellings

#: Letter groups that different clerks romanise differently.
_ROMANISATIONS: Final = (
    ("ou", "u"),
    ("ou", "w"),
    ("u", "ou"),
    ("dj", "j"),
    ("j", "dj"),
    ("ch", "sh"),
    ("sh", "ch"),
    ("gh", "rh"),
    ("kh", "k"),
    ("q", "k"),
    ("k", "q"),
    ("aa", "a"),
    ("i", "y"),
    ("y", "i"),
    ("ee", "i"),
    ("ss", "s"),
    ("mm", "m"),
    ("d", "dd"),
    ("s", "ss"),
    ("e", "a"),
    ("a", "e"),
    ("é", "e"),
    ("z", "s"),
    ("ph", "f"),
    ("h", ""),
)
_PARTICLE: Final = re.compile(
    r"^(?:(El|Al|Es|Ez|Et|Ben|Bent|Bin|Bou|Ait|Aït|Ould|Abd el|Abd al|De la|De|Da|Dos)[ \-]|([NMDO]'))(?=\w{3})",
    re.IGNORECASE,
)
_JOINED: Final = re.compile(r"^(El|Al|Ben|Bou|Ait|Ould|Abdel|Abdoul)(?=[b-df-hj-np-tv-z][a-zé]{3})", re.IGNORECASE)
_NEIGHBOURS: Final = {
    **dict(zip("azertyuiop", ("zq", "aes", "zrd", "etf", "ryg", "tuh", "yij", "uok", "ipl", "om"), strict=True)),
    **dict(zip("qsdfghjklm", ("asw", "qdx", "sfc", "dgv", "fhb", "gjn", "hkn", "jlo", "kmp", "lp"), strict=True)),
    **dict(zip("wxcvbn", ("xs", "wcd", "xvf", "cbg", "vnh", "bhj"), strict=True)),
}
_DIGITS: Final = {
    "0": "O98",
    "1": "I72",
    "2": "13",
    "3": "28",
    "4": "57",
    "5": "64",
    "6": "59",
    "7": "14",
    "8": "30",
    "9": "06",
}


def _pick(rng: np.random.Generator, options: tuple[str, ...] | list[str] | str) -> str:
    return options[int(rng.integers(len(options)))]


def respell(rng: np.random.Generator, name: str) -> str:
    """Write a name as another clerk would: an attested spelling, another romanisation, or the particle otherwise."""
    words = name.split(" ")
    known = spellings()
    if rng.random() < 0.6:
        if name in known:
            return _pick(rng, known[name])
        positions = [i for i, word in enumerate(words) if word in known]
        if positions:
            position = positions[int(rng.integers(len(positions)))]
            return " ".join([*words[:position], _pick(rng, known[words[position]]), *words[position + 1 :]])
    moved = move_particle(rng, name)
    if moved != name and rng.random() < 0.6:
        return moved
    lower = name.lower()
    rules = [(a, b) for a, b in _ROMANISATIONS if a in lower]
    if not rules:
        return mistype(rng, name)
    old, new = rules[int(rng.integers(len(rules)))]
    at = lower.index(old)
    written = name[:at] + (new.capitalize() if at == 0 else new) + name[at + len(old) :]
    return written if len(written) > 1 else name


def move_particle(rng: np.random.Generator, name: str) -> str:
    """Join, split or drop the particle that a name begins with; the name itself where there is none."""
    found = _PARTICLE.match(name)
    if found:
        particle, rest = found.group(1) or found.group(2), name[found.end() :]
        return _pick(rng, [particle + rest.lower(), f"{particle} {rest}", f"{particle}-{rest}", rest.capitalize()])
    found = _JOINED.match(name)
    if found:
        rest = name[found.end() :]
        return _pick(rng, [f"{found.group(1)} {rest.capitalize()}", rest.capitalize()])
    return name


def mistype(rng: np.random.Generator, name: str) -> str:
    """Make one typing error: a neighbour on the French keyboard, a letter lost, doubled or transposed."""
    letters = [i for i, c in enumerate(name) if c.isalpha()]
    if len(letters) < 3:
        return name + _pick(rng, "aeins")
    at = letters[int(rng.integers(1, len(letters)))]
    kind = int(rng.integers(4))
    if kind == 0:
        return name[:at] + _pick(rng, _NEIGHBOURS.get(name[at].lower(), "e")) + name[at + 1 :]
    if kind == 1:
        return name[:at] + name[at + 1 :]
    if kind == 2:
        return name[:at] + name[at].lower() + name[at:]
    return name[: at - 1] + name[at] + name[at - 1] + name[at + 1 :]


def shorten(rng: np.random.Generator, given: str) -> str:
    """Drop all given names but one, or abbreviate the usual one (Mohamed to Med)."""
    words = given.split(" ")
    if len(words) > 1:
        return words[0] if rng.random() < 0.8 else words[1]
    return {"Mohamed": "Med", "Mohammed": "Med", "Abderrahmane": "Abderrahman", "Fatima": "Fatma"}.get(given, given)


def misread(rng: np.random.Generator, number: str) -> str:
    """Change one character of a document number: another digit, a transposition or a character lost."""
    digits = [i for i, c in enumerate(number) if c.isdigit()]
    at = digits[int(rng.integers(len(digits)))]
    kind = int(rng.integers(4))
    if kind <= 1:
        return number[:at] + _pick(rng, _DIGITS[number[at]]) + number[at + 1 :]
    if kind == 2 or at == 0 or number[at] == number[at - 1]:
        return number[:at] + number[at + 1 :]
    return number[: at - 1] + number[at] + number[at - 1] + number[at + 1 :]


def misdate(rng: np.random.Generator, written: str) -> str:
    """Falsify an ISO date: swap day and month, shift the year, or mistype a digit of the day or month."""
    year, month, day = (int(part) for part in written.split("-"))
    kind = rng.random()
    if kind < 0.4 and 0 < day <= 12 and day != month:
        month, day = day, month
    elif kind < 0.65:
        year += int(_pick(rng, ["-10", "-1", "1", "10", "-2"]))
    elif kind < 0.85:
        day = day % 28 + 1
    else:
        month = month % 12 + 1
    return f"{year:04d}-{month:02d}-{min(day, 28) if month == 2 else min(day, 30):02d}"


def blur(rng: np.random.Generator, written: str) -> str:
    """Write a date whose day (and month) the clerk did not know."""
    return written[:4] + _pick(rng, ["-01-01", "-00-00", "", written[4:7] + "-00"])


def slur_arabic(rng: np.random.Generator, name: str) -> str:
    """Write an Arabic name with the usual liberties: hamza left out, ta marbuta as ha, alif maqsura as ya."""
    old, new = (("أ", "ا"), ("إ", "ا"), ("ة", "ه"), ("ى", "ي"), ("ي", "ى"), ("ال", ""), ("عبد ال", "عبدال"))[
        int(rng.integers(7))
    ]
    written = name.replace(old, new, 1)
    return written or name
