"""Nationalities of foreigners in the synthetic registers: shares, name pool, passport validity."""

from __future__ import annotations

from typing import Final

MOROCCAN: Final = "MAR"
#: Nationals who work without a contract visa (establishment conventions).
EXEMPT_NATIONALITIES: Final = ("DZA", "TUN", "SEN")

#: Share of foreign persons by nationality (about 60 % sub-Saharan, as in the census of 2024).
SHARES: Final[dict[str, float]] = {
    "SEN": 14.0,
    "CIV": 13.0,
    "GIN": 7.0,
    "MLI": 6.0,
    "CMR": 5.5,
    "COD": 3.0,
    "COG": 2.0,
    "GAB": 2.0,
    "NGA": 2.0,
    "BFA": 1.2,
    "BEN": 1.0,
    "TGO": 0.8,
    "NER": 0.6,
    "GMB": 0.6,
    "GHA": 0.6,
    "LBR": 0.4,
    "FRA": 11.0,
    "ESP": 4.5,
    "ITA": 1.6,
    "BEL": 1.0,
    "PRT": 0.6,
    "GBR": 0.8,
    "USA": 0.9,
    "DZA": 5.0,
    "TUN": 2.5,
    "MRT": 1.6,
    "SYR": 4.5,
    "EGY": 1.4,
    "LBN": 0.7,
    "IRQ": 0.5,
    "PHL": 2.2,
    "CHN": 1.8,
}

ARABIC_POOLS: Final = ("MAR", "DZA", "TUN", "MRT", "SYR", "EGY", "LBN", "IRQ")
TWO_SURNAMES: Final = ("ESP",)
MOTHERS_SURNAME: Final = ("PHL",)
#: Where a second given name is usual.
TWO_GIVEN: Final = ("FRA", "ESP", "CMR", "COD", "COG", "GAB", "CIV", "BEN", "TGO", "PRT", "USA", "GBR", "BEL", "PHL")
TEN_YEAR_PASSPORT: Final = ("FRA", "ESP", "ITA", "BEL", "GBR", "USA", "CHN", "PHL", "DZA")
#: Countries where Moroccans abroad live, with shares.
ABROAD: Final[dict[str, float]] = {
    "FRA": 0.34,
    "ESP": 0.27,
    "ITA": 0.13,
    "BEL": 0.10,
    "NLD": 0.08,
    "DEU": 0.05,
    "CAN": 0.03,
}
#: Nationality that some take on in mid-life.
NEW_NATIONALITIES: Final = ("FRA", "ESP", "ITA", "BEL", "USA")
