"""What attackers hold in clear, by register: stated once, so that every figure says what it assumes.

The model is the leak of 2025 from a social-security fund: a table of name, number and pay, by employer, of one month.
The number tells a citizen from a foreigner; other leaked tables add sex and birth date; an employer's activity is
public.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: Attributes of a person that the leaked table's holder knows exactly.
LEAKED_ATTRIBUTES: Final = ("birth_date", "sex")
HOME: Final = "MAR"


@dataclass(frozen=True)
class Knowledge:
    """What attackers know of one register.

    Attributes:
        leaked: Event columns that the leaked table holds exactly, for everybody.
        month: Event columns that say in which months a row holds: one, or its first and last. Without any, the leaked
            table has no month in common with the register.
        seen: Event column that says when a person first came into the register.
        points: Event columns of one observed point of a trajectory: when, then where or how much.
    """

    leaked: tuple[str, ...] = ()
    month: tuple[str, ...] = ()
    seen: str = ""
    points: tuple[str, ...] = ()


KNOWLEDGE: Final[dict[str, Knowledge]] = {
    "border_crossing": Knowledge(seen="crossed_at", points=("crossed_at", "post")),
    "residence_permit": Knowledge(seen="valid_from", points=("valid_from", "prefecture")),
    "work_contract": Knowledge(
        leaked=("employer_id", "activity", "monthly_pay"),
        month=("start", "end"),
        seen="start",
        points=("start", "monthly_pay"),
    ),
    "social_security": Knowledge(
        leaked=("employer_no", "pay_centimes", "days"),
        month=("period",),
        seen="period",
        points=("period", "pay_centimes"),
    ),
    "placement": Knowledge(leaked=("activity",), month=("start", "end"), seen="start", points=("start", "country")),
    "consular": Knowledge(seen="registered_on", points=("registered_on", "post")),
}
#: Of a register that is none of the six: no event column is known to leak, its attributes are.
UNKNOWN_REGISTER: Final = Knowledge()


def knowledge_of(register: str) -> Knowledge:
    """Return what attackers know of a register."""
    return KNOWLEDGE.get(register, UNKNOWN_REGISTER)
