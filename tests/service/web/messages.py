"""All texts that the pages show, as Babel extracts them from templates and code."""

from __future__ import annotations

from pathlib import Path

from babel.messages.extract import extract_from_dir

import service.web

ROOT = Path(service.web.__file__).parent


def extracted() -> list[str]:
    """Return every message once, in the order of its first use."""
    found = extract_from_dir(
        ROOT,
        method_map=[("**.py", "python"), ("templates/**.html", "jinja2")],
        options_map={"**.html": {"newstyle_gettext": "true", "trim_blocks": "true", "lstrip_blocks": "true"}},
        keywords={"msg": None, "text": None, "_": None},
    )
    messages: dict[str, None] = {}
    for _file, _line, message, _comments, _context in found:
        if isinstance(message, str):
            messages[message] = None
    return list(messages)
