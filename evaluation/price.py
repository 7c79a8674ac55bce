"""The price of privacy: what sketches, dummies and caps cost in quality, one number a labelled set.

Every set is linked over the real path with the default profile, and in the clear over the very same passes, caps and
blocks; the difference of the two F1 is the price of the encoding. A further run without caps gives what those cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from contract.agreement import CapTerms, ProfileTerms
from evaluation.datasets import LabelledSet
from evaluation.harness import evaluate

#: What the price may be, and what caps may cost: mean and worst F1 over the sets.
MEAN_TARGET, WORST_TARGET, CAPS_TARGET = 0.005, 0.010, 0.010
_NO_CAP: Final = CapTerms(persons_per_key=10**9)


def price_of(dataset: LabelledSet, *, uncapped: bool = False, group: str = "none") -> dict[str, Any]:
    """Return the price on one set: F1 (pairwise, at the engine's own threshold) by kind of run, and the differences.

    Args:
        dataset: Registers and truth.
        uncapped: Whether to link without caps too; blocks may then be large.
        group: `none`: each record a subject; `local`: the connectors group first, as in production.
    """
    runs: dict[str, tuple[str, Mapping[str, Any]]] = {
        "blind_blocks": ("blind_blocks", {}),
        "clear": ("clear", {"profile": ProfileTerms(name="clear", dummy_share=0.0)}),
    }
    if uncapped:
        runs["uncapped"] = ("blind_blocks", {"caps": _NO_CAP})
    f1: dict[str, float] = {}
    completeness: dict[str, float] = {}
    for name, (profile, terms) in runs.items():
        report = evaluate(dataset, profile=profile, group=group, terms=terms).report
        f1[name], completeness[name] = report["pairwise"]["f1"], report["pairs_completeness"]
    made = {
        "dataset": dataset.name,
        "f1": f1,
        "pairs_completeness": completeness,
        "price": f1["clear"] - f1["blind_blocks"],
    }
    return made | ({"price_of_caps": f1["uncapped"] - f1["blind_blocks"]} if uncapped else {})


def price_report(prices: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the sets' prices with their mean and worst, and whether both are within the targets.

    A set that the encoding happens to help counts with its negative price in the mean.
    """
    listed = [dict(one) for one in prices]
    price = [one["price"] for one in listed]
    caps = [one["price_of_caps"] for one in listed if "price_of_caps" in one]
    report: dict[str, Any] = {
        "sets": listed,
        "mean": sum(price) / len(price) if price else 0.0,
        "worst": max(price, default=0.0),
    }
    report["within"] = report["mean"] <= MEAN_TARGET and report["worst"] <= WORST_TARGET
    if caps:
        report |= {"worst_of_caps": max(caps), "caps_within": max(caps) <= CAPS_TARGET}
    return report
