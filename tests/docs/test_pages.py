"""Links, paths and diagrams of the documentation."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import PAGES, ROOT, name_of, read

FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")} | {".ci"}
#: Made by an operator or at run time: named in the documentation, rightly not in the repository.
MADE_LATER = ("docker/secrets/",)
MERMAID_KINDS = ("flowchart", "sequenceDiagram", "stateDiagram-v2", "erDiagram")


def looks_like_a_path(text: str) -> bool:
    """Tell whether inline code names a file or folder of this repository."""
    head = text.split("/", maxsplit=1)[0]
    return bool(re.fullmatch(r"[\w.*/-]+", text)) and "/" in text and head in FOLDERS


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_relative_links_lead_somewhere(path):
    for target in read(path).links:
        if re.match(r"[a-z]+:", target):
            continue
        there, _, anchor = target.partition("#")
        place = (path.parent / there).resolve() if there else path
        assert place.exists(), f"{name_of(path)}: {target}"
        if anchor:
            assert anchor in anchors(place.read_text(encoding="utf-8")), f"{name_of(path)}: {target}"


def anchors(text: str) -> set[str]:
    """Return the anchors that a page's headings make."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_paths_in_code_exist(path):
    for text in read(path).inline:
        if looks_like_a_path(text) and not text.startswith(MADE_LATER):
            assert any(ROOT.glob(text.rstrip("/"))), f"{name_of(path)}: {text}"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_blocks_are_closed_and_diagrams_are_diagrams(path):
    page = read(path)
    assert not page.open_fence, f"{name_of(path)} has an open block"
    for language, text in page.blocks:
        if language == "mermaid":
            lines = [line.strip() for line in text.splitlines() if line.strip()]
            assert lines[0].split()[0] in MERMAID_KINDS
            ends = sum(line == "end" for line in lines)
            assert ends == sum(line.startswith(("subgraph ", "loop ", "alt ", "opt ", "par ")) for line in lines)
            for opened, closed in ("[]", "()", "{}"):
                assert text.count(opened) == text.count(closed), f"{name_of(path)}: {opened}{closed}"


def test_the_checks_see_something():
    links = [target for path in PAGES for target in read(path).links]
    paths = [text for path in PAGES for text in read(path).inline if looks_like_a_path(text)]
    assert len(links) > 20
    assert len(paths) > 20
    assert looks_like_a_path("contract/nosuch.py")


def test_guides_are_reached_from_the_readme():
    linked = set(read(ROOT / "README.md").links)
    guides = {name_of(path) for path in (ROOT / "docs" / "guides").glob("*.md")}
    assert guides <= linked


def test_no_page_names_a_place_outside_the_project():
    for path in PAGES:
        assert not re.search(r"(?<![\w/])/(work|root|home|Users)/|\.\./\.\./\.\.", path.read_text(encoding="utf-8"))


def test_the_table_of_the_http_interface_is_the_interface():
    from service import parts

    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (both|linkage|statistics) \| `([A-Z]+) (/api/v1/\S+)` \|", text, flags=re.MULTILINE)
    documented = {
        (role, method, re.sub(r"{\w+}", "{}", path))
        for roles, method, path in rows
        for role in (("linkage", "statistics") if roles == "both" else (roles,))
    }
    served = {
        (role, method, re.sub(r"{\w+}", "{}", route.path))
        for router, roles in parts.ROUTERS
        for route in router.routes
        for method in route.methods
        for role in roles
    }
    assert documented - {("linkage", "GET", "/api/v1/status"), ("statistics", "GET", "/api/v1/status")} == served
