"""Checks the contents of a unit's half and puts them into its stores.

The linkage unit stores the pass tables as they came. The statistics unit opens the sealed half in a
temporary folder of the data directory, stores payload and handles apart, and keeps no sealed file.
"""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from contract.agreement import Agreement
from contract.errors import StorageError, SubmissionError
from contract.sealing import unseal_stream
from contract.submission import MEMBERS, STATISTICS_FILE, Manifest
from service.storage import temporary_folder
from service.submissions.tables import check_pass_table, check_payload
from service.unit import Unit

HANDLES = "handles.parquet"


@dataclass(frozen=True)
class StoredTable:
    """A checked table in one of the unit's stores (`place` ``store`` or ``subjects``)."""

    name: str
    sha256: str
    size: int
    rows: int
    place: str


def store_contents(unit: Unit, agreement: Agreement, manifest: Manifest, folder: Path) -> list[StoredTable]:
    """Check and store this unit's half, whose uploaded files lie in `folder` with the right digests.

    Raises:
        SubmissionError: A file is damaged or not of the agreed form; nothing of it is used.
        StorageError: The disk does not take it.
    """
    if unit.settings.role == "statistics":
        return _store_statistics_half(unit, agreement, manifest, folder)
    entries = manifest.half("linkage")
    rows = {
        entry.name: check_pass_table(folder / entry.name, entry.name, agreement, max_rows=unit.settings.max_rows)
        for entry in entries
    }
    stored = []
    for entry in entries:
        digest, size = unit.store.put_file(folder / entry.name)
        stored.append(StoredTable(entry.name, digest, size, rows[entry.name], "store"))
    return stored


def _store_statistics_half(unit: Unit, agreement: Agreement, manifest: Manifest, folder: Path) -> list[StoredTable]:
    with temporary_folder(unit.settings.data_dir / "tmp") as opened:
        _open_half(unit, manifest, folder / STATISTICS_FILE, opened)
        terms = agreement.register(manifest.register_name)
        rows = check_payload(opened, agreement, terms, max_rows=unit.settings.max_rows)
        stored = []
        for name in MEMBERS:
            place = "subjects" if name == HANDLES else "store"
            digest, size = unit.store_at(place).put_file(opened / name)
            stored.append(StoredTable(name, digest, size, rows[name], place))
        return stored


def _open_half(unit: Unit, manifest: Manifest, sealed: Path, folder: Path) -> None:
    plain = folder / "half.zip"
    try:
        with sealed.open("rb") as source, plain.open("wb") as target:
            unseal_stream(unit.keys.sealing, source, target, manifest.seal_info())
    except OSError as error:
        raise StorageError("The disk does not take the opened half.") from error
    broken = SubmissionError("The statistics half is not what it must be inside.", where={"file": STATISTICS_FILE})
    try:
        with zipfile.ZipFile(plain) as archive:
            members = archive.infolist()
            if sorted(member.filename for member in members) != sorted(MEMBERS):
                raise broken
            if any(member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1 for member in members):
                raise broken
            for member in members:  # the names are ours: no path of the archive is ever used
                with archive.open(member) as source, (folder / member.filename).open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, NotImplementedError, EOFError) as error:
        raise broken from error
    except OSError as error:
        raise StorageError("The disk does not take the opened half.") from error
    plain.unlink()
