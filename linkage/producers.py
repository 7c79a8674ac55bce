"""What a clustering says of each register as a whole: how many of its subjects are reached, linked, left in doubt."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from linkage.cluster import check_evidence
from linkage.errors import EvidenceError
from linkage.figures import LIKELY
from linkage.pairs import SubjectPairs

Index = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class ProducerFigures(NamedTuple):
    """Counts of one register's subjects.

    Attributes:
        subjects: All of them.
        no_row: In no pass: withheld by the caps, or without any blocking key. Nothing can be linked to them.
        no_likely_pair: In some pass, and no pair of theirs is likely.
        linked: By other register, those in one person with a subject of it.
        linked_at_all: Those in one person with a subject of any other register.
        left_apart: Those with a likely pair whose other subject ended in another person.
        rivals: Those that have a likely pair with the same subject as another of this register, where it holds one
            record a person: perhaps duplicates in the register.
    """

    subjects: int
    no_row: int
    no_likely_pair: int
    linked: dict[int, int]
    linked_at_all: int
    left_apart: int
    rivals: int


def producer_figures(
    register_of_subject: npt.NDArray[np.int64],
    one_record_registers: Collection[int],
    registers: int,
    pairs: SubjectPairs,
    labels: npt.NDArray[np.int64],
    has_row: npt.NDArray[np.bool_],
) -> list[ProducerFigures]:
    """Return the figures of each register, in order.

    Args:
        register_of_subject: int64[n], the register of each subject.
        one_record_registers: Registers in which a person has at most one subject.
        registers: How many registers there are.
        pairs: Pairs of subjects with calibrated probabilities.
        labels: int64[n], the person of each subject.
        has_row: bool[n], whether some pass holds a row of the subject.

    Raises:
        EvidenceError: Arrays do not fit together.
    """
    register, person = np.asarray(register_of_subject, np.int64), np.asarray(labels, np.int64)
    check_evidence(len(register), register, pairs.a, pairs.b, pairs.probability)
    if not len(register) == len(person) == len(has_row):
        raise EvidenceError("Every subject has one person, and a row or none.")
    likely = pairs.probability >= LIKELY
    a, b = pairs.a[likely], pairs.b[likely]
    paired, apart = _flags(len(register), a, b), person[a] != person[b]
    left = _flags(len(register), a[apart], b[apart])
    rivals = _rivals(register, one_record_registers, registers, a, b)
    held = np.zeros((int(person.max(initial=-1)) + 1, registers), dtype=np.bool_)
    held[person, register] = True
    found = []
    for place in range(registers):
        own = register == place
        others = held[person[own]]
        others[:, place] = False
        found.append(
            ProducerFigures(
                subjects=int(own.sum()),
                no_row=int((own & ~has_row).sum()),
                no_likely_pair=int((own & has_row & ~paired).sum()),
                linked={other: int(others[:, other].sum()) for other in range(registers) if other != place},
                linked_at_all=int(others.any(axis=1).sum()),
                left_apart=int((own & left).sum()),
                rivals=int((own & rivals).sum()),
            )
        )
    return found


def _flags(n: int, a: Index, b: Index) -> Flags:
    flags = np.zeros(n, dtype=np.bool_)
    flags[a] = flags[b] = True
    return flags


def _rivals(register: Index, single: Collection[int], registers: int, a: Index, b: Index) -> Flags:
    """Return bool[n]: subjects that share a partner with another subject of their own one-record register."""
    mine, partner = np.concatenate([a, b]), np.concatenate([b, a])
    kept = np.isin(register[mine], sorted(single))
    mine, partner = mine[kept], partner[kept]
    _, which, times = np.unique(partner * registers + register[mine], return_inverse=True, return_counts=True)
    flags = np.zeros(len(register), dtype=np.bool_)
    flags[mine[times[which] > 1]] = True
    return flags
