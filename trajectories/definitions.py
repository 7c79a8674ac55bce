"""The indicators: code, kind, residence rules and definition, in the order of tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["count", "ratio", "median"]

ALL: Final = "all"
_RULES: Final = ("12_16", "6_12")

#: Columns of every indicator table, in order.
INDICATOR_COLUMNS: Final = (
    "indicator",
    "residence",
    "period",
    "breakdown",
    "category",
    "value",
    "lower",
    "upper",
    "protected",
)
#: Those of tables that are published: `value` is corrected for missed links, `linked` is the figure of the links alone.
PUBLISHED_COLUMNS: Final = (*INDICATOR_COLUMNS, "linked")


@dataclass(frozen=True)
class Indicator:
    """One indicator. `numerator` and `denominator` name the counts that a ratio (or a median) is made of."""

    code: str
    kind: Kind
    residence: tuple[str, ...]
    definition: str
    numerator: str = ""
    denominator: str = ""


INDICATORS: Final = (
    Indicator("resident_stock", "count", _RULES, "persons resident at 31 December"),
    Indicator("inflow", "count", _RULES, "resident spells that start in the year, after S"),
    Indicator("outflow", "count", _RULES, "resident spells that end in the year, before E"),
    Indicator("workers_insured", "count", ("12_16", ALL), "age 15 or more and insured at 31 December"),
    Indicator("workers_authorised", "count", ("12_16", ALL), "age 15 or more and authorised at 31 December"),
    Indicator("workers_both", "count", ("12_16", ALL), "age 15 or more, insured and authorised at 31 December"),
    Indicator("workers_union", "count", ("12_16", ALL), "age 15 or more, insured or authorised at 31 December"),
    Indicator(
        "gap_exempt",
        "count",
        (ALL,),
        "age 15 or more, insured and not authorised at 31 December: nationality DZA, TUN or SEN, or an attestation "
        "with an exemption ground",
    ),
    Indicator("gap_expired", "count", (ALL,), "of the rest: an authorised spell ended at or before 31 December"),
    Indicator("gap_none", "count", (ALL,), "of the rest: all others"),
    Indicator(
        "arrival_to_insured_median",
        "median",
        (ALL,),
        "median months from arrival to the first insured month at or after it, of the persons whose first presence "
        "spell starts in the year, after S, and who have such a month",
        denominator="arrival_to_insured_number",
    ),
    Indicator(
        "arrival_to_insured_number",
        "count",
        (ALL,),
        "the number of these persons",
    ),
    Indicator(
        "coverage_authorised_insured",
        "ratio",
        (ALL,),
        "insured among the authorised: workers_both / workers_authorised",
        "workers_both",
        "workers_authorised",
    ),
    Indicator(
        "coverage_insured_authorised",
        "ratio",
        (ALL,),
        "authorised among the insured who are not exempt",
        "both_not_exempt",
        "insured_not_exempt",
    ),
    Indicator(
        "protection_3_months",
        "ratio",
        (ALL,),
        "authorised spells starting in the year, after S, with an insured month in the month of the start or the three "
        "next / all of them",
        "spells_protected",
        "spells_started",
    ),
    Indicator(
        "overcoverage_permit",
        "ratio",
        (ALL,),
        "permit at 31 December and no day of presence in the 365 days up to it / permit at 31 December",
        "permits_unseen",
        "permits_valid",
    ),
)
BY_CODE: Final = {indicator.code: indicator for indicator in INDICATORS}
