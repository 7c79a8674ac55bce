"""The demo's privacy officer, who reads what the connectors' audits found and lets synthetic people leave."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.gate import AUDIT_FILE, write_dossier
from connectors.overrides import countersign, read_override
from contract.agreement import Agreement
from pseudonymisation.keys.store import KeyStore
from wasl.demo.institution import ASKED, SIGNED
from wasl.demo.layout import Layout


@dataclass(frozen=True)
class OfficersDesk:
    """Where the operators' overrides arrive and are signed, one by one."""

    layout: Layout
    agreement: Agreement
    registers: tuple[str, ...]

    def look(self) -> None:
        """Sign every override that was asked for since the last look."""
        for name in self.registers:
            folder = self.layout.connector(name)
            asked, signed = folder / ASKED / AUDIT_FILE, folder / SIGNED
            if asked.is_file() and not (signed / AUDIT_FILE).is_file():
                passphrase = self.layout.passphrase(self.layout.officer).read_bytes()
                store = KeyStore.open(self.layout.officer / "officer.keys", passphrase)
                made = countersign(
                    read_override(asked),
                    self.agreement,
                    party=store.party,
                    name="Demo privacy officer",
                    key=store.signing_key,
                )
                signed.mkdir(exist_ok=True)
                write_dossier(signed, made)
