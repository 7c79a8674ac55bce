"""The connector as one object: what the command line, the demo and the evaluation all drive.

Everything that leaves the institution goes through `encode` (the list of crowded key values), `ceremony_step` and
`push`; everything else stays here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx2

from connectors import agreements, ceremony, checks, destruction, gate, preview, push
from connectors.auditing import Auditor, AuditSubject
from connectors.audits import Audits
from connectors.client import UnitClient
from connectors.configuration import Configuration, load_configuration
from connectors.crowding import available_crowded
from connectors.encode import (
    Encoded,
    Grouping,
    Submitted,
    encode,
    encode_tables,
    encoding_report,
    own_persons,
    prepare,
)
from connectors.errors import ApprovalError, ConnectorConfigurationError
from connectors.package import read_manifest
from connectors.payload import random_refs
from connectors.state import LocalState, LocalSubmission
from contract.agreement import SignedAgreement
from contract.errors import AgreementError, ConflictError, NotFoundError
from contract.evidence import SignedEvidence
from pseudonymisation.blocking.caps import CrowdedKeys
from pseudonymisation.keys.store import KeyStore
from pseudonymisation.randomness import RandomSource, SystemRandomness

UNITS = ("linkage_unit", "statistics_unit")
_NOT_FOUND = frozenset({404})


class ConnectorAgent:
    """One institution's connector for one register.

    Args:
        configuration: From `connectors.configuration`.
        store: The opened key store.
        transports: Unit (``linkage_unit``, ``statistics_unit``) to an HTTP transport, for use within one process; the
            network by default.
        random: Source of handles and noise; seeded in evaluation only, so that a run repeats bit by bit.
        allow_clear: Let submissions of the profile `clear` leave; evaluation on labelled data only.
        auditor: Attacks what was just encoded; without one a submission is audited later, or never leaves.
        allow_unaudited: Let submissions leave without an audit; tests and evaluation on labelled data only.
        sleep: Waits between attempts at a request; for tests.
    """

    def __init__(
        self,
        configuration: Configuration,
        store: KeyStore,
        *,
        transports: Mapping[str, httpx2.BaseTransport] | None = None,
        random: RandomSource | None = None,
        allow_clear: bool = False,
        auditor: Auditor | None = None,
        allow_unaudited: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if store.party != configuration.institution:
            raise ConnectorConfigurationError(
                "The key store belongs to another institution than connector.toml names.",
                where={"file": "connector.toml", "key": "institution"},
            )
        self.configuration, self.store = configuration, store
        self._transports = dict(transports or {})
        self._random: RandomSource = random or SystemRandomness()
        self._allow_clear, self._sleep = allow_clear, sleep
        self._auditor, self._allow_unaudited = auditor, allow_unaudited

    @classmethod
    def open(cls, folder: Path, passphrase: bytes, **options: Any) -> ConnectorAgent:
        """Open a connector's folder; `options` as the constructor's.

        Raises:
            ConnectorConfigurationError: connector.toml is missing or wrong.
            KeyFileError: The key store is missing or the passphrase another.
        """
        configuration = load_configuration(folder)
        return cls(configuration, KeyStore.open(configuration.key_file, passphrase), **options)

    @cached_property
    def state(self) -> LocalState:
        """The encrypted local state."""
        keys = (
            self.store.local_key(f"state/{self.configuration.register}/mac"),
            self.store.local_key(f"state/{self.configuration.register}/seal"),
        )
        return LocalState(self.configuration.state_file, *keys)

    @property
    def agreement(self) -> SignedAgreement:
        """The agreement kept in the connector's folder.

        Raises:
            AgreementError: There is none.
        """
        return agreements.read_agreement(self.configuration.agreement_file)

    def use_agreement(self, signed: SignedAgreement) -> None:
        """Keep an agreement as the one this connector works under.

        Raises:
            AgreementError: It is not about this institution's keys and register.
            SignatureError: A signature on it does not verify.
        """
        signed.check_signatures()
        agreements.check_own_part(signed.agreement, self.configuration, self.store.public_keys)
        agreements.keep_agreement(self.configuration.agreement_file, signed)

    def sign_agreement(self) -> SignedAgreement:
        """Sign the kept agreement and leave the signature at both units. Raises as `agreements.sign_and_post`."""
        signed = self.agreement
        agreements.check_own_part(signed.agreement, self.configuration, self.store.public_keys)
        with self._clients(signed) as clients:
            signed = agreements.sign_and_post(
                signed, self.configuration.institution, self.store.signing_key, tuple(clients.values())
            )
        agreements.keep_agreement(self.configuration.agreement_file, signed)
        return signed

    def refresh_agreement(self) -> SignedAgreement:
        """Fetch the signatures and the approval given since, if the agreement still lacks any."""
        signed = self.agreement
        if signed.missing():
            with self._clients(signed) as clients:
                signed = agreements.refresh(signed, tuple(clients.values()))
            agreements.keep_agreement(self.configuration.agreement_file, signed)
        return signed

    def ceremony_step(self) -> ceremony.CeremonyProgress:
        """Do what the key ceremony allows now. Raises as `ceremony.step`; needs a live agreement."""
        signed = self.refresh_agreement()
        signed.check_live()
        with self._clients(signed) as clients:
            return ceremony.step(signed.agreement, self.store, clients["linkage_unit"])

    def destroy_keys(self, agreement_id: str | None = None, *, early: bool = False) -> tuple[SignedEvidence, Path]:
        """Destroy an agreement's epoch key, the present one's by default. Raises as `destruction.destroy_keys`."""
        signed = agreements.kept_agreement(self.configuration.agreement_file, agreement_id)
        return destruction.destroy_keys(self.configuration, signed.agreement, self.store, self.state, early=early)

    def check(self) -> dict[str, Any]:
        """Return the preflight report (`checks.check`)."""
        return checks.check(self.configuration, self.agreement.agreement, self.store.public_keys)

    def preview(self, vintage: str, *, group: Grouping = "local", rows: int = preview.FIRST_ROWS) -> dict[str, Any]:
        """Encode in memory and show exactly what would leave; nothing is sent and nothing kept.

        Raises:
            MissingEpochKeyError: The ceremony is not complete.
        """
        signed = self._usable_agreement()
        prepared = prepare(self.configuration, signed, self.store.public_keys, group=group)
        agreement, terms = prepared.agreement, prepared.terms
        epoch_key = self.store.epoch_key(agreement.id, agreement.epoch)
        crowded, missing = CrowdedKeys(), tuple[str, ...]()
        if agreement.profile.name != "record":
            persons, counter = own_persons(prepared.records, prepared.terms)
            with self._clients(signed) as clients:
                crowded, missing = available_crowded(
                    agreement, terms, vintage, persons, self.store, clients["linkage_unit"], self._random, counter
                )
        subjects = random_refs(int(prepared.subjects.max()) + 1 if len(prepared.subjects) else 0, self._random)
        references = [subjects[number] for number in prepared.subjects.tolist()]
        first = preview.FirstRows(rows)
        made = encode_tables(prepared, references, crowded, epoch_key, vintage, self._random, first.keep)
        waiting = {
            "prepared": [
                preview.preview_files(self.configuration.outbox / one.folder)
                for one in self.state.submissions()
                if (one.agreement_id, one.vintage) == (agreement.id, vintage) and one.state in {"prepared", "approved"}
            ]
        }
        report = encoding_report(prepared, made)
        return {
            **preview.preview_tables(made, first, agreement),
            **report,
            "crowded_lists_missing": list(missing),
            **waiting,
        }

    def encode(self, vintage: str, *, group: Grouping = "local") -> Submitted:
        """Encode a vintage into the outbox and audit it. Raises as `encode.prepare` and `encode.encode`."""
        signed = self._usable_agreement()
        prepared = prepare(self.configuration, signed, self.store.public_keys, group=group)

        subjects: list[AuditSubject] = []

        def finish(made: Encoded, submitted: Submitted) -> None:
            subjects.append(self.audits.begin(prepared, made, submitted, group))

        with self._clients(signed) as clients:
            submitted = encode(
                prepared,
                vintage,
                outbox=self.configuration.outbox,
                store=self.store,
                state=self.state,
                client=clients["linkage_unit"],
                random=self._random,
                finish=finish,
            )
        if self._auditor is not None:  # only now: the payload of a large register has been let go
            self.audits.first(submitted, subjects.pop(), self._auditor)
        return submitted

    @cached_property
    def audits(self) -> Audits:
        """The audits of the submissions in the outbox."""
        return Audits(self.configuration, self.store, self.state, lambda: self.agreement)

    def approve(self, manifest_id: str, *, by: str) -> LocalSubmission:
        """Record that an operator lets a prepared submission leave.

        Raises:
            NotFoundError: There is no such submission.
            ConflictError: It was refused, retracted or sent.
        """
        return self._decide(manifest_id, "approved", {"by": by})

    def refuse(self, manifest_id: str, *, by: str, reason: str) -> LocalSubmission:
        """Record that an operator does not let a prepared submission leave. Raises as `approve`."""
        return self._decide(manifest_id, "refused", {"by": by, "reason": reason})

    def push(self, manifest_id: str, *, progress: push.Progress | None = None) -> dict[str, push.Delivery]:
        """Deliver an approved submission to both units; repeating it resumes or gives the receipts again.

        Raises:
            ApprovalError: No operator approved it.
            AgreementError: The agreement is no longer live, or its profile hides nothing.
            GateRefusedError: The audit is missing, or found more than the agreement allows.
            UnitRefusedError: A unit refused.
            UnitUnreachableError: A unit does not answer.
        """
        submission, signed, folder = self._ready(manifest_id)
        deliveries = {}
        with self._clients(signed) as clients:
            for unit in UNITS:
                deliveries[unit] = push.push_half(folder, signed.agreement, unit, clients[unit], progress)
        receipts = {unit: one.receipt.model_dump(mode="json") for unit, one in deliveries.items()}
        self.state.move(submission.manifest_id, "sent", {"receipts": receipts})
        return deliveries

    def drop(self, manifest_id: str, target: Path) -> list[Path]:
        """Copy an approved submission into a folder for a carrier. Raises as `push`, and `StorageError`."""
        submission, _, folder = self._ready(manifest_id)
        places = push.drop(folder, target)
        if submission.state == "approved":
            self.state.move(submission.manifest_id, "dropped", {"folders": [place.name for place in places]})
        return places

    def retract(self, manifest_id: str) -> LocalSubmission:
        """Take a submission back at both units. Raises `NotFoundError`, and as `UnitClient.request`."""
        submission = self.state.submission(manifest_id)
        with self._clients(self.agreement) as clients:
            for unit in UNITS:
                path = f"/api/v1/submissions/{submission.manifest_id}/retract"
                clients[unit].request("POST", path, accept=_NOT_FOUND)  # never arrived there: nothing to take back
        self.state.move(submission.manifest_id, "retracted", {})
        return self.state.submission(submission.manifest_id)

    def retract_records(self, record_ids: Sequence[str]) -> int:
        """Take the subjects of some records back at the statistics unit; returns how many subjects.

        At the linkage unit they vanish with the next vintage.

        Raises:
            NotFoundError: A record was never part of a vintage; its id is not in the error.
        """
        known = self.record_refs()
        unknown = [place for place, record_id in enumerate(record_ids) if record_id not in known]
        if unknown:
            raise NotFoundError("A record was never part of a vintage.", where={"position": unknown[0] + 1})
        subjects = sorted({known[record_id] for record_id in record_ids})
        document = httpx2.Request(
            "POST", "http://x", json={"register_name": self.configuration.register, "subject_refs": subjects}
        ).content.decode()
        with self._clients(self.agreement) as clients:
            clients["statistics_unit"].post("/api/v1/subjects/retract", document)
        return len(subjects)

    def status(self) -> dict[str, Any]:
        """Return what the connector knows about itself; no unit is asked."""
        report: dict[str, Any] = {
            "institution": self.configuration.institution,
            "register": self.configuration.register,
            "fingerprints": dict(zip(("signing", "sealing"), map(_fingerprint, self.store.public_keys), strict=True)),
        }
        try:
            signed = self.agreement
            report["agreement"] = agreements.describe(signed)
            report["epoch_key"] = ceremony.has_epoch_key(signed.agreement, self.store)
            report["epoch_key_destroyed"] = self.store.destroyed_at(signed.agreement.id, signed.agreement.epoch)
        except AgreementError as error:
            report["agreement"] = None
            report["next"] = error.advice
        report["submissions"] = [
            {
                "manifest_id": one.manifest_id,
                "vintage": one.vintage,
                "state": one.state,
                "created_at": one.created_at,
                "audit": self.audits.verdict(one),
                "history": self.state.events(one.manifest_id),
            }
            for one in self.state.submissions()
        ]
        return report

    def record_refs(self) -> dict[str, str]:
        """Return record id to subject reference. For the institution itself; it never leaves."""
        return self.state.record_refs()

    def _decide(self, manifest_id: str, decision: Any, details: dict[str, Any]) -> LocalSubmission:
        submission = self.state.submission(manifest_id)
        if submission.state not in {"prepared", "approved", "refused"} or (
            submission.state == "refused" and decision == "approved"
        ):
            raise ConflictError(f"The submission is {submission.state}.", advice="Encode the vintage again.")
        read_manifest(self.configuration.outbox / submission.folder)  # what is decided on is what was encoded
        self.state.move(submission.manifest_id, decision, details)
        return self.state.submission(submission.manifest_id)

    def _usable_agreement(self) -> SignedAgreement:
        """Return the agreement with the signatures given since; a destroyed key is said before anybody is asked."""
        kept = self.agreement.agreement
        self.store.check_not_destroyed(kept.id, kept.epoch)
        return self.refresh_agreement()

    def _ready(self, manifest_id: str) -> tuple[LocalSubmission, SignedAgreement, Path]:
        submission = self.state.submission(manifest_id)
        if submission.state not in {"approved", "sent", "dropped"}:
            raise ApprovalError(f"The submission is {submission.state}: no operator has approved it.")
        signed = self.agreement
        now = datetime.now(UTC)
        signed.check_live(now)
        if signed.agreement.profile.name == "clear" and not self._allow_clear:
            raise AgreementError(
                "The profile clear hides nothing: its submissions do not leave.",
                advice="It serves evaluation on labelled data only; conclude an agreement with another profile.",
            )
        folder = self.configuration.outbox / submission.folder
        read_manifest(folder).check(signed.agreement, now)
        if not self._allow_unaudited:
            gate.check_gate(folder, signed.agreement)
        return submission, signed, folder

    @contextmanager
    def _clients(self, signed: SignedAgreement) -> Iterator[dict[str, UnitClient]]:
        addresses = (self.configuration.linkage_url, self.configuration.statistics_url)
        with ExitStack() as stack:
            clients = {}
            for unit, address in zip(UNITS, addresses, strict=True):
                if not address:
                    raise ConnectorConfigurationError(
                        "The units' addresses are missing.", where={"file": "connector.toml", "key": "units"}
                    )
                transport = self._transports.get(unit)
                clients[unit] = client = UnitClient(
                    address,
                    agreement_id=signed.agreement.id,
                    party=self.configuration.institution,
                    key=self.store.signing_key,
                    transport=transport,
                    sleep=self._sleep,
                )
                if transport is None:
                    stack.enter_context(client)
            yield clients


def _fingerprint(public_key: str) -> str:
    from contract.signing import fingerprint

    return fingerprint(public_key)
