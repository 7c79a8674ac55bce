"""The quality report as one HTML file: nothing from outside, inline SVG, a table beside each chart, three languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from service.web.language import languages
from service.web.quality_words import Words
from service.web.visit import environment


@dataclass(frozen=True)
class Table:
    """A table: caption, heads, and rows of texts whose first cell heads the row."""

    caption: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Section:
    """One part of the report: heading, text, charts (description and SVG), tables; `folded` ones start closed."""

    title: str
    text: str
    charts: list[tuple[str, str]] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    folded: list[Table] = field(default_factory=list)


def report_page(document: Mapping[str, Any], code: str) -> str:
    """Return a report (`service.quality_report.document`), or a producer's part of it, as a page.

    Args:
        document: Of `quality_document` or `diagnosis`.
        code: ``fr``, ``ar`` or ``en``.
    """
    from service.web.quality_sections import producer_sections, report_sections

    words = Words(languages()[code])
    own = "register" in document
    sections = producer_sections(document, words) if own else report_sections(document, words)
    return (
        environment(code)
        .get_template("quality_report.html")
        .render(document=document, sections=sections, producer=words.register(document["register"]) if own else "")
    )
