"""The submission: one register's delivery of one vintage, in two halves bound by one manifest.

- The *linkage half* holds one Parquet file for each blocking pass (`pass_schema`). The linkage unit
  sees encodings and random handles, nothing else.
- The *statistics half* is one sealed file: a ZIP (stored, not compressed) of `handles.parquet`,
  `records.parquet` and `events.parquet`, readable by the statistics unit alone.

The manifest names every file with size and SHA-256, the agreement, epoch, vintage, institution and
register, and a random submission id; the institution signs it. Each unit gets the manifest and its
own half. A unit accepts a (agreement, register, vintage) once for each submission id; a new
submission of the same vintage replaces the earlier one until a run has used it.

Columns of a pass table (profile `blind_blocks`):

| column | type | what |
|---|---|---|
| `handle` | uint64 | random, unique in the pass, independent of other passes |
| `block` | uint64 | keyed block token; rows are comparable only where it is equal |
| `given`, `family`, `given_skeleton`, `family_skeleton`, `full`, `full_skeleton` | binary[16] or null | 128-bit min-hash sketches of bigrams |
| `birth_year`, `birth_month`, `birth_day` | uint32 or null | keyed tokens; month and day share a key, so that a swap shows |
| `sex`, `nationality`, own fields of type country or category | uint32 or null | keyed tokens |
| own fields of type text or code, `birth_place`, `address` | binary[16] or null | sketches |
| document slots (`contract.fields.DOCUMENT_SLOTS`) | uint32 or null | keyed tokens of the number cut to 8; all slots share a key |
| `<slot>_sketch` | binary[16] or null | sketch of the number's positional characters |

A sketch tells how like two rows are in that one column. Given and family name (and their skeletons) can be held against
each other, so that swapped names show, but only by the bits of `CROSSWISE_BITS`: more would tell how like the two
names of a single row are, which is a fingerprint. A day that equals its month is encoded as such, so that the two
tokens of a row are never equal.

Where given and family names were guessed from a full name, their four columns are null and the full name speaks.

Comparison can read `given_class`, `family_class` (uint8, public frequency class 0 to 3) and `name_order_known` (bool).
They told an attacker too much (docs/adr/0007): no profile emits them, and units refuse a table that has them.

Only columns of fields that some register of the agreement has are present, and they are the same in
every register; a field a register lacks is null throughout. Profile `record` has one pass `record`
with `handle`, `block` (0), `encoding` (binary[record_bits / 8]) and the document slots.

`handles.parquet`: `pass` (string), `handle` (uint64), `subject_ref` (string, random, stable over
vintages), `identity` (int32, number of the distinct identity within its subject). Dummy rows' handles
are never listed.
`records.parquet`: `subject_ref`, `record_ref` (string, random), attribute columns, coarsened.
`events.parquet`: `record_ref`, event columns, coarsened.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field

from contract.agreement import Agreement, Frozen, Slug
from contract.canonical import document_id
from contract.errors import SubmissionError
from contract.signing import verify

MANIFEST_CONTEXT = "submission/v1"
STATISTICS_FILE = "statistics.sealed"
MEMBERS = ("handles.parquet", "records.parquet", "events.parquet")
#: Of each of a sketch's two 64-bit little-endian words: the bits that given and family names have in common.
CROSSWISE_BITS = 0x0000_000F_0000_000F
#: A distance counted on those bits alone is to be multiplied by this to compare with one of all 128.
CROSSWISE_SCALE = 8
MAX_FILES = 64  # a submission has one file a pass; more is an attack or a mistake
Hex64 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Hex32 = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Vintage = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,31}$")]


class FileEntry(Frozen):
    """One file of a submission: where it goes, its size in bytes and its SHA-256."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,79}$")
    half: Literal["linkage", "statistics"]
    sha256: Hex64
    size: int = Field(ge=0)


class Manifest(Frozen):
    """What a submission is and what it is made of."""

    format: Literal["wasl-submission/1"] = "wasl-submission/1"
    submission_id: Hex32
    agreement_id: Hex64
    epoch: int = Field(ge=1)
    vintage: Vintage
    institution: Slug
    register_name: Slug
    created_at: datetime
    expires_at: datetime
    files: tuple[FileEntry, ...] = Field(min_length=2, max_length=MAX_FILES)

    @property
    def id(self) -> str:
        """SHA-256 of the canonical manifest: what both units and the edges name."""
        return document_id(self)

    def half(self, half: str) -> tuple[FileEntry, ...]:
        """Return the files of one half."""
        return tuple(entry for entry in self.files if entry.half == half)

    def seal_info(self) -> bytes:
        """Return what the statistics half is bound to: a half of another submission does not open."""
        return seal_info(self.agreement_id, self.register_name, self.vintage, self.submission_id)


def seal_info(agreement_id: str, register: str, vintage: str, submission_id: str) -> bytes:
    """Return the HPKE info string of a statistics half."""
    return f"wasl/statistics/v1|{agreement_id}|{register}|{vintage}|{submission_id}".encode()


class SignedManifest(Frozen):
    """A manifest with its institution's signature under `MANIFEST_CONTEXT`."""

    manifest: Manifest
    signature: str

    def check(self, agreement: Agreement, now: datetime | None = None) -> None:
        """Refuse a manifest of another agreement, epoch or institution, expired or not signed.

        Raises:
            SubmissionError: It does not belong to this agreement, or has expired.
            SignatureError: The institution did not sign it.
        """
        manifest = self.manifest
        if manifest.agreement_id != agreement.id:
            raise SubmissionError("The submission belongs to another agreement.")
        if manifest.epoch != agreement.epoch:
            raise SubmissionError("The submission was made in another key epoch.")
        terms = agreement.register(manifest.register_name)
        if terms.holder != manifest.institution:
            raise SubmissionError("The register is held by another institution.")
        verify(MANIFEST_CONTEXT, manifest, self.signature, agreement.party(manifest.institution).signing_key)
        if (now or datetime.now(UTC)) >= manifest.expires_at:
            raise SubmissionError("The submission has expired.")
        if len({entry.name for entry in manifest.files}) != len(manifest.files):
            raise SubmissionError("The submission names one file twice.")
        if [entry.name for entry in manifest.half("statistics")] != [STATISTICS_FILE]:
            raise SubmissionError("The submission has no statistics half, or more than one.")
        expected = sorted(pass_file(blocking_pass) for blocking_pass in pass_names(agreement))
        if sorted(entry.name for entry in manifest.half("linkage")) != expected:
            raise SubmissionError("The submission's passes are not those of the agreement.")


def pass_names(agreement: Agreement) -> tuple[str, ...]:
    """Return the names of the passes a submission holds under an agreement."""
    if agreement.profile.name == "record":
        return ("record",)
    return tuple(blocking_pass.name for blocking_pass in agreement.passes)


def pass_file(name: str) -> str:
    """Return the file name of a pass table."""
    return f"pass-{name}.parquet"
