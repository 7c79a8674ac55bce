"""The pages of cohorts: from the definition over dummy data and a run to a release, with pictures and their tables.

Tables of a run are for statisticians and output checkers; everybody else signed in sees those that were released.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Final

import polars as pl
from fastapi import APIRouter, Form, Request, Response

from contract.errors import NotFoundError
from service.runs.actors import CHECKER, STATISTICIAN
from service.runs.port import RunState
from service.runs.queue import JobQueue
from service.statistics_unit import cohorts, releases
from service.statistics_unit.start import KIND
from service.web import texts
from service.web.visit import PAGE_HEADERS, Data, Visit, add_page, go_to, visit_of
from trajectories.cohorts import CohortError, dummy_months, read_cohort
from trajectories.exports.months import LETTERS, STATES, Months
from trajectories.labels import category_label
from trajectories.pictures import (
    Picture,
    Theme,
    chronogram,
    index_plot,
    lines_of,
    state_shares,
    status_bars,
    survival_curves,
)

router = APIRouter()
_JOIN = " × "
#: Dummy persons drawn on a cohort's page: single persons are shown of dummy data alone.
_LINES: Final = 40
_EXAMPLE = """name = "arrived in 2022 for work"
[population]
entry = "arrival"
from = 2022-01-01
to = 2023-01-01
for_work = true
[follow_up]
months = 24
[tables]
variables = ["permit", "insured_work"]
by = ["sex"]
"""


def build_list(visit: Visit) -> Data:
    """Return all cohorts, and whether the visitor may try one."""
    return {
        "cohorts": [vars(one) for one in cohorts.list_cohorts(visit.unit)],
        "may_try": visit.may(STATISTICIAN),
        "example": _EXAMPLE,
    }


def build_one(visit: Visit) -> Data:
    """Return a cohort with its runs, releases, and the tables the visitor may see."""
    digest = visit.path("digest")
    cohort = _cohort(visit, digest)
    runs = cohorts.list_cohort_runs(visit.unit, digest)
    published = [one for one in releases.list_releases(visit.unit) if one.cohort_run_id in {run.id for run in runs}]
    shown = _shown(visit, digest)
    newest = next(
        (run for run in JobQueue(visit.unit.database).runs(kind=KIND) if run.state == RunState.SUCCEEDED), None
    )
    done = {run.run_id for run in runs if run.state == "done"}
    asked = {one.cohort_run_id for one in published if one.state in {"proposed", "approved"}}
    return {
        "cohort": vars(cohort),
        "runs": [
            {
                **vars(run),
                "may_propose": run.state == "done" and visit.may(STATISTICIAN) and run.id not in asked,
                "release": next((one.state for one in published if one.cohort_run_id == run.id), ""),
            }
            for run in runs
        ],
        "may_run": newest.id if newest and newest.id not in done and visit.may(STATISTICIAN) else None,
        "vintage": newest.vintage if newest else "",
        "sequences": _sequences(visit, cohort.source),
        "tables": None if shown is None else _tables(visit, cohort.source, shown),
        "steps": {
            "tried": cohort.tried_with_present_code,
            "run": any(run.state == "done" for run in runs),
            "released": any(one.state == "approved" for one in published),
        },
    }


def _cohort(visit: Visit, digest: str) -> cohorts.CohortView:
    found = next((one for one in cohorts.list_cohorts(visit.unit) if one.digest == digest), None)
    if found is None:
        raise NotFoundError("There is no such cohort.", advice="Choose one from the page of cohorts.")
    return found


def _shown(visit: Visit, digest: str) -> pl.DataFrame | None:
    """Return the newest tables of a cohort that the visitor may see."""
    runs = [run for run in cohorts.list_cohort_runs(visit.unit, digest) if run.table_digest]
    if visit.may(STATISTICIAN, CHECKER):
        done = next((run for run in runs if run.state == "done"), None)
        if done is not None:
            return cohorts.cohort_table(visit.unit, done.id)
    own = {run.id for run in runs}
    for one in releases.list_releases(visit.unit):
        if one.cohort_run_id in own and one.state == "approved":
            return releases.released_table(visit.unit, one.id)
    return None


def _tables(visit: Visit, source: str, table: pl.DataFrame) -> Data:
    cohort, language = read_cohort(source), visit.language.code
    members = table.filter(pl.col("table") == "members").select("breakdown", "category", "value")
    curves = table.filter(pl.col("table") == "time").select("variable", "month", "value", "lower", "upper")
    return {
        "members": [{**row, "name": _name(row["breakdown"], row["category"], language)} for row in members.to_dicts()],
        "curves": curves.to_dicts(),
        "states": [{**row, "name": _state(visit, row["state"])} for row in state_shares(table).to_dicts()],
        "status": [
            {"variable": name, "rows": status_bars(table, name, Theme(), "", "").table.to_dicts()}
            for name in cohort.variables
        ],
    }


@lru_cache(maxsize=16)
def _dummy(source: str) -> Months:
    return dummy_months(read_cohort(source))


def _index_plot(visit: Visit, source: str) -> Picture:
    return index_plot(_dummy(source), _theme(visit), visit.language.text("months of the window"), _LINES)


def _sequences(visit: Visit, source: str) -> list[Data]:
    """Return the dummy persons drawn, in the order of the picture: a row a state, its first and last month.

    Nobody where the definition does not run with the code in force: it has to be tried again.
    """
    try:
        labels = _dummy(source).labels
    except CohortError:
        return []
    return [
        {
            "person": int(row["id"]) + 1,
            "first": labels[row["begin"] - 1],
            "last": labels[row["end"] - 1],
            "state": _state(visit, row["states"]),
        }
        for row in lines_of(_dummy(source), _LINES).iter_rows(named=True)
    ]


def _name(breakdowns: str, categories: str, language: str) -> str:
    """Return the name of a category of several breakdowns, joined as in the table."""
    parts = zip(breakdowns.split(_JOIN), categories.split(_JOIN), strict=True)
    return _JOIN.join(category_label(breakdown, category, language) for breakdown, category in parts)


def _state(visit: Visit, state: str) -> str:
    """Return the name of a joint state: its channels, or none of them."""
    channels = [visit.label(texts.CHANNELS, channel) for channel, letter in LETTERS.items() if letter in state]
    return " + ".join(channels) or visit.language.text("none of the four channels")


def _theme(visit: Visit) -> Theme:
    named = {**texts.CHANNELS, **texts.STATUSES}
    words = {code: visit.label(named, code) for code in named} | {state: _state(visit, state) for state in STATES}
    return Theme(visit.query("theme") == "dark", visit.language.direction == "rtl", words)


def _picture(visit: Visit, name: str) -> Picture:
    digest = visit.path("digest")
    source = _cohort(visit, digest).source
    if name == "dummy":
        return _index_plot(visit, source)
    table, cohort = _shown(visit, digest), read_cohort(source)
    if table is None:
        raise NotFoundError("There is nothing to draw.", advice="Run the cohort first.")
    months, theme = visit.language.text("months after entry"), _theme(visit)
    if name == "survival":
        return survival_curves(table, theme, visit.language.text("share without"), months)
    if name == "states":
        return chronogram(state_shares(table), theme, visit.language.text("share of members"))
    variable = visit.query("variable") or cohort.variables[0]
    if variable not in cohort.variables:
        raise NotFoundError("The cohort has no such variable.")
    return status_bars(table, variable, theme, visit.language.text("persons"), months)


@router.get("/cohorts/{digest}/survival.svg", include_in_schema=False)
@router.get("/cohorts/{digest}/status.svg", include_in_schema=False)
@router.get("/cohorts/{digest}/states.svg", include_in_schema=False)
@router.get("/cohorts/{digest}/dummy.svg", include_in_schema=False)
def as_svg(request: Request) -> Response:
    """Draw a picture of a cohort as SVG."""
    name = request.url.path.rpartition("/")[2].removesuffix(".svg")
    return Response(_picture(visit_of(request), name).svg(), media_type="image/svg+xml")


@router.get("/cohorts/{digest}/survival.png", include_in_schema=False)
@router.get("/cohorts/{digest}/status.png", include_in_schema=False)
@router.get("/cohorts/{digest}/states.png", include_in_schema=False)
@router.get("/cohorts/{digest}/dummy.png", include_in_schema=False)
def as_png(request: Request) -> Response:
    """Draw a picture of a cohort as PNG."""
    name = request.url.path.rpartition("/")[2].removesuffix(".png")
    return Response(_picture(visit_of(request), name).png(), media_type="image/png")


@router.get("/cohorts/{digest}/tables.csv", include_in_schema=False)
def download(request: Request) -> Response:
    """Give a cohort's protected tables as CSV."""
    visit = visit_of(request)
    table = _shown(visit, visit.path("digest"))
    if table is None:
        raise NotFoundError("There are no tables to download.", advice="Run the cohort first.")
    name = f"cohort-{visit.path('digest')[:8]}.csv"
    headers = {**PAGE_HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(releases.table_csv(table), media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/cohorts", include_in_schema=False)
def try_one(request: Request, source: Annotated[str, Form(max_length=20_000)] = "") -> Response:
    """Run a definition on dummy data and keep it."""
    visit = visit_of(request)
    made = cohorts.try_cohort(visit.unit, visit.actor, source)
    return go_to(f"/cohorts/{made.digest}", notice="tried")


@router.post("/cohorts/{digest}/{action}", include_in_schema=False)
def act(request: Request, digest: str, action: str, run_id: Annotated[str, Form(max_length=80)] = "") -> Response:
    """Run a cohort, or propose the tables of a run."""
    visit = visit_of(request)
    actions: dict[str, Any] = {
        "run": lambda: cohorts.run_cohort(visit.unit, visit.actor, digest, run_id),
        "propose": lambda: releases.propose_cohort_release(visit.unit, visit.actor, run_id),
    }
    if action not in actions:
        raise NotFoundError("There is no such action on a cohort.")
    actions[action]()
    return go_to(f"/cohorts/{digest}", notice="cohort_run" if action == "run" else "proposed")


add_page(router, "/cohorts", "cohorts.html", build_list)
add_page(router, "/cohorts/{digest}", "cohort.html", build_one)
