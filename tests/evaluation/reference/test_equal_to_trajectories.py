"""With perfect links the product's indicators equal the recorded truth of a synthetic country exactly."""

import polars as pl

from evaluation.reference.histories import birth_year_of
from evaluation.synthetic import WINDOW_END, WINDOW_START, SyntheticCountry, generate
from evaluation.synthetic.truth import indicators_recorded
from trajectories.indicators import compute_indicators
from trajectories.tables import LinkedRegisters, Window


def perfectly_linked(country: SyntheticCountry) -> LinkedRegisters:
    parts = []
    for name, register in country.registers.items():
        table = register.identity.join(register.person, on="record_id", maintain_order="left")
        years = [birth_year_of(written or "", WINDOW_END.year) for written in table["birth_date"]]
        nationality = table["nationality"] if "nationality" in table.columns else pl.Series([""] * len(table))
        parts.append(
            pl.DataFrame(
                {
                    "register": [name] * len(table),
                    "record": table["record_id"],
                    "person_id": [f"P{person:07d}" for person in table["person"]],
                    "birth_year": pl.Series(years, dtype=pl.Int64),
                    "sex": table["sex"].fill_null(""),
                    "nationality": nationality.fill_null(""),
                }
            )
        )
    events = {
        name: register.events.rename({"record_id": "record"}).with_columns(pl.all().fill_null(""))
        for name, register in country.registers.items()
    }
    return LinkedRegisters(pl.concat(parts), events)


def test_trajectories_equal_the_recorded_truth() -> None:
    country = generate(1500, seed=3)
    window = Window(WINDOW_START, WINDOW_END)
    computed = {tuple(row[:5]): row[5] for row in compute_indicators(perfectly_linked(country), window).iter_rows()}
    recorded = {tuple(row[:5]): row.value for row in indicators_recorded(country)}
    assert computed == recorded
    assert sum(1 for value in recorded.values() if value) > 400
