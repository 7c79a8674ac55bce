"""The page: Jinja2 templates, escaped, with the tools that all three reports share."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from platform import python_version
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from evaluation.audit_report.language import Texts


def render(template: str, texts: Texts, moment: datetime | None = None, **values: Any) -> str:
    """Return one self-contained HTML page.

    Args:
        template: Name of a template of this package.
        texts: The language.
        moment: When the page is made; now by default.
        values: What the template shows.
    """
    made = texts.text("common.made", moment=texts.language.moment(moment or datetime.now(UTC)), **_tools())
    return _environment().get_template(template).render(texts=texts, t=texts.text, made=made, **values)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("evaluation.audit_report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _tools() -> dict[str, str]:
    return {"python": python_version(), **{name: version(name) for name in ("wasl", "numpy", "polars")}}
