"""`wasl evaluate`: the real path on labelled data, and its score in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contract.errors import InputError, StorageError
from wasl.cli.output import say

PROFILES = ("blind_blocks", "record", "clear")


def evaluate_set(
    directory: Path,
    *,
    profile: str,
    group: str,
    links: Path | None,
    audit_rows: int | None = None,
    trajectories: bool = False,
) -> tuple[dict[str, Any], str]:
    """Run the evaluation; returns the report and a summary for people.

    Raises:
        InputError: An option or the data set is not as it must be.
        StorageError: The link map cannot be written.
    """
    if profile not in PROFILES:
        raise InputError(f"There is no profile {profile!r}.", advice=f"One of {', '.join(PROFILES)}.")
    if group not in {"none", "local"}:
        raise InputError("--group is none or local.")
    from evaluation.datasets import load_dataset
    from evaluation.harness import evaluate

    dataset = load_dataset(directory)
    also = None
    if trajectories:
        from evaluation.accuracy import need_truth, of_run

        need_truth(dataset)  # before hours of linkage, not after
        also = of_run
    say(f"Linking {dataset.name} through connectors and both units ...")
    result = evaluate(dataset, profile=profile, group=group, audit_rows=audit_rows, also=also)
    if links is not None:
        try:
            result.links.write_csv(links)
        except OSError as error:
            raise StorageError("The link map cannot be written.", where={"file": links.name}) from error
    return result.report, _summary(result.report)


def _summary(report: dict[str, Any]) -> str:
    lines = [f"{report['dataset']}: {report['profile']['name']}, {len(report['passes'])} passes", ""]
    lines.append(f"{'':<16} precision  recall     F1")
    for name in ("pairwise", "cross_register", "bcubed"):
        rates = report[name]
        lines.append(f"{name:<16} {rates['precision']:9.4f} {rates['recall']:7.4f} {rates['f1']:6.4f}")
    if report["leakage"]:
        lines += ["", f"{'named over all passes':<24} {'persons':>8} {'named':>8} {'at most':>8}  gate"]
        for name, found in report["leakage"].items():
            union, verdict = found["union"], report["gate"]["registers"][name]["verdict"]
            lines.append(f"{name:<24} {union['total']:>8} {union['share']:>8.1%} {union['high']:>8.1%}  {verdict}")
    if report["leakage_together"]:
        union = report["leakage_together"]["union"]
        lines.append(f"{'all registers together':<24} {union['total']:>8} {union['share']:>8.1%} {union['high']:>8.1%}")
    if "trajectories" in report:
        lines += _accuracy(report["trajectories"])
    seconds = sum(stage["seconds"] for stage in report["stages"].values())
    lines += [
        "",
        f"pairs completeness {report['pairs_completeness']:.4f}, reduction ratio {report['reduction_ratio']:.6f}",
        f"calibration error  {report['calibration']['expected_error']:.3f}",
        f"{seconds:.1f} s in all",
    ]
    return "\n".join(lines)


def _accuracy(found: dict[str, Any]) -> list[str]:
    """Return the lines on figures beside the recorded truth."""
    lines = ["", f"{'figures beside the recorded truth':<34} {'cells':>7} {'held by 95 % interval':>22}"]
    for name in ("reference", "extended"):
        own = found[name]
        lines.append(f"{name:<34} {own['cells']:>7} {own['coverage']:>22.1%}")
    for name, words in (("linked", "by the links"), ("reference", "corrected for missed links")):
        stocks = found[name]
        if stocks and stocks["large_cells"]:
            share, most = stocks["within_3_percent"], stocks["largest_difference"]
            lines.append(f"stocks and flows over 1 000, {words}: {share:.1%} within 3 %, farthest {most:.1%}")
    gap = found["gap"]
    lines += [f"{'gap in ' + gap['period']:<34} {'estimated':>9} {'true':>7}"]
    lines += [f"  {name:<32} {gap['estimated'][name]:>9.1%} {gap['true'][name]:>7.1%}" for name in gap["estimated"]]
    return [*lines, f"  {'sum':<32} {gap['sum']:>9.1%}"]
