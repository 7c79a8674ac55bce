"""The audit report: what an institution's own attacks on a submission found, bound to its very files.

The connector makes one for every submission and signs it; the gate reads it before anything leaves, the units read it
before they accept. It holds figures only: counts, shares, sizes; no identity, no handle, no key.

Nobody trusts the verdict written in it. `contract.audit_verdict.judge` derives it again from the figures and from the
bounds of the agreement, so that a report altered for the better does not help.

Shape of the JSON (canonical form, RFC 8785; a share is always `{"hits": .., "total": ..}`, its interval is derived):

| key | what |
|---|---|
| `agreement_id`, `institution`, `register_name`, `vintage`, `manifest_id` | which submission |
| `files` | the audited pass tables with their SHA-256 |
| `profile`, `subjects`, `attacked`, `seed`, `audit_version`, `made_at` | what was attacked, and how to repeat it |
| `leakage` | for each overlap (1, .5, .2): each pass, the union over passes, what confident claims name |
| `known_pairs` | the attacker knows so many pairs of handle and person: share named of the other rows |
| `controls` | positive ones that must break, negative ones that must not |
| `structure` | figures of the tables themselves that must lie within limits |
| `attacks` | single attacks by name, no bound on any: see below |
| `payload` | the statistics half: rows that are unique, and rows that a leaked table names |
| `verdict`, `reasons` | PASS, FAIL or INVALID, and why |

`subjects` are likely persons; of the profile `record`, those whom clear text tells apart.

`attacks` of `blind_blocks`: block fingerprint, equality graphs, known pairs by number and pass, block frequencies,
missing values, linkable handles as a what-if, the register's own file with every spelling, made-up partner registers
beside it, a dictionary under the right key. Of `record`: frequency, graph matching, pattern mining, profiles and
regressions from known pairs, structure. What wrong keys read is a control; whether handles do join over passes is part
of `structure`.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from math import sqrt
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from contract.agreement import Agreement, Frozen, Slug
from contract.canonical import document_id
from contract.errors import SubmissionError
from contract.signing import verify
from contract.submission import Hex64, Manifest, Vintage

REPORT_CONTEXT = "audit-report/v1"
#: Of the audit's method; a change of an attack or a control raises it.
AUDIT_VERSION = "1"
OVERLAPS = (1.0, 0.5, 0.2)
_Z95 = 1.959963984540054
Verdict = Literal["PASS", "FAIL", "INVALID"]
ControlName = Literal[
    "bloom_blocks",
    "uncapped_sketches",
    "random_bits",
    "plain_filters",
    "random_records",
    "wrong_key",
    "wrong_epoch",
]
ReasonCode = Literal[
    "union_leakage",
    "pass_leakage",
    "known_pairs_leakage",
    "record_leakage",
    "payload_unique",
    "payload_joined",
    "structure",
    "birth_date_alone",
    "control",
    "incomplete",
    "too_few",
]


def _plain(text: str) -> str:
    if any(unicodedata.category(sign) in {"Cc", "Cf", "Zl", "Zp"} for sign in text):
        raise ValueError("a control or formatting character")
    return text


#: One line without signs that act on a terminal or turn the reading direction.
PlainText = Annotated[str, AfterValidator(_plain)]
#: A short label: it lies in both units' databases for good.
Label = Annotated[PlainText, Field(max_length=160)]


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927); (0, 1) of nothing."""
    if total == 0:
        return 0.0, 1.0
    share, square = hits / total, _Z95**2
    centre = (share + square / (2 * total)) / (1 + square / total)
    half = _Z95 / (1 + square / total) * sqrt(share * (1 - share) / total + square / (4 * total**2))
    # exact at the ends, where rounding would leave a trace
    return (0.0 if hits == 0 else centre - half), (1.0 if hits == total else centre + half)


class Hits(Frozen):
    """Hits among a total. Only counts are written down: share and interval follow from them."""

    hits: int = Field(ge=0)
    total: int = Field(ge=0, le=10**9)

    @model_validator(mode="after")
    def _not_more_than_all(self) -> Hits:
        if self.hits > self.total:
            raise ValueError("more hits than there were")
        return self

    @property
    def share(self) -> float:
        """Hits by total; 0 of nothing."""
        return self.hits / self.total if self.total else 0.0

    @property
    def low(self) -> float:
        """Lower 95 % limit of the share."""
        return wilson(self.hits, self.total)[0]

    @property
    def high(self) -> float:
        """Upper 95 % limit of the share; 1 of nothing."""
        return wilson(self.hits, self.total)[1]


class AuditedFile(Frozen):
    """A file of the submission that was attacked, by its digest."""

    name: Label
    sha256: Hex64


class PassFigures(Frozen):
    """What the unseeded attack named of one pass.

    `rows` are the pass's rows as they leave, dummies included; `named` counts rows attacked whose person the attacker
    knows; `confident` the precision of claims with a posterior of .9 and more; `by_block_size` splits `named` by the
    rows of the block; `baseline` is the share that a blind guess names.
    """

    name: Slug
    rows: int = Field(ge=0)
    named: Hits
    confident: Hits
    by_block_size: dict[Label, Hits] = Field(default_factory=dict, max_length=20)
    baseline: float = Field(ge=0, le=1)


class LeakageFigures(Frozen):
    """All passes attacked for the same persons, of whom the attacker holds a share (`overlap`) in clear.

    `union` counts persons named in at least one pass; `union_confident` the same by confident claims.
    """

    overlap: float = Field(gt=0, le=1)
    passes: tuple[PassFigures, ...]
    union: Hits
    union_confident: Hits


