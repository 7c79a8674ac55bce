"""How commands speak: a table for people, one JSON object on standard output for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any


def emit(result: Mapping[str, Any], as_json: bool, text: str | None = None) -> None:
    """Print a command's result: JSON alone on standard output, or the text for people."""
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False, default=str) + "\n")
        return
    sys.stdout.write((text if text is not None else table(result)) + "\n")


def table(result: Mapping[str, Any]) -> str:
    """Return a two-column listing of a flat result."""
    width = max((len(str(key)) for key in result), default=0)
    return "\n".join(f"{str(key).replace('_', ' '):<{width}}  {value}" for key, value in result.items())


def say(message: str) -> None:
    """Tell a person what is going on, on standard error, so that JSON stays alone on standard output."""
    sys.stderr.write(message + "\n")
