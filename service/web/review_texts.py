"""Texts of the page of clerical review, by code."""

from __future__ import annotations

from typing import Final

from service.web.texts import msg

LISTINGS: Final = {
    "borderline": msg("Borderline pairs"),
    "sample": msg("Calibration sample"),
    "decided": msg("Decided pairs"),
}
VERDICTS: Final = {
    "same": msg("same person"),
    "different": msg("two persons"),
    "undone": msg("undone"),
}
FIELDS: Final = {
    "given": msg("Given names"),
    "family": msg("Family name"),
    "order": msg("Order of names"),
    "full": msg("Full name"),
    "birth_date": msg("Birth date"),
    "birth_year": msg("Birth year"),
    "documents": msg("Documents"),
    "sex": msg("Sex"),
    "nationality": msg("Nationality"),
    "birth_country": msg("Country of birth"),
    "birth_place": msg("Place of birth"),
    "address": msg("Address"),
    "similarity": msg("Similarity of the whole record"),
    "activity": msg("Activity"),
    "occupation": msg("Occupation"),
    "employer_id": msg("Employer"),
    "employer_no": msg("Employer"),
    "prefecture": msg("Prefecture"),
    "post": msg("Post"),
    "country": msg("Country"),
}
LEVELS: Final = {
    "missing": msg("missing on a side"),
    "exact_very_common": msg("equal, very common"),
    "exact_common": msg("equal, common"),
    "exact_known": msg("equal"),
    "exact_rare": msg("equal, rare"),
    "exact": msg("equal"),
    "equal": msg("equal"),
    "close": msg("very close"),
    "near": msg("close"),
    "partial": msg("partly equal"),
    "weak": msg("hardly alike"),
    "different": msg("different"),
    "straight": msg("same order"),
    "swapped": msg("swapped"),
    "month_day_swapped": msg("day and month swapped"),
    "year_month": msg("year and month equal"),
    "year_day": msg("year and day equal"),
    "month_day": msg("month and day equal"),
    "year_rest_missing": msg("year equal, rest missing"),
    "year_only": msg("year equal, rest different"),
    "one_part": msg("one part equal"),
    "renewable_differs": msg("a renewable number differs"),
    "permanent_differs": msg("a lifelong number differs"),
}
SIDES: Final = {"a": msg("person of A"), "b": msg("person of B"), "both": msg("person of A and B")}
