"""A programme: all parameters that a set of figures depends on, and a tag that names them.

Change a parameter (residence by 6 months in place of 12/16, another gap to bridge, another score) and everything is
computed anew under another tag. Two runs of one programme over the same input give the same bits and the same tag.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import polars as pl

from contract.canonical import document_id
from contract.errors import InputError
from trajectories.breakdowns import ALL_BREAKDOWNS, breakdowns_of, last_day
from trajectories.catalogue import catalogue
from trajectories.channels import Channels
from trajectories.definitions import INDICATORS, Indicator
from trajectories.extended import EXTENDED, REFERENCE_CONCEPTS, REFERENCE_ILOSTAT, RULES_SHOWN, Extended
from trajectories.figures import Figures
from trajectories.measures import count_extended
from trajectories.measures.residency import ScoreRule
from trajectories.persons import describe_persons
from trajectories.residence import RULES, ResidenceRule
from trajectories.tables import WASL, Preset, Window
from trajectories.values import table_of, values_of

#: Columns that a programme's table has beside `trajectories.definitions.INDICATOR_COLUMNS`.
PROGRAMME_COLUMNS: Final = ("status", "concepts", "ilostat", "programme")
_SIXTEEN_MONTHS: Final = 487


@dataclass(frozen=True)
class Programme:
    """What is computed, by which parameters.

    Attributes:
        preset: How spells are made of events.
        rules: Residence rules of the tables; the reference set keeps its own two whatever they are.
        score: Parameters of the residency score.
        breakdowns: Of `trajectories.breakdowns.ALL_BREAKDOWNS`, the total first.

    Raises:
        InputError: No rule, two rules of one name, a reference rule's name with other days, or an unknown breakdown.
    """

    preset: Preset = WASL
    rules: tuple[ResidenceRule, ...] = tuple(RULES.values())
    score: ScoreRule = field(default_factory=ScoreRule)
    breakdowns: tuple[str, ...] = ALL_BREAKDOWNS

    def __post_init__(self) -> None:
        names = [rule.name for rule in self.rules]
        if not names or len(set(names)) < len(names):
            raise InputError("A programme needs residence rules, each of its own name.")
        if any(rule.name in RULES and RULES[rule.name] != rule for rule in self.rules):
            raise InputError("A residence rule with other days needs a name of its own.")
        if self.breakdowns[:1] != ("total",) or not set(self.breakdowns) <= set(ALL_BREAKDOWNS):
            raise InputError("A programme's breakdowns begin with the total and are those that there are.")

    def document(self, window: Window) -> dict[str, Any]:
        """Return everything that the figures depend on besides input and code."""
        preset = asdict(self.preset)
        preset["register_windows"] = [
            [register, covered.start.isoformat(), covered.end.isoformat()]
            for register, covered in self.preset.register_windows
        ]
        score = asdict(replace(self.score, weights=dict(sorted(self.score.weights.items()))))
        return {
            "preset": preset,
            "rules": [asdict(rule) for rule in self.rules],
            # canonical JSON knows whole numbers and text only
            "score": {name: str(value) for name, value in score.items()},
            "breakdowns": list(self.breakdowns),
            "catalogue": catalogue().sha256,
            "window": [window.start.isoformat(), window.end.isoformat()],
        }

    def tag(self, window: Window) -> str:
        """Return the programme's name: SHA-256 of its document."""
        return document_id(self.document(window))

    def figures(self, channels: Channels) -> Figures:
        """Return all counts and histograms; `channels` must be built by the programme's preset.

        Raises:
            InputError: They were built by another.
        """
        if channels.preset != self.preset:
            raise InputError("The spells were built by another preset than the programme's.")
        breakdowns = breakdowns_of(channels, describe_persons(channels), self.breakdowns)
        return count_extended(channels, breakdowns, {rule.name: rule for rule in self.rules}, self.score)

    def indicators(self) -> tuple[Indicator | Extended, ...]:
        """Return the reference indicators and the extended ones, the latter by the programme's rules."""
        names = tuple(rule.name for rule in self.rules)
        others = tuple(name for name in names if name != "12_16")
        shown = {RULES_SHOWN: names, RULES_SHOWN[1:]: others}
        extended = [replace(one, residence=shown.get(one.residence, one.residence)) for one in EXTENDED]
        return (*INDICATORS, *(one for one in extended if one.residence))

    def table(self, figures: Figures, window: Window) -> pl.DataFrame:
        """Return the programme's raw table, `INDICATOR_COLUMNS` and `PROGRAMME_COLUMNS`.

        `status` is `provisional` where days after the window's end could still change the figure, else `final`;
        `concepts` are the catalogue's entries (id/version) that the figure follows, `ilostat` its code there.
        """
        wanted = self.indicators()
        return self.described(table_of(figures, wanted, values_of(figures, wanted)), window)

    def described(self, table: pl.DataFrame, window: Window) -> pl.DataFrame:
        """Return an indicator table with the columns that describe its figures."""
        concepts, codes = described_by(self.indicators())
        rules = {**RULES, **{rule.name: rule for rule in self.rules}}
        cells = table.select("indicator", "residence", "period").unique()
        status = [
            "provisional" if is_provisional(code, residence, int(period), window, rules.get(residence)) else "final"
            for code, residence, period in cells.iter_rows()
        ]
        return table.join(
            cells.with_columns(status=pl.Series(status, dtype=pl.String)),
            on=["indicator", "residence", "period"],
            how="left",
            maintain_order="left",
        ).with_columns(
            concepts=pl.col("indicator").replace_strict(concepts, return_dtype=pl.String),
            ilostat=pl.col("indicator").replace_strict(codes, return_dtype=pl.String),
            programme=pl.lit(self.tag(window)),
        )


def described_by(indicators: Sequence[Indicator | Extended]) -> tuple[dict[str, str], dict[str, str]]:
    """Return concepts (joined by spaces) and ILOSTAT code by indicator.

    Raises:
        CatalogueError: An indicator names a concept that the catalogue does not have.
    """
    concepts: dict[str, str] = {}
    codes: dict[str, str] = {}
    for one in indicators:
        named = one.concepts if isinstance(one, Extended) else REFERENCE_CONCEPTS[one.code]
        found = [catalogue().concept(name) for name in named]
        # A reference indicator comes first and speaks for its code under other rules too.
        concepts.setdefault(one.code, " ".join(f"{concept.id}/{concept.version}" for concept in found))
        codes.setdefault(one.code, one.ilostat if isinstance(one, Extended) else REFERENCE_ILOSTAT.get(one.code, ""))
    return concepts, codes


def is_provisional(code: str, residence: str, year: int, window: Window, rule: ResidenceRule | None) -> bool:
    """Return whether days after the window's end could still change a figure.

    A figure by a residence rule is provisional while fewer than W days follow its 31 December in the window; protection
    while three months do not; retention and times to events of a year while 16 months do not.
    """
    reach = rule.within if rule is not None else 0
    if code == "protection_3_months":
        reach = 92
    if code.startswith(("retention_", "incidence_", "arrival_to_")):
        reach = _SIXTEEN_MONTHS
    return last_day(year) + reach >= window.end_day
