"""Which cells of the pay gap say too much about an employer: the dominance rules over December's pay."""

from __future__ import annotations

import numpy as np

from trajectories.breakdowns import Breakdowns
from trajectories.channels import Channels
from trajectories.disclosure.magnitudes import unsafe_magnitudes
from trajectories.events import owned
from trajectories.intervals import Bools, Ints
from trajectories.measures.work import full_decembers


def dominated_pay(channels: Channels, breakdowns: Breakdowns, year: int) -> Bools:
    """Return for each category whether the pay of its migrants, or of the nationals beside them, is not safe to show.

    Nationals have no nationality group: every group stands beside all of them. Where the declarations name no employer
    every category is unsafe: nobody can tell who dominates.
    """
    events, owner = channels.events.declarations, channels.person_of_record
    who, month, days, pay = owned(events, owner, "month", "days", "pay")
    mine = np.append(owner, -1)[events["record"].to_numpy()] >= 0
    names = events["employer"].fill_null("").to_numpy()[mine]
    chosen = full_decembers(month, days, pay, year) & breakdowns.persons.adults(year)[who]
    who, pay, names = who[chosen], pay[chosen], names[chosen]
    named = names != ""
    _, employer = np.unique(names, return_inverse=True)
    codes = breakdowns.codes(year)[who]
    migrant, national = (
        _unsafe(codes, who, employer, pay, chosen & named, len(breakdowns.categories))
        for chosen in (breakdowns.persons.in_population[who], breakdowns.persons.national[who])
    )
    groups = np.array([breakdown == "nationality_group" for breakdown, _ in breakdowns.categories])
    return np.asarray(migrant | np.where(groups, national[0], national), dtype=np.bool_)


def _unsafe(codes: Ints, who: Ints, employer: Ints, pay: Ints, chosen: Bools, width: int) -> Bools:
    columns = codes.shape[1]
    person, contributor, amount = (np.repeat(part[chosen], columns) for part in (who, employer, pay))
    return unsafe_magnitudes(codes[chosen].ravel(), person, contributor, amount.astype(np.float64), width)
