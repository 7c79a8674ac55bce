"""A cohort's definition: about ten lines of TOML, or the same as a Python value.

name = "arrived in 2022 for work"
preset = "reference"

[population]
entry = "arrival"
from = 2022-01-01
to = 2023-01-01
for_work = true

[follow_up]
months = 24

[tables]
variables = ["permit", "insured_work"]
by = ["sex", "nationality_group"]
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from contract.canonical import document_id
from contract.errors import InputError
from trajectories.breakdowns import ALL_BREAKDOWNS
from trajectories.channels import CHANNELS
from trajectories.persons import SEXES
from trajectories.tables import REFERENCE, WASL, Preset

#: What makes a person enter: the first presence spell, or the first spell of another channel, after the window's start.
ENTRIES: Final = {
    "arrival": "presence",
    "first_permit": "permit",
    "first_authorised": "authorised_work",
    "first_insured": "insured_work",
}
PRESETS: Final = {preset.name: preset for preset in (REFERENCE, WASL)}
MAX_BREAKDOWNS: Final = 3
_MAX_MONTHS: Final = 240
_KEYS: Final = {
    "": {"name", "preset", "population", "follow_up", "tables"},
    "population": {"entry", "from", "to", "sex", "nationality_group", "min_age", "max_age", "for_work"},
    "follow_up": {"months"},
    "tables": {"variables", "by"},
}


class CohortError(InputError):
    """A cohort's definition is not valid, or selects too few persons."""

    code = "cohort.invalid"
    exit_code = 47
    default_advice = "Correct the definition, then try it on dummy data: `wasl cohort dummy FILE`."


@dataclass(frozen=True)
class Cohort:
    """A cohort.

    Attributes:
        name: What people call it.
        entry: Of `ENTRIES`.
        start, end: Entry on a day in [start, end).
        months: Whole months of follow-up after the month of entry.
        variables: Channels whose state, and time to, is counted after entry.
        by: Breakdowns of every table, at most three.
        sex, groups: Only persons of these sexes and nationality groups; empty: all.
        min_age, max_age: Completed years at 31 December of the year of entry, both included; None: no bound.
        for_work: Only persons whose first residence title has work as its motive.
        preset: How spells are made of events.

    Raises:
        CohortError: A value is not possible; `where` names the key.
    """

    name: str
    entry: str
    start: date
    end: date
    months: int
    variables: tuple[str, ...]
    by: tuple[str, ...] = ()
    sex: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    min_age: int | None = None
    max_age: int | None = None
    for_work: bool = False
    preset: Preset = REFERENCE

    def __post_init__(self) -> None:
        _check(bool(self.name.strip()) and len(self.name) <= 80, "name", "1 to 80 characters")
        _check(self.entry in ENTRIES, "population.entry", f"one of {', '.join(ENTRIES)}")
        _check(self.start < self.end, "population.to", "a day after `from`")
        _check(1 <= self.months <= _MAX_MONTHS, "follow_up.months", f"1 to {_MAX_MONTHS}")
        _check(bool(self.variables), "tables.variables", f"at least one of {', '.join(CHANNELS)}")
        _check(set(self.variables) <= {*CHANNELS}, "tables.variables", f"of {', '.join(CHANNELS)}")
        _check(len({*self.variables}) == len(self.variables), "tables.variables", "each once")
        _check(len({*self.by}) == len(self.by) <= MAX_BREAKDOWNS, "tables.by", f"at most {MAX_BREAKDOWNS}, each once")
        _check({*self.by} <= {*ALL_BREAKDOWNS[1:]}, "tables.by", f"of {', '.join(ALL_BREAKDOWNS[1:])}")
        _check({*self.sex} <= {*SEXES}, "population.sex", f"of {', '.join(SEXES)}")
        for key, age in (("min_age", self.min_age), ("max_age", self.max_age)):
            _check(age is None or 0 <= age <= 120, f"population.{key}", "0 to 120")
        _check((self.min_age or 0) <= (120 if self.max_age is None else self.max_age), "population.max_age", "no less")

    def document(self) -> dict[str, Any]:
        """Return the definition in its canonical form: equal cohorts, whatever their name, have equal documents."""
        return {
            "entry": self.entry,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
            "months": self.months,
            "variables": list(self.variables),
            "by": list(self.by),
            "sex": sorted(self.sex),
            "groups": sorted(self.groups),
            "ages": [self.min_age, self.max_age],
            "for_work": self.for_work,
            "preset": self.preset.name,
        }

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical form."""
        return document_id(self.document())


def read_cohort(text: str) -> Cohort:
    """Return the cohort of a TOML text.

    Raises:
        CohortError: It is no TOML, a key is unknown or missing, or a value is not possible.
    """
    try:
        whole = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CohortError("The definition is not valid TOML.", where={"fault": str(error)}) from error
    population, follow_up, tables = (_section(whole, name) for name in ("population", "follow_up", "tables"))
    unknown = sorted(set(whole) - _KEYS[""])
    _check(not unknown, ", ".join(unknown), "no such key")
    preset = _need(whole, "", "preset", str, REFERENCE.name)
    _check(preset in PRESETS, "preset", f"one of {', '.join(PRESETS)}")
    return Cohort(
        name=_need(whole, "", "name", str),
        entry=_need(population, "population", "entry", str),
        start=_need(population, "population", "from", date),
        end=_need(population, "population", "to", date),
        months=_need(follow_up, "follow_up", "months", int),
        variables=_words(tables, "tables", "variables"),
        by=_words(tables, "tables", "by"),
        sex=_words(population, "population", "sex"),
        groups=_words(population, "population", "nationality_group"),
        min_age=_need(population, "population", "min_age", int, None),
        max_age=_need(population, "population", "max_age", int, None),
        for_work=_need(population, "population", "for_work", bool, False),
        preset=PRESETS[preset],
    )


def _check(fits: bool, key: str, wanted: str) -> None:
    if not fits:
        raise CohortError(f"A value of the cohort's definition is not possible; wanted: {wanted}.", where={"key": key})


def _section(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = whole.get(name)
    _check(isinstance(section, dict), name, f"a section [{name}]")
    assert isinstance(section, dict)
    unknown = sorted(set(section) - _KEYS[name])
    _check(not unknown, ", ".join(f"{name}.{key}" for key in unknown), "no such key")
    return section


def _need(section: Mapping[str, Any], where: str, key: str, kind: type, *default: Any) -> Any:
    name = f"{where}.{key}".lstrip(".")
    if key not in section and default:
        return default[0]
    value = section.get(key)
    fits = isinstance(value, kind) and not (kind is not bool and isinstance(value, bool)) and type(value) is kind
    _check(fits, name, {"str": "a text", "int": "a whole number", "bool": "true or false"}.get(kind.__name__, "a date"))
    return value


def _words(section: Mapping[str, Any], where: str, key: str) -> tuple[str, ...]:
    values = _need(section, where, key, list, [])
    _check(all(isinstance(value, str) for value in values), f"{where}.{key}", "a list of texts")
    return tuple(values)
