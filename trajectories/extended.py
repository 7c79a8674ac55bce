"""The extended indicators: what Wasl publishes beside the reference set, each with its formula, concepts and code.

Formulas use the measures of `trajectories.measures`; X(t) is a stock at 31 December, [year] the year it closes.
An ILOSTAT code is given where the International Labour Organization has one for the concept; some of its concepts are
not to be had from registers, and `NOT_AVAILABLE` says which and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from trajectories.definitions import ALL, INDICATORS, Indicator
from trajectories.measures.arrivals import RETENTION, TARGETS
from trajectories.measures.stocks import STATES

ExtendedKind = Literal["count", "ratio", "survival_median", "incidence", "pay_gap"]
Term = tuple[str, float, int]  # measure, factor, years back

#: Residence rules of the extended tables.
RULES_SHOWN: Final = ("12_16", "6_12")
#: Months after arrival at which cumulative incidence is published.
INCIDENCE_MONTHS: Final = (6, 12, 24)


@dataclass(frozen=True)
class Extended:
    """One extended indicator.

    Attributes:
        code: Its name in tables.
        kind: `count`: the sum of the numerator's terms. `ratio`: scale * numerator / denominator. `survival_median`,
            `incidence`, `pay_gap`: see `trajectories.values`.
        residence: Residence rules, or `all`.
        formula: In words and symbols.
        concepts: `id/version` of the concepts that it follows.
        numerator, denominator: Terms: measure, factor, years back.
        scale: Factor of a ratio.
        ilostat: Code of ILOSTAT, empty where there is none.
        proxy: Stands in for a concept that registers do not hold.
    """

    code: str
    kind: ExtendedKind
    residence: tuple[str, ...]
    formula: str
    concepts: tuple[str, ...]
    numerator: tuple[Term, ...] = ()
    denominator: tuple[Term, ...] = ()
    scale: float = 1.0
    ilostat: str = ""
    proxy: bool = False


def _count(
    code: str, residence: tuple[str, ...], formula: str, *concepts: str, ilostat: str = "", proxy: bool = False
) -> Extended:
    return Extended(code, "count", residence, formula, concepts, ((code, 1.0, 0),), ilostat=ilostat, proxy=proxy)


def _share(
    code: str, formula: str, above: str, below: str, *concepts: str, proxy: bool = False, scale: float = 1.0
) -> Extended:
    return Extended(
        code, "ratio", (ALL,), formula, concepts, ((above, 1.0, 0),), ((below, 1.0, 0),), scale=scale, proxy=proxy
    )


_RESIDENT: Final = ("resident/12_16", "resident/6_12")
_WORK: Final = ("insured_worker/1", "authorised_worker/1")
_GAP: Final = "contract_insurance_gap/1"

_STOCKS: Final = (
    _count(
        "working_age_stock", RULES_SHOWN, "residents of 15 or more years", *_RESIDENT, ilostat="MST_XWAP_SEX_AGE_CCT_NB"
    ),
    _count("workers_insured", ("6_12",), "age 15 or more, insured, resident", "insured_worker/1", *_RESIDENT[1:]),
    _count(
        "workers_authorised", ("6_12",), "age 15 or more, authorised, resident", "authorised_worker/1", *_RESIDENT[1:]
    ),
    _count("workers_both", ("6_12",), "age 15 or more, insured and authorised, resident", *_WORK, *_RESIDENT[1:]),
    _count("workers_union", ("6_12",), "age 15 or more, insured or authorised, resident", *_WORK, *_RESIDENT[1:]),
    _count(
        "non_resident_workers",
        RULES_SHOWN,
        "insured or authorised, 15 or more, and not resident",
        "non_resident_foreign_workers/icls20",
        *_WORK,
    ),
    _count(
        "for_work_residents", RULES_SHOWN, "residents whose first title has the motive work", "for_work_migrants/icls20"
    ),
    _count("nationals_abroad", (ALL,), "nationals registered at a consulate", "migration_flow/un2021", proxy=True),
    _count(
        "return_migrant_workers",
        (ALL,),
        "nationals removed from a consulate's register and insured",
        "return_migrant_workers/icls20",
        proxy=True,
    ),
    _count("resident_by_score", (ALL,), "residency score at or above the threshold", "residency_score/1"),
)

_FLOWS: Final = (
    Extended(
        "net_migration",
        "count",
        RULES_SHOWN,
        "inflow - outflow; X(t) = X(t - 1) + inflow - outflow for the resident stock",
        ("migration_flow/un2021", *_RESIDENT),
        (("inflow", 1.0, 0), ("outflow", -1.0, 0)),
    ),
    Extended(
        "turnover",
        "ratio",
        RULES_SHOWN,
        "(inflow + outflow) / mean of X(t) and X(t - 1)",
        ("migration_flow/un2021", *_RESIDENT),
        (("inflow", 1.0, 0), ("outflow", 1.0, 0)),
        (("resident_stock", 0.5, 0), ("resident_stock", 0.5, 1)),
    ),
    *(
        _count(
            f"{stock}_{part}", residence, f"{words} of the stock; X(t) = X(t - 1) + entries - exits + ageing", *concepts
        )
        for stock, residence, concepts in (
            ("working_age", RULES_SHOWN, _RESIDENT),
            ("insured_workers", (ALL,), ("insured_worker/1",)),
            ("authorised_workers", (ALL,), ("authorised_worker/1",)),
        )
        for part, words in (("entries", "entries"), ("exits", "exits"), ("ageing", "comings of age"))
    ),
    _count(
        "nationals_registered",
        (ALL,),
        "nationals registered at a consulate in the year",
        "migration_flow/un2021",
        proxy=True,
    ),
    _count(
        "nationals_removed",
        (ALL,),
        "nationals removed from a consulate's register in the year",
        "migration_flow/un2021",
        proxy=True,
    ),
)

_PATHS: Final = (
    *(
        _share(
            f"transition_{a}_{b}",
            f"N_ab / N_a: {b} at 31 December among the {a} a year before",
            f"transition_{a}_{b}",
            f"state_{a}",
            *_WORK,
        )
        for a in STATES
        for b in STATES
    ),
    *(
        _share(
            f"retention_{k}",
            f"insured {k} months after the month of arrival / arrivals observed so long",
            f"retained_{k}",
            f"observed_{k}",
            "retention/1",
        )
        for k in RETENTION
    ),
    *(
        Extended(
            f"arrival_to_{target}_km_median",
            "survival_median",
            (ALL,),
            f"Kaplan-Meier median months from arrival to the first month of {target}, by year of arrival",
            ("time_to_event/1",),
            ((f"time_{target}_event", 1.0, 0),),
            ((f"time_{target}_censored", 1.0, 0),),
        )
        for target in TARGETS
    ),
    *(
        Extended(
            f"incidence_{event}_{k}",
            "incidence",
            (ALL,),
            f"Aalen-Johansen cumulative incidence, {k} months after arrival, of {words} first",
            ("time_to_event/1",),
            ((f"first_{event}", 1.0, 0),),
            scale=k,
        )
        for event, words in (("insured", "an insured month"), ("left", "a departure of 183 days or more"))
        for k in INCIDENCE_MONTHS
    ),
)

_QUALITY: Final = (
    *(
        _share(f"gap_{part}_share", f"gap_{part} / insured and not authorised", f"gap_{part}", "gap_total", _GAP)
        for part in ("exempt", "expired", "other_permit", "residual")
    ),
    _count("gap_other_permit", (ALL,), "of gap_none: another residence title is valid", _GAP),
    _count("gap_residual", (ALL,), "of gap_none: no valid residence title", _GAP),
    _share(
        "overcoverage_score",
        "valid permits of persons below the residency threshold / valid permits",
        "permits_low_score",
        "permits_valid",
        "overcoverage/1",
        "residency_score/1",
    ),
    Extended(
        "pay_gap", "pay_gap", (ALL,), "1 - median December pay of migrants / of nationals, full months", ("pay_gap/1",)
    ),
    _share(
        "sdg_8_8_1_proxy",
        "100 000 * persons with a declared work accident / persons insured in the year",
        "accident_in_year",
        "insured_in_year",
        "sdg_8_8_1_proxy/1",
        proxy=True,
        scale=100_000.0,
    ),
)

EXTENDED: Final = (*_STOCKS, *_FLOWS, *_PATHS, *_QUALITY)
#: The reference indicators and the extended ones: what releases show.
EVERY_INDICATOR: Final[tuple[Indicator | Extended, ...]] = (*INDICATORS, *EXTENDED)

#: Indicators that others publish and registers do not hold, with the reason.
NOT_AVAILABLE: Final = {
    "MST_TUNE_SEX_AGE_CBR_NB": "unemployed migrants: not available from registers, which see no job search",
    "MST_TEAP_SEX_AGE_CBR_NB": "migrants in the labour force: not available from registers, which see no unemployment",
    "MST_TEMP_SEX_STE_CBR_NB": "status in employment: not available from registers, which hold employees only",
    "MST_XWAP_SEX_AGE_CBR_NB": "country of birth: not available from registers; nationality is",
    "SDG_10_7_1": "recruitment cost over monthly income: not available from registers; a survey asks for it",
}

#: ILOSTAT codes of reference indicators, by citizenship where registers have no country of birth.
REFERENCE_ILOSTAT: Final = {
    "workers_union": "MST_TEMP_SEX_AGE_CCT_NB",
    "inflow": "MFL_NCIT_SEX_CCT_NB",
}
REFERENCE_CONCEPTS: Final[dict[str, tuple[str, ...]]] = {
    "resident_stock": _RESIDENT,
    "inflow": ("migration_flow/un2021", *_RESIDENT),
    "outflow": ("migration_flow/un2021", *_RESIDENT),
    "workers_insured": ("insured_worker/1",),
    "workers_authorised": ("authorised_worker/1",),
    "workers_both": _WORK,
    "workers_union": ("international_migrant_workers/icls20", *_WORK),
    "gap_exempt": (_GAP, "exempt_worker/1"),
    "gap_expired": (_GAP,),
    "gap_none": (_GAP,),
    "arrival_to_insured_median": ("time_to_event/1",),
    "arrival_to_insured_number": ("time_to_event/1",),
    "coverage_authorised_insured": _WORK,
    "coverage_insured_authorised": (*_WORK, "exempt_worker/1"),
    "protection_3_months": ("protection/1",),
    "overcoverage_permit": ("overcoverage/1",),
}
