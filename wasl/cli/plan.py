"""`wasl agreement plan`: the prediction in words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract.errors import InputError, StorageError
from wasl.cli.output import say

if TYPE_CHECKING:
    import polars as pl

    from evaluation.planning.errors import ErrorRates
    from evaluation.planning.plan import Question


def plan_agreement(
    draft: Path | None,
    registers: Sequence[str],
    *,
    persons: int | None,
    own: Path | None,
    rates: Sequence[str],
    seed: int,
    simulated: int,
    most: int,
    output: Path | None,
) -> tuple[dict[str, Any], str]:
    """Plan passes for a draft, or for canonical registers; returns the report and a table for people.

    Raises:
        InputError: Neither or both of a draft and registers, an unknown register or rate, no number of persons.
        StorageError: The passes cannot be written.
    """
    import json

    from evaluation.planning.plan import plan

    question = _question(draft, registers, persons, own, _rates(rates), seed, simulated, most)
    say(f"Simulating {min(question.persons, question.simulated):,} persons in {len(question.registers)} registers ...")
    report = plan(question)
    if output is not None:
        try:
            output.write_text(json.dumps(report["passes"], indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise StorageError("The passes cannot be written.", where={"file": output.name}) from error
    return report, text(report)


def _question(
    draft: Path | None,
    registers: Sequence[str],
    persons: int | None,
    own: Path | None,
    rates: ErrorRates,
    seed: int,
    simulated: int,
    most: int,
) -> Question:
    from connectors.agreements import read_agreement
    from connectors.drafting import canonical_proposal
    from contract.registers import REGISTERS
    from evaluation.planning.plan import Question

    if (draft is None) == (not registers):
        raise InputError("Give either a draft of an agreement or --register.")
    held = own_persons_of(own) if own is not None else None
    if draft is not None:
        agreement = read_agreement(draft).agreement
        if persons is None:
            raise InputError("An agreement does not say how many persons there are.", advice="Give --persons.")
        return Question(
            {terms.name: terms.fields for terms in agreement.registers}, agreement.own_fields, persons,
            caps=agreement.caps, gate=agreement.gate, agreed=agreement.passes, rates=rates, own=held, seed=seed,
            simulated=simulated, most=most,
        )  # fmt: skip
    unknown = [name for name in registers if name not in REGISTERS]
    if unknown:
        raise InputError(f"There is no canonical register {unknown[0]!r}.", advice=f"One of {', '.join(REGISTERS)}.")
    fields = {name: canonical_proposal(name).fields for name in registers}
    return Question(fields, {}, persons or 20_000, rates=rates, own=held, seed=seed, simulated=simulated, most=most)


def own_persons_of(folder: Path) -> pl.DataFrame:
    """Return the persons of a connector's own register, read as its connector.toml says; nothing leaves here."""
    from datetime import date

    import polars as pl

    from connectors.configuration import load_configuration
    from connectors.mapping import read_identities
    from connectors.subjects import group_subjects
    from contract.fields import STANDARD_FIELDS
    from contract.registers import COLUMN_OF_FIELD
    from evaluation.planning.population import own_persons
    from pseudonymisation.normalisation.fields import FieldMapping
    from pseudonymisation.normalisation.identities import normalise

    configuration = load_configuration(folder)
    mapped = read_identities(configuration)
    fields = {}
    for name, kind in STANDARD_FIELDS.items():
        column = COLUMN_OF_FIELD.get((configuration.register, name), name)
        if column in configuration.columns:
            own = configuration.columns[column]
            fields[name] = FieldMapping(column, kind.value, format=own.format, any_document=own.any_document)
    identities = normalise(mapped.frame, fields, as_of=date.today()).frame
    groups = group_subjects(identities)
    return own_persons(identities.with_columns(pl.Series("subject", groups, dtype=pl.Int64)))


def _rates(given: Sequence[str]) -> ErrorRates:
    from evaluation.planning.errors import ErrorRates

    known = ErrorRates().as_dict()
    changed: dict[str, float] = {}
    for entry in given:
        name, _, value = entry.partition("=")
        if name not in known:
            raise InputError(f"There is no error rate {name!r}.", advice=f"One of {', '.join(known)}.")
        try:
            changed[name] = float(value)
        except ValueError:
            raise InputError(f"The error rate {name} is not a number.") from None
    return ErrorRates(**{**known, **changed})


def text(report: dict[str, Any]) -> str:
    """Return the prediction as a page for whoever signs the agreement."""
    made, agreed, proposed = report["assumptions"], report["agreed"], report["proposed"]
    lines = [
        f"Plan for {made['persons_joint']:,} persons ({made['persons_simulated']:,} simulated, {made['population']})",
        "",
        f"{'':<34}{'as drafted':>12}{'best found':>12}",
        _compared("passes", len(agreed["names"]), len(proposed["names"]), "d"),
        _compared("true pairs that meet", agreed["pairs_completeness"], proposed["pairs_completeness"]),
        _compared("records in no pass", agreed["in_no_pass"], proposed["in_no_pass"]),
        _compared("named by all passes, at most", agreed["union_leakage_high"], proposed["union_leakage_high"]),
        _compared("named by one pass, at most", agreed["worst_pass_leakage_high"], proposed["worst_pass_leakage_high"]),
        f"{'within the bounds':<34}{_yes(agreed['within_bounds']):>12}{_yes(proposed['within_bounds']):>12}",
        "",
        "Best set, in the order of what each pass adds",
        f"  {'pass':<30}{'adds':>9}{'in all':>9}{'alone':>9}{'withheld':>10}{'named':>9}",
    ]
    alone = {one["name"]: one for one in report["candidates"]}
    for step in proposed["steps"]:
        one = alone[step["name"]]
        lines.append(
            f"  {step['name']:<30}{step['gain']:>8.2%} {step['pairs_completeness']:>8.2%} "
            f"{one['pairs_completeness']:>8.1%} {one['withheld']:>9.1%} {one['leakage']:>8.2%}"
        )
    for title, key in (("nationality", "nationality"), ("how common the family name is", "family_name")):
        lines += ["", f"Who pays: by {title} (best set)"]
        lines.append(f"  {'':<22}{'records':>9}{'in no pass':>12}{'pairs that meet':>17}")
        nowhere, met = proposed[f"in_no_pass_by_{key}"], proposed[f"pairs_completeness_by_{key}"]
        for group, found in nowhere.items():
            meets = f"{met[group]['share']:.2%}" if group in met else "-"
            lines.append(f"  {group:<22}{found['rows']:>9,}{found['share']:>12.2%}{meets:>17}")
    rates = ", ".join(f"{name.replace('_', ' ')} {rate:.0%}" for name, rate in made["error_rates"].items())
    lines += [
        "",
        "Assumed, not measured on your partners' data:",
        f"  overlap {made['overlap']}; at most {made['caps']['persons_per_key']} person(s) of a register a key value",
        f"  errors a record: {rates}",
        f"  named: {made['leakage']}; {made['persons_attacked']} persons attacked, 95 % limit",
        "  What may leave is decided by the audit of the encodings themselves, not by this page.",
    ]
    if made["smaller_than_stated"]:
        lines.append("  Fewer persons were simulated than there are: more will be withheld. --simulate raises it.")
    return "\n".join(lines)


def _compared(label: str, one: float, other: float, form: str = ".2%") -> str:
    return f"{label:<34}{one:>12{form}}{other:>12{form}}"


def _yes(held: bool) -> str:
    return "yes" if held else "NO"
