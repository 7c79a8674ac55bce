"""Texts that pages choose by a code: states, stages, roles, registers, indicators, next steps, notices.

`msg` marks a text for the catalogues. A code without a text shows as it is.
"""

from __future__ import annotations

from typing import Final


def msg(text: str) -> str:
    """Mark a text for translation."""
    return text


STATES: Final = {
    "queued": msg("queued"),
    "running": msg("running"),
    "succeeded": msg("succeeded"),
    "failed": msg("failed"),
    "cancelled": msg("cancelled"),
    "waiting": msg("waiting"),
    "done": msg("done"),
    "open": msg("arriving"),
    "accepted": msg("accepted"),
    "refused": msg("refused"),
    "replaced": msg("replaced"),
    "retracted": msg("retracted"),
    "missing": msg("not received"),
    "proposed": msg("waiting for approval"),
    "approved": msg("approved"),
    "signed": msg("signed"),
    "live": msg("in force"),
    "expired": msg("expired"),
    "interrupted": msg("interrupted"),
    "superseded": msg("superseded"),
}
KINDS: Final = {"linkage": msg("Linkage"), "statistics": msg("Trajectories")}
STAGES: Final = {
    "load": msg("Check the pass tables"),
    "count": msg("Count agreement patterns"),
    "fit": msg("Estimate m- and u-probabilities"),
    "edges": msg("Compute the edges"),
    "gather": msg("Gather the edges"),
    "seal": msg("Seal and sign"),
    "deliver": msg("Deliver to the statistics unit"),
    "merge": msg("Merge the passes"),
    "cluster": msg("Group subjects into persons"),
    "records": msg("Attach records to persons"),
    "trajectories": msg("Build spells and indicators"),
    "review": msg("Prepare the review of pairs"),
}
ROLES: Final = {
    "operator": msg("linkage operator"),
    "statistician": msg("statistician"),
    "output_checker": msg("output checker"),
    "privacy_officer": msg("privacy officer"),
    "admin": msg("administrator"),
    "institution": msg("institution"),
    "linkage_unit": msg("linkage unit"),
    "statistics_unit": msg("statistics unit"),
}
REGISTERS: Final = {
    "border_crossing": msg("Border crossings"),
    "residence_permit": msg("Residence permits"),
    "work_contract": msg("Foreign work contracts"),
    "placement": msg("Placements and attestations"),
    "social_security": msg("Social security"),
    "consular": msg("Consular acts"),
}
COARSENING: Final = {
    "keep": msg("kept as it is"),
    "date": msg("cut to the day"),
    "month": msg("cut to the month"),
    "year": msg("cut to the year"),
    "band": msg("in bands"),
    "doubling": msg("in bands that double"),
    "prefix": msg("cut to its first characters"),
    "pseudonym": msg("replaced by a keyed code"),
}
INDICATORS: Final = {
    "resident_stock": msg("Residents on 31 December"),
    "inflow": msg("New residents in the year"),
    "outflow": msg("Residents who left in the year"),
    "workers_insured": msg("Workers insured"),
    "workers_authorised": msg("Workers authorised"),
    "workers_both": msg("Workers insured and authorised"),
    "workers_union": msg("Workers insured or authorised"),
    "gap_exempt": msg("Insured, not authorised: exempt"),
    "gap_expired": msg("Insured, not authorised: authorisation expired"),
    "gap_none": msg("Insured, not authorised: no authorisation seen"),
    "arrival_to_insured_median": msg("Months from arrival to first insured month (median)"),
    "arrival_to_insured_number": msg("Arrivals with an insured month"),
    "coverage_authorised_insured": msg("Insured among the authorised"),
    "coverage_insured_authorised": msg("Authorised among the insured who are not exempt"),
    "protection_3_months": msg("Authorisations followed by insurance within 3 months"),
    "overcoverage_permit": msg("Permits whose holder was not seen for a year"),
}
RESIDENCE: Final = {
    "12_16": msg("residents (12 of 16 months)"),
    "6_12": msg("residents (6 of 12 months)"),
    "all": msg("all persons"),
}
BREAKDOWNS: Final = {
    "total": msg("Total"),
    "sex": msg("Sex"),
    "nationality_group": msg("Nationality group"),
    "age_group": msg("Age group"),
    "activity": msg("Activity"),
    "occupation": msg("Occupation"),
    "region": msg("Region"),
}
CHANNELS: Final = {
    "presence": msg("Presence"),
    "permit": msg("Residence permit"),
    "authorised_work": msg("Authorised work"),
    "insured_work": msg("Insured work"),
}
STATUSES: Final = {
    "yes": msg("in the channel"),
    "no": msg("not in the channel"),
    "unobserved": msg("not observed so long"),
}
NOTICES: Final = {
    "started": msg("The run has been started."),
    "tried": msg("The definition ran on dummy data. It can now run on a vintage."),
    "cohort_run": msg("The cohort has run. Its protected tables are below."),
    "cancelled": msg("The run has been cancelled. It can be resumed."),
    "resumed": msg("The run goes on."),
    "proposed": msg("The tables have been proposed. Another person, an output checker, now decides."),
    "approved": msg("The release is approved. Its tables can be downloaded below."),
    "refused": msg("The release is refused."),
    "pair_same": msg("Decided: one person."),
    "pair_different": msg("Decided: two persons."),
    "pair_undone": msg("The decision is undone."),
    "signed_out": msg("You are signed out."),
}
# What to do next, by kind of step: a heading, and how.
STEPS: Final = {
    "install_agreement": (
        msg("Install the agreement"),
        msg("Nothing happens without one. The unit's operator installs the file with the command below."),
    ),
    "await_signatures": (
        msg("Wait for signatures"),
        msg("Still missing: %(parties)s. Institutions use the first command, the privacy officer the second."),
    ),
    "agreement_expired": (
        msg("The agreement has expired"),
        msg("Submissions and runs are refused. Conclude a successor that names it as its predecessor."),
    ),
    "agreement_expires": (
        msg("The agreement expires soon"),
        msg("It ends on %(day)s. Prepare its successor in time."),
    ),
    "await_submissions": (
        msg("Wait for the first submissions"),
        msg("Expected from: %(registers)s. Each institution encodes and pushes on its own machine."),
    ),
    "await_registers": (
        msg("Vintage %(vintage)s: wait for registers"),
        msg("Still missing: %(registers)s."),
    ),
    "start_run": (
        msg("Vintage %(vintage)s is complete: start the linkage"),
        msg("All %(count)s registers have been accepted."),
    ),
    "start_partial": (
        msg("Vintage %(vintage)s can be linked without the missing registers"),
        msg("Only if the parties agree to it: %(registers)s would be left out."),
    ),
    "await_operator": (
        msg("Vintage %(vintage)s is complete"),
        msg("A linkage operator starts the run."),
    ),
    "watch_run": (
        msg("A run of vintage %(vintage)s is under way"),
        msg("Nothing to do. It goes on by itself, even if you close this page."),
    ),
    "run_trouble": (
        msg("A run of vintage %(vintage)s is waiting and tries again"),
        msg("See on its page what it waits for."),
    ),
    "run_failed": (
        msg("The run of vintage %(vintage)s failed"),
        msg("Its page says why and what to do. Nothing that was done is lost."),
    ),
    "await_edges": (
        msg("Vintage %(vintage)s: wait for the linkage unit"),
        msg("The computation starts by itself when its edges have arrived."),
    ),
    "linked": (
        msg("Vintage %(vintage)s is linked and delivered"),
        msg("The statistics unit goes on from here."),
    ),
    "propose_release": (
        msg("Vintage %(vintage)s is computed: look at the tables and propose a release"),
        msg("A statistician proposes; another person, an output checker, decides."),
    ),
    "decide_release": (
        msg("A release waits for an output checker"),
        msg("Proposed by %(person)s. Whoever proposed it cannot approve it."),
    ),
    "released": (
        msg("Vintage %(vintage)s is released"),
        msg("Its tables can be downloaded."),
    ),
}
