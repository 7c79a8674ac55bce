"""How a register reads a person: name, number, birth date, sex and nationality, with that register's errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from evaluation.synthetic import errors
from evaluation.synthetic.documents import Ints, Strings
from evaluation.synthetic.names import name_pools
from evaluation.synthetic.population import Flags, Population
from evaluation.synthetic.settings import RecordRates, Settings


@dataclass(frozen=True)
class Reader:
    """Reads persons for one register.

    Args:
        population: Who is read.
        rng: Random stream of this register.
        settings: Rates of errors that go together in a careless record.
        rates: This register's own rates.
        person: Position of each record's person, shape (r,).
        generation: Which passport the person held then, shape (r,).
        careless: Which records were keyed in haste, shape (r,).
    """

    population: Population
    rng: np.random.Generator
    settings: Settings
    rates: RecordRates
    person: Ints
    generation: Ints
    careless: Flags

    @classmethod
    def of(
        cls,
        population: Population,
        rng: np.random.Generator,
        settings: Settings,
        register: str,
        person: Ints,
        day: Ints,
    ) -> Reader:
        """Start reading `person` on `day` (days since 1970) for a register."""
        rates = settings.rates[register]
        careless = rng.random(len(person)) < rates.careless
        generation = population.passports.generation(person, day)
        return cls(population, rng, settings, rates, person, generation, careless)

    def _hit(self, rate: float, careless_rate: float = 0.0) -> Flags:
        return self.rng.random(len(self.person)) < np.where(self.careless, max(rate, careless_rate), rate)

    def names(self) -> tuple[Strings, Strings]:
        """Return family and given names in Latin letters with this register's errors."""
        rng, rates = self.rng, self.rates
        family = self.population.passport_family[self.person, self.generation]
        given = self.population.passport_given[self.person, self.generation]
        bad = self.careless & (rng.random(len(self.person)) < self.settings.careless_name)
        kind = rng.random(len(self.person))
        respelled = self._hit(rates.name_respelled) | (bad & (kind < 0.45))
        mistyped = self._hit(rates.name_mistyped) | (bad & (kind >= 0.45) & (kind < 0.80))
        shortened = self._hit(rates.name_shortened) | (bad & (kind >= 0.80) & (kind < 0.90))
        swapped = self._hit(rates.name_swapped) | (bad & (kind >= 0.90))
        for change, hit in ((errors.respell, respelled), (errors.mistype, mistyped)):
            for record in np.flatnonzero(hit).tolist():
                column = family if rng.random() < 0.5 else given
                column[record] = change(rng, column[record])
        for record in np.flatnonzero(shortened).tolist():
            given[record] = errors.shorten(rng, given[record])
            if " " in family[record] and rng.random() < 0.5:
                family[record] = family[record].split(" ")[0]
        moved = np.flatnonzero(self._hit(rates.name_respelled * 0.5))
        for record in moved.tolist():
            family[record] = errors.move_particle(rng, family[record])
        family[swapped], given[swapped] = given[swapped], family[swapped]
        return family, given

    def arabic_names(self) -> tuple[Strings, Strings]:
        """Return family and given names in Arabic letters; 4 % of the records have none."""
        rng = self.rng
        family, given = self.population.family_ar[self.person], self.population.given_ar[self.person]
        for column in (family, given):
            for record in np.flatnonzero(self._hit(0.08, 0.35)).tolist():
                column[record] = errors.slur_arabic(rng, column[record])
        empty = rng.random(len(family)) < 0.04
        family[empty], given[empty] = "", ""
        return family, given

    def number(self, written: Strings, previous: Strings | None = None, missing: float | None = None) -> Strings:
        """Return document numbers as the register holds them: misread, missing, or the one before.

        Args:
            written: True numbers, shape (r,); empty where the person has none.
            previous: Numbers of the document held before, used for stale numbers.
            missing: Share of empty numbers, in place of the register's own.
        """
        rng = self.rng
        number = written.copy()
        bad = self.careless & (rng.random(len(number)) < self.settings.careless_document)
        kind = rng.random(len(number))
        stale = bad & (kind < 0.2)
        if previous is not None:
            number[stale] = previous[stale]
        wrong = self._hit(self.rates.document_wrong) | (bad & (kind >= 0.2) & (kind < 0.7))
        for record in np.flatnonzero(wrong & (number != "")).tolist():
            number[record] = errors.misread(rng, number[record])
        gone = rng.random(len(number)) < (self.rates.document_missing if missing is None else missing)
        number[gone | (bad & (kind >= 0.7))] = ""
        return number

    def passport(self, missing: float | None = None) -> Strings:
        """Return the passport numbers the register holds."""
        numbers = self.population.passports.number
        before = numbers[self.person, np.maximum(self.generation - 1, 0)]
        return self.number(numbers[self.person, self.generation], before, missing)

    def birth_dates(self) -> Strings:
        """Return ISO birth dates: falsified, with unknown parts, or missing."""
        population, rng = self.population, self.rng
        day = population.birth_day[self.person].astype("datetime64[D]")
        year = day.astype("datetime64[Y]").astype("datetime64[D]")
        shown = np.where(population.day_known[self.person], day, year)
        written = np.datetime_as_string(shown, unit="D").astype(object)
        for record in np.flatnonzero(self._hit(self.rates.date_wrong, self.settings.careless_date)).tolist():
            written[record] = errors.misdate(rng, written[record])
        for record in np.flatnonzero(self._hit(self.rates.date_unknown)).tolist():
            written[record] = errors.blur(rng, written[record])
        written[self._hit(self.rates.attribute_missing * 0.4)] = ""
        return written

    def sexes(self) -> Strings:
        """Return F or M, rarely the wrong one, sometimes empty."""
        female = self.population.female[self.person] ^ self._hit(0.003, 0.02)
        sex = np.where(female, "F", "M").astype(object)
        sex[self._hit(self.rates.attribute_missing)] = ""
        return sex

    def nationalities(self) -> Strings:
        """Return nationalities; from the third passport on the new one of those who changed it."""
        population, rng = self.population, self.rng
        code = population.nationality[self.person].copy()
        new = population.new_nationality[self.person]
        changed = (new != "") & (self.generation >= 2)
        code[changed] = new[changed]
        wrong = np.flatnonzero(self._hit(0.003, 0.02))
        known = np.array(sorted({pool for pool, _ in name_pools()}), dtype=object)
        code[wrong] = known[rng.integers(0, len(known), len(wrong))]
        code[self._hit(self.rates.attribute_missing)] = ""
        return code


def plain(names: pl.Series) -> pl.Series:
    """Write names in upper case without accents, apostrophes and hyphens, as machine-readable zones do."""
    return (
        names.str.normalize("NFKD")
        .str.replace_all(r"\p{M}", "")
        .str.replace_all("'", "", literal=True)
        .str.replace_all(r"[^A-Za-z0-9]+", " ")
        .str.strip_chars()
        .str.to_uppercase()
    )


def fit_mrz(family: pl.Series, given: pl.Series, width: int = 39) -> tuple[pl.Series, pl.Series]:
    """Cut names to a machine-readable zone: family name, two fillers and given names take `width` characters."""
    table = pl.DataFrame({"family": plain(family), "given": plain(given)})
    table = table.with_columns(pl.col("family").str.slice(0, width - 3))
    room = width - 2 - pl.col("family").str.len_chars()
    table = table.with_columns(given=pl.col("given").str.slice(0, room).str.strip_chars())
    return table["family"], table["given"]


def as_mrz_date(written: Strings) -> Strings:
    """Write ISO birth dates as YYMMDD, unknown parts as 00."""
    return np.array([(w.replace("-", "") + "0000")[2:8] if w else "" for w in written.tolist()], dtype=object)
