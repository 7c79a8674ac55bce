"""The agreement: what may be linked, how, by whom, until when.

Every institution signs it, the privacy officer approves it, and nothing runs without a live one.
Its identifier is the SHA-256 of its canonical JSON; a change of any word makes another agreement.
The document carries every party's public keys, so that no relay can put its own in between
(compare `fingerprint`s out of band).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contract.canonical import document_id
from contract.errors import AgreementError
from contract.fields import FieldType, component_touches
from contract.signing import decode_bytes, verify

SIGNATURE_CONTEXT = "agreement/v1"
APPROVAL_CONTEXT = "agreement-approval/v1"
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


class Frozen(BaseModel):
    """A document that never changes once made and refuses what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Party(Frozen):
    """One party and its public keys (32 bytes each, URL-safe base64)."""

    name: Slug
    role: Literal["institution", "linkage_unit", "statistics_unit", "privacy_officer"]
    title: str = ""
    signing_key: str
    sealing_key: str

    @model_validator(mode="after")
    def _keys_are_keys(self) -> Party:
        if len(decode_bytes(self.signing_key)) != 32 or len(decode_bytes(self.sealing_key)) != 32:
            raise ValueError("a public key has 32 bytes")
        return self


class PayloadColumn(Frozen):
    """One column of the payload and how it is coarsened before it is sealed.

    `keep` leaves the value; `date` cuts a timestamp to its day (several events of a subject on one day keep
    their order, not their hours), `month` and `year` cut further;
    `band` replaces a number by the lower edge of its band of `width`, `doubling` by the lower edge of a band that
    begins at `width`, twice, four times, … `width` (0 below `width`); `prefix` keeps the first `width` characters of a
    code; `pseudonym` replaces the value by a keyed code that means nothing outside this agreement.

    `least` and `most` are bottom and top codes of `band`, `doubling` and `year`: what lies outside takes the code's
    value before it is banded. A `year` with `width` becomes the first year of its band, unless it is `exact_from` or
    later.
    """

    column: str
    coarsen: Literal["keep", "date", "month", "year", "band", "doubling", "prefix", "pseudonym"] = "keep"
    width: int | None = None
    least: int | None = None
    most: int | None = None
    exact_from: int | None = None


class RegisterTerms(Frozen):
    """One register: who holds it, what of it is compared, and what of it travels."""

    name: Slug
    holder: Slug
    rows_per_person: Literal["one", "many"] = "many"
    fields: tuple[str, ...]
    attributes: tuple[PayloadColumn, ...] = ()
    events: tuple[PayloadColumn, ...] = ()


class PassTerms(Frozen):
    """One blocking pass: key components, from the broad level to the refined ones.

    A key value that more than the cap's persons of a register share moves to the next level; what is
    still crowded at the last level is withheld in this pass.
    """

    name: Slug
    levels: tuple[tuple[str, ...], ...] = Field(min_length=1, max_length=4)

    @property
    def touched(self) -> frozenset[str]:
        """Comparison variables that the key decides in part."""
        return frozenset(variable for level in self.levels for part in level for variable in component_touches(part))

    @model_validator(mode="after")
    def _components_exist(self) -> PassTerms:
        for level in self.levels:
            for component in level:
                try:
                    component_touches(component)
                except AgreementError as error:
                    raise ValueError(error.message) from error
        return self


class CapTerms(Frozen):
    """How many persons of one register may share a key value, and how crowded values are exchanged.

    A key value above the cap is listed unless discrete Laplace noise (`epsilon`) takes its count more than `margin`
    below the first count above the cap. Of the values one person above the cap a share of
    a ** (margin + 1) / (1 + a), a = exp(-epsilon), stays unlisted: .5 % at the defaults. Each vintage's list is drawn
    anew, so that `epsilon` bounds what the list of one vintage tells of one person; over vintages it adds up.
    """

    persons_per_key: int = Field(default=1, ge=1)
    epsilon: float = Field(default=1.0, gt=0, le=1)
    margin: int = Field(default=4, ge=0)


class ProfileTerms(Frozen):
    """The encoding profile and its parameters."""

    name: Literal["blind_blocks", "record", "clear"] = "blind_blocks"
    sketch_bits: Literal[128] = 128
    dummy_share: float = Field(default=0.05, ge=0, le=2)
    record_bits: int = Field(default=2048, ge=1024)
    diffusion: int = Field(default=6, ge=6)


class GateTerms(Frozen):
    """Bounds above which a submission is refused before it leaves.

    Shares of what the audit attacked. Two are judged by their upper 95 % limit, all others by the share itself
    (`contract.audit_verdict`):

    - `union_leakage`: persons named over all passes, unseeded, at full overlap. By the upper limit; by the share where
      the whole register was attacked, as nothing was estimated then.
    - `pass_leakage`: rows named in each pass, by the same attack. By the share.
    - `known_pairs_leakage`: of the other rows, those that known pairs name, in the worst pass. By the share.
    - `record_leakage`: records of the profile `record` that the best unseeded attack names. By the share.
    - `payload_joined`: persons of the payload whom a leaked table names. Always by the upper limit.
    - `payload_unique`: rows of the payload that nobody else has. By the share. With dates nearly every row is unique:
      it binds only where parties lower it (docs/adr/0008).

    The audit attacks `audit_persons` persons at least (all, where a register has fewer).
    """

    union_leakage: float = Field(default=0.05, ge=0, le=1)
    pass_leakage: float = Field(default=0.02, ge=0, le=1)
    known_pairs_leakage: float = Field(default=0.03, ge=0, le=1)
    record_leakage: float = Field(default=0.005, ge=0, le=1)
    payload_unique: float = Field(default=1.0, ge=0, le=1)
    payload_joined: float = Field(default=0.05, ge=0, le=1)
    audit_persons: int = Field(default=3000, ge=1)

    @property
    def looser(self) -> dict[str, tuple[float, float]]:
        """Bounds that let out more than the default ones, each with the default: whoever signs should see them."""
        usual = GateTerms()
        own = {name: (float(getattr(self, name)), float(getattr(usual, name))) for name in type(self).model_fields}
        return {
            name: (found, default)
            for name, (found, default) in own.items()
            if (found < default if name == "audit_persons" else found > default)
        }


