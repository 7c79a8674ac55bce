"""One visit of a signed-in person, and how a page answers it: as HTML, or as its JSON twin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from contract.signing import fingerprint
from service.accounts.requests import NotSignedInError
from service.runs.actors import Actor
from service.unit import Unit
from service.web import texts
from service.web.language import COOKIE, NAMES, PARAMETER, Language, language_of, languages

TEMPLATES = Path(__file__).parent / "templates"
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # Not `no-referrer`: with it browsers send no origin with a form, and `check_same_site` needs one.
    "Referrer-Policy": "same-origin",
    "Vary": "Cookie, Accept-Language",
}
_NAVIGATION = (
    ("/overview", texts.msg("Overview"), ("linkage", "statistics")),
    ("/agreement", texts.msg("Agreement"), ("linkage", "statistics")),
    ("/submissions", texts.msg("Submissions"), ("linkage", "statistics")),
    ("/runs", texts.msg("Runs"), ("linkage", "statistics")),
    ("/trajectories", texts.msg("Trajectories"), ("statistics",)),
    ("/cohorts", texts.msg("Cohorts"), ("statistics",)),
    ("/review", texts.msg("Review of pairs"), ("statistics",)),
    ("/audit", texts.msg("Audit log"), ("linkage", "statistics")),
)
_YEAR = 365 * 24 * 3600

Data = dict[str, Any]


@dataclass(frozen=True)
class Visit:
    """Who asks for a page, of which unit, in which language."""

    request: Request
    unit: Unit
    actor: Actor
    language: Language

    def query(self, name: str) -> str | None:
        """Return a parameter of the address, None where it is missing or empty."""
        return self.request.query_params.get(name) or None

    def path(self, name: str) -> str:
        """Return a part of the path."""
        return str(self.request.path_params[name])

    def may(self, *roles: str) -> bool:
        """Return whether the person has one of these roles."""
        return bool(self.actor.roles & set(roles))

    def label(self, table: Mapping[str, str], code: str) -> str:
        """Return the text for a code, or the code where it has none."""
        return self.language.text(table[code]) if code in table else code


def visit_of(request: Request) -> Visit:
    """Return the visit of whoever is signed in.

    Raises:
        NotSignedInError: Nobody is.
    """
    actor: Actor | None = request.app.state.actor_of(request)
    if actor is None:
        raise NotSignedInError("Nobody is signed in.")
    return Visit(request, request.app.state.unit, actor, language_of(request))


def add_page(router: APIRouter, path: str, template: str, build: Callable[[Visit], Data]) -> None:
    """Serve what `build` returns at `path` as HTML and at `path` + ``.json`` as JSON, to signed-in people only."""

    def as_json(request: Request) -> Response:
        return JSONResponse(jsonable_encoder(build(visit_of(request))))

    def as_html(request: Request) -> Response:
        visit = visit_of(request)
        return render(request, template, build(visit), visit.actor)

    # The twin first: a path's own parameter would take the suffix in.
    router.add_api_route(f"{path}.json", as_json, methods=["GET"], include_in_schema=False)
    router.add_api_route(path, as_html, methods=["GET"], include_in_schema=False)


def render(request: Request, template: str, data: Data, actor: Actor | None = None, status_code: int = 200) -> Response:
    """Return a page. A language asked for in the address is kept in a cookie."""
    language = language_of(request)
    unit: Unit = request.app.state.unit
    page = (
        environment(language.code)
        .get_template(template)
        .render(
            **data,
            request_path=request.url.path,
            notice=texts.NOTICES.get(request.query_params.get("notice", "")),
            actor=actor,
            role=unit.settings.role,
            fingerprint=fingerprint(unit.keys.signing_public),
            navigation=[(path, name) for path, name, roles in _NAVIGATION if unit.settings.role in roles],
            languages=[(code, name, _address(request, code)) for code, name in NAMES.items()],
        )
    )
    response = Response(page, status_code=status_code, media_type="text/html", headers=PAGE_HEADERS)
    if request.query_params.get(PARAMETER) == language.code:
        response.set_cookie(COOKIE, language.code, max_age=_YEAR, samesite="lax", httponly=True)
    return response


def go_to(path: str, **query: str) -> Response:
    """Return the answer to a form: look at another page."""
    return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, status_code=303)


def _address(request: Request, language: str) -> str:
    """Return this page's address in another language; of a form's answer, the overview's."""
    path = request.url.path if request.method == "GET" or request.url.path == "/sign-in" else "/overview"
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in {PARAMETER, "notice"}]
    return f"{path}?{urlencode([*kept, (PARAMETER, language)])}"


@lru_cache(maxsize=8)
def environment(code: str) -> Environment:
    """Return the templates of a language."""
    language = languages()[code]
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(language.translations, newstyle=True)  # type: ignore[attr-defined]
    made.globals.update(language=language, texts=texts)

    def label(item: str, table: Mapping[str, str]) -> str:
        return language.text(table[item]) if item in table else item

    made.filters.update(
        label=label,
        isolate=language.isolate,
        number=language.number,
        percent=language.percent,
        day=language.date,
        moment=language.moment,
        duration=language.duration,
        together=language.together,
        short=lambda digest: f"{digest[:12]}…",
    )
    made.globals["show"] = made.get_template("macros.html").module
    return made
