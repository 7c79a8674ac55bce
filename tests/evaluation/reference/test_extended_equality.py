"""The vectorised extended measures give exactly what the plain reference implementation gives, on messy registers."""

from datetime import date

import numpy as np
import pytest

from evaluation.reference.extended import reference_counts
from evaluation.reference.histories import histories
from evaluation.reference.indicators import observed_years
from tests.evaluation.test_reference_equality import linked_registers, messy_country
from trajectories.breakdowns import ALL_BREAKDOWNS, breakdowns_of
from trajectories.channels import build_channels
from trajectories.measures import count_extended
from trajectories.persons import describe_persons
from trajectories.tables import Window

#: Whole years: months from arrival to the window's end are then whole too.
WINDOWS = (Window(date(2016, 1, 1), date(2023, 1, 1)), Window(date(2018, 7, 1), date(2022, 3, 1)))
FIRST = ("arrived", "reached_", "insured_by_", "left_by_")
MEASURES = (
    "working_age_stock",
    "non_resident_workers",
    "gap_",
    "state_",
    "transition_",
    "observed_",
    "retained_",
    *FIRST,
)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_extended_counts_and_times_equal_the_reference(seed: int, window: Window) -> None:
    registers, links = messy_country(seed, 150, window)
    people = histories(registers, links, window.start, window.end)
    counts, times = reference_counts(people.values(), window.start, window.end)
    channels = build_channels(linked_registers(registers, links, window), window)
    figures = count_extended(channels, breakdowns_of(channels, describe_persons(channels), ALL_BREAKDOWNS))

    found = {key: int(row[0]) for key, row in figures.counts.items() if key[0].startswith(MEASURES)}
    years = observed_years(window.start, window.end)
    expected = {key: n for key, n in counts.items() if n and key[2] in years}
    assert {
        key: n for key, n in found.items() if n and key[0] not in {"gap_exempt", "gap_expired", "gap_none"}
    } == expected

    spread = {
        (name, year, int(month)): int(rows[0][month])
        for (name, _, year), rows in figures.histograms.items()
        if name.startswith(("time_", "first_"))
        for month in np.flatnonzero(rows[0])
    }
    assert spread == {key: n for key, n in times.items() if key[1] in years}


def test_every_breakdown_sums_to_the_total() -> None:
    window = WINDOWS[0]
    registers, links = messy_country(4, 150, window)
    channels = build_channels(linked_registers(registers, links, window), window)
    figures = count_extended(channels, breakdowns_of(channels, describe_persons(channels), ALL_BREAKDOWNS))
    names = np.array([breakdown for breakdown, _ in figures.categories])
    for row in figures.counts.values():
        assert {int(row[names == name].sum()) for name in ALL_BREAKDOWNS} == {int(row[0])}


def test_the_accounting_identities_hold() -> None:
    window = WINDOWS[0]
    registers, links = messy_country(5, 200, window)
    channels = build_channels(linked_registers(registers, links, window), window)
    counts = count_extended(channels, breakdowns_of(channels, describe_persons(channels))).counts
    for year in window.years()[1:]:
        for stock, name, residences in (
            ("working_age_stock", "working_age", ("12_16", "6_12")),
            ("workers_insured", "insured_workers", ("all",)),
            ("workers_authorised", "authorised_workers", ("all",)),
        ):
            for residence in residences:
                entries, exits, ageing, before = (
                    counts[f"{name}_{part}", residence, year] for part in ("entries", "exits", "ageing", "start")
                )
                assert (counts[stock, residence, year] == before + entries - exits + ageing).all()
                assert counts[stock, residence, year - 1][0] == before[0]
