"""Adds the pages to an application: their routes, static files, and how they show errors."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from starlette.staticfiles import StaticFiles

from contract.errors import WaslError
from service.accounts.requests import NotSignedInError
from service.errors import problem_response
from service.unit import Unit
from service.web import agreement, audit, overview, runs, sign_in, submissions
from service.web.visit import go_to, render

STATIC = Path(__file__).parent / "static"


def install_pages(app: FastAPI, unit: Unit) -> None:
    """Serve the pages of a unit."""
    for module in (sign_in, overview, agreement, submissions, runs, audit):
        app.include_router(module.router)
    if unit.settings.role == "statistics":
        from service.web import cohorts, review, trajectories

        app.include_router(trajectories.router)
        app.include_router(cohorts.router)
        app.include_router(review.router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.state.render_error = render_error


def render_error(request: Request, error: WaslError) -> Response:
    """Answer an error as the page's own form: a page, or problem details where JSON was asked for.

    Who is not signed in is led to the sign-in page and back.
    """
    if request.url.path.endswith(".json"):
        return problem_response(error)
    if isinstance(error, NotSignedInError):
        wanted = request.url.path if request.method == "GET" else "/overview"
        if request.method == "GET" and request.url.query:
            wanted = f"{wanted}?{request.url.query}"
        return go_to(f"/sign-in?then={quote(wanted, safe='/')}")
    actor = request.app.state.actor_of(request) if request.method == "GET" else None  # else its own refusal returns
    return render(request, "error.html", {"problem": error.problem()}, actor, error.http_status)
