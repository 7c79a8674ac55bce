"""The catalogues: every text in every language, with the same values, and no English left in the others."""

from __future__ import annotations

import re
from string import Formatter

import pytest

from contract.agreement import Agreement, PayloadColumn
from contract.audit_report import _WORDS, ControlFigures
from contract.errors import InputError
from contract.registers import REGISTERS
from evaluation.audit_report.language import CODES, texts

KEYS = [(section, key) for section, held in texts("en").catalogue.items() for key in held]
ENGLISH = re.compile(r"\b(the|and|of|with|are|who|not|which|rows|persons|named|found|than|register|pay|birth)\b", re.I)
VALUE = re.compile(r"\{\w+\}")
ALLOWED_LATIN = re.compile(r"\b(SHA-256|Wasl|Python|NumPy|Polars|F1)\b|\{\w+\}")


@pytest.mark.parametrize("code", CODES)
def test_no_text_is_missing_and_values_are_the_same(code: str) -> None:
    catalogue = texts(code).catalogue
    assert {(section, key) for section, held in catalogue.items() for key in held} == set(KEYS)
    for section, key in KEYS:
        wanted, given = (
            sorted(name for _, name, _, _ in Formatter().parse(texts(one).catalogue[section][key]) if name)
            for one in ("en", code)
        )
        assert wanted == given, (code, section, key)
        assert catalogue[section][key].strip()


def test_no_english_is_left_over() -> None:
    for section, key in KEYS:
        french, arabic = (texts(code).catalogue[section][key] for code in ("fr", "ar"))
        assert not ENGLISH.search(VALUE.sub("", french)), (section, key)
        assert not re.search("[A-Za-z]", ALLOWED_LATIN.sub("", arabic)), (section, key)


def test_everything_a_report_can_name_has_a_text() -> None:
    catalogue = texts("en").catalogue
    assert set(_WORDS) == set(catalogue["reasons"])
    assert set(ControlFigures.model_fields["name"].annotation.__args__) == set(catalogue["controls"])
    assert set(REGISTERS) == set(catalogue["registers"])
    rules = set(PayloadColumn.model_fields["coarsen"].annotation.__args__)
    assert rules <= set(catalogue["coarsening"])
    named = {column for one in REGISTERS.values() for column in (*one.identity, *one.attributes, *one.events)}
    assert named <= set(catalogue["columns"])
    assert set(catalogue["roles"]) == {"institution", "linkage_unit", "statistics_unit", "privacy_officer"}
    assert set(catalogue["profiles"]) == {"blind_blocks", "record", "clear"}
    assert Agreement.model_fields["profile"] is not None


def test_another_language_is_refused() -> None:
    with pytest.raises(InputError):
        texts("de")
