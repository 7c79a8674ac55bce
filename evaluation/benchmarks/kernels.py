"""`wasl bench kernels`: what each kernel does in a second of one core, and what this processor allows at most.

The limit of a scan is measured in the same run: a loop of nothing but xor, population count and add on vector
registers, the three that each word of eight rows costs. A scan's rate over the limit says how much of it is lost to
loads, bounds and pairs found.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from evaluation.benchmarks.encoded import bench_agreement
from evaluation.benchmarks.machine import machine, versions
from linkage.cells import aligned
from linkage.columns import columns_of
from linkage.compare import count_patterns
from linkage.kernels import emit_kernel
from linkage.layout import layout_of, token_width
from linkage.ordering import block_ends
from linkage.plan import ComparisonPlan, plan_of
from linkage.scan import Codes, distance_histogram, hamming_lsh, prefix_bound, prefix_loss, scan, scan_two_stage
from linkage.scan.lanes import LANES, MIX_STEPS, mix_rounds
from linkage.scan.two_stage import LOSS
from linkage.tables import PassArrays

REPEATS: Final = 5
_ROUNDS: Final = 8_000_000
#: Rows of a block, blocks, and the first rows that are compared with all others (0: all).
_BLOCKS: Final = ((2, 800_000, 0), (6, 200_000, 0), (32, 16_000, 0), (400, 250, 0), (20_000, 1, 0), (200_000, 1, 500))
_EMITTED: Final = (400, 250)
_KEPT_SHARES: Final = (0.0001, 0.01, 0.1, 1.0)
_NEAR_SHARE: Final = 0.18  # of the bits: what a pair of records at Dice .8 differs in
_NAME_POOL: Final = 3_000


@njit(nogil=True, cache=True)
def _mix(rounds: int) -> Any:
    return mix_rounds(rounds)


def bench(*, rows: int = 20_000, repeats: int = REPEATS) -> dict[str, Any]:
    """Measure all kernels on one thread, by processor time.

    A rate is that of the least time, for whatever else runs on a shared processor only adds to it; in-block it stands
    beside the median's.

    Args:
        rows: Of each side of a scan.
        repeats: Runs of each kernel.
    """
    return {
        "in_block": in_block(repeats),
        "emitted": emitted(repeats),
        "scan": [scans(bits, rows, repeats) for bits in (1024, 2048)],
        "machine": machine(),
        "versions": versions(),
    }


def _taken(repeats: int, *works: Callable[[], Any]) -> npt.NDArray[np.float64]:
    """Return processor seconds (float64[repeats, works]) after a run that compiles.

    Works run in turn, so that the rate of one stands beside the limit of the same minute: the clock of a shared
    processor drifts.
    """
    for work in works:
        work()
    taken = []
    for _ in range(repeats):
        starts = [time.process_time()]
        for work in works:
            work()
            starts.append(time.process_time())
        taken.append(np.diff(starts))
    return np.maximum(np.array(taken), 1e-9)


def block_arrays(plan: ComparisonPlan, size: int, blocks: int, seed: int = 1) -> PassArrays:
    """Return a pass of equal blocks, half of the rows of each register `a`, made of a few thousand names."""
    draw, spec, n = np.random.default_rng(seed), columns_of(plan), size * blocks
    pool = draw.integers(0, 2**64, (_NAME_POOL, 2), dtype=np.uint64)
    sketches = aligned((n, len(spec.sketches), 2), np.uint64)
    for column in range(len(spec.sketches)):
        sketches[:, column] = pool[draw.integers(0, _NAME_POOL, n)]
    tokens = aligned((n, token_width(spec)), np.uint32)
    tokens[:] = draw.integers(0, 30, tokens.shape)
    block = np.repeat(np.arange(blocks, dtype=np.uint64), size)
    register = np.tile((np.arange(size) >= (size + 1) // 2).astype(np.uint16), blocks)
    return PassArrays(
        name=plan.passes[0],
        handle=np.arange(n, dtype=np.uint64),
        block=block,
        register=register,
        sketches=sketches,
        present=np.full(n, (1 << len(spec.sketches)) - 1, dtype=np.uint64),
        tokens=tokens,
        known=np.full(n, 0xFF07, dtype=np.uint64),
        classes=draw.integers(0, 4, (n, 2)).astype(np.uint8),
        order_known=np.ones(n, dtype=np.bool_),
        encodings=np.zeros((n, 0), dtype=np.uint64),
        ends=block_ends(block),
        read=n,
    )


@njit(nogil=True, cache=True)
def _read(words: Any) -> Any:
    """Load every word (uint64[n]) once."""
    together = np.uint64(0)
    for at in range(len(words)):
        together ^= words[at]
    return together


def _read_all(columns: list[npt.NDArray[np.uint64]]) -> None:
    for one in columns:
        _read(one)


def _words(column: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    flat = column.reshape(-1).view(np.uint8)
    return flat[: len(flat) // 8 * 8].view(np.uint64)


def in_block(repeats: int) -> list[dict[str, Any]]:
    """Count patterns in blocks from two rows, where reading rows costs most, to one of 200,000.

    `rows_limit` is how many rows a second are read if nothing is done with them, `of_rows_limit` the share of it that
    counting reaches: where it is large, rows and not pairs are the work.
    """
    plan, works, sizes = plan_of(bench_agreement(1000)), list[Callable[[], Any]](), []
    for size, blocks, first in _BLOCKS:
        arrays = block_arrays(plan, size, blocks)
        columns, hi = [_words(column) for column in arrays.rows()], first or len(arrays)
        works += [partial(count_patterns, arrays, plan, 0, hi), partial(_read_all, columns)]
        sizes.append((size, len(arrays), works[-2]().pairs))
    taken = _taken(2 * repeats, *works)  # all sizes in turn: each meets every mood of the clock
    least, median = taken.min(axis=0), np.median(taken, axis=0)
    return [
        {
            "block_rows": size,
            "pairs": pairs,
            "pairs_per_second": round(pairs / least[2 * at]),
            "median_pairs_per_second": round(pairs / median[2 * at]),
            "rows_per_second": round(rows / least[2 * at]),
            "rows_limit": round(rows / least[2 * at + 1]),
            "of_rows_limit": round(float(least[2 * at + 1] / least[2 * at]), 3),
        }
        for at, (size, rows, pairs) in enumerate(sizes)
    ]


def emitted(repeats: int) -> list[dict[str, Any]]:
    """Emit pairs of blocks of 400 rows at bounds that keep ever more of them, up to all.

    A level weighs as much as it is rare, in bits, so that a bound keeps the patterns that agree most.
    """
    plan, (size, blocks) = plan_of(bench_agreement(1000)), _EMITTED
    arrays = block_arrays(plan, size, blocks)
    counts = count_patterns(arrays, plan, 0, len(arrays))
    levels, sizes = plan.levels_of(counts.pattern), plan.sizes.astype(np.int64)
    weights = np.zeros((1, len(sizes), int(sizes.max())))
    for variable, level in enumerate(levels.T):
        often = np.bincount(level, counts.count, weights.shape[2])
        weights[0, variable] = -np.log2(np.maximum(often, 1) / counts.pairs)
    weight = np.sort(np.repeat(weights[0, np.arange(len(sizes)), levels].sum(axis=1), counts.count))
    args = (layout_of(plan), arrays.rows(), np.array(plan.many), 0, len(arrays), sizes, weights, np.zeros(1))
    emits: list[Callable[[], Any]] = []
    for share in _KEPT_SHARES:
        bound = weight[-max(int(share * counts.pairs), 1)] - 1e-6  # as summed by the kernel in another order
        emits.append(partial(emit_kernel, *args, bound))
    least = _taken(repeats, *emits).min(axis=0)
    return [
        {"kept": len(emit()) / counts.pairs, "pairs_per_second": round(counts.pairs / seconds)}
        for emit, seconds in zip(emits, least, strict=True)
    ]


def _noisy(draw: np.random.Generator, codes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return the codes with one bit in eight turned."""
    noise = np.full_like(codes, np.uint64(2**64 - 1))
    for _ in range(3):
        noise &= draw.integers(0, 2**64, codes.shape, dtype=np.uint64)
    return codes ^ noise


