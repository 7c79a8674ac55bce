"""Cell-key perturbation: noise on counts that is the same whenever the same persons are counted.

Every person has a *record key*; a cell's key is the sum of its persons' record keys modulo 2^32; the noise is looked up
in a fixed table (p-table) by the count and by a pseudo-random function of the cell key. So the same cell of the same
persons always shows the same number, and asking again gives nothing to average.

**Population.** The function also takes the *population key*, a sum over everybody the table could count and all that
is known of them (`trajectories.disclosure.cells.content_keys`). With the cell key alone, a cell without the one person
by whom two populations differ stays exactly as it was, and the cells that move name that person's attributes whatever
the noise (docs/adr/0013-cell-keys.md has the figures). With it, every cell is drawn anew as soon as the population
differs by one person. Within one population all tables agree.

**Corrections.** A correction for missed links is a number of persons too, and a single one of them may move it by one.
So it is perturbed like a count, by another value of the function: a stream of noise that all corrections together
choose (`correction_stream`), so that it is drawn anew when other evidence of the same persons changes one of them.

**p-table.** For a count n the noise v lies in -4..4, never takes a count below 0, has mean 0 exactly and variance 3
(before quantisation), and among such distributions the largest entropy; n = 0 has no noise. Counts of 4 and more share
one row.

Sources: Fraser and Wooton, A proposed method for confidentialising tabular output to protect against differencing
(UNECE work session, 2005); Marley and Leaver, A method for confidentialising user-defined tables (ISI, 2011); p-tables
of maximum entropy as in Giessing, Computational issues in the design of transition probabilities (PSD 2016). The
pseudo-random function is AES-128 on one block (FIPS 197) under a key of its own.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from contract.errors import InputError

Ints = NDArray[np.int64]

#: Largest absolute noise, and its variance before quantisation.
NOISE_BOUND: Final = 4
NOISE_VARIANCE: Final = 3.0
#: Parameters of the mechanism, as reports and metadata name them.
MECHANISM: Final = {
    "method": "cell-key perturbation",
    "noise_bound": NOISE_BOUND,
    "noise_variance": str(NOISE_VARIANCE),
    "margins": "perturbed independently: a total differs from the sum of m categories by at most (m + 1) * 4",
}
#: The same of a table whose `value` is corrected: a count and a correction, each with noise of its own.
MECHANISM_CORRECTED: Final = {
    **MECHANISM,
    "columns": "noise_bound, noise_variance and margins are those of `linked`",
    "value_noise_bound": 2 * NOISE_BOUND,
    "value_noise_variance": str(2 * NOISE_VARIANCE),
    "value_margins": "a total differs from the sum of m categories by at most (m + 1) * 8.5",
}
_KEY_BITS: Final = 32
_GRID: Final = 1 << 16
_RECORD_CONTEXT: Final = b"wasl/record-key/1/"
_EPOCH_CONTEXT: Final = b"wasl/release-epoch/1/"


def record_keys(person_ids: Iterable[str], series: str) -> Ints:
    """Return the record keys of persons: int64 below 2^32, the same for a person in every vintage of a series.

    HMAC-SHA-256 of the person id under the series. It is no secret: what nobody may predict is the noise, and that
    depends on the release-epoch key. So a run gives the same bits on every machine.

    Args:
        person_ids: Of the statistics unit.
        series: The first agreement of a line of successors, within which person ids persist.
    """
    key = _RECORD_CONTEXT + series.encode()
    raw = b"".join(hmac.digest(key, person.encode(), "sha256")[:4] for person in person_ids)
    return np.frombuffer(raw, dtype="<u4").astype(np.int64)


def correction_stream(corrections: Mapping[Any, NDArray[Any]]) -> int:
    """Return the stream of noise of some corrections in whole persons, by SHA-256 over all of them: 1 to 2^31 - 1."""
    digest = hashlib.sha256()
    for key in sorted(corrections):
        digest.update(repr(key).encode() + np.asarray(corrections[key], dtype="<i8").tobytes())
    return 1 + int.from_bytes(digest.digest()[:8], "little") % ((1 << 31) - 1)


def epoch_key(secret: bytes, series: str, epoch: str) -> bytes:
    """Return the 16-byte key of a release epoch: HMAC-SHA-256 under a secret of the statistics unit."""
    return hmac.digest(secret, _EPOCH_CONTEXT + f"{series}/{epoch}".encode(), "sha256")[:16]


@lru_cache(maxsize=8)
def noise_distribution(bound: int = NOISE_BOUND, variance: float = NOISE_VARIANCE) -> NDArray[np.int64]:
    """Return the p-table as whole numbers of 2^-16: int64 (counts 0..bound, noise -bound..bound); rows sum to 2^16.

    Raises:
        InputError: No distribution on the support has this variance.
    """
    values = np.arange(-bound, bound + 1)
    rows = np.zeros((bound + 1, len(values)), dtype=np.int64)
    rows[0, bound] = _GRID
    for count in range(1, bound + 1):
        if not 0 < variance < count * bound:
            raise InputError("No noise within these bounds has this variance.")
        inside = values >= -count
        shares = _largest_entropy(values[inside].astype(np.float64), variance)
        row = np.rint(shares * _GRID).astype(np.int64)
        zero, excess = count, int(row @ values[inside])
        row[zero + (1 if excess > 0 else -1)] -= abs(excess)  # mean 0 exactly
        row[zero] += _GRID - row.sum()
        rows[count, inside] = row
    return rows


def _largest_entropy(values: NDArray[np.float64], variance: float) -> NDArray[np.float64]:
    """Return p(v) proportional to exp(a v + b v^2) with mean 0 and the variance, by Newton's method."""
    features = np.stack((values, values**2))
    weights, target = np.zeros(2), np.array([0.0, variance])
    for _ in range(200):
        exponent = weights @ features
        shares = np.exp(exponent - exponent.max())
        shares /= shares.sum()
        gap = target - features @ shares
        if np.abs(gap).max() < 1e-12:
            break
        spread = (features * shares) @ features.T - np.outer(features @ shares, features @ shares)
        step = np.linalg.solve(spread, gap)
        weights += step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-9))
    return np.asarray(shares, dtype=np.float64)


