"""The population and its registers: schema, numbers, twins, errors, determinism."""

import hashlib
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from stdnum.ma import ice

from contract.registers import REGISTERS
from evaluation.reference.indicators import COLUMNS
from evaluation.synthetic import PopulationTooSmallError, Settings, SyntheticCountry, generate, write
from evaluation.synthetic.canonical import SCHEMA
from evaluation.synthetic.settings import stream

WRITE = """
import sys
from pathlib import Path
from evaluation.synthetic import generate, write
write(generate(300, 11), Path(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def written(country: SyntheticCountry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("country")
    write(country, directory)
    return directory


def digest(directory: Path) -> str:
    state = hashlib.sha256()
    for path in sorted(p for p in directory.rglob("*") if p.is_file()):
        state.update(path.relative_to(directory).as_posix().encode())
        state.update(path.read_bytes())
    return state.hexdigest()


def read(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False)


def test_same_seed_same_bits_whatever_the_process_and_hash_seed(tmp_path: Path) -> None:
    write(generate(300, 11), tmp_path / "here")
    for hash_seed, folder in (("1", "one"), ("2", "two")):
        environment = {"PYTHONHASHSEED": hash_seed, "POLARS_MAX_THREADS": hash_seed, "PATH": ""}
        subprocess.run([sys.executable, "-c", WRITE, str(tmp_path / folder)], check=True, env=environment)
    assert digest(tmp_path / "here") == digest(tmp_path / "one") == digest(tmp_path / "two")
    write(generate(300, 12), tmp_path / "other")
    assert digest(tmp_path / "here") != digest(tmp_path / "other")


def test_files_have_exactly_the_canonical_columns(written: Path) -> None:
    assert set(SCHEMA) == set(REGISTERS)
    for name, schema in REGISTERS.items():
        identity, events = read(written / f"{name}.csv"), read(written / f"{name}_events.csv")
        assert identity.columns == ["record_id", *schema.identity, *schema.attributes]
        assert events.columns == ["record_id", *schema.events]
        assert identity["record_id"].is_unique().all()
        assert set(events["record_id"]) <= set(identity["record_id"])
        assert len(identity) > 100


def test_dataset_description_names_existing_columns_and_truth_covers_all_records(written: Path) -> None:
    description = tomllib.loads((written / "dataset.toml").read_text(encoding="utf-8"))
    truth = read(written / "truth.csv")
    assert truth.columns == ["register", "record_id", "entity_id"]
    for register in description["register"]:
        table = read(written / register["file"])
        columns = {c if isinstance(c, str) else c["column"] for c in register["fields"].values()}
        assert columns <= set(table.columns)
        assert register["rows_per_person"] == "many"
        recorded = truth.filter(pl.col("register") == register["name"])["record_id"]
        assert sorted(recorded) == sorted(table["record_id"])
    assert set(truth["entity_id"]) <= set(read(written / "truth" / "persons.csv")["entity_id"])


def test_truth_tables(written: Path) -> None:
    for name in ("indicators_true", "indicators_recorded"):
        table = read(written / "truth" / f"{name}.csv")
        assert table.columns == list(COLUMNS)
        assert set(table["protected"]) == {"false"}
        assert set(table["period"]) == {"2019", "2020", "2021", "2022", "2023", "2024"}
    assert digest_of_column(written, "indicators_true") != digest_of_column(written, "indicators_recorded")
    spells = read(written / "truth" / "spells.csv")
    assert set(spells["channel"]) == {"presence", "permit", "authorised_work", "insured_work"}
    assert (spells["start"] < spells["end"]).all()
    assert spells["start"].min() >= "2019-01-01"  # type: ignore[operator]
    assert spells["end"].max() <= "2025-01-01"  # type: ignore[operator]
    unseen = spells.filter((pl.col("channel") == "presence") & (pl.col("end") < "2025-01-01"))["seen_end"] == "false"
    assert 0.02 < unseen.mean() < 0.15  # type: ignore[operator]


def digest_of_column(written: Path, name: str) -> list[str | None]:
    return read(written / "truth" / f"{name}.csv")["value"].to_list()


def test_insured_numbers_have_the_check_digit_or_are_sentinels(country: SyntheticCountry) -> None:
    numbers = country.registers["social_security"].identity["social_security_no"].to_list()
    sentinels = [n for n in numbers if n in ("000000000", "999999999")]
    assert 0 < len(sentinels) < 0.03 * len(numbers)
    for number in set(numbers) - set(sentinels):
        c = [int(digit) for digit in number]
        assert len(c) == 9
        assert c[0] == 1
        assert c[8] == (10 - ((c[1] + c[3] + c[5] + c[7]) * 2 + c[2] + c[4] + c[6]) % 10) % 10


def test_common_employer_identifiers_are_valid(country: SyntheticCountry) -> None:
    given = country.registers["work_contract"].events["employer_id"].drop_nulls()
    assert given.len() > 0
    assert all(ice.is_valid(number) for number in given.to_list())


def test_employer_numbers_have_the_check_digit(country: SyntheticCountry) -> None:
    for number in country.registers["social_security"].events["employer_no"].unique():
        c = [int(digit) for digit in number]
        assert len(c) == 7
        assert c[6] == (10 - ((c[1] + c[3] + c[5]) * 2 + c[2] + c[4]) % 10) % 10


def test_some_have_two_insured_numbers_and_few_numbers_two_people(country: SyntheticCountry) -> None:
    table = country.registers["social_security"]
    joined = table.identity.join(table.person, on="record_id")
    real = joined.filter(~pl.col("social_security_no").is_in(["000000000", "999999999"]))
    two_numbers = (real.group_by("person").len()["len"] > 1).mean()
    assert 0.01 < two_numbers < 0.10  # type: ignore[operator]
    people = real.group_by("social_security_no").agg(pl.col("person").n_unique())["person"]
    assert 0 < (people > 1).sum() < 0.02 * len(people)


def test_twins_share_birth_and_family_name_but_not_given_names(country: SyntheticCountry) -> None:
    population = country.population
    firsts = np.flatnonzero(population.twin_of > np.arange(len(population)))
    seconds = population.twin_of[firsts]
    assert len(firsts) == 20
    assert (population.birth_day[firsts] == population.birth_day[seconds]).all()
    assert (population.family[firsts] == population.family[seconds]).all()
    assert (population.given[firsts] != population.given[seconds]).mean() > 0.9


def test_namesakes_share_names_sex_and_nationality(country: SyntheticCountry) -> None:
    population = country.population
    firsts = np.flatnonzero(population.namesake_of > np.arange(len(population)))
    seconds = population.namesake_of[firsts]
    assert len(firsts) == 30
    for column in (population.family, population.given, population.nationality, population.female):
        assert (column[firsts] == column[seconds]).all()
    same_day = population.birth_day[firsts] == population.birth_day[seconds]
    assert 0 < same_day.sum() < len(firsts) / 2


def test_border_names_are_in_mrz_form(country: SyntheticCountry) -> None:
    table = country.registers["border_crossing"].identity
    for column in ("family_name", "given_names"):
        assert table[column].drop_nulls().str.contains(r"^[A-Z0-9]+( [A-Z0-9]+)*$").all()
    lengths = table["family_name"].str.len_chars() + 2 + table["given_names"].str.len_chars()
    assert lengths.max() <= 39  # type: ignore[operator]
    assert table["birth_date"].drop_nulls().str.contains(r"^\d{6}$").all()


def test_social_security_fields_are_cut_and_upper_case(country: SyntheticCountry) -> None:
    table = country.registers["social_security"].identity
    assert table["full_name"].str.len_chars().max() <= 60  # type: ignore[operator]
    assert table["full_name"].str.contains(r"^[A-Z0-9 ]+$").all()
    assert table["national_id"].str.len_chars().max() <= 8  # type: ignore[operator]


def test_the_named_errors_are_there(country: SyntheticCountry) -> None:
    permits = country.registers["residence_permit"].identity
    people = permits.join(country.registers["residence_permit"].person, on="record_id")
    by_person = people.group_by("person").agg(pl.col("passport_no", "family_name", "card_no").n_unique())
    assert (by_person["passport_no"] > 1).sum() > 50  # renewed passports
    assert (by_person["card_no"] > 1).sum() > 50  # renewed cards
    assert people["family_name_ar"].null_count() > 0
    assert people["birth_date"].str.contains(r"^\d{4}(-00-00)?$").sum() > 0
    assert people["birth_date"].str.ends_with("-01-01").sum() > 0.01 * len(people)
    assert permits["sex"].null_count() > 0
    withdrawn = country.registers["residence_permit"].events["withdrawn_on"].drop_nulls()
    assert len(withdrawn) > 0
    assert (country.population.new_nationality != "").sum() > 10


def test_no_person_crosses_twice_on_one_day_and_children_do_not_work(country: SyntheticCountry) -> None:
    crossings = country.movements.crossings
    assert not crossings.select("person", "day").is_duplicated().any()
    months = country.lives.employment.months
    age = (
        months["month"].to_numpy() / 12
        + 1970
        - (country.population.birth_day[months["person"].to_numpy()] / 365.25 + 1970)
    )
    assert age.min() > 15


def test_presence_spells_of_a_person_are_disjoint(country: SyntheticCountry) -> None:
    presence = country.movements.presence.sort("person", "start")
    assert (presence["start"] < presence["end"]).all()
    following = presence.with_columns(next=pl.col("start").shift(-1).over("person")).drop_nulls("next")
    assert (following["end"] < following["next"]).all()


def test_realistic_nationalities(country: SyntheticCountry) -> None:
    population = country.population
    foreign = population.nationality[~population.moroccan]
    assert {"SEN", "CIV", "MLI", "GIN", "CMR", "FRA", "ESP", "SYR", "PHL", "CHN", "DZA", "TUN"} <= set(foreign)
    assert 0.7 < len(foreign) / len(population) < 0.8


def test_another_window_moves_everything(tmp_path: Path) -> None:
    from datetime import date

    settings = Settings(start=date(2015, 1, 1), end=date(2018, 1, 1))
    write(generate(200, 3, settings), tmp_path)
    crossed = read(tmp_path / "border_crossing_events.csv")["crossed_at"]
    assert crossed.min() >= "2015-01-01"  # type: ignore[operator]
    assert crossed.max() < "2018-01-01"  # type: ignore[operator]
    assert set(read(tmp_path / "truth" / "indicators_true.csv")["period"]) == {"2015", "2016", "2017"}


def test_too_small() -> None:
    with pytest.raises(PopulationTooSmallError) as raised:
        generate(10, 1)
    assert "more persons" in raised.value.diagnostics()


def test_streams_are_independent() -> None:
    assert stream(1, 2).integers(1 << 60) != stream(1, 3).integers(1 << 60)
