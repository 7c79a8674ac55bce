"""Numbers and names of the quality report in the reader's language; hidden figures are said to be hidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from service.quality_report.suppression import LEAST
from service.web import texts
from service.web.language import Language
from trajectories.pictures.theme import Theme


@dataclass(frozen=True)
class Words:
    """How a report speaks."""

    say: Language

    @property
    def theme(self) -> Theme:
        """How charts look: on white, in the reader's direction."""
        return Theme(right_to_left=self.say.direction == "rtl")

    def count(self, value: float | None, digits: int = 0) -> str:
        """Return a count, or that it is not shown."""
        return self.hidden if value is None else self.say.number(value, digits)

    def share(self, value: float | None, digits: int = 1) -> str:
        """Return a share, or that it is not shown."""
        return self.hidden if value is None else self.say.percent(value, digits)

    @property
    def hidden(self) -> str:
        """What stands in place of a small count and of what would give it away."""
        return self.say.text("under %(least)s, not shown", {"least": self.say.number(LEAST)})

    def interval(self, estimate: Mapping[str, Any] | None) -> str:
        """Return an estimate with its interval."""
        if estimate is None:
            return self.hidden
        low, high = (self.say.percent(estimate[end], 1) for end in ("low", "high"))
        return self.say.text(
            "%(value)s (%(low)s to %(high)s)",
            {"value": self.say.percent(estimate["value"], 1), "low": low, "high": high},
        )

    def register(self, name: str) -> str:
        """Return a register's name."""
        return self.say.text(texts.REGISTERS[name]) if name in texts.REGISTERS else name