def scans(bits: int, rows: int, repeats: int) -> dict[str, Any]:
    """Scan `rows` x `rows` codes: each way's rate, and the instruction-mix limit of the same minute."""
    draw = np.random.default_rng(1)
    left = draw.integers(0, 2**64, (rows, bits // 64), dtype=np.uint64)
    codes = Codes.between(left, _noisy(draw, left))
    bound, pairs = int(_NEAR_SHARE * bits), rows * rows
    groups = np.repeat(np.arange(2), rows)
    exact = scan(codes, bound)
    ways: dict[str, Callable[[], Any]] = {
        "exact": lambda: scan(codes, bound),
        "two_stage": lambda: scan_two_stage(codes, bound),
        "histogram": lambda: distance_histogram(codes, groups, 2, 0, rows),
        "lsh_24x40": lambda: hamming_lsh(codes, bound, key_bits=24, tables=40),
    }
    limits, found = [], {}
    for name, work in ways.items():
        seconds, mix = _taken(repeats, work, lambda: _mix(_ROUNDS)).min(axis=0)
        limits.append(_ROUNDS * MIX_STEPS / mix * LANES / (bits // 64))
        kept = len(work()) / max(len(exact), 1) if name != "histogram" else 1.0
        rate = pairs / seconds
        found[name] = {
            "pairs_per_second": round(rate),
            "limit_beside": round(limits[-1]),
            "of_limit": round(rate / limits[-1], 3),
            "of_exact_found": kept,
        }
    return {
        "bits": bits,
        "rows": rows,
        "bound": bound,
        "limit_pairs_per_second": round(max(limits)),
        "two_stage_loss_bound": prefix_loss(bits, 192, bound, prefix_bound(bits, 192, bound)),
        "two_stage_loss_agreed": LOSS,
        "kernels": found,
    }
