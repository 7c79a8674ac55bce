"""Decisions that cannot all hold: seen when one is made, and again when a computation follows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Decided(NamedTuple):
    """A decision between two subjects (numbers of a computation, a < b), by the pair's number."""

    number: int
    a: int
    b: int
    same: bool


def set_aside(decided: Sequence[Decided], single: Mapping[int, str]) -> list[bool]:
    """Return which decisions contradict earlier ones, or a register with one record a person.

    Args:
        decided: In the order in which they were decided.
        single: Register of the subjects that are of a register with one record a person.
    """
    above: dict[int, int] = {}
    held: dict[int, set[str]] = {}
    apart: list[tuple[int, int]] = []

    def group(subject: int) -> int:
        while subject in above:
            subject = above[subject]
        return subject

    def registers(root: int) -> set[str]:
        return held.setdefault(root, {single[root]} if root in single else set())

    aside = []
    for one in decided:
        a, b = group(one.a), group(one.b)
        if not one.same:
            aside.append(a == b)
            apart += [] if a == b else [(one.a, one.b)]
            continue
        barred = any({group(x), group(y)} == {a, b} for x, y in apart)
        aside.append(a != b and (barred or bool(registers(a) & registers(b))))
        if a != b and not aside[-1]:
            held[a] = registers(a) | registers(b)
            above[b] = a
    return aside
