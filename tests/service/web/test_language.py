"""Catalogues are complete, and a request gets the language it asks for."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from babel.messages.pofile import read_po
from starlette.requests import Request

from service.web import texts
from service.web.language import CATALOGUES, language_of, languages
from tests.service.web.messages import extracted

_PLACE = re.compile(r"%\((\w+)\)s")


@pytest.mark.parametrize("code", ["fr", "ar"])
def test_no_message_is_missing_or_left_over(code: str) -> None:
    with (CATALOGUES / f"{code}.po").open("rb") as source:
        catalogue = read_po(source, locale=code, abort_invalid=True)
    translated = {str(message.id): str(message.string) for message in catalogue if message.id}
    assert set(translated) == set(extracted())
    assert not [message for message, text in translated.items() if not text.strip()]
    assert not catalogue.obsolete
    assert not [message.id for message in catalogue if message.fuzzy and message.id]
    for message, text in translated.items():
        assert sorted(_PLACE.findall(text)) == sorted(_PLACE.findall(message)), message


def test_every_code_of_a_run_or_indicator_has_a_text() -> None:
    from service.runs.port import RunState
    from service.runs.queue import STAGES
    from service.submissions.models import SubmissionState
    from service.web.indicator_texts import EXTENDED as NAMES
    from service.web.indicator_texts import STATES
    from trajectories.breakdowns import ALL_BREAKDOWNS
    from trajectories.definitions import INDICATORS
    from trajectories.extended import EXTENDED
    from trajectories.measures import stocks

    assert {stage for stages in STAGES.values() for stage in stages} == set(texts.STAGES)
    reference = {item.code for item in INDICATORS}
    assert reference == set(texts.INDICATORS)
    others = {item.code for item in EXTENDED if not item.code.startswith("transition_")}
    assert others - reference == set(NAMES)
    assert set(STATES) == set(stocks.STATES)
    assert set(texts.BREAKDOWNS) == set(ALL_BREAKDOWNS)
    assert {*RunState, *SubmissionState} <= set(texts.STATES)


def request(query: str = "", cookie: str = "", accepts: str = "") -> Any:
    headers = [(b"cookie", cookie.encode()), (b"accept-language", accepts.encode())]
    return Request({"type": "http", "method": "GET", "path": "/", "query_string": query.encode(), "headers": headers})


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "fr"),
        ({"accepts": "ar-MA,fr;q=0.8"}, "ar"),
        ({"accepts": "de, en-US;q=0.5, fr;q=0.9"}, "fr"),
        ({"accepts": "de;q=x, ,;"}, "fr"),
        ({"accepts": "en;q=0, ar;q=0.1"}, "ar"),
        ({"cookie": "wasl-language=en", "accepts": "ar"}, "en"),
        ({"query": "lang=ar", "cookie": "wasl-language=en"}, "ar"),
        ({"query": "lang=xx", "cookie": "wasl-language=yy"}, "fr"),
    ],
)
def test_a_request_gets_the_language_it_asks_for(asked: dict[str, str], code: str) -> None:
    assert language_of(request(**asked)).code == code


def test_numbers_dates_and_lists_are_written_as_the_language_does() -> None:
    french, arabic, english = (languages()[code] for code in ("fr", "ar", "en"))
    assert french.number(12345) == "12\u202f345"
    assert (french.percent(0.213, 1), english.percent(0.213, 1)) == ("21,3\xa0%", "21.3%")
    moment = datetime(2026, 3, 1, 17, 55, tzinfo=UTC)
    assert english.moment(moment) == english.moment(moment.isoformat()) == "1 Mar 2026 17:55 UTC"
    assert french.date(date(2026, 3, 1)) == "1 mars 2026"
    assert english.together(["a", "b", "c"]) == "a, b and c"
    assert [english.duration(seconds) for seconds in (0.2, 59, 90, 5400)] == ["1 s", "59 s", "2 min", "1.5 h"]
    assert arabic.text(texts.STEPS["released"][0], {"vintage": "2024-12"}).count("\u2068") == 1
