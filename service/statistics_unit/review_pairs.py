"""Numbers of reviewed pairs in the subjects database: which two subjects each stands for.

Only the clustering job opens it. Pages, decisions and the audit log know a pair by its number alone. A number stays
with its pair over computations and vintages of a series, and goes with either of its subjects.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, func, insert, or_, select, update

from service.db.base import Database
from service.statistics_unit.subject_models import ReviewPair

_AT_ONCE = 400

Names = tuple[str, str]  # register/subject_ref of both subjects, in order


def number_pairs(database: Database, series: str, run_id: str, pairs: Sequence[Names]) -> list[int]:
    """Return the numbers of pairs, new ones for pairs that have none; doing it again changes nothing.

    Args:
        database: The subjects database.
        series: The first agreement of the line of successors.
        run_id: The computation that lists them.
        pairs: Each once.
    """
    known: dict[Names, int] = {}
    with database.write() as session:
        for start in range(0, len(pairs), _AT_ONCE):
            first = sorted({a for a, _ in pairs[start : start + _AT_ONCE]})
            columns = select(ReviewPair.subject_a, ReviewPair.subject_b, ReviewPair.number)
            for a, b, number in session.execute(
                columns.where(ReviewPair.series == series, ReviewPair.subject_a.in_(first))
            ):
                known[a, b] = number
        last = session.scalar(select(func.max(ReviewPair.number)).where(ReviewPair.series == series)) or 0
        new = {pair: last + place for place, pair in enumerate((p for p in pairs if p not in known), start=1)}
        seen = sorted(known[pair] for pair in pairs if pair in known)
        for start in range(0, len(seen), _AT_ONCE):
            again = (ReviewPair.series == series, ReviewPair.number.in_(seen[start : start + _AT_ONCE]))
            session.execute(update(ReviewPair).where(*again).values(run_id=run_id))
        if new:
            rows = [
                {"series": series, "number": number, "subject_a": a, "subject_b": b, "run_id": run_id}
                for (a, b), number in new.items()
            ]
            session.execute(insert(ReviewPair), rows)
    return [known[pair] if pair in known else new[pair] for pair in pairs]


def pairs_of_numbers(database: Database, series: str, numbers: Iterable[int]) -> dict[int, Names]:
    """Return the pairs behind numbers; a number whose subject was taken back has none."""
    wanted, found = sorted(set(numbers)), {}
    with database.read() as session:
        for start in range(0, len(wanted), _AT_ONCE):
            own = (ReviewPair.series == series, ReviewPair.number.in_(wanted[start : start + _AT_ONCE]))
            for row in session.scalars(select(ReviewPair).where(*own)):
                found[row.number] = (row.subject_a, row.subject_b)
    return found


def erase_pairs(database: Database, subjects: Iterable[tuple[str, str]]) -> None:
    """Take the pairs of subjects (register, subject_ref) out, in every series."""
    names = sorted(f"{register}/{reference}" for register, reference in subjects)
    with database.write() as session:
        for start in range(0, len(names), _AT_ONCE):
            gone = names[start : start + _AT_ONCE]
            session.execute(
                delete(ReviewPair).where(or_(ReviewPair.subject_a.in_(gone), ReviewPair.subject_b.in_(gone)))
            )


def forget_pairs(database: Database, run_ids: Iterable[str]) -> None:
    """Take out the pairs that one of these computations was the last to list."""
    with database.write() as session:
        session.execute(delete(ReviewPair).where(ReviewPair.run_id.in_(sorted(run_ids))))
