"""`wasl bench kernels`: what each kernel does in a second of one core, and what this processor allows at most.

The limit of a scan is measured in the same run: a loop of nothing but xor, population count and add on vector
registers, the three that each word of eight rows costs. A scan's rate over the limit says how much of it is lost to
loads, bounds and pairs found.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

from evaluation.benchmarks.encoded import bench_agreement
from evaluation.benchmarks.machine import machine, versions
from linkage.columns import columns_of
from linkage.compare import count_patterns
from linkage.layout import token_width
from linkage.loading import aligned
from linkage.ordering import block_ends
from linkage.plan import ComparisonPlan, plan_of
from linkage.scan import Codes, distance_histogram, hamming_lsh, prefix_bound, prefix_loss, scan, scan_two_stage
from linkage.scan.lanes import LANES, MIX_STEPS, mix_rounds
from linkage.scan.two_stage import LOSS
from linkage.tables import PassArrays

REPEATS: Final = 5
_ROUNDS: Final = 8_000_000
_BLOCKS: Final = ((2, 800_000), (6, 200_000), (32, 16_000), (400, 250), (20_000, 1))
_NEAR_SHARE: Final = 0.18  # of the bits: what a pair of records at Dice .8 differs in
_NAME_POOL: Final = 3_000


@njit(nogil=True, cache=True)
def _mix(rounds: int) -> Any:
    return mix_rounds(rounds)


def bench(*, rows: int = 20_000, repeats: int = REPEATS) -> dict[str, Any]:
    """Measure all kernels on one thread, by processor time: in-block the median of several runs, scans the least.

    Args:
        rows: Of each side of a scan.
        repeats: Runs of each kernel.
    """
    return {
        "in_block": in_block(repeats),
        "scan": [scans(bits, rows, repeats) for bits in (1024, 2048)],
        "machine": machine(),
        "versions": versions(),
    }


def _seconds(work: Callable[[], Any], repeats: int) -> float:
    """Return the median processor seconds of some runs after one that compiles."""
    work()
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return max(float(np.median(taken)), 1e-9)


def _least_beside(work: Callable[[], Any], other: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """Return the least processor seconds of both, run in turn: the clock of a shared processor drifts."""
    taken = []
    for one in (work, other):
        one()
    for _ in range(repeats):
        starts = [time.process_time()]
        for one in (work, other):
            one()
            starts.append(time.process_time())
        taken.append(np.diff(starts))
    least = np.maximum(np.min(taken, axis=0), 1e-9)
    return float(least[0]), float(least[1])


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


def in_block(repeats: int) -> list[dict[str, Any]]:
    """Count patterns in blocks from two rows, where reading rows costs most, to one of 20 000."""
    plan, found = plan_of(bench_agreement(1000)), []
    for size, blocks in _BLOCKS:
        arrays = block_arrays(plan, size, blocks)
        seconds = _seconds(lambda arrays=arrays: count_patterns(arrays, plan, 0, len(arrays)), repeats)  # type: ignore[misc]
        pairs = blocks * (size // 2) * ((size + 1) // 2)
        found.append(
            {
                "block_rows": size,
                "pairs": pairs,
                "pairs_per_second": round(pairs / seconds),
                "rows_per_second": round(len(arrays) / seconds),
            }
        )
    return found


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
        seconds, mix = _least_beside(work, lambda: _mix(_ROUNDS), repeats)
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
