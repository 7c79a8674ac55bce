"""A5: from known pairs of encoding and person, learn to read the grams of every other encoding.

The linear reader is a ridge regression of grams on bits; the other is a network with one hidden layer, as in the
dataset extension attack. Either reads grams, and the dictionary's nearest person is named.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from evaluation.attacks.records.result import AttackResult, share_named
from evaluation.attacks.records.scenario import Scenario
from evaluation.attacks.records.similarity import dice, unit_rows

PENALTY: Final = 50.0
EPOCHS: Final = 25
LOOKALIKE: Final = 0.7  # Dice of gram sets
_PATIENCE: Final = 3
_BATCH: Final = 32
_RATE: Final = 0.003
_HELD_OUT: Final = 0.1
_THRESHOLDS: Final = np.arange(0.05, 0.96, 0.05)

Floats = npt.NDArray[np.float32]
Reader = Callable[[Floats], Floats]


def known_pairs(
    attacked: Scenario, pairs: int, reader: str, seed: int, *, most_targets: int = 3000, hidden: int = 512
) -> AttackResult:
    """Learn from `pairs` known pairs and read all other rows.

    A tenth of the pairs is held out to choose the threshold above which a gram is read (and when a network stops).
    The baseline of `dice` in the details reads the most frequent grams for everybody; `lookalikes` is the share of
    rows that have a Dice of .7 or more with a known person, `named_unlike` the share named of the rest.

    Args:
        attacked: What the attacker sees and holds.
        pairs: True pairs known; at least 20, fewer than the rows.
        reader: `ridge` or `mlp`.
        seed: Of the draw of pairs and of the network.
        most_targets: Rows read at most, drawn by the seed.
        hidden: Width of the network's hidden layer.
    """
    if not 20 <= pairs < len(attacked.bits):
        raise ValueError("There must be at least 20 known pairs, and a row that is none.")
    order = np.random.default_rng(seed).permutation(len(attacked.bits))
    known, targets = order[:pairs], order[pairs : pairs + most_targets]
    held = max(2, round(_HELD_OUT * pairs))
    grams = attacked.persons.incidence.astype(np.float32)
    learn, tune = known[held:], known[:held]
    bits = attacked.bits.astype(np.float32)
    centre = bits[learn].mean(axis=0)
    bits -= centre
    of_learn, of_tune = grams[attacked.truth[learn]], grams[attacked.truth[tune]]
    if reader == "ridge":
        read = ridge(bits[learn], of_learn)
    elif reader == "mlp":
        read = network(bits[learn], of_learn, bits[tune], of_tune, hidden, seed)
    else:
        raise ValueError("The reader is ridge or mlp.")
    usual = of_learn.mean(axis=0)
    scores, true = read(bits[targets]), grams[attacked.truth[targets]]
    threshold = _best_threshold(read(bits[tune]), of_tune)
    common = np.broadcast_to(usual, of_tune.shape)
    common_threshold = _best_threshold(common, of_tune)
    details = {
        "pairs": pairs,
        "dice": mean_dice(scores > threshold, true),
        "dice_baseline": mean_dice(np.broadcast_to(usual > common_threshold, true.shape), true),
    }
    others = np.setdiff1d(np.arange(len(grams)), attacked.truth[known])
    named = others[(unit_rows(scores - usual) @ unit_rows(grams[others] - usual).T).argmax(axis=1)]
    right = np.asarray(named == attacked.truth[targets])
    # a relative or namesake of a known person is named by resemblance, whatever the grams say
    nearest = dice(
        attacked.persons.incidence[attacked.truth[targets]], attacked.persons.incidence[attacked.truth[known]]
    )
    unlike = nearest.max(axis=1) < LOOKALIKE
    details["lookalikes"] = float(1 - unlike.mean())
    details["named_unlike"] = float(right[unlike].mean()) if unlike.any() else 0.0
    return share_named(f"known pairs, {reader}", right, 1 / len(others), {**details, "dictionary": len(others)})


def ridge(bits: Floats, grams: Floats) -> Reader:
    """Return the ridge regression (penalty 50) of float32[n, grams] on centred float32[n, bits]."""
    usual = grams.mean(axis=0)
    square = bits.T @ bits
    square[np.diag_indices_from(square)] += PENALTY
    weights = np.linalg.solve(square, bits.T @ (grams - usual))
    return lambda rows: np.asarray(rows @ weights + usual, dtype=np.float32)


def network(bits: Floats, grams: Floats, held_bits: Floats, held_grams: Floats, hidden: int, seed: int) -> Reader:
    """Return a network of one hidden layer, cross-entropy, 25 epochs at most; it stops by the held-out rows."""
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    model = MLPClassifier(
        hidden_layer_sizes=(hidden,), batch_size=min(_BATCH, len(bits)), learning_rate_init=_RATE, random_state=seed
    )
    best, best_loss, without = model, np.inf, 0
    for _ in range(EPOCHS):
        # small products: several threads would only wait for each other
        with threadpool_limits(1, "blas"):
            model.partial_fit(bits, grams.astype(np.int64), classes=np.arange(grams.shape[1]))
        loss = _cross_entropy(_probabilities(model, held_bits), held_grams)
        if loss < best_loss:
            best, best_loss, without = copy.deepcopy(model), loss, 0
        else:
            without += 1
        if without == _PATIENCE:
            break
    return lambda rows: _probabilities(best, rows)


def mean_dice(read: npt.NDArray[np.bool_], true: Floats) -> float:
    """Return the mean Dice coefficient of read and true gram sets, row by row."""
    common = (read & (true > 0)).sum(axis=1)
    return float((2 * common / np.maximum(1, read.sum(axis=1) + true.sum(axis=1))).mean())


def _probabilities(model: object, rows: Floats) -> Floats:
    return np.asarray(model.predict_proba(rows), dtype=np.float32)  # type: ignore[attr-defined]


def _cross_entropy(scores: Floats, true: Floats) -> float:
    clipped = np.clip(scores, 1e-6, 1 - 1e-6)
    return float(-(true * np.log(clipped) + (1 - true) * np.log(1 - clipped)).mean())


def _best_threshold(scores: Floats, true: Floats) -> float:
    return float(max(_THRESHOLDS, key=lambda threshold: mean_dice(scores > threshold, true)))
