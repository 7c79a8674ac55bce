"""Nationality groups that statistics are broken down by: ISO 3166-1 alpha-3 to group.

The default grouping follows the United Nations M49 regions (standard country or area codes for
statistical use), with three departures that fit migration to Morocco: the Maghreb stands alone (with
Mauritania and Western Sahara), Egypt and Western Asia without the Caucasus, Cyprus and Türkiye form
`middle_east` together with Iran, and the Americas and Oceania are one group because they are small.
It is in the contract because the statistics unit and the evaluation must mean the same groups.
"""

from __future__ import annotations

from typing import Final

OTHER_GROUP: Final = "other"

_MEMBERS: Final[dict[str, str]] = {
    "sub_saharan_africa": """
        AGO BEN BWA IOT BFA BDI CPV CMR CAF TCD COM COG COD CIV DJI GNQ ERI SWZ ETH ATF GAB GMB GHA GIN
        GNB KEN LSO LBR MDG MWI MLI MUS MYT MOZ NAM NER NGA REU RWA SHN STP SEN SYC SLE SOM ZAF SSD SDN
        TZA TGO UGA ZMB ZWE""",
    "maghreb": "DZA ESH LBY MAR MRT TUN",
    "middle_east": "BHR EGY IRN IRQ ISR JOR KWT LBN OMN PSE QAT SAU SYR ARE YEM",
    "europe": """
        ALA ALB AND ARM AUT AZE BLR BEL BIH BGR HRV CYP CZE DNK EST FRO FIN FRA GEO DEU GIB GRC GGY VAT
        HUN ISL IRL IMN ITA JEY LVA LIE LTU LUX MLT MDA MCO MNE NLD MKD NOR POL PRT ROU RUS SMR SRB SVK
        SVN ESP SJM SWE CHE TUR UKR GBR XKX""",
    "asia": """
        AFG BGD BTN BRN KHM CHN HKG IND IDN JPN KAZ PRK KOR KGZ LAO MAC MYS MDV MNG MMR NPL PAK PHL SGP
        LKA TWN TJK THA TLS TKM UZB VNM""",
    "americas_oceania": """
        ASM AIA ATG ARG ABW AUS BHS BRB BLZ BMU BOL BES BRA CAN CYM CHL CXR CCK COL COK CRI CUB CUW DMA
        DOM ECU SLV FLK FJI GUF PYF GRL GRD GLP GUM GTM GUY HTI HMD HND JAM KIR MHL MTQ MEX FSM MSR NRU
        NCL NZL NIC NIU NFK MNP PLW PAN PNG PRY PER PCN PRI BLM KNA LCA MAF SPM VCT WSM SLB SXM SGS SUR
        TKL TON TTO TCA TUV USA UMI URY VUT VEN VGB VIR WLF""",
    OTHER_GROUP: "ATA BVT",
}

#: alpha-3 code to group, for every code of ISO 3166-1 (and XKX, in common use for Kosovo).
NATIONALITY_GROUPS: Final[dict[str, str]] = {
    code: group for group, members in _MEMBERS.items() for code in members.split()
}

#: The groups in the order in which tables list them.
GROUP_NAMES: Final[tuple[str, ...]] = tuple(_MEMBERS)


def group_of(code: str) -> str:
    """Return the group of an ISO 3166-1 alpha-3 code; `other` for a code that is not in the list."""
    return NATIONALITY_GROUPS.get(code, OTHER_GROUP)
