"""The statistics unit's page of trajectories: protected tables, their chart and CSV, and releases.

Tables of a computation are for statisticians and output checkers; everybody else signed in sees
approved releases. Raw figures are never shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Form, Request, Response

from contract.errors import NotFoundError
from service.runs.actors import CHECKER, STATISTICIAN
from service.runs.port import RunState
from service.runs.queue import JobQueue
from service.statistics_unit import releases
from service.statistics_unit.start import KIND
from service.web import texts
from service.web.chart import workers_chart
from service.web.indicator_texts import EXTENDED as EXTENDED_NAMES
from service.web.indicator_texts import STATES, TRANSITION
from service.web.visit import PAGE_HEADERS, Data, Visit, add_page, go_to, visit_of
from trajectories.definitions import INDICATORS
from trajectories.exports import indicators_csv
from trajectories.extended import EVERY_INDICATOR, EXTENDED
from trajectories.labels import category_label
from trajectories.measures.stocks import STATES as TRANSITION_STATES
from trajectories.pictures import Picture, Theme, coverage_matrix, gap_waterfall, transition_shares

router = APIRouter()
#: The page shows the reference indicators unless one or all are chosen: `indicator=every`.
EVERY = "every"
_REFERENCE = [item.code for item in INDICATORS]
_DEFINITIONS = {**{one.code: one.formula for one in EXTENDED}, **{one.code: one.definition for one in INDICATORS}}
#: How a value is written: whole persons, a share in percent, or a plain number.
_UNITS = {
    one.code: "share"
    if one.kind in {"ratio", "incidence", "pay_gap"} and one.code != "sdg_8_8_1_proxy"
    else "count"
    if one.kind == "count"
    else "number"
    for one in EVERY_INDICATOR
}
_CHART = ("workers_insured", "workers_authorised", "workers_union")


@dataclass(frozen=True)
class Source:
    """Where a table comes from: a computation (`run`) or an approved release (`release`)."""

    kind: str
    id: str
    vintage: str


def sources_of(visit: Visit) -> list[Source]:
    """Return the tables that the visitor may see, the newest first; computations before releases."""
    runs = JobQueue(visit.unit.database).runs(kind=KIND)
    vintages = {run.id: run.vintage for run in runs}
    found = []
    if visit.may(STATISTICIAN, CHECKER):
        found = [Source("run", run.id, run.vintage) for run in runs if run.state == RunState.SUCCEEDED]
    listed = releases.list_releases(visit.unit)
    approved = [release for release in listed if release.state == "approved" and release.cohort_run_id is None]
    return [*found, *(Source("release", release.id, vintages[release.run_id]) for release in approved)]


def _chosen(visit: Visit, known: list[Source]) -> tuple[Source, pl.DataFrame] | None:
    """Return the table that the address names, else the newest.

    Raises:
        NotFoundError: There is no such table, or it is not the visitor's to see.
    """
    wanted = next(((kind, visit.query(kind)) for kind in ("run", "release") if visit.query(kind)), None)
    if wanted is None and not known:
        return None
    source = next((item for item in known if wanted is None or (item.kind, item.id) == wanted), None)
    if source is None:
        raise NotFoundError("There is no such table, or you may not see it.", advice="Choose one from the page's list.")
    if source.kind == "run":
        return source, releases.protected_table(visit.unit, source.id)
    return source, releases.released_table(visit.unit, source.id)


def _filtered(visit: Visit, table: pl.DataFrame, breakdown: str | None) -> pl.DataFrame:
    indicator = visit.query("indicator")
    for column, value in (
        ("indicator", None if indicator == EVERY else indicator),
        ("residence", visit.query("residence")),
        ("breakdown", breakdown),
    ):
        if value is not None:
            table = table.filter(pl.col(column) == value)
    return table


def build(visit: Visit) -> Data:
    """Return the table chosen and filtered by the address, and the releases."""
    known = sources_of(visit)
    chosen = _chosen(visit, known)
    listed = [
        {
            **vars(release),
            "may_decide": release.state == "proposed"
            and visit.may(CHECKER)
            and release.proposed_by != visit.actor.name,
        }
        for release in releases.list_releases(visit.unit)
    ]
    return {
        "sources": [vars(source) for source in known],
        "table": _table(visit, *chosen) if chosen else None,
        "releases": listed,
        "may_propose": bool(chosen and chosen[0].kind == "run" and visit.may(STATISTICIAN))
        and not any(
            item["run_id"] == (chosen[0].id if chosen else "") and item["state"] in {"proposed", "approved"}
            for item in listed
        ),
    }


def _table(visit: Visit, source: Source, whole: pl.DataFrame) -> Data:
    breakdown = visit.query("breakdown") or "total"
    table = _filtered(visit, whole, breakdown)
    if visit.query("indicator") is None:
        table = table.filter(pl.col("indicator").is_in(_REFERENCE))
    periods = sorted(whole["period"].unique().to_list())
    rows: dict[tuple[str, str, str], Data] = {}
    for row in table.iter_rows(named=True):
        key = (row["indicator"], row["residence"], row["category"])
        entry = rows.setdefault(
            key, {**dict(zip(("indicator", "residence", "category"), key, strict=True)), "values": {}}
        )
        entry["kind"] = _UNITS[row["indicator"]]
        entry["name"] = name_of(visit, row["indicator"])
        entry["category_name"] = category_label(breakdown, row["category"], visit.language.code)
        entry["definition"] = _DEFINITIONS[row["indicator"]]
        entry["values"][row["period"]] = {name: row.get(name) for name in ("value", "lower", "upper", "linked")}
    return {
        "source": vars(source),
        "periods": periods,
        "corrected": "linked" in whole.columns,
        "rows": list(rows.values()),
        "filters": {
            "breakdown": breakdown,
            "indicator": visit.query("indicator"),
            "residence": visit.query("residence"),
        },
        "breakdowns": list(dict.fromkeys(whole["breakdown"].to_list())),
        "indicators": {code: name_of(visit, code) for code in dict.fromkeys(whole["indicator"].to_list())},
        "residences": list(dict.fromkeys(whole["residence"].to_list())),
        "chart": _chart_rows(whole),
        "gap": _gap(whole, Theme()),
        "flows": _flows(visit, whole),
    }


def name_of(visit: Visit, code: str) -> str:
    """Return an indicator's name in the visitor's language."""
    if code.startswith("transition_"):
        before, after = (visit.label(STATES, state) for state in code.removeprefix("transition_").split("_"))
        return visit.language.text(TRANSITION, {"before": before, "after": after})
    return visit.label({**texts.INDICATORS, **EXTENDED_NAMES}, code)


def _gap(whole: pl.DataFrame, theme: Theme) -> Data | None:
    """Return the newest year's gap: `period`, and the waterfall's rows by code; None without a year."""
    if not whole.height:
        return None
    period = str(whole["period"].max())
    return {"period": period, "rows": gap_waterfall(whole, period, theme, "").table.to_dicts()}


def _flows(visit: Visit, whole: pl.DataFrame) -> Data | None:
    """Return the newest year's transitions: `period`, and for each state before the shares by state after."""
    found = transition_shares(whole)
    if found is None:
        return None
    rows: dict[str, Data] = {state: dict.fromkeys(TRANSITION_STATES) for state in TRANSITION_STATES}
    for before, after, share in found[1].iter_rows():
        rows[before][after] = share
    names = {state: visit.label(STATES, state) for state in TRANSITION_STATES}
    return {"period": found[0], "states": list(TRANSITION_STATES), "names": names, "rows": rows}


