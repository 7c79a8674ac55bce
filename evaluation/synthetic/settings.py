"""Window, population shares and error rates of the synthetic registers, in one place.

Orders of magnitude follow published figures for Morocco (census 2024: 59.9 % of foreign residents from
sub-Saharan Africa, more than half arrived after 2021; 6 011 contract visas in 2022; 48 % of the insured
declared for all twelve months). Error rates are not published: they are tuned so that each of the two
deterministic linkages of :mod:`evaluation.synthetic.difficulty` scores an F1 between .85 and .90.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np

WINDOW_START: Final = date(2019, 1, 1)
WINDOW_END: Final = date(2025, 1, 1)

#: Kinds of life course with their share of the persons.
KIND_SHARES: Final[dict[str, float]] = {
    "worker": 0.37,
    "family": 0.12,
    "student": 0.10,
    "irregular": 0.07,
    "visitor": 0.10,
    "emigrant": 0.10,
    "returnee": 0.06,
    "national": 0.08,
}
KINDS: Final = tuple(KIND_SHARES)
MOROCCAN_KINDS: Final = ("emigrant", "returnee", "national")


@dataclass(frozen=True)
class RecordRates:
    """Error rates of one register's records.

    `careless` is the share of records keyed by hand in haste, in which number, name and date go wrong
    together; the others are shares among the remaining records.
    """

    careless: float
    document_wrong: float
    document_missing: float
    name_respelled: float
    name_mistyped: float
    name_swapped: float
    name_shortened: float
    date_wrong: float
    date_unknown: float
    attribute_missing: float = 0.02


@dataclass(frozen=True)
class Settings:
    """All that shapes a synthetic country besides its size and seed."""

    start: date = WINDOW_START
    end: date = WINDOW_END
    twins: float = 0.008
    namesakes: float = 0.012
    entry_unseen: float = 0.012
    exit_unseen: float = 0.05
    name_changes_at_renewal: float = 0.30
    careless_document: float = 0.92
    careless_name: float = 0.90
    careless_date: float = 0.30
    rates: dict[str, RecordRates] = field(
        default_factory=lambda: {
            "border_crossing": RecordRates(0.052, 0.004, 0.003, 0.004, 0.004, 0.002, 0.004, 0.004, 0.003),
            "residence_permit": RecordRates(0.058, 0.005, 0.010, 0.012, 0.006, 0.004, 0.005, 0.005, 0.004),
            "work_contract": RecordRates(0.075, 0.007, 0.015, 0.012, 0.008, 0.005, 0.008, 0.006, 0.004),
            "social_security": RecordRates(0.31, 0.008, 0.15, 0.015, 0.01, 0.0, 0.01, 0.008, 0.006),
            "placement": RecordRates(0.095, 0.008, 0.02, 0.015, 0.008, 0.006, 0.008, 0.006, 0.004),
            "consular": RecordRates(0.09, 0.008, 0.02, 0.015, 0.008, 0.006, 0.008, 0.006, 0.004),
        }
    )

    @property
    def start_day(self) -> int:
        """First day of the window as days since 1970-01-01."""
        return day_number(self.start)

    @property
    def end_day(self) -> int:
        """Day after the window's last one as days since 1970-01-01."""
        return day_number(self.end)


def day_number(day: date) -> int:
    """Return a date as days since 1970-01-01."""
    return day.toordinal() - date(1970, 1, 1).toordinal()


def stream(seed: int, *path: int) -> np.random.Generator:
    """Return the random stream of one part of the generator, independent of the others' use of theirs."""
    return np.random.default_rng([seed, *path])
