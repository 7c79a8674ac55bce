"""The synthetic population: who exists, with names, birth, nationality, documents, twins and namesakes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.synthetic import nationalities as nat
from evaluation.synthetic.documents import Ints, Passports, Strings, issue_passports, national_ids
from evaluation.synthetic.errors import respell
from evaluation.synthetic.names import name_pools
from evaluation.synthetic.settings import KIND_SHARES, KINDS, MOROCCAN_KINDS, Settings, stream

Flags = NDArray[np.bool_]


@dataclass
class Population:
    """All persons, one position each; arrays have shape (n,) unless said.

    Attributes:
        kind: Index into `settings.KINDS`, int64.
        nationality: Alpha-3 code at birth, object.
        new_nationality: Code taken on with the third passport, empty for nearly all, object.
        female: bool.
        birth_day: True day of birth, days since 1970, int64.
        day_known: False where every document says 1 January, bool.
        family, given, family_ar, given_ar: Names at the start, object.
        passport_family, passport_given: Names as each passport spells them, shape (n, generations), object.
        passports: Numbers and dates of passports.
        national_id: CIN of Moroccans, empty for others, object.
        twin_of, namesake_of: Position of the other person, or -1, int64.
    """

    kind: Ints
    nationality: Strings
    new_nationality: Strings
    female: Flags
    birth_day: Ints
    day_known: Flags
    family: Strings
    given: Strings
    family_ar: Strings
    given_ar: Strings
    passport_family: Strings
    passport_given: Strings
    passports: Passports
    national_id: Strings
    twin_of: Ints
    namesake_of: Ints

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def moroccan(self) -> Flags:
        """Whether a person is a Moroccan national."""
        return np.asarray(self.nationality == nat.MOROCCAN)

    def of_kind(self, *names: str) -> Flags:
        """Return which persons have one of these kinds of life course."""
        return np.isin(self.kind, [KINDS.index(name) for name in names])


def populate(persons: int, seed: int, settings: Settings) -> Population:
    """Draw `persons` persons; the same seed and settings give the same persons."""
    rng = stream(seed, 1)
    kind = rng.choice(len(KINDS), size=persons, p=list(KIND_SHARES.values()))
    codes = np.array(list(nat.SHARES), dtype=object)
    shares = np.array(list(nat.SHARES.values()))
    nationality = codes[rng.choice(len(codes), size=persons, p=shares / shares.sum())]
    nationality[np.isin(kind, [KINDS.index(k) for k in MOROCCAN_KINDS])] = nat.MOROCCAN
    female = rng.random(persons) < np.where(kind == KINDS.index("family"), 0.62, 0.38)
    age = _ages(rng, kind)
    birth_day = settings.start_day + 730 - (age * 365.25).astype(np.int64)
    rural = np.isin(nationality, ["MLI", "GIN", "SEN", "NER", "BFA", "MRT", "MAR"])
    day_known = rng.random(persons) >= np.where(rural, 0.035, 0.006)

    twin_of, namesake_of = np.full(persons, -1), np.full(persons, -1)
    _pair(rng, twin_of, int(settings.twins * persons / 2), nationality, namesake_of)
    _pair(rng, namesake_of, int(settings.namesakes * persons / 2), nationality, twin_of)
    for first in np.flatnonzero(twin_of > np.arange(persons)):
        second = twin_of[first]
        birth_day[second], day_known[second], kind[second] = birth_day[first], day_known[first], kind[first]
    for first in np.flatnonzero(namesake_of > np.arange(persons)):
        second = namesake_of[first]
        female[second] = female[first]
        same_day = rng.random() < 0.15
        birth_day[second] = birth_day[first] + (0 if same_day else int(rng.integers(-700, 700)))

    names = _draw_names(rng, nationality, female)
    for first in np.flatnonzero(twin_of > np.arange(persons)):
        for part in ("family", "family_ar"):
            names[part][twin_of[first]] = names[part][first]
    for first in np.flatnonzero(namesake_of > np.arange(persons)):
        for column in names.values():
            column[namesake_of[first]] = column[first]

    country = np.unique(nationality, return_inverse=True)[1].astype(np.int64)
    passports = issue_passports(rng, country, np.isin(nationality, nat.TEN_YEAR_PASSPORT), settings.start_day)
    family, given = _passport_names(rng, names["family"], names["given"], female, nationality, passports, settings)
    cins = np.full(persons, "", dtype=object)
    moroccan = nationality == nat.MOROCCAN
    cins[moroccan] = national_ids(rng, int(moroccan.sum()))
    new_nationality = np.full(persons, "", dtype=object)
    changed = (rng.random(persons) < 0.02) & ~moroccan & ~np.isin(nationality, nat.NEW_NATIONALITIES)
    new_nationality[changed] = rng.choice(np.array(nat.NEW_NATIONALITIES, dtype=object), size=int(changed.sum()))
    return Population(
        kind=kind.astype(np.int64),
        nationality=nationality,
        new_nationality=new_nationality,
        female=female,
        birth_day=birth_day,
        day_known=day_known,
        passport_family=family,
        passport_given=given,
        passports=passports,
        national_id=cins,
        twin_of=twin_of,
        namesake_of=namesake_of,
        **names,
    )


def _ages(rng: np.random.Generator, kind: Ints) -> NDArray[np.float64]:
    """Ages at the start of 2021: workers around 32, students around 22, family members of all ages."""
    age = np.clip(rng.gamma(9.0, 3.7, len(kind)), 18, 75)
    student = kind == KINDS.index("student")
    age[student] = np.clip(rng.normal(22, 3, int(student.sum())), 17, 40)
    family = kind == KINDS.index("family")
    age[family] = rng.uniform(1, 60, int(family.sum()))
    return age


def _pair(rng: np.random.Generator, partner: Ints, pairs: int, nationality: Strings, taken: Ints) -> None:
    """Pair persons of one nationality, in place, leaving out those already paired in `taken`."""
    free = np.flatnonzero((taken < 0) & (partner < 0))
    order = rng.permutation(free)
    order = order[np.argsort(nationality[order].astype(str), kind="stable")]
    firsts, seconds = order[0:-1:2], order[1::2]
    same = np.flatnonzero(nationality[firsts] == nationality[seconds])
    for position in rng.permutation(same)[:pairs]:
        partner[firsts[position]], partner[seconds[position]] = seconds[position], firsts[position]


def _draw_names(rng: np.random.Generator, nationality: Strings, female: Flags) -> dict[str, Strings]:
    persons = len(nationality)
    names = {part: np.full(persons, "", dtype=object) for part in ("family", "given", "family_ar", "given_ar")}
    pools = name_pools()
    for code in sorted(set(nationality)):
        here = np.flatnonzero(nationality == code)
        surnames = pools[code, "S"]
        drawn = surnames.draw(rng, len(here))
        family, family_ar = surnames.latin[drawn], surnames.arabic[drawn]
        if code in nat.TWO_SURNAMES:
            mother = surnames.draw(rng, len(here))
            family, family_ar = family + " " + surnames.latin[mother], family_ar + " " + surnames.arabic[mother]
        names["family"][here], names["family_ar"][here] = family, family_ar
        for sex in ("M", "F"):
            of_sex = here[female[here] == (sex == "F")]
            pool = pools[code, sex]
            first, second = pool.draw(rng, len(of_sex)), pool.draw(rng, len(of_sex))
            given, given_ar = pool.latin[first].copy(), pool.arabic[first].copy()
            share = 0.45 if code in nat.TWO_GIVEN else 0.08
            double = (rng.random(len(of_sex)) < share) & (first != second)
            given[double] += " " + pool.latin[second][double]
            given_ar[double] += " " + pool.arabic[second][double]
            if code in nat.MOTHERS_SURNAME:
                mother = surnames.draw(rng, len(of_sex))
                given, given_ar = given + " " + surnames.latin[mother], given_ar + " " + surnames.arabic[mother]
            names["given"][of_sex], names["given_ar"][of_sex] = given, given_ar
    return names


def _passport_names(
    rng: np.random.Generator,
    family: Strings,
    given: Strings,
    female: Flags,
    nationality: Strings,
    passports: Passports,
    settings: Settings,
) -> tuple[Strings, Strings]:
    """Spell the names in each passport: a renewal may romanise anew, or bring a husband's name."""
    persons, generations = passports.number.shape
    families, givens = np.empty((persons, generations), object), np.empty((persons, generations), object)
    families[:, 0], givens[:, 0] = family, given
    pools = name_pools()
    arabic = np.isin(nationality, nat.ARABIC_POOLS)
    for generation in range(1, generations):
        families[:, generation], givens[:, generation] = families[:, generation - 1], givens[:, generation - 1]
        rate = settings.name_changes_at_renewal * np.where(arabic, 1.5, 0.7)
        for person in np.flatnonzero(rng.random(persons) < rate):
            if female[person] and not arabic[person] and rng.random() < 0.35:
                pool = pools[nationality[person], "S"]
                families[person, generation] = pool.latin[pool.draw(rng, 1)[0]]
            elif rng.random() < 0.5:
                families[person, generation] = respell(rng, families[person, generation])
            else:
                givens[person, generation] = respell(rng, givens[person, generation])
    return families, givens
