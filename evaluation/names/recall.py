"""Recall at one percent of false positives, and how often two common names are taken for one.

Names go through the product's own normalisation and sketches; each pair has a key of its own, as each block has. A
pair's score is the mean of the two likenesses a unit sees, of the romanised name and of its skeleton. The threshold is
the score that one in a hundred pairs of unlike names exceeds, drawn at random among the names of the same origin and
script: a name meets all others there, the common ones as often as the rare ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from evaluation.names.pairs import NameList, NamePair
from pseudonymisation.encoding.sketches import bigrams, jaccard_estimate, sketch_kernel
from pseudonymisation.normalisation.names import normalise_name, split_full_name
from pseudonymisation.normalisation.skeleton import skeleton

FALSE_POSITIVES: Final = 0.01
UNLIKE: Final = 5000
Pair = tuple[str, str]


@dataclass(frozen=True)
class Scores:
    """Scores of pairs, float64[n] each: by sketches, by exact sets, and 1 where the skeletons are equal."""

    sketch: npt.NDArray[np.float64]
    exact: npt.NDArray[np.float64]
    skeleton: npt.NDArray[np.float64]


def normalised(name: str, *, full: bool) -> str:
    """Return a name as the product compares it; "" without a letter."""
    if not full:
        return normalise_name(name)
    return " ".join(sorted(" ".join(split_full_name(name)).split()))


def score(pairs: Sequence[Pair], seed: int) -> Scores:
    """Score pairs of normalised names."""
    keys = np.random.default_rng([seed, 0x5C0E]).integers(0, 2**63, (2 * len(pairs), 2)).astype(np.uint64)
    plain, exact_plain = _likeness([(one, two) for one, two in pairs], keys[: len(pairs)])
    skeletons = [(skeleton(one), skeleton(two)) for one, two in pairs]
    bare, exact_bare = _likeness(skeletons, keys[len(pairs) :])
    equal = np.array([sorted(one.split()) == sorted(two.split()) for one, two in skeletons], dtype=np.float64)
    return Scores((plain + bare) / 2, (exact_plain + exact_bare) / 2, equal)


def _likeness(
    pairs: Sequence[Pair], keys: npt.NDArray[np.uint64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the Jaccard indices of the pairs' bigrams: estimated by sketches under the pairs' keys, and exact."""
    sketches = []
    for side in (0, 1):
        sets = [bigrams(pair[side]) for pair in pairs]
        offsets = np.concatenate([[0], np.cumsum([len(one) for one in sets])]).astype(np.int64)
        data = np.array([gram for one in sets for gram in one], dtype=np.uint64)
        sketches.append(sketch_kernel(keys, np.arange(len(pairs), dtype=np.int64), offsets, data))
    exact = [len(a & b) / len(a | b) for a, b in ((set(bigrams(one)), set(bigrams(two))) for one, two in pairs)]
    return jaccard_estimate(*sketches), np.array(exact, dtype=np.float64)


def name_report(listed: NameList, *, seed: int = 1) -> dict[str, Any]:
    """Return recall at 1 % false positives and wrong merges by origin and script, and over all origins.

    Returns:
        `groups`: for each origin and script, and origin `all`: `pairs`, `recall` (by sketches), `recall_exact` (sets
        in place of sketches), `recall_skeleton` (equal skeletons: what a blocking key joins), `threshold`,
        `false_positives_skeleton`; `wrong_merges`: of the list's common names that differ, by origin.
    """
    pairs = [
        (pair, (normalised(pair.left, full=listed.full), normalised(pair.right, full=listed.full)))
        for pair in listed.pairs
    ]
    kept = [(pair, both) for pair, both in pairs if all(both)]
    groups, wrong = [], []
    origins = sorted({pair.origin for pair, _ in kept})
    for script in ("latin", "arabic"):
        for origin in [*origins, "all"] if len(origins) > 1 else origins:
            here = [(p, both) for p, both in kept if p.script == script and origin in (p.origin, "all")]
            same = [both for pair, both in here if pair.same]
            if not same:
                continue
            unlike = _unlike([(p, both) for p, both in here if p.same], seed)
            if not unlike:
                continue  # one name alone: nothing to take it for
            threshold, found = _threshold(unlike, seed)
            scored = score(same, seed)
            groups.append(
                {
                    "origin": origin,
                    "script": f"latin-{script}",
                    "pairs": len(same),
                    "recall": float((scored.sketch > threshold.sketch[0]).mean()),
                    "recall_exact": float((scored.exact > threshold.exact[0]).mean()),
                    "recall_skeleton": float(scored.skeleton.mean()),
                    "threshold": float(threshold.sketch[0]),
                    "false_positives_skeleton": float(found.skeleton.mean()),
                }
            )
            differ = [both for pair, both in here if not pair.same]
            if differ:
                merged = score(differ, seed)
                wrong.append(
                    {
                        "origin": origin,
                        "script": f"latin-{script}",
                        "pairs": len(differ),
                        "wrong_merges": float((merged.sketch > threshold.sketch[0]).mean()),
                        "wrong_merges_skeleton": float(merged.skeleton.mean()),
                    }
                )
    return {
        "false_positives": FALSE_POSITIVES,
        "unreadable": len(pairs) - len(kept),
        "groups": groups,
        "wrong_merges": wrong,
    }


def _threshold(unlike: Sequence[Pair], seed: int) -> tuple[Scores, Scores]:
    """Return the scores exceeded by 1 % of the unlike pairs (one each), and the unlike pairs' scores."""
    found = score(unlike, seed + 1)
    place = int(np.ceil(FALSE_POSITIVES * len(unlike)))
    cut = [np.sort(values)[::-1][place - 1 : place] for values in (found.sketch, found.exact, found.skeleton)]
    return Scores(*cut), found


def _unlike(pairs: Sequence[tuple[NamePair, Pair]], seed: int) -> list[Pair]:
    """Draw pairs of a left and a right name that no chain of the list's pairs joins."""
    head: dict[str, str] = {}

    def top(name: str) -> str:
        while head.setdefault(name, name) != name:
            name = head[name]
        return name

    for pair, both in pairs:
        for one, two in ((pair.left, pair.right), (both[0], pair.left), (both[1], pair.right)):
            head[top(one)] = top(two)
    rng = np.random.default_rng([seed, 0x0111])
    drawn: list[Pair] = []
    for _ in range(20):
        for one, two in rng.integers(0, len(pairs), (UNLIKE, 2)):
            (first, left), (second, right) = pairs[one], pairs[two]
            if top(first.left) != top(second.right):
                drawn.append((left[0], right[1]))
        if len(drawn) >= UNLIKE:
            break
    return drawn[:UNLIKE]
