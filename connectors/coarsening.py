"""Default coarsening of the payload: what travels of each register, and how coarse, by the size of the population.

The bound is the join with a leaked table of name, number and pay (docs/adr/0008): at most 5 % of the persons named.
What no published figure needs is withheld; what the leaked table holds travels in bands, and the fewer persons there
are, the wider. Rules follow from the expected number of persons, never from the data.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from contract.agreement import PayloadColumn

#: Nobody younger than 15 counts as a worker. Who may have been younger than that in a window that begins up to eleven
#: years before the agreement keeps the exact year of birth, so that bands change no figure.
YOUNG_YEARS: Final = 26
#: Expected persons from which pay travels at all and births in bands of five years, not ten.
PAY_PERSONS: Final = 40_000
#: Expected persons from which pay has a band more, and an employer's activity travels.
FINE_PERSONS: Final = 200_000
CENTIMES: Final = 100

#: Never in the draft: no published figure needs them and each singles people out.
WITHHELD: Final = {
    "border_crossing": {"post"},
    "residence_permit": {"birth_place", "marital_status", "issued_on"},
    "work_contract": {"employer_id", "visa_date"},
    "social_security": {"employer_no"},
    "placement": {"activity"},
    "consular": {"birth_place", "post"},
}


def payload_rule(register: str, column: str, persons: int, created_on: date) -> PayloadColumn | None:
    """Return how a column of a canonical register travels by default; None if it does not.

    Args:
        register: Name of the register.
        column: Canonical attribute or event column.
        persons: Expected number of persons over all registers; 0 where it is not known gives the widest bands.
        created_on: Day of the agreement.
    """
    if column in WITHHELD.get(register, set()):
        return None
    if column == "birth_date":
        width, least = (5, 1955) if persons >= PAY_PERSONS else (10, 1960)
        exact = (created_on.year - YOUNG_YEARS) // width * width
        return PayloadColumn(column=column, coarsen="year", width=width, least=least, exact_from=exact)
    if column == "crossed_at":
        return PayloadColumn(column=column, coarsen="date")
    if column == "days":
        # insured work is a month with at least one day; how many days is part of the leaked table
        return PayloadColumn(column=column, coarsen="band", width=1, least=0, most=1)
    if column == "occupation":
        return PayloadColumn(column=column, coarsen="prefix", width=1)  # ISCO-08 major group
    if column == "activity":
        return PayloadColumn(column=column) if persons >= FINE_PERSONS else None
    if column in {"monthly_pay", "pay_centimes"}:
        return _pay(column, persons)
    if register == "consular" and column in {"registered_on", "removed_on"}:
        return PayloadColumn(column=column, coarsen="month")
    return PayloadColumn(column=column)


def _pay(column: str, persons: int) -> PayloadColumn | None:
    """Bands of pay that double: below 4 000 MAD, below 8 000, more; one more each way in a large population."""
    if persons < PAY_PERSONS:
        return None
    lowest, highest = (3000, 12000) if persons >= FINE_PERSONS else (4000, 8000)
    unit = CENTIMES if column == "pay_centimes" else 1
    return PayloadColumn(column=column, coarsen="doubling", width=lowest * unit, most=highest * unit)
