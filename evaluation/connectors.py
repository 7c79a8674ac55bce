"""One connector for each register of a labelled data set: folders, keys, configuration, agreement."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from connectors.agent import ConnectorAgent
from connectors.drafting import RegisterProposal, draft_agreement
from contract.agreement import (
    APPROVAL_CONTEXT,
    Agreement,
    CapTerms,
    GateTerms,
    Party,
    PassTerms,
    ProfileTerms,
    Signature,
    SignedAgreement,
)
from contract.signing import sign
from evaluation.datasets import LabelledRegister, LabelledSet
from pseudonymisation.keys.store import KeyStore
from pseudonymisation.randomness import SeededRandomness

_PASSPHRASE = b"labelled data are no secret"
OFFICER = "privacy-officer"


def slugs(names: Sequence[str]) -> dict[str, str]:
    """Return each register's name in the form an agreement takes, different names staying different."""
    taken: dict[str, str] = {}
    for name in names:
        slug = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-")[:32] or "register"
        slug = slug if slug[0].isalpha() else f"r-{slug}"
        taken[name] = slug if slug not in taken.values() else f"{slug}-{len(taken)}"
    return taken


def make_store(folder: Path, party: str) -> KeyStore:
    """Make a party's key store in its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return KeyStore.create(folder / "institution.keys", party, _PASSPHRASE)


def party_of(store: KeyStore, role: str) -> Party:
    """Return a party as an agreement names it."""
    signing, sealing = store.public_keys
    return Party.model_validate({"name": store.party, "role": role, "signing_key": signing, "sealing_key": sealing})


def configuration_text(register: LabelledRegister, slug: str, own: Mapping[str, str], urls: tuple[str, str]) -> str:
    """Return the connector.toml of a labelled register. Damaged dates count as missing: they are part of the test."""
    lines = [
        f"institution = {json.dumps(slug)}",
        f"register = {json.dumps(slug)}",
        'bad_dates = "empty"',
        "[units]",
        f"linkage = {json.dumps(urls[0])}",
        f"statistics = {json.dumps(urls[1])}",
        "[source]",
        f"file = {json.dumps(str(register.path.resolve()))}",
        "[map]",
        f"record_id = {{ column = {json.dumps(register.record_id)} }}",
    ]
    for name, given in register.fields.items():
        options = [f"column = {json.dumps(given.column)}"]
        if given.format:
            options.append(f"format = {json.dumps(given.format)}")
        if given.any_document:
            options.append("any_document = true")
        lines.append(f"{name} = {{ {', '.join(options)} }}")
    for name in register.fields:
        if name in own:
            lines += [f"[field.{name}]", f"type = {json.dumps(own[name])}"]
    return "\n".join(lines) + "\n"


def make_agents(
    dataset: LabelledSet, root: Path, units: tuple[Party, Party], urls: tuple[str, str], **terms: object
) -> tuple[SignedAgreement, dict[str, ConnectorAgent]]:
    """Make connectors for all registers and an agreement among them that all have signed.

    Args:
        dataset: The labelled set.
        root: Folder for the connectors.
        units: The linkage and the statistics unit, with their public keys.
        urls: Their addresses.
        terms: `profile`, `caps`, `passes`, `gate` of the agreement.

    Returns:
        The agreement in force and the agents by the data set's register names.
    """
    named = slugs([register.name for register in dataset.registers])
    stores = {name: make_store(root / slug, slug) for name, slug in named.items()}
    officer = make_store(root / OFFICER, OFFICER)
    agreement = _draft(dataset, named, stores, officer, units, **terms)  # type: ignore[arg-type]
    signed = SignedAgreement(
        agreement=agreement,
        signatures=tuple(
            Signature(party=store.party, signature=sign("agreement/v1", agreement, store.signing_key))
            for store in stores.values()
        ),
        approval=Signature(party=OFFICER, signature=sign(APPROVAL_CONTEXT, agreement, officer.signing_key)),
    )
    agents = {}
    own = {name: kind.value for name, kind in dataset.own_fields.items()}
    for register in dataset.registers:
        slug = named[register.name]
        (root / slug / "connector.toml").write_text(configuration_text(register, slug, own, urls), encoding="utf-8")
        seed = f"{dataset.name}/{slug}".encode()
        agents[register.name] = ConnectorAgent.open(
            root / slug, _PASSPHRASE, random=SeededRandomness(seed), allow_clear=True, allow_unaudited=True
        )
        agents[register.name].use_agreement(signed)
    return signed, agents


def _draft(
    dataset: LabelledSet,
    named: Mapping[str, str],
    stores: Mapping[str, KeyStore],
    officer: KeyStore,
    units: tuple[Party, Party],
    profile: ProfileTerms | None = None,
    caps: CapTerms | None = None,
    passes: Sequence[PassTerms] | None = None,
    gate: GateTerms | None = None,
) -> Agreement:
    return draft_agreement(
        [*(party_of(store, "institution") for store in stores.values()), *units, party_of(officer, "privacy_officer")],
        [
            RegisterProposal(
                named[register.name], named[register.name], tuple(register.fields), register.rows_per_person
            )
            for register in dataset.registers
        ],
        title=f"Evaluation on {dataset.name}",
        purpose="Measuring the quality of linkage on labelled data",
        persons=max((register.rows.height for register in dataset.registers), default=0),
        own_fields=dataset.own_fields,
        profile=profile,
        caps=caps,
        passes=passes,
        gate=gate,
        created_on=date.today(),
    )
