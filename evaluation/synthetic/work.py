"""Work: contract visas, attestations of exemption, employment and its declarations to social security."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from evaluation.synthetic import nationalities as nat
from evaluation.synthetic.documents import employer_numbers, insured_numbers
from evaluation.synthetic.population import Population
from evaluation.synthetic.settings import Settings, stream


def grant_contracts(population: Population, stays: pl.DataFrame, seed: int, settings: Settings) -> pl.DataFrame:
    """Draw contract visas, one row each.

    Returns:
        `person`, `start`, `end` (last day), `visa_date` (days since 1970), `renewal` (bool), `decision`.
    """
    rng = stream(seed, 4)
    person = stays["person"].to_numpy()
    exempt = np.isin(population.nationality, nat.EXEMPT_NATIONALITIES)[person]
    chance = np.where(population.of_kind("worker")[person], np.where(exempt, 0.10, 0.62), 0.0)
    chance[population.of_kind("family")[person] & ~exempt] = 0.05
    chosen = (rng.random(len(person)) < chance) & ((stays["end"] - stays["start"]).to_numpy() > 120)
    person, stay_end = person[chosen], stays["end"].to_numpy()[chosen]
    start = stays["start"].to_numpy()[chosen] + rng.integers(-10, 120, len(person))
    contracts = []
    for renewal in range(9):
        alive = (start < stay_end) & (start < settings.end_day - 5)
        person, stay_end, start = person[alive], stay_end[alive], start[alive]
        if len(person) == 0:
            break
        size = len(person)
        end = start + rng.choice([365, 730, 1095], size=size, p=[0.62, 0.25, 0.13]) - 1
        decision = rng.choice(np.array(["granted", "refused", "withdrawn"]), size=size, p=[0.93, 0.055, 0.015])
        contracts.append(
            pl.DataFrame(
                {
                    "person": person,
                    "start": start,
                    "end": end,
                    "visa_date": start,
                    "renewal": np.full(size, renewal > 0),
                    "decision": decision,
                }
            )
        )
        fate = rng.random(size)
        gap = np.where(fate < 0.66, 0, rng.integers(3, 120, size))
        gap[fate > 0.84] = 5000
        start = end + 1 + gap
    return pl.concat(contracts).filter(pl.col("end") >= settings.start_day).sort("person", "start")


@dataclass(frozen=True)
class Employment:
    """Insured work.

    Attributes:
        months: `person`, `month` (months since 1970), `employer_no`, `days`, `pay_centimes`, `situation`, `declared`,
            `number` (0 first insured number, 1 second): what was truly worked; one row a month and employer.
        numbers: `person`, `number`, `social_security_no`.
    """

    months: pl.DataFrame
    numbers: pl.DataFrame


def _months(day: np.ndarray[tuple[int], np.dtype[np.int64]]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return months since 1970 of days since 1970."""
    return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def employ(population: Population, stays: pl.DataFrame, seed: int, settings: Settings) -> Employment:
    """Draw jobs during stays and the months declared for them."""
    rng = stream(seed, 5)
    first, last = _months(np.array([settings.start_day, settings.end_day], dtype=np.int64)).tolist()
    person = stays["person"].to_numpy()
    chance = np.zeros(len(person))
    for kinds, share in (
        (("worker",), 0.68),
        (("family",), 0.12),
        (("student",), 0.05),
        (("irregular",), 0.05),
        (("national",), 0.75),
        (("returnee", "emigrant"), 0.35),
    ):
        chance[population.of_kind(*kinds)[person]] = share
    lasting = (stays["end"] - stays["start"]).to_numpy() > 100
    chosen = (rng.random(len(person)) < chance) & lasting
    person = person[chosen]
    adult = population.birth_day[person] + 16 * 366
    lag = np.minimum(rng.geometric(0.42, len(person)) - 1, 14)
    begin = _months(np.maximum(stays["start"].to_numpy()[chosen], adult)) + lag
    finish = np.minimum(_months(stays["end"].to_numpy()[chosen]), last)
    jobs = _jobs(rng, person, begin, finish)
    jobs = jobs.filter((pl.col("finish") > first) & (pl.col("finish") > pl.col("begin")))
    months = (
        jobs.with_columns(month=pl.int_ranges(pl.max_horizontal("begin", pl.lit(first)), "finish"))
        .explode("month", empty_as_null=False)
        .select("person", "job", "month", "pay")
    )
    employers = employer_numbers(rng, max(50, len(jobs) // 6))
    # Employers differ in size: the square leans to the first ones.
    employer = employers[(rng.random(len(jobs)) ** 2 * len(employers)).astype(np.int64)]
    job_employer = jobs.select("job").with_columns(employer_no=pl.Series(employer.tolist()))
    months = months.join(job_employer, on="job", how="left", maintain_order="left")
    months = _declare(rng, months, population, last)
    numbers = _numbers(rng, months["person"].unique().sort().to_numpy())
    second = numbers.filter(pl.col("number") == 1)["person"]
    # A second number comes with the second employer, whose clerk did not ask for the first.
    has_second = pl.col("person").is_in(second.implode())
    later_job = pl.col("job").gt(pl.col("job").min().over("person"))
    months = months.with_columns(number=has_second.and_(later_job).cast(pl.Int64))
    numbers = numbers.join(
        months.filter("declared").select("person", "number").unique(), on=["person", "number"], how="semi"
    ).sort("person", "number")
    return Employment(months=months.drop("job", "pay"), numbers=numbers)


def _jobs(
    rng: np.random.Generator,
    person: np.ndarray[tuple[int], np.dtype[np.int64]],
    begin: np.ndarray[tuple[int], np.dtype[np.int64]],
    finish: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> pl.DataFrame:
    """Chain up to five jobs within each span of months, some overlapping as second jobs."""
    parts = []
    start = begin
    for _ in range(5):
        alive = start < finish
        person, finish, start = person[alive], finish[alive], start[alive]
        length = 3 + rng.exponential(26, len(person)).astype(np.int64)
        stop = np.minimum(start + length, finish)
        pay = rng.lognormal(12.95, 0.55, len(person)).astype(np.int64)
        parts.append(pl.DataFrame({"person": person, "begin": start, "finish": stop, "pay": pay}))
        beside = rng.random(len(person)) < 0.06
        parts.append(parts[-1].filter(pl.Series(beside)).with_columns(pay=pl.col("pay") // 3))
        start = stop + np.where(rng.random(len(person)) < 0.45, 0, rng.geometric(0.25, len(person)))
    return pl.concat(parts).sort("person", "begin", "finish", "pay").with_row_index("job")


def _declare(rng: np.random.Generator, months: pl.DataFrame, population: Population, last: int) -> pl.DataFrame:
    """Give every month its days, pay and situation, and say whether it reached the register."""
    size = len(months)
    person = months["person"].to_numpy()
    days = np.full(size, 26)
    partial = rng.random(size) < 0.22
    days[partial] = rng.integers(1, 26, int(partial.sum()))
    situation = np.full(size, "", dtype=object)
    odd = rng.random(size) < 0.02
    codes = np.array(["SO", "IT", "IL", "AT", "CS", "MS", "MP"], dtype=object)
    situation[odd] = rng.choice(codes, size=int(odd.sum()), p=[0.4, 0.12, 0.24, 0.08, 0.1, 0.05, 0.01])
    days[odd & np.isin(situation, ["CS", "MS", "IT"])] = 0
    declared = rng.random(size) >= 0.06
    # Late declarations: at the extract some employers lag one to three months behind.
    late = rng.random(len(population)) < 0.25
    behind = rng.integers(1, 4, len(population))
    declared &= ~(late[person] & (months["month"].to_numpy() >= last - behind[person]))
    pay = (months["pay"].to_numpy() * days // 26).astype(np.int64)
    return months.with_columns(
        days=pl.Series(days),
        pay_centimes=pl.Series(pay),
        situation=pl.Series(situation.tolist(), dtype=pl.String),
        declared=pl.Series(declared),
    )


def _numbers(rng: np.random.Generator, person: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pl.DataFrame:
    """Insured numbers: 5 % of the insured get a second one, a few use somebody else's, a few have none."""
    second = person[rng.random(len(person)) < 0.09]
    numbers = pl.DataFrame(
        {
            "person": np.concatenate([person, second]),
            "number": np.concatenate([np.zeros(len(person), np.int64), np.ones(len(second), np.int64)]),
        }
    ).sort("person", "number")
    values = insured_numbers(rng, len(numbers))
    shared = np.flatnonzero(rng.random(len(values)) < 0.004)
    values[shared] = values[rng.integers(0, len(values), len(shared))]
    without = np.flatnonzero(rng.random(len(values)) < 0.012)
    values[without] = rng.choice(np.array(["000000000", "999999999"], dtype=object), size=len(without))
    return numbers.with_columns(social_security_no=pl.Series(values.tolist(), dtype=pl.String))
