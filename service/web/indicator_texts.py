"""Names of the extended indicators, for pages; a transition's name is put together from two states."""

from __future__ import annotations

from typing import Final

from service.web.texts import msg

EXTENDED: Final = {
    "working_age_stock": msg("Residents of 15 or more years"),
    "non_resident_workers": msg("Workers who are not resident"),
    "for_work_residents": msg("Residents whose first title is for work"),
    "nationals_abroad": msg("Nationals registered at a consulate (proxy)"),
    "return_migrant_workers": msg("Return migrant workers (proxy)"),
    "resident_by_score": msg("Residents by signs of life"),
    "net_migration": msg("Net migration"),
    "turnover": msg("Turnover"),
    "working_age_entries": msg("Residents of working age: entries"),
    "working_age_exits": msg("Residents of working age: exits"),
    "working_age_ageing": msg("Residents of working age: comings of age"),
    "insured_workers_entries": msg("Workers insured: entries"),
    "insured_workers_exits": msg("Workers insured: exits"),
    "insured_workers_ageing": msg("Workers insured: comings of age"),
    "authorised_workers_entries": msg("Workers authorised: entries"),
    "authorised_workers_exits": msg("Workers authorised: exits"),
    "authorised_workers_ageing": msg("Workers authorised: comings of age"),
    "nationals_registered": msg("Nationals newly registered at a consulate (proxy)"),
    "nationals_removed": msg("Nationals removed from a consulate's register (proxy)"),
    "retention_12": msg("Insured 12 months after arrival"),
    "retention_24": msg("Insured 24 months after arrival"),
    "retention_60": msg("Insured 60 months after arrival"),
    "arrival_to_permit_km_median": msg("Months from arrival to first permit (Kaplan-Meier median)"),
    "arrival_to_authorised_km_median": msg("Months from arrival to first authorisation (Kaplan-Meier median)"),
    "arrival_to_insured_km_median": msg("Months from arrival to first insured month (Kaplan-Meier median)"),
    "incidence_insured_6": msg("Insured within 6 months of arrival"),
    "incidence_insured_12": msg("Insured within 12 months of arrival"),
    "incidence_insured_24": msg("Insured within 24 months of arrival"),
    "incidence_left_6": msg("Left uninsured within 6 months of arrival"),
    "incidence_left_12": msg("Left uninsured within 12 months of arrival"),
    "incidence_left_24": msg("Left uninsured within 24 months of arrival"),
    "gap_exempt_share": msg("Share of the gap: exempt"),
    "gap_expired_share": msg("Share of the gap: authorisation expired"),
    "gap_other_permit_share": msg("Share of the gap: another title is valid"),
    "gap_residual_share": msg("Share of the gap: no valid title seen"),
    "gap_other_permit": msg("Insured, no authorisation seen: another title is valid"),
    "gap_residual": msg("Insured, no authorisation seen: no valid title"),
    "overcoverage_score": msg("Permits of persons without signs of life"),
    "pay_gap": msg("Pay gap to nationals"),
    "sdg_8_8_1_proxy": msg("Work accidents per 100 000 insured (proxy of SDG 8.8.1)"),
}
STATES: Final = {
    "both": msg("insured and authorised"),
    "insured": msg("insured only"),
    "authorised": msg("authorised only"),
    "none": msg("present without either"),
    "absent": msg("absent"),
}
TRANSITION: Final = msg("From %(before)s to %(after)s, in a year")