def _flows_picture(request: Request) -> Picture:
    visit = visit_of(request)
    chosen = _chosen(visit, sources_of(visit))
    found = transition_shares(chosen[1]) if chosen else None
    if found is None:
        raise NotFoundError("There are no transitions to draw.", advice="They need two years of events.")
    theme = Theme(
        visit.query("theme") == "dark",
        visit.language.direction == "rtl",
        {state: visit.label(STATES, state) for state in STATES},
    )
    return coverage_matrix(found[1], theme, visit.language.text("a year before"), visit.language.text("on 31 December"))


@router.get("/trajectories/flows.svg", include_in_schema=False)
def flows_svg(request: Request) -> Response:
    """Draw the flows between states as SVG."""
    return Response(_flows_picture(request).svg(), media_type="image/svg+xml")


@router.get("/trajectories/flows.png", include_in_schema=False)
def flows_png(request: Request) -> Response:
    """Draw the flows between states as PNG."""
    return Response(_flows_picture(request).png(), media_type="image/png")


def _gap_picture(request: Request) -> Picture:
    visit = visit_of(request)
    chosen = _chosen(visit, sources_of(visit))
    if chosen is None or not chosen[1].height:
        raise NotFoundError("There is no table to draw.", advice="Wait until a computation has succeeded.")
    words = {code: visit.label(texts.INDICATORS, code) for code in texts.INDICATORS}
    theme = Theme(visit.query("theme") == "dark", visit.language.direction == "rtl", words)
    axis = visit.language.text("persons on 31 December")
    return gap_waterfall(chosen[1], str(chosen[1]["period"].max()), theme, axis)


