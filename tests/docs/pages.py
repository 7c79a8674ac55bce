"""The documentation's pages and what stands in them: code blocks, inline code, links."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(list(ROOT.glob("*.md")) + list((ROOT / "docs").rglob("*.md")), key=str)
_FENCE = re.compile(r"^```(\w*)\s*$")
_INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def name_of(path: Path) -> str:
    """Return a page's path from the repository's root, as a test shows it."""
    return path.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Page:
    """A page taken apart: fenced blocks as (language, text), inline code, link targets; `open_fence` if one is open."""

    path: Path
    blocks: tuple[tuple[str, str], ...]
    inline: tuple[str, ...]
    links: tuple[str, ...]
    open_fence: bool

    @property
    def full_commands(self) -> list[str]:
        """Command lines of shell blocks: they can be typed as they stand, but for their names."""
        return _commands([line for language, text in self.blocks if language == "sh" for line in _joined(text)])

    @property
    def named_commands(self) -> list[str]:
        """Commands in running text: often without their arguments."""
        return _commands(self.inline)


def read(path: Path) -> Page:
    """Take a page apart."""
    prose: list[str] = []
    blocks: list[tuple[str, str]] = []
    language, held = None, []
    for line in path.read_text(encoding="utf-8").splitlines():
        fence = _FENCE.match(line)
        if fence and language is None:
            language, held = fence.group(1), []
        elif fence and not fence.group(1):
            blocks.append((language or "", "\n".join(held)))
            language = None
        elif language is not None:
            held.append(line)
        else:
            prose.append(line)
    text = "\n".join(prose)
    inline = tuple(" ".join(found.split()) for found in _INLINE.findall(text))
    links = tuple(_LINK.findall(_INLINE.sub("", text)))
    return Page(path, tuple(blocks), inline, links, language is not None)


def _joined(text: str) -> list[str]:
    """Return the lines of a shell block, continued lines joined, comments cut."""
    return [line.split(" #")[0].strip() for line in text.replace("\\\n", " ").splitlines()]


def _commands(lines: Iterable[str]) -> list[str]:
    """Return the lines that call `wasl`, by whatever path, and the options that `make demo` hands on."""
    found = []
    for line in lines:
        words = line.split(maxsplit=1)
        if len(words) == 2 and words[0].rsplit("/", maxsplit=1)[-1] == "wasl":
            found.append(f"wasl {words[1]}")
        found += [f"wasl demo {options}" for options in re.findall(r'make demo ARGS="([^"]*)"', line)]
    return found
