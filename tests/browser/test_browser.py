"""The pages in a real browser: three languages, both directions, with and without JavaScript, checked by axe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.service.web.scene import PASSWORD, work_on

pytestmark = pytest.mark.browser
LANGUAGES = ("fr", "ar", "en")
WHO = {"linkage": "linker", "statistics": "checker"}


def paths(site: Any, role: str) -> list[str]:
    found = ["/overview", "/agreement", "/submissions", "/runs", "/audit?verify=yes&action=run:start"]
    if role == "linkage":
        return [*found, *(f"/runs/{site.ids[state]}" for state in ("running", "failed", "succeeded"))]
    return [
        *found,
        f"/runs/{site.ids['first']}",
        "/trajectories",
        "/trajectories?breakdown=sex&residence=all",
        "/cohorts",
        f"/cohorts/{site.ids['cohort']}",
        "/review",
    ]


@contextmanager
def window(chromium: Any, site: Any, who: str | None, language: str, **how: Any) -> Iterator[Any]:
    """A browser window, signed in; it must not have complained when it closes."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, **how)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else 0)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda sent: None if sent.url.startswith(site.address) else complaints.append(sent.url))
    page.goto(f"{site.address}/overview?lang={language}")
    if who is not None:
        page.goto(f"{site.address}/sign-in?lang={language}")
        page.fill("#name", who)
        page.fill("#password", PASSWORD)
        page.click("main button")
        page.wait_for_url("**/overview")
    yield page
    assert complaints == []
    context.close()


def violations(page: Any, *, contrast: bool = True) -> list[str]:
    """Return what axe calls serious or critical. Contrast does not depend on the language: once is enough."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"resultTypes": ["violations"], "rules": {"color-contrast": {"enabled": contrast}}}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{item['id']}: {node['html'][:200]}"
        for item in found
        if item["impact"] in {"serious", "critical"}
        for node in item["nodes"]
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("role", ["linkage", "statistics"])
def test_every_page_is_whole_and_accessible(chromium: Any, sites: Any, role: str, language: str) -> None:
    site = sites[role]
    with window(chromium, site, WHO[role], language) as page:
        for path in paths(site, role):
            page.goto(site.address + path)
            for summary in page.query_selector_all("details:not([open]) > summary")[:2]:
                summary.click()
            html = page.locator("html")
            assert html.get_attribute("dir") == ("rtl" if language == "ar" else "ltr")
            assert html.get_attribute("lang") == language
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
            assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)"), path
            assert violations(page, contrast=language == "fr") == [], path


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sign_in_page_is_accessible(chromium: Any, sites: Any, language: str) -> None:
    with window(chromium, sites["linkage"], None, language) as page:
        assert "/sign-in" in page.url
        assert violations(page) == []
        page.evaluate("document.documentElement.removeAttribute('lang')")
        assert [item.split(":")[0] for item in violations(page)] == ["html-has-lang"]  # axe does look


def test_dark_and_narrow_pages_are_accessible(chromium: Any, sites: Any) -> None:
    for role, site in sites.items():
        with window(chromium, site, WHO[role], "fr", color_scheme="dark") as page:
            page.set_viewport_size({"width": 360, "height": 740})
            for path in paths(site, role):
                page.goto(site.address + path)
                assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
                if any(name in path for name in ("/overview", "/runs/", "/trajectories")):
                    assert violations(page) == [], path


def leave(page: Any, what: str) -> None:
    """Click what leads to another page, and wait until that is there: an address changes before its content does."""
    with page.expect_navigation():
        page.click(what)


def test_everything_works_without_javascript(chromium: Any, sites: Any) -> None:
    site = sites["statistics"]
    with window(chromium, site, "checker", "en", java_script_enabled=False) as page:
        for path in paths(site, "statistics"):
            assert page.goto(site.address + path).ok
        page.goto(f"{site.address}/trajectories")
        page.select_option("#breakdown", "sex")
        page.select_option("#indicator", "inflow")
        leave(page, ".filters button")
        assert "breakdown=sex" in page.url
        assert page.locator("table.indicators tbody tr").count() == 4
        leave(page, "form[action$='/approve'] button")
        assert "approved" in page.locator(".notice").inner_text()
        leave(page, "text=العربية")
        assert page.locator("html").get_attribute("dir") == "rtl"
        leave(page, ".account button")
        assert "/sign-in" in page.url


def test_progress_moves_without_a_reload(chromium: Any, sites: Any) -> None:
    site = sites["linkage"]
    run = sites["linkage"].ids["running"]
    from playwright.sync_api import expect

    with window(chromium, site, "linker", "en") as page:
        page.goto(f"{site.address}/runs/{run}")
        page.evaluate("window.untouched = true")
        count = page.locator('[data-stage="count"] [data-live="count"]')
        assert count.inner_text() == "5 of 12"
        work_on(site.world, run, 3)
        expect(count).to_have_text("8 of 12")
        assert page.evaluate("window.untouched")
        page.click("summary")
        leave(page, "form[action$='/cancel'] button")
        assert "cancelled" in page.locator("#live .state").inner_text()
        leave(page, "form[action$='/resume'] button")
        assert "running" in page.locator("#live .state").inner_text()


def test_the_keyboard_reaches_the_content_first(chromium: Any, sites: Any) -> None:
    site = sites["linkage"]
    with window(chromium, site, "linker", "en") as page:
        page.goto(f"{site.address}/audit")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"


def test_pairs_are_reviewed_by_keyboard(chromium: Any, sites: Any) -> None:
    site = sites["statistics"]
    with window(chromium, site, "counter", "en") as page:
        page.goto(f"{site.address}/review")
        heading = page.locator("#pair")
        assert "Pair 1" in heading.inner_text()
        assert "workers insured or authorised" in page.locator("main").inner_text().lower()
        assert violations(page) == []
        for key, pair in (("j", "Pair 2"), ("ArrowRight", "Pair 3"), ("k", "Pair 2"), ("y", "Pair 3")):
            with page.expect_navigation():
                page.keyboard.press(key)
            assert pair in heading.inner_text()
        assert "Decided: one person" in page.locator(".notice").inner_text()
        assert "2022 −1" in page.locator("#stand ~ .scroll").nth(1).inner_text()
        with page.expect_navigation():
            page.keyboard.press("u")  # undoes the last decision, and shows its pair again
        assert "Pair 2" in heading.inner_text()
        assert [
            row["verdict"]
            for row in page.evaluate("fetch('/review.json?pair=2').then(a => a.json())")["pair"]["history"]
        ] == ["undone", "same person"]
        page.keyboard.press("?")
        assert page.locator("#keys dl").is_visible()
        assert violations(page, contrast=False) == []
        page.uncheck("#shortcuts")
        page.keyboard.press("y")
        page.reload()
        assert "Pair 2" in heading.inner_text()
        assert not page.locator("#shortcuts").is_checked()
        page.set_viewport_size({"width": 360, "height": 740})
        for language in ("ar", "fr"):
            page.goto(f"{site.address}/review?lang={language}")
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            assert violations(page) == []
    with window(chromium, site, "counter", "ar", java_script_enabled=False) as page:
        page.goto(f"{site.address}/review?list=sample")
        leave(page, "form[action$='/different'] button")
        page.goto(f"{site.address}/review.json")
        precision = json.loads(page.locator("body").inner_text())["progress"]["precision"]
        assert (precision["pairs"], precision["value"]) == (1, 0)
