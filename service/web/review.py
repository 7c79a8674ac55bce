"""The page of clerical review: one masked pair at a time, by keyboard or by plain buttons.

Pairs are for statisticians. Everybody else signed in sees how far the review is, and no pair.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response

from contract.errors import NotFoundError
from service.runs.actors import STATISTICIAN
from service.statistics_unit import review
from service.statistics_unit.review_models import Verdict
from service.web import review_texts, texts
from service.web.visit import Data, Visit, add_page, go_to, visit_of

router = APIRouter()
_LISTS = tuple(review_texts.LISTINGS)


def build(visit: Visit) -> Data:
    """Return the review of a computation: where it stands, and for a statistician the pair chosen.

    Raises:
        NotFoundError: There is no such computation, list or pair.
    """
    runs = review.reviewable(visit.unit)
    data: Data = {
        "runs": [{"id": run.id, "vintage": run.vintage} for run in runs],
        "may_review": visit.may(STATISTICIAN),
        "run": None,
        "pair": None,
    }
    if not runs:
        return data
    stand = review.read_review(visit.unit, visit.query("run") or runs[0].id)
    data["run"] = {
        "id": stand.run.id,
        "vintage": stand.run.vintage,
        "agreement_id": stand.run.agreement_id,
        "years": stand.years,
    }
    data["progress"] = _progress(visit, stand)
    if data["may_review"]:
        data |= _chosen(visit, stand)
    return data


def _progress(visit: Visit, stand: review.Review) -> Data:
    precision = stand.precision
    order = {
        "borderline": stand.listed,
        "sample": stand.sample,
        "decided": sorted(stand.verdicts),
    }
    return {
        "lists": [
            {
                "code": code,
                "label": visit.label(review_texts.LISTINGS, code),
                "pairs": len(numbers),
                "decided": sum(1 for number in numbers if number in stand.verdicts),
            }
            for code, numbers in order.items()
        ],
        "pending": len(stand.pending),
        "pending_figures": _figures(visit, stand, {"pending": stand.pending_effect()}),
        "precision": {
            "pairs": precision.total,
            "value": precision.share,
            "low": precision.low,
            "high": precision.high,
        }
        if precision.total
        else None,
    }


def _figures(visit: Visit, stand: review.Review, effects: dict[str, Any]) -> list[Data]:
    """Return rows of differences by indicator and residence: under each name of `effects`, year to difference."""
    keys = dict.fromkeys(key for moved in effects.values() for key in moved)
    order = {code: place for place, code in enumerate(texts.INDICATORS)}
    return [
        {
            "indicator": visit.label(texts.INDICATORS, code),
            "residence": visit.label(texts.RESIDENCE, residence),
            **{name: _years(visit, moved.get((code, residence), {})) for name, moved in effects.items()},
        }
        for code, residence in sorted(keys, key=lambda key: (key[1] != "all", order.get(key[0], len(order)), key[1]))
        if any(any(moved.get((code, residence), {}).values()) for moved in effects.values())
    ]


def _years(visit: Visit, moved: dict[str, int]) -> list[Data]:
    return [
        {"year": year, "change": f"{'+' if change > 0 else '−'}{visit.language.number(abs(change))}"}
        for year, change in sorted(moved.items())
        if change
    ]


def _chosen(visit: Visit, stand: review.Review) -> Data:
    listing = visit.query("list") or _LISTS[0]
    if listing not in _LISTS:
        raise NotFoundError("There is no such list of pairs.")
    order = {"borderline": stand.listed, "sample": stand.sample, "decided": sorted(stand.verdicts)}[listing]
    asked = visit.query("pair")
    if asked is None:
        number = next((one for one in order if one not in stand.verdicts), order[0] if order else None)
    else:
        number = int(asked) if asked.isdecimal() and int(asked) in stand.sheet else None
        if number is None:
            raise NotFoundError("There is no such pair in this computation.", advice="Choose one from the list.")
    at = order.index(number) if number in order else -1
    return {
        "listing": listing,
        "numbers": [{"number": one, "verdict": stand.verdicts.get(one)} for one in order],
        "pair": None if number is None else _pair(visit, stand, number, blind=listing == "sample"),
        "position": at + 1,
        "previous": order[at - 1] if at > 0 else None,
        "next": order[at + 1] if 0 <= at < len(order) - 1 else None,
        "last": review.last_of(visit.unit, visit.actor, stand),
    }


def _pair(visit: Visit, stand: review.Review, number: int, *, blind: bool) -> Data:
    """Return a pair as it is shown; of the calibration sample without what the linkage thinks of it."""
    pair = stand.sheet[number]
    # what a side lacks in every pass says nothing
    fields = list(
        dict.fromkeys(name for one in pair["passes"] for name, level in one["levels"].items() if level != "missing")
    )
    moved = {
        verdict: {(code, residence): years for code, residence, years in effect["figures"]}
        for verdict, effect in pair["effects"].items()
    }
    return {
        "number": number,
        "verdict": stand.verdicts.get(number),
        "pending": number in stand.pending,
        "blind": blind,
        "probability": None if blind else pair["probability"],
        "together": None if blind else pair["together"],
        "passes": [
            {"pass": one["pass"], "probability": None if blind else one["probability"]} for one in pair["passes"]
        ],
        "fields": [
            {
                "field": visit.label(review_texts.FIELDS, name),
                "levels": [visit.label(review_texts.LEVELS, one["levels"][name]) for one in pair["passes"]],
            }
            for name in fields
        ],
        "compared": [
            {"field": visit.label(review_texts.FIELDS, name), "level": visit.label(review_texts.LEVELS, level)}
            for name, level in pair["compared"].items()
        ],
        "sides": [
            {
                "letter": letter,
                "register": visit.label(texts.REGISTERS, side["register"]),
                "single": side["single"],
                "records": side["records"],
                "events": side["events"],
                "person": None if blind else side["person"],
                "channels": [
                    {
                        "channel": visit.label(texts.CHANNELS, channel),
                        "months": [side["months"][channel].get(year, "") for year in stand.years],
                    }
                    for channel in texts.CHANNELS
                    if channel in side["months"]
                ],
            }
            for letter, side in zip("AB", pair["sides"], strict=True)
        ],
        "others": [] if blind else [_other(visit, one) for one in pair["others"]["named"]],
        "more": 0 if blind else pair["others"]["more"],
        "effects": None
        if blind
        else {
            "persons": {verdict: effect["persons"] for verdict, effect in pair["effects"].items()},
            "changes": {verdict: effect["changes"] for verdict, effect in pair["effects"].items()},
            "figures": _figures(visit, stand, {verdict: moved.get(verdict, {}) for verdict in ("same", "different")}),
        },
        "history": [
            {
                "verdict": visit.label(review_texts.VERDICTS, one.verdict),
                "decided_by": one.decided_by,
                "decided_at": one.decided_at,
            }
            for one in review.history(visit.unit, stand, [number])
        ],
    }


def _other(visit: Visit, one: Data) -> Data:
    return {
        "register": visit.label(texts.REGISTERS, one["register"]),
        "person": visit.label(review_texts.SIDES, one["person"]),
        "probability": one["probability"],
    }


@router.post("/review/{run_id}/{decision}", include_in_schema=False)
def decide(
    request: Request,
    run_id: str,
    decision: str,
    pair: Annotated[int, Form()] = 0,
    listing: Annotated[str, Form(max_length=20)] = "borderline",
    then: Annotated[int, Form()] = 0,
) -> Response:
    """Decide on a pair or undo a decision, and go to the pair named, else to the next one undecided."""
    visit = visit_of(request)
    try:
        verdict = Verdict(decision)
    except ValueError:
        raise NotFoundError("There is no such decision on a pair.") from None
    review.decide(visit.unit, visit.actor, run_id, pair, verdict)
    where = pair if verdict == Verdict.UNDONE else then
    chosen = {"pair": str(where)} if where else {}
    return go_to("/review", run=run_id, list=listing, **chosen, notice=f"pair_{verdict.value}")


add_page(router, "/review", "review.html", build)
