"""Documents of the synthetic persons: passports over time, residence cards, identity cards, insured numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Strings = NDArray[np.object_]

PASSPORT_GENERATIONS: Final = 4
_LETTERS: Final = np.array(list("ABCDEFGHJKLMNPRSTUVWXYZ"), dtype=object)
#: Primes spread consecutive serials over the number space without a collision.
_PASSPORT_SPACE: Final = 100_000_000
_PASSPORT_STEP: Final = 61_803_399
_CARD_SPACE: Final = 10_000_000
_CARD_STEP: Final = 6_180_341
_INSURED_SPACE: Final = 9_000_000
_INSURED_STEP: Final = 5_562_307


def social_security_check_digit(first_eight: Ints) -> Ints:
    """Return C9 of insured numbers whose first eight digits are given.

    C9 = (10 - ((C2+C4+C6+C8)*2 + C3+C5+C7) mod 10) mod 10 (CNSS e-BDS specification); C1 plays no part.
    """
    digits = [(first_eight // 10 ** (7 - place)) % 10 for place in range(8)]
    weighted = 2 * (digits[1] + digits[3] + digits[5] + digits[7]) + digits[2] + digits[4] + digits[6]
    digit: Ints = (10 - weighted % 10) % 10
    return digit


def employer_check_digit(first_six: Ints) -> Ints:
    """Return C7 of CNSS employer numbers whose first six digits are given (same pattern over C1..C6)."""
    digits = [(first_six // 10 ** (5 - place)) % 10 for place in range(6)]
    weighted = 2 * (digits[1] + digits[3] + digits[5]) + digits[2] + digits[4]
    digit: Ints = (10 - weighted % 10) % 10
    return digit


def insured_numbers(rng: np.random.Generator, count: int) -> Strings:
    """Return distinct valid insured numbers: nine digits, the first is 1. More than 9 million do not exist."""
    serial = (int(rng.integers(_INSURED_SPACE)) + np.arange(count, dtype=np.int64) * _INSURED_STEP) % _INSURED_SPACE
    eight = 11_000_000 + serial
    return text(eight * 10 + social_security_check_digit(eight), 9)


def employer_numbers(rng: np.random.Generator, count: int) -> Strings:
    """Return distinct valid employer numbers of seven digits."""
    six = rng.choice(900_000, size=count, replace=False).astype(np.int64) + 100_000
    return text(six * 10 + employer_check_digit(six), 7)


def text(numbers: Ints, width: int) -> Strings:
    """Write integers as zero-padded text, shape (n,), object."""
    return np.array([f"{number:0{width}d}" for number in numbers.tolist()], dtype=object)


@dataclass(frozen=True)
class Passports:
    """Every person's passports in order of issue.

    Attributes:
        base: Issue day of the first one, shape (n,), days since 1970.
        validity: Days until renewal, shape (n,).
        number: Shape (n, PASSPORT_GENERATIONS), object.
    """

    base: Ints
    validity: Ints
    number: Strings

    def generation(self, person: Ints, day: Ints) -> Ints:
        """Return which passport a person holds on a day (the first also before its issue)."""
        passed = (day - self.base[person]) // self.validity[person]
        held: Ints = np.clip(passed, 0, PASSPORT_GENERATIONS - 1)
        return held


def issue_passports(rng: np.random.Generator, country: Ints, ten_years: NDArray[np.bool_], start_day: int) -> Passports:
    """Give every person a first passport, used for nearly four years of the window or more, and its successors.

    Migrants renew their passport before they leave, so that numbers change less often than validities say.

    Args:
        rng: Random stream.
        country: Index of the issuing country, shape (n,).
        ten_years: Whether that country's passports last ten years and not five, shape (n,).
        start_day: First day of the window.
    """
    persons = len(country)
    validity = np.where(ten_years, 3652, 1826) - rng.integers(0, 90, persons)
    base = start_day - 365 + (rng.random(persons) * (validity - 365)).astype(np.int64)
    serials = np.arange(persons * PASSPORT_GENERATIONS, dtype=np.int64)
    numbers = (int(rng.integers(_PASSPORT_SPACE)) + serials * _PASSPORT_STEP) % _PASSPORT_SPACE
    digits = text(numbers, 8).reshape(persons, PASSPORT_GENERATIONS)
    letters = _LETTERS[country % len(_LETTERS)]
    return Passports(base=base, validity=validity, number=letters[:, None] + digits)


def residence_cards(rng: np.random.Generator, count: int) -> Strings:
    """Return distinct residence card numbers: a letter, seven digits, a letter."""
    serial = (int(rng.integers(_CARD_SPACE)) + np.arange(count, dtype=np.int64) * _CARD_STEP) % _CARD_SPACE
    last = _LETTERS[rng.integers(0, len(_LETTERS), count)]
    first = np.array(list("ABCDEFGH"), dtype=object)[np.arange(count) // _CARD_SPACE % 8]
    cards: Strings = first + text(serial, 7) + last
    return cards


def national_ids(rng: np.random.Generator, count: int) -> Strings:
    """Return distinct CIN numbers: one or two letters (they tell the town) and six digits."""
    letters = [*"ABCDEFGHIJKL", "AA", "AB", "AE", "BE", "BH", "BJ", "BK", "CB", "CD", "EE", "JB", "LB", "PA", "QA"]
    codes = np.array(letters, dtype=object)
    serial = np.arange(count, dtype=np.int64)
    number = (int(rng.integers(1_000_000)) + (serial // len(codes)) * 618_037) % 1_000_000
    numbers: Strings = codes[serial % len(codes)] + text(number, 6)
    return numbers


def employer_ices(rng: np.random.Generator, count: int) -> Strings:
    """Return common employer identifiers (ICE): company (9 digits), establishment (4), check digits (2).

    The whole number is divisible by 97, as the check in python-stdnum's `stdnum.ma.ice` has it.
    """
    whole = rng.choice(3_000_000, size=count, replace=False).astype(np.int64) * 1_000_000
    return text(whole + (97 - whole % 97) % 97, 15)
