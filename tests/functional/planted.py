"""Plants one distinctive person in all six registers, and says what must never be seen of that person outside them."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from contract.fields import STANDARD_FIELDS
from contract.registers import REGISTERS
from pseudonymisation.normalisation import FieldMapping, normalise

FAMILY, GIVEN = "Quetzalworthington", "Bartholomzewina"
FAMILY_AR, GIVEN_AR = "قطزلورثنغطونخ", "برثلمزوينةظغ"
PASSPORT, CIN, CARD, INSURED = "ZQ7741993", "ZQ774199", "ZQA774199", "177419937"
CONTRACT, CONSULAR = "CZQ7741993", "KZQ7741993"
BORN = "1931-02-28"  # the year alone may travel
ADDRESS, BIRTH_PLACE = "7741 impasse Zembrounguet", "Zamboangavillette"
CROSSED = "2022-05-05T03:17:43"  # the day alone may travel
EMPLOYER, EMPLOYER_NO = "774199300774199", "7741-993-77"  # travel as pseudonyms
PAY_CENTIMES = "77419931"  # travels as a band

PERSON = {"birth_date": BORN, "sex": "F", "nationality": "PHL"}
LATIN = {"family_name": FAMILY, "given_names": GIVEN}
ARABIC = {"family_name_ar": FAMILY_AR, "given_names_ar": GIVEN_AR}
IDENTITIES: dict[str, dict[str, str]] = {
    "border_crossing": {
        "doc_type": "P",
        "doc_no": PASSPORT,
        "doc_country": "PHL",
        "family_name": FAMILY.upper(),
        "given_names": GIVEN.upper(),
        **PERSON,
        "birth_date": "310228",
    },
    "residence_permit": {
        "card_no": CARD,
        "passport_no": PASSPORT,
        **LATIN,
        **ARABIC,
        "address": ADDRESS,
        "birth_place": BIRTH_PLACE,
        "birth_country": "PHL",
        **PERSON,
    },
    "work_contract": {"contract_no": CONTRACT, "passport_no": PASSPORT, "residence_card_no": CARD, **LATIN, **PERSON},
    "social_security": {
        "social_security_no": INSURED,
        "national_id": CARD[:8],
        "full_name": f"{GIVEN} {FAMILY}".upper(),
        **PERSON,
    },
    "placement": {"national_id": CIN, "passport_no": PASSPORT, **LATIN, **PERSON},
    "consular": {
        "consular_no": CONSULAR,
        "national_id": CIN,
        "passport_no": PASSPORT,
        **LATIN,
        **ARABIC,
        "birth_date": BORN,
        "sex": "F",
        "birth_place": BIRTH_PLACE,
    },
}
EVENTS: dict[str, dict[str, str]] = {
    "border_crossing": {"crossed_at": CROSSED, "direction": "entry", "post": "RAK", "mode": "air"},
    "residence_permit": {
        "permit_type": "residence",
        "motive": "work",
        "issued_on": "2022-06-01",
        "valid_from": "2022-06-01",
        "valid_to": "2024-05-31",
        "first_or_renewal": "first",
    },
    "work_contract": {
        "employer_id": EMPLOYER,
        "activity": "43",
        "occupation": "3115",
        "monthly_pay": "7741",
        "start": "2022-06-01",
        "end": "2024-05-31",
        "first_or_renewal": "first",
        "decision": "granted",
    },
    "social_security": {
        "employer_no": EMPLOYER_NO,
        "period": "2022-07",
        "days": "26",
        "pay_centimes": PAY_CENTIMES,
    },
    "placement": {"kind": "attestation", "outcome": "exempt", "country": "MAR", "start": "2022-06-01"},
    "consular": {"country": "NLD", "post": "Rotterdam", "registered_on": "2023-01-01", "purpose": "work"},
}


def record_id(register: str) -> str:
    """Return the planted record's id in a register."""
    return f"zqplant-{register}-7741993"


def plant(source: Path, target: Path) -> None:
    """Copy canonical register files and add the planted person's record and event to each."""
    target.mkdir(parents=True, exist_ok=True)
    for name in REGISTERS:
        for ending, values in (("", IDENTITIES[name]), ("_events", EVENTS[name])):
            frame = pl.read_csv(source / f"{name}{ending}.csv", infer_schema=False)
            row = {"record_id": record_id(name), **values}
            assert set(row) <= set(frame.columns)
            pl.concat([frame, pl.DataFrame([row])], how="diagonal").select(frame.columns).write_csv(
                target / f"{name}{ending}.csv"
            )


def texts() -> dict[str, str]:
    """Return name to value of everything that may not leave, in the file's and in the normalised forms."""
    year, month, day = BORN.split("-")
    found = {
        "passport": PASSPORT,
        "national id": CIN,
        "card": CARD,
        "insured number": INSURED,
        "contract": CONTRACT,
        "consular number": CONSULAR,
        "family name": FAMILY,
        "given name": GIVEN,
        "Arabic family name": FAMILY_AR,
        "Arabic given name": GIVEN_AR,
        "address": ADDRESS,
        "street": ADDRESS.rpartition(" ")[2],
        "birth place": BIRTH_PLACE,
        "birth date": BORN,
        "birth date, compact": f"{year}{month}{day}",
        "birth date, French": f"{day}/{month}/{year}",
        "crossing": CROSSED,
        "employer": EMPLOYER,
        "employer number": EMPLOYER_NO,
        "pay": PAY_CENTIMES,
        **{f"record id of {name}": record_id(name) for name in REGISTERS},
    }
    for name, register in IDENTITIES.items():
        frame = pl.DataFrame([register])
        fields = {
            column: FieldMapping(column, STANDARD_FIELDS[column], any_document=name == "social_security")
            if column == "national_id"
            else FieldMapping(column, STANDARD_FIELDS[column])
            for column in frame.columns
            if column in STANDARD_FIELDS
        }
        normalised = normalise(frame, fields).frame
        for column, value in normalised.to_dicts()[0].items():
            if isinstance(value, str) and len(value) >= 7:
                found[f"{name}: {column}, normalised"] = value
    return found
