"""The payload's audit: every attack on one register's payload, and what of it the audit report holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from connectors.encode import Prepared
from contract.audit_report import Hits, PayloadFigures
from evaluation.payload_audit.differencing import Differenced, difference
from evaluation.payload_audit.leaked_table import Joined, join_history, join_leaked
from evaluation.payload_audit.tables import PayloadTables, payload_tables
from evaluation.payload_audit.trajectories import Unicity, unicity
from evaluation.payload_audit.uniqueness import Classes, uniqueness

#: Persons whose trajectories are sought, drawn at random; an interval of at most two points either side.
SAMPLED: Final = 2000


@dataclass(frozen=True)
class PayloadAudit:
    """What the attacks found.

    Attributes:
        register: The register's name.
        subjects, rows: Persons, and rows of events (of records, where there are none).
        classes: Uniqueness by combination of columns.
        joined: The worst join with one leaked month: what the bound is about.
        joined_nationality: The same, had the attacker everybody's nationality.
        joined_history: The same with all months at once.
        differenced: What a vintage of one month more tells.
        points: Columns of a point of a trajectory.
        unicity: Persons singled out by 1 to 4 points.
    """

    register: str
    subjects: int
    rows: int
    classes: tuple[Classes, ...]
    joined: Joined
    joined_nationality: Joined
    joined_history: Joined
    differenced: Differenced | None
    points: tuple[str, ...]
    unicity: tuple[Unicity, ...]

    def holds(self, bound: float) -> bool:
        """Tell whether the upper 95 % limit of the join with a leaked table keeps a bound."""
        return self.joined.named.high <= bound

    def figures(self) -> PayloadFigures:
        """Return what the audit report holds: the bounded join, uniqueness of whole rows, and details by name.

        Details of a share have two entries, ``…/hits`` and ``…/total``.
        """
        details: dict[str, float] = {}
        for one in self.classes:
            _note(details, f"alone/{'+'.join(one.columns)}", one.alone)
        for name, joined in (("nationality", self.joined_nationality), ("history", self.joined_history)):
            _note(details, f"joined/{name}", joined.named)
        for known in self.unicity:
            _note(details, f"points/{known.points}", known.alone)
            _note(details, f"points_described/{known.points}", known.described)
        if self.differenced is not None:
            _note(details, "alone_before", self.differenced.alone_before)
        return PayloadFigures(
            rows=self.rows,
            unique=self.classes[-1].rows if self.classes else Hits(hits=0, total=self.rows),
            joined=self.joined.named,
            differenced=self.differenced.singled_out if self.differenced else None,
            details=details,
        )

    def document(self) -> dict[str, Any]:
        """Return everything as JSON: shares as hits, total, share, low, high."""
        return {
            "register": self.register,
            "subjects": self.subjects,
            "rows": self.rows,
            "joined": _joined(self.joined),
            "joined_nationality": _joined(self.joined_nationality),
            "joined_history": _joined(self.joined_history),
            "uniqueness": [
                {"columns": list(one.columns), "alone": shown(one.alone), "class_sizes": one.persons}
                for one in self.classes
            ],
            "differenced": None
            if self.differenced is None
            else {
                "month": self.differenced.month,
                "singled_out": shown(self.differenced.singled_out),
                "alone_before": shown(self.differenced.alone_before),
            },
            "trajectories": {
                "point": list(self.points),
                "known": [
                    {"points": one.points, "alone": shown(one.alone), "described": shown(one.described)}
                    for one in self.unicity
                ],
            },
        }


def audit_payload(tables: PayloadTables, *, seed: int = 1, persons: int = SAMPLED) -> PayloadAudit:
    """Attack a payload in every way; the same tables and seed give the same figures.

    Args:
        tables: From `evaluation.payload_audit.tables.payload_tables`.
        seed: Of the persons and points drawn for the trajectories.
        persons: How many persons' trajectories are sought.
    """
    points, found = unicity(tables, persons=persons, seed=seed)
    joined = join_leaked(tables)
    knows_nationality = any(terms.column == "nationality" for terms in tables.terms.attributes)
    return PayloadAudit(
        register=tables.register,
        subjects=tables.subjects,
        rows=tables.events.height or tables.records.height,
        classes=tuple(uniqueness(tables)),
        joined=joined,
        joined_nationality=join_leaked(tables, nationality=True) if knows_nationality else joined,
        joined_history=join_history(tables) if joined.month is not None else joined,
        differenced=difference(tables),
        points=points,
        unicity=tuple(found),
    )


def audit_prepared(prepared: Prepared, *, seed: int = 1, persons: int = SAMPLED) -> PayloadAudit | None:
    """Audit the payload of a prepared vintage; None where the agreement lets no column of it travel.

    Raises:
        PayloadInputError: The register has no record.
    """
    if not (prepared.terms.attributes or prepared.terms.events):
        return None
    return audit_payload(payload_tables(prepared), seed=seed, persons=persons)


def shown(found: Hits) -> dict[str, float]:
    """Return a share with its 95 % interval as JSON."""
    return {
        "hits": found.hits,
        "total": found.total,
        "share": round(found.share, 6),
        "low": round(found.low, 6),
        "high": round(found.high, 6),
    }


def _joined(found: Joined) -> dict[str, Any]:
    return {
        "named": shown(found.named),
        "wrong": found.wrong,
        "columns": list(found.columns),
        "month": found.month,
    }


def _note(details: dict[str, float], name: str, found: Hits) -> None:
    details[f"{name}/hits"], details[f"{name}/total"] = float(found.hits), float(found.total)
