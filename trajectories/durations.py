"""Time to an event from counts: Kaplan-Meier and Aalen-Johansen on whole months.

Times are discrete: at month m there are d(m) events and c(m) persons whose observation ends in m; those count as at
risk in m (an event in a month comes before censoring in it). Counts add up over parts of a population, so curves of
large populations need no list of persons.

Sources: Kaplan and Meier (1958), Journal of the American Statistical Association 53; variance by Greenwood (1926) with
the log-log interval of Kalbfleisch and Prentice (2002), section 1.4; competing risks: Aalen and Johansen (1978),
Scandinavian Journal of Statistics 5. Tests hold the first to published values, the second to hand-made ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from contract.errors import InputError

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
_Z95: Final = 1.959963984540054


@dataclass(frozen=True)
class Survival:
    """Kaplan-Meier curves, one value a month from 0 along the last axis.

    Attributes:
        at_risk: Persons under observation at the beginning of the month (int64).
        events: d(m).
        survival: Share without the event after the month, S(m) = prod over k <= m of 1 - d(k) / at_risk(k).
        lower, upper: 95 % interval; NaN where there is no variance to speak of (S is 0, or nobody is at risk).
    """

    at_risk: Counts
    events: Counts
    survival: Floats
    lower: Floats
    upper: Floats

    def median(self) -> Floats:
        """Return the first month after which at most half are without the event; NaN where that is not reached."""
        half = self.survival <= 0.5 + 1e-12
        reached = half.any(axis=-1) & (self.at_risk[..., 0] > 0)
        return np.where(reached, half.argmax(axis=-1), np.nan)


def kaplan_meier(events: Counts, censored: Counts) -> Survival:
    """Return the curves of counts of events and of censored persons by month (last axis, at least one month).

    Raises:
        InputError: The two have different shapes or no month, or a count is negative.
    """
    if events.shape != censored.shape or events.shape[-1:] in {(), (0,)} or min(events.min(), censored.min()) < 0:
        raise InputError("Events and censored persons must be counts over the same months.")
    leaving = events + censored
    risk = np.asarray(leaving[..., ::-1].cumsum(axis=-1)[..., ::-1], dtype=np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        hazard = np.where(risk > 0, events / risk, 0.0)
        survival = np.cumprod(1.0 - hazard, axis=-1)
        terms = np.where(risk > events, events / (risk * np.maximum(risk - events, 1)), 0.0)
        variance = np.cumsum(terms, axis=-1)  # Greenwood: var S = S^2 * this
        log_survival = np.log(survival)
        spread = _Z95 * np.sqrt(variance) / np.abs(log_survival)
        bounds = [np.exp(log_survival * np.exp(sign * spread)) for sign in (1.0, -1.0)]
    inside = (survival > 0) & (survival < 1) & (risk > 0)
    certain = np.where(survival == 1, 1.0, np.nan)
    lower, upper = (np.asarray(np.where(inside, bound, certain), dtype=np.float64) for bound in bounds)
    return Survival(risk, events, np.asarray(survival, dtype=np.float64), lower, upper)


@dataclass(frozen=True)
class Incidence:
    """Cumulative incidence of competing events by month: share with that event first; they and `free` sum to 1."""

    incidence: tuple[Floats, ...]
    free: Floats


def aalen_johansen(events: tuple[Counts, ...], censored: Counts) -> Incidence:
    """Return the cumulative incidence of competing events, along the last axis.

    CIF_j(m) = sum over k <= m of S(k - 1) * d_j(k) / at_risk(k), S the curve of any event.

    Raises:
        InputError: Shapes differ, or a count is negative.
    """
    total: Counts = np.asarray(np.sum(events, axis=0), dtype=np.int64)
    curve = kaplan_meier(total, censored)
    before = np.concatenate((np.ones((*total.shape[:-1], 1)), curve.survival[..., :-1]), axis=-1)
    risk = np.maximum(curve.at_risk, 1)
    return Incidence(tuple(np.cumsum(before * own / risk, axis=-1) for own in events), curve.survival)
