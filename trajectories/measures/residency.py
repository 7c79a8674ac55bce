"""Residency score from signs of life, and overcoverage by it.

After the residency index of Statistics Estonia (Tiit and Maasing, 2016): the score of a year is `stability` times the
score of the year before plus `gain` times the weighted signs of the year, at most 1; a person whose first sign falls
in the year starts at the threshold. A person at or above the threshold is resident by score.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.errors import InputError
from trajectories.breakdowns import last_day
from trajectories.definitions import ALL
from trajectories.events import owned
from trajectories.figures import Key, marks
from trajectories.intervals import Bools, Ints, year_of
from trajectories.measures.scene import Scene

_SIGNS: Final[Mapping[str, float]] = {
    "declared_month": 1.0,
    "contract_begun": 0.8,
    "permit_issued": 0.8,
    "border_crossing": 0.5,
}


@dataclass(frozen=True)
class ScoreRule:
    """Parameters of the residency score.

    Attributes:
        stability: Share of last year's score that stays.
        gain: Weight of this year's signs.
        threshold: Resident from here on.
        weights: By sign (`declared_month`, `contract_begun`, `permit_issued`, `border_crossing`), counted once a year.

    Raises:
        InputError: A parameter is outside [0, 1], or a sign is unknown.
    """

    stability: float = 0.8
    gain: float = 0.2
    threshold: float = 0.7
    weights: Mapping[str, float] = field(default_factory=lambda: dict(_SIGNS))

    def __post_init__(self) -> None:
        numbers = (self.stability, self.gain, self.threshold)
        if not all(0 <= number <= 1 for number in numbers) or min(self.weights.values(), default=0) < 0:
            raise InputError("The parameters of a residency score lie between 0 and 1.")
        if not set(self.weights) <= set(_SIGNS):
            raise InputError("A residency score knows declared months, contracts, permits and crossings as signs.")


def residency_scores(scene: Scene, rule: ScoreRule | None = None) -> dict[int, NDArray[np.float64]]:
    """Return every person's score in [0, 1] at 31 December of each reference year."""
    rule = rule or ScoreRule()
    score, known = np.zeros(scene.size), np.zeros(scene.size, dtype=np.bool_)
    found = {}
    weighted = np.zeros((len(scene.years), scene.size))
    for name, weight in rule.weights.items():
        weighted += weight * _seen(scene, name)
    for year, signs in zip(scene.years, weighted, strict=True):
        alive = signs > 0
        score = np.minimum(1.0, rule.stability * score + rule.gain * signs)
        score = np.where(alive & ~known, np.maximum(score, rule.threshold), score)
        known |= alive
        found[year] = score
    return found


def _seen(scene: Scene, sign: str) -> Bools:
    """Return who showed a sign in which reference year: (years, persons)."""
    events, owner = scene.channels.events, scene.channels.person_of_record
    if sign == "declared_month":
        who, month, days = owned(events.declarations, owner, "month", "days")
        who, year = who[days >= 1], month[days >= 1] // 12
    else:
        table, column = {
            "contract_begun": (events.contracts, "start"),
            "permit_issued": (events.permits, "issued"),
            "border_crossing": (events.crossings, "day"),
        }[sign]
        who, day = owned(table, owner, column)
        year = year_of(day)
    seen = np.zeros((len(scene.years), scene.size), dtype=np.bool_)
    place = year - min(scene.years, default=0)  # reference years follow one another
    inside = (place >= 0) & (place < len(seen))
    seen[place[inside], who[inside]] = True
    return seen


def count_residency(scene: Scene, rule: ScoreRule | None = None) -> Iterator[tuple[Key, Ints]]:
    """Yield residents by score, and valid permits of persons below the threshold."""
    rule = rule or ScoreRule()
    for year, score in residency_scores(scene, rule).items():
        resident = score >= rule.threshold
        holders = marks(scene.channels.spells["permit"].covering(last_day(year)), scene.size)
        yield ("resident_by_score", ALL, year), scene.counted(resident, year)
        yield ("permits_low_score", ALL, year), scene.counted(holders & ~resident, year)