@router.get("/trajectories/gap.svg", include_in_schema=False)
def gap_svg(request: Request) -> Response:
    """Draw the gap between insured and authorised workers as SVG."""
    return Response(_gap_picture(request).svg(), media_type="image/svg+xml")


@router.get("/trajectories/gap.png", include_in_schema=False)
def gap_png(request: Request) -> Response:
    """Draw the gap between insured and authorised workers as PNG."""
    return Response(_gap_picture(request).png(), media_type="image/png")


def _chart_rows(whole: pl.DataFrame) -> list[Data]:
    picked = whole.filter(
        pl.col("indicator").is_in(_CHART), pl.col("residence") == "all", pl.col("breakdown") == "total"
    )
    by_period: dict[str, Data] = {}
    for row in picked.sort("period").iter_rows(named=True):
        entry = by_period.setdefault(row["period"], {"period": row["period"]})
        entry[row["indicator"]] = None if row["value"] is None else int(row["value"])
    return list(by_period.values())


@router.get("/trajectories/chart.svg", include_in_schema=False)
def chart(request: Request) -> Response:
    """Draw the workers of the chosen table by year."""
    visit = visit_of(request)
    chosen = _chosen(visit, sources_of(visit))
    if chosen is None:
        raise NotFoundError("There is no table to draw.", advice="Wait until a computation has succeeded.")
    labels = tuple((code, visit.label(texts.INDICATORS, code)) for code in _CHART)
    points = tuple(
        (row["period"], code, row[code]) for row in _chart_rows(chosen[1]) for code in _CHART if row[code] is not None
    )
    svg = workers_chart(
        points,
        labels,
        axis=visit.language.text("persons on 31 December"),
        dark=visit.query("theme") == "dark",
        right_to_left=visit.language.direction == "rtl",
    )
    return Response(svg, media_type="image/svg+xml")


@router.get("/trajectories/table.csv", include_in_schema=False)
def download(request: Request) -> Response:
    """Give the chosen and filtered table as CSV, in the form of a release."""
    visit = visit_of(request)
    chosen = _chosen(visit, sources_of(visit))
    if chosen is None:
        raise NotFoundError("There is no table to download.", advice="Wait until a computation has succeeded.")
    source, table = chosen
    name = f"indicators-{source.vintage}-{source.kind}-{source.id[:8]}.csv"
    content = indicators_csv(_filtered(visit, table, visit.query("breakdown")))
    headers = {**PAGE_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/releases", include_in_schema=False)
def propose(request: Request, run_id: Annotated[str, Form(max_length=80)]) -> Response:
    """Propose the tables of a computation for release."""
    visit = visit_of(request)
    releases.propose_release(visit.unit, visit.actor, run_id)
    return go_to("/trajectories", notice="proposed")


@router.post("/releases/{release_id}/{decision}", include_in_schema=False)
def decide(request: Request, release_id: str, decision: str) -> Response:
    """Approve or refuse a release as its second person."""
    visit = visit_of(request)
    decisions: dict[str, Any] = {"approve": True, "refuse": False}
    if decision not in decisions:
        raise NotFoundError("There is no such decision on a release.")
    made = releases.decide_release(visit.unit, visit.actor, release_id, approve=decisions[decision])
    return go_to("/trajectories", notice=made.state)


add_page(router, "/trajectories", "trajectories.html", build)