@lru_cache(maxsize=8)
def noise_table(bound: int = NOISE_BOUND, variance: float = NOISE_VARIANCE) -> NDArray[np.int8]:
    """Return the noise by count (0..bound, the last row for more) and by a uniform number below 2^16: int8."""
    values = np.arange(-bound, bound + 1, dtype=np.int8)
    return np.stack([np.repeat(values, row) for row in noise_distribution(bound, variance)])


@dataclass(frozen=True)
class Perturbation:
    """Noise for the tables of one population in one release epoch.

    Attributes:
        key: 16 bytes, of `epoch_key`.
        population_key: Sum of the content keys of everybody the tables could count.
        bound, variance: Of the p-table.
    """

    key: bytes = field(repr=False)
    population_key: int
    bound: int = NOISE_BOUND
    variance: float = NOISE_VARIANCE

    def noise(self, counts: NDArray[Any], cell_keys: NDArray[Any], stream: int = 0) -> Ints:
        """Return the noise of cells, int64, of the shape of `counts`.

        Args:
            counts: Whole numbers, 0 or more.
            cell_keys: Sums of the record keys of each cell's persons, of the same shape.
            stream: 0 for counts, else `correction_stream`: noises of two streams are independent.

        Raises:
            InputError: The shapes differ, or a count is negative.
        """
        if counts.shape != cell_keys.shape:
            raise InputError("Counts and cell keys must have the same shape.")
        if counts.size and int(counts.min()) < 0:
            raise InputError("A count is negative.")
        blocks = np.empty((counts.size, 2), dtype="<u8")
        blocks[:, 0] = np.asarray(cell_keys, dtype=np.int64).ravel() % (1 << _KEY_BITS) + (stream << _KEY_BITS)
        blocks[:, 1] = self.population_key % (1 << _KEY_BITS)
        # One block, one value of the function: no mode chains them, and that is what is wanted here.
        cipher = Cipher(algorithms.AES(self.key), modes.ECB()).encryptor()  # noqa: S305
        drawn = np.frombuffer(cipher.update(blocks.tobytes()), dtype="<u2").reshape(-1, 8)[:, 0]
        rows = np.minimum(np.asarray(counts, dtype=np.int64).ravel(), self.bound)
        found: Ints = noise_table(self.bound, self.variance)[rows, drawn].astype(np.int64).reshape(counts.shape)
        return found

    def perturbed(self, counts: NDArray[Any], cell_keys: NDArray[Any]) -> Ints:
        """Return counts with their noise. Errors as `noise`."""
        return np.asarray(counts, dtype=np.int64) + self.noise(counts, cell_keys)
