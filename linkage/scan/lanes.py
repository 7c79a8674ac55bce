"""Eight rows at a time: a tile holds eight codes word by word, so that a lane is a row.

A code is held against the eight of a tile by xor, population count and add for each word, and nothing
has to be summed across lanes. The number of words is part of a kernel's type (`words`, a tuple of so
many zeros): LLVM unrolls the loop. No bound is checked.
"""

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES: Final = 8
_declared: Any = cgutils.get_or_insert_function
_variable: Any = cgutils.alloca_once_value
_WORD, _BYTE = ir.IntType(64), ir.IntType(8)
_VECTOR = ir.VectorType(_WORD, LANES)
_GROUP: Final = 8  # rows of a code held against a tile at once
_CHAINS: Final = 12  # sums that do not wait for each other: what a population count waits for is hidden


def count_bits(builder: Any, vector: Any) -> Any:
    """Add the population count of each lane to a function (LLVM `ctpop.v8i64`)."""
    kind = ir.FunctionType(_VECTOR, [_VECTOR])
    return builder.call(_declared(builder.module, kind, "llvm.ctpop.v8i64"), [vector])


def spread(builder: Any, word: Any) -> Any:
    """Put one word in every lane."""
    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), word, ir.Constant(ir.IntType(32), 0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, first, lanes)


def _data(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [at])


def _loaded(context: Any, builder: Any, signature: Any, arguments: Any) -> list[Any]:
    """Load the words of a tile."""
    place = builder.bitcast(_data(context, builder, signature.args[1], *arguments[1:3]), _VECTOR.as_pointer())
    count = signature.args[0].count
    return [builder.load(builder.gep(place, [ir.Constant(_WORD, word)]), align=8) for word in range(count)]


def _distances(builder: Any, tile: list[Any], rows: list[Any]) -> list[Any]:
    """Return the distances of each row to the eight of a tile: word by word, so that a word is loaded once for all."""
    totals = [ir.Constant(_VECTOR, [0] * LANES)] * len(rows)
    for word, eight in enumerate(tile):
        for at, row in enumerate(rows):
            one = spread(builder, builder.load(builder.gep(row, [ir.Constant(_WORD, word)])))
            totals[at] = builder.add(totals[at], count_bits(builder, builder.xor(eight, one)))
    return totals


def _tile_hits(
    _context: Any, words: Any, tiles: Any, _tile: Any, codes: Any, _row: Any, _n: Any, _b: Any, hits: Any
) -> Any:
    """Fill hits[r] (uint8), for n rows: bit k is set if row k of a tile lies within `bound` bits of code r.

    `tile_hits(words, tiles, tile, codes, row, n, bound, hits)`: tiles and codes uint64 of C order, tile
    and row the places in their memory where the tile and the first code begin. Returns whether any bit
    is set. Rows go in groups: their sums do not wait for each other.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        tile = _loaded(context, builder, signature, arguments)
        width = ir.Constant(_WORD, signature.args[0].count)
        first = _data(context, builder, signature.args[3], *arguments[3:5])
        out = _data(context, builder, signature.args[7], arguments[7], ir.Constant(_WORD, 0))
        bound, any_hit = spread(builder, arguments[6]), _variable(builder, ir.Constant(_BYTE, 0))
        together = ir.Constant(_WORD, _GROUP)

        def held_against(start: Any, count: int) -> None:
            places = [builder.add(start, ir.Constant(_WORD, at)) for at in range(count)]
            rows = [builder.gep(first, [builder.mul(place, width)]) for place in places]
            for place, total in zip(places, _distances(builder, tile, rows), strict=True):
                found = builder.bitcast(builder.icmp_unsigned("<=", total, bound), _BYTE)
                builder.store(found, builder.gep(out, [place]))
                builder.store(builder.or_(builder.load(any_hit), found), any_hit)

        groups = builder.udiv(arguments[5], together)
        with cgutils.for_range(builder, groups) as loop:
            held_against(builder.mul(loop.index, together), _GROUP)
        done = builder.mul(groups, together)
        with cgutils.for_range(builder, builder.sub(arguments[5], done)) as loop:
            held_against(builder.add(done, loop.index), 1)
        return builder.icmp_unsigned("!=", builder.load(any_hit), ir.Constant(_BYTE, 0))

    places = (types.intp, codes, types.intp, types.intp, types.int64, hits)
    return types.boolean(words, tiles, *places), codegen


def _tile_distances(_context: Any, words: Any, tiles: Any, _tile: Any, codes: Any, _row: Any, out: Any) -> Any:
    """Write the distances of a code to the eight rows of a tile into `out` (int64[8]); else as `tile_hits`."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        row = _data(context, builder, signature.args[3], *arguments[3:5])
        (total,) = _distances(builder, _loaded(context, builder, signature, arguments), [row])
        place = _data(context, builder, signature.args[5], arguments[5], ir.Constant(_WORD, 0))
        builder.store(total, builder.bitcast(place, _VECTOR.as_pointer()), align=8)
        return context.get_dummy_value()

    return types.void(words, tiles, types.intp, codes, types.intp, out), codegen


def _mix_rounds(_context: Any, rounds: Any) -> Any:
    """Run xor, population count and add on registers alone, 12 of each a round; return a sum.

    What a comparison costs at least: `MIX_STEPS` vector steps a round, each a word of eight rows.
    """

    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        sums = [_variable(builder, spread(builder, ir.Constant(_WORD, at))) for at in range(_CHAINS)]
        turn = _variable(builder, spread(builder, ir.Constant(_WORD, 0x5DEECE66D)))
        with cgutils.for_range(builder, arguments[0]):
            other = builder.load(turn)
            for place in sums:
                now = builder.load(place)
                builder.store(builder.add(now, count_bits(builder, builder.xor(now, other))), place)
        total = builder.load(sums[0])
        for place in sums[1:]:
            total = builder.add(total, builder.load(place))
        return builder.extract_element(total, ir.Constant(ir.IntType(32), 0))

    return types.int64(types.intp), codegen


MIX_STEPS: Final = _CHAINS
tile_hits: Any = intrinsic(_tile_hits)
tile_distances: Any = intrinsic(_tile_distances)
mix_rounds: Any = intrinsic(_mix_rounds)