class Agreement(Frozen):
    """The whole of what the parties agree on. See the module's docstring."""

    format: Literal["wasl-agreement/1"] = "wasl-agreement/1"
    title: str
    purpose: str
    authorisation: str = ""
    epoch: int = Field(ge=1)
    created_on: date
    expires_on: date
    retention_until: date
    predecessor: str | None = None
    parties: tuple[Party, ...]
    registers: tuple[RegisterTerms, ...]
    own_fields: dict[str, FieldType] = {}
    passes: tuple[PassTerms, ...]
    caps: CapTerms = CapTerms()
    profile: ProfileTerms = ProfileTerms()
    gate: GateTerms = GateTerms()
    concepts: dict[str, str] = {}

    @model_validator(mode="after")
    def _is_whole(self) -> Agreement:
        names = [party.name for party in self.parties]
        if len(set(names)) != len(names):
            raise ValueError("two parties have one name")
        roles = [party.role for party in self.parties]
        for role in ("linkage_unit", "statistics_unit", "privacy_officer"):
            if roles.count(role) != 1:
                raise ValueError(f"an agreement has exactly one {role}")
        holders = {party.name for party in self.parties if party.role == "institution"}
        if any(register.holder not in holders for register in self.registers):
            raise ValueError("every register is held by an institution of the agreement")
        if len({register.name for register in self.registers}) != len(self.registers):
            raise ValueError("two registers have one name")
        if len({blocking_pass.name for blocking_pass in self.passes}) != len(self.passes):
            raise ValueError("two passes have one name")
        if self.expires_on <= self.created_on or self.retention_until < self.expires_on:
            raise ValueError("an agreement expires after it was made, and retention ends no earlier")
        return self

    @property
    def id(self) -> str:
        """SHA-256 of the canonical JSON, 64 hexadecimal digits."""
        return document_id(self)

    def party(self, name: str) -> Party:
        """Return a party by name.

        Raises:
            AgreementError: It is not a party.
        """
        for party in self.parties:
            if party.name == name:
                return party
        raise AgreementError(f"{name} is not a party to this agreement.")

    def with_role(self, role: str) -> tuple[Party, ...]:
        """Return the parties that have a role, in the agreement's order."""
        return tuple(party for party in self.parties if party.role == role)

    def register(self, name: str) -> RegisterTerms:
        """Return a register's terms by name.

        Raises:
            AgreementError: It is not part of the agreement.
        """
        for register in self.registers:
            if register.name == name:
                return register
        raise AgreementError(f"The register {name} is not part of this agreement.")


class Signature(Frozen):
    """One party's signature on a document."""

    party: Slug
    signature: str


class SignedAgreement(Frozen):
    """An agreement with the signatures and the approval gathered so far."""

    agreement: Agreement
    signatures: tuple[Signature, ...] = ()
    approval: Signature | None = None

    def check_signatures(self) -> None:
        """Verify every signature that is present.

        Raises:
            SignatureError: One does not verify.
            AgreementError: One is by somebody who has nothing to sign here.
        """
        for given in self.signatures:
            party = self.agreement.party(given.party)
            if party.role != "institution":
                raise AgreementError(f"{party.name} is not an institution: it does not sign the agreement.")
            verify(SIGNATURE_CONTEXT, self.agreement, given.signature, party.signing_key)
        if self.approval is not None:
            officer = self.agreement.party(self.approval.party)
            if officer.role != "privacy_officer":
                raise AgreementError("Only the privacy officer approves an agreement.")
            verify(APPROVAL_CONTEXT, self.agreement, self.approval.signature, officer.signing_key)

    def missing(self) -> tuple[str, ...]:
        """Return the parties whose signature or approval is still missing."""
        signed = {given.party for given in self.signatures}
        waiting = [party.name for party in self.agreement.with_role("institution") if party.name not in signed]
        if self.approval is None:
            waiting += [party.name for party in self.agreement.with_role("privacy_officer")]
        return tuple(waiting)

    def check_live(self, now: datetime | None = None) -> None:
        """Refuse anything but a fully signed, approved, unexpired agreement.

        Raises:
            AgreementError: A signature or the approval is missing, or it has expired.
            SignatureError: A signature does not verify.
        """
        self.check_signatures()
        waiting = self.missing()
        if waiting:
            raise AgreementError(
                f"The agreement waits for {', '.join(waiting)}.",
                advice="They sign with `wasl connector sign`, the privacy officer with `wasl agreement approve`.",
            )
        keys = [key for party in self.agreement.parties for key in (party.signing_key, party.sealing_key)]
        if len(set(keys)) < len(keys):
            raise AgreementError(
                "Two parties of the agreement have one key.",
                advice="Each party makes keys of its own, and drafts again.",
            )
        today = (now or datetime.now(UTC)).date()
        if today >= self.agreement.expires_on:
            raise AgreementError(
                "The agreement has expired.",
                advice="Conclude a successor that names this agreement as its predecessor.",
            )
