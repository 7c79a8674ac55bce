"""The encodings under audit, with the truth: all that the attacks on `blind_blocks` need of a submission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import polars as pl

from connectors.auditing import AuditSubject
from contract.agreement import Agreement
from evaluation.audit.persons import likely_persons, renumbered
from pseudonymisation.encoding.profile import EncodedPass


@dataclass(frozen=True)
class Encodings:
    """One register's encodings of one vintage.

    Attributes:
        agreement: The agreement they were made under.
        register_name: The register's name in the agreement.
        vintage: The delivery's name.
        rows_per_person: Whether a person may have several rows in the register.
        identities: The distinct identities: normalised columns, `subject` and `identity`.
        passes: By name; tables may lie in files.
        epoch_key: K.
    """

    agreement: Agreement
    register_name: str
    vintage: str
    rows_per_person: Literal["one", "many"]
    identities: pl.DataFrame
    passes: Mapping[str, EncodedPass]
    epoch_key: bytes = field(repr=False)

    @classmethod
    def of(cls, subject: AuditSubject) -> Encodings:
        """Return what a connector's submission has of them."""
        return cls(
            agreement=subject.agreement,
            register_name=subject.manifest.register_name,
            vintage=subject.manifest.vintage,
            rows_per_person=subject.prepared.terms.rows_per_person,
            identities=subject.identities,
            passes=subject.passes,
            epoch_key=subject.epoch_key,
        )

    def by_person(self) -> Encodings:
        """Return the same with `subject` numbering likely persons (`persons.likely_persons`).

        Identities of one person keep numbers of their own: `identity` is counted anew within each.
        """
        if self.rows_per_person == "one":
            return self
        subjects = self.identities.get_column("subject")
        person = likely_persons(self.identities, self.agreement.passes)
        of_subject = dict(zip(subjects.to_list(), person.tolist(), strict=True))
        numbered = self.identities.with_columns(pl.Series("subject", person, dtype=pl.Int64)).with_columns(
            pl.int_range(pl.len(), dtype=pl.Int32).over("subject").alias("identity")
        )
        return replace(self, identities=numbered, passes=renumbered(self.passes, of_subject))
