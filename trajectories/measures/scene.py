"""What every measure looks at: channels, residence by every rule, and the tallies of migrants and nationals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from trajectories.breakdowns import Breakdowns, last_day
from trajectories.channels import Channels
from trajectories.events import owned
from trajectories.figures import Tally, counted_presence, marks
from trajectories.intervals import Bools, Intervals, Ints
from trajectories.residence import ResidenceRule, resident_spells


@dataclass(frozen=True)
class Scene:
    """Channels and breakdowns of a population, under residence rules by name."""

    channels: Channels
    breakdowns: Breakdowns
    rules: Mapping[str, ResidenceRule]

    @property
    def size(self) -> int:
        """Number of persons."""
        return len(self.breakdowns.persons)

    @property
    def years(self) -> list[int]:
        """Reference years."""
        return self.channels.window.years()

    @property
    def steps(self) -> list[int]:
        """Reference years whose year before is one too: those with a transition."""
        return [year for year in self.years if year - 1 in self.years]

    @cached_property
    def migrants(self) -> Tally:
        """Tally of the population: nationality known and not MAR."""
        return Tally(self.breakdowns, self.breakdowns.persons.in_population)

    @cached_property
    def nationals(self) -> Tally:
        """Tally of nationals."""
        return Tally(self.breakdowns, self.breakdowns.persons.national)

    @cached_property
    def presence(self) -> Intervals:
        """Presence that counts."""
        return counted_presence(self.channels)

    @cached_property
    def resident(self) -> dict[str, Intervals]:
        """Resident spells by rule."""
        return {name: resident_spells(self.presence, rule, self.channels.window) for name, rule in self.rules.items()}

    @cached_property
    def for_work(self) -> Bools:
        """Who holds a residence title whose first motive is work."""
        permits = self.channels.events.permits
        person, start, issued = owned(permits, self.channels.person_of_record, "start", "issued")
        held = np.append(self.channels.person_of_record, -1)[permits["record"].to_numpy()] >= 0
        work = (permits["motive"] == "work").fill_null(value=False).to_numpy()[held]
        order = np.lexsort((~work, issued, start, person))
        first = np.ones(len(order), dtype=np.bool_)
        first[1:] = person[order][1:] != person[order][:-1]
        return marks(person[order][first & work[order]], self.size)

    def in_channel(self, channel: str, year: int) -> Bools:
        """Return who is in a channel at 31 December."""
        return marks(self.channels.spells[channel].covering(last_day(year)), self.size)

    def resident_at(self, rule: str, year: int) -> Bools:
        """Return who is resident at 31 December."""
        return marks(self.resident[rule].covering(last_day(year)), self.size)

    def workers(self, year: int) -> tuple[Bools, Bools]:
        """Return who is 15 or more and insured, and who is 15 or more and authorised, at 31 December."""
        adult = self.breakdowns.persons.adults(year)
        return self.in_channel("insured_work", year) & adult, self.in_channel("authorised_work", year) & adult

    def counted(self, chosen: Bools, year: int) -> Ints:
        """Return the number of migrants chosen, by category."""
        return self.migrants.count(np.flatnonzero(chosen), year)
