"""Settings of one unit: from arguments, environment variables (`WASL_…`) or their defaults.

The passphrase of the unit's keys comes from a file named by `WASL_PASSPHRASE_FILE`, never from an argument or a
variable: arguments show in the list of processes, variables in dumps of the environment. A database URL with a
password comes from a file named by `WASL_DATABASE_URL_FILE` for the same reason.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from contract.errors import ConfigurationError

Role = Literal["linkage", "statistics"]
KEY_FILE = "unit.keys"


class Settings(BaseSettings):
    """Everything that one process of a unit needs to know."""

    model_config = SettingsConfigDict(env_prefix="WASL_", frozen=True, extra="forbid")

    role: Role
    data_dir: Path = Path("wasl-data")
    database_url: str | None = None
    database_url_file: Path | None = None  # a URL with a password comes from a file that only the unit reads
    subjects_database_url: str | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8001, ge=0, le=65535)
    base_url: str | None = None
    statistics_url: str | None = None  # where the linkage unit delivers its edges
    chunk_bytes: int = Field(default=4 * 1024 * 1024, ge=1)
    max_body_bytes: int = Field(default=72 * 1024 * 1024, ge=1024)  # a relayed list of crowded keys is the largest
    max_file_bytes: int = Field(default=64 * 1024**3, ge=1)
    max_rows: int = Field(default=500_000_000, ge=1)  # rows in one table of a submission
    workers: int = Field(default=1, ge=0, le=64)  # threads of this process that work on runs; 0 where another does
    engine: Literal["local", "dask"] = "local"  # what compares at the linkage unit: its own threads, or a cluster
    dask_scheduler: str | None = None  # address of the cluster's scheduler, such as tls://scheduler:8786
    allow_clear_profile: bool = False  # the profile `clear` hides nothing: synthetic data only
    allow_unaudited: bool = False  # take submissions without an audit that lets them leave: synthetic data only
    passphrase_file: Path | None = None

    @property
    def party_role(self) -> str:
        """The unit's role in an agreement: ``linkage_unit`` or ``statistics_unit``."""
        return f"{self.role}_unit"

    @property
    def database(self) -> str:
        """URL of the unit's database; a SQLite file in the data directory by default.

        Raises:
            ConfigurationError: The file that holds it cannot be read, or is empty.
        """
        if self.database_url is None and self.database_url_file is not None:
            return _only_line(self.database_url_file, "database URL")
        return self.database_url or f"sqlite:///{self.data_dir / f'{self.role}.sqlite'}"

    @property
    def subjects_database(self) -> str:
        """URL of the subject list's own database, which only the clustering job opens."""
        return self.subjects_database_url or f"sqlite:///{self.subjects_dir / 'subjects.sqlite'}"

    @property
    def subjects_dir(self) -> Path:
        """Folder (mode 0700) of the subject lists at the statistics unit."""
        return self.data_dir / "subjects"

    @property
    def url(self) -> str:
        """The unit's own address as its callers write it: what their requests' signatures cover."""
        return (self.base_url or f"http://{self.host}:{self.port}").rstrip("/")

    def read_passphrase(self) -> bytes:
        """Return the passphrase of the unit's key file.

        Raises:
            ConfigurationError: None is set, or its file cannot be read.
        """
        if self.passphrase_file is not None:
            try:
                return self.passphrase_file.read_bytes().strip()
            except OSError as error:
                raise ConfigurationError("The passphrase file cannot be read.") from error
        raise ConfigurationError(
            "No passphrase for the unit's keys is set.",
            advice="Name a file that only the unit reads: WASL_PASSPHRASE_FILE=/path/to/file.",
        )


def _only_line(path: Path, what: str) -> str:
    try:
        lines = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The file of the {what} cannot be read.", where={"file": path.name}) from error
    if len(lines) != 1:
        raise ConfigurationError(f"The file of the {what} holds not one {what}.", where={"file": path.name})
    return lines[0]