class KnownPairs(Frozen):
    """Known pairs of handle and person, and what they let the attacker name of the other rows."""

    pairs: int = Field(ge=0)
    named: Hits


class ControlFigures(Frozen):
    """One control. `baseline` is what blind guesses name (for the negative ones)."""

    name: ControlName
    found: Hits
    baseline: float = Field(default=0.0, ge=0, le=1)


class StructureFigure(Frozen):
    """A figure of a table that must lie within limits whatever the data; `where` names pass and column."""

    check: Label
    where: Label
    found: float
    least: float
    most: float

    @property
    def held(self) -> bool:
        """Whether it lies within."""
        return self.least <= self.found <= self.most


class AttackFigures(Frozen):
    """A further attack that no bound rests on, for the reader: `named` if it names anybody, else `details` alone."""

    name: Label
    named: Hits | None = None
    baseline: float = Field(default=0.0, ge=0, le=1)
    details: dict[Label, float] = Field(default_factory=dict, max_length=200)


class PayloadFigures(Frozen):
    """The coarsened payload.

    `unique` counts events (or records, where there are no events) whose values nobody else of the register has;
    `joined` counts persons whom a leaked table of name, number and pay names rightly; `differenced` those that two
    releases of nearly the same payload single out.
    """

    rows: int = Field(ge=0)
    unique: Hits
    joined: Hits | None = None
    differenced: Hits | None = None
    details: dict[Label, float] = Field(default_factory=dict, max_length=200)


class Reason(Frozen):
    """Why a verdict is not PASS: which bound, where, what was found, and the bound."""

    code: ReasonCode
    where: Label = ""
    found: float = 0.0
    bound: float = 0.0

    def words(self) -> str:
        """Return the reason in plain English."""
        place = f" {self.where}" if self.where else ""
        return _WORDS[self.code].format(place=place, found=self.found, bound=self.bound)


_WORDS: dict[ReasonCode, str] = {
    "union_leakage": "All passes together may name {found:.1%} of the persons; the bound is {bound:.1%}.",
    "pass_leakage": "The pass{place} names {found:.1%} of its rows; the bound is {bound:.1%}.",
    "known_pairs_leakage": "Known pairs name {found:.1%} of the other rows; the bound is {bound:.1%}.",
    "record_leakage": "The unseeded attacks name {found:.2%} of the records; the bound is {bound:.2%}.",
    "payload_unique": "{found:.1%} of the payload's rows are unique; the bound is {bound:.1%}.",
    "payload_joined": "A leaked table may name {found:.1%} of the payload's persons; the bound is {bound:.1%}.",
    "structure": "The tables betray themselves:{place} is {found:.4g}, the limit is {bound:.4g}.",
    "birth_date_alone": "The pass{place} has a key of the birth date alone.",
    "control": "The control{place} misbehaved at {found:.1%}, expected {bound:.1%}: the audit proves nothing.",
    "incomplete": "The report lacks{place}.",
    "too_few": "Too few were attacked,{place}: {found:.0f} instead of {bound:.0f}.",
}


class AuditReport(Frozen):
    """The document. See the module's docstring."""

    format: Literal["wasl-audit/1"] = "wasl-audit/1"
    audit_version: Label = AUDIT_VERSION
    made_at: datetime
    agreement_id: Hex64
    institution: Slug
    register_name: Slug
    vintage: Vintage
    manifest_id: Hex64
    files: tuple[AuditedFile, ...]
    profile: Literal["blind_blocks", "record", "clear"]
    subjects: int = Field(ge=0)
    attacked: int = Field(ge=0)
    seed: int
    leakage: tuple[LeakageFigures, ...] = ()
    known_pairs: KnownPairs | None = None
    controls: tuple[ControlFigures, ...] = ()
    structure: tuple[StructureFigure, ...] = ()
    attacks: tuple[AttackFigures, ...] = ()
    payload: PayloadFigures | None = None
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()

    @property
    def id(self) -> str:
        """SHA-256 of the canonical report."""
        return document_id(self)

    def at_overlap(self, overlap: float) -> LeakageFigures | None:
        """Return the leakage at an overlap, if it was measured."""
        return next((one for one in self.leakage if one.overlap == overlap), None)


class SignedAuditReport(Frozen):
    """A report with its institution's signature under `REPORT_CONTEXT`."""

    report: AuditReport
    signature: str

    def check(self, agreement: Agreement, manifest: Manifest) -> None:
        """Refuse a report about anything else than this submission's very files, or that is not the institution's.

        Raises:
            SubmissionError: It is about another submission or other files.
            SignatureError: The institution did not sign it.
        """
        report = self.report
        about = (report.agreement_id, report.institution, report.register_name, report.vintage, report.manifest_id)
        of = (manifest.agreement_id, manifest.institution, manifest.register_name, manifest.vintage, manifest.id)
        audited = {file.name: file.sha256 for file in report.files}
        sent = {entry.name: entry.sha256 for entry in manifest.half("linkage")}
        if about != of or audited != sent or report.profile != agreement.profile.name:
            raise SubmissionError(
                "The audit report is about another submission.", advice="Audit this one: `wasl audit encodings`."
            )
        verify(REPORT_CONTEXT, report, self.signature, agreement.party(report.institution).signing_key)
