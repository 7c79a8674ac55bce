"""The aggregate diagnosis of producers' data."""

from tests.trajectories.builders import linked, person
from trajectories.diagnosis import DIAGNOSIS_SCHEMA, diagnose


def test_missing_invalid_and_unmapped_cells_are_counted_by_column() -> None:
    registers = linked(
        person(
            permits=[("2020-01-10", "2020-13-31", "", "registration", "", "work", "Rabat")],
            contracts=[("2020-01-10", "2020-12-31", "granted", "41", "", "7112"), ("2020", "", "maybe", "04", "", "x")],
            months="2020-05:x 2020-5:26:E:ZZ",
        ),
        invalid="skip",
    )
    found = diagnose(registers)
    assert dict(found.schema) == DIAGNOSIS_SCHEMA
    counts = {
        (row["register"], row["column"]): (row["missing"], row["invalid"], row["unmapped"])
        for row in found.to_dicts()
        if row["missing"] or row["invalid"] or row["unmapped"]
    }
    assert counts == {
        ("residence_permit", "issued_on"): (1, 0, 0),
        ("residence_permit", "valid_to"): (0, 1, 0),
        ("residence_permit", "withdrawn_on"): (1, 0, 0),
        ("work_contract", "activity"): (0, 0, 1),
        ("work_contract", "decision"): (0, 0, 1),
        ("work_contract", "end"): (1, 0, 0),
        ("work_contract", "occupation"): (0, 0, 1),
        ("work_contract", "start"): (0, 1, 0),
        ("work_contract", "visa_date"): (2, 0, 0),
        ("social_security", "days"): (0, 1, 0),
        ("social_security", "employer_no"): (1, 0, 0),
        ("social_security", "pay_centimes"): (2, 0, 0),
        ("social_security", "period"): (0, 1, 0),
        ("social_security", "situation"): (1, 0, 1),
    }
    assert set(found.filter(register="work_contract", column="activity")["rule"]) == {"isic4_division_section/1"}


def test_a_register_that_is_missing_is_not_diagnosed() -> None:
    assert "border_crossing" in set(diagnose(linked(person(crossings="in 2020-01-01")))["register"])
    assert "consular" not in set(diagnose(linked(person()))["register"])
