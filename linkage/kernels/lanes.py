"""Vector instructions for Numba kernels, spelled out: LLVM does not find them in a plain loop.

Each is a few operations on one vector of 8 x 64 or 16 x 32 bits. LLVM turns them into what the
processor has: one instruction each with AVX-512 VPOPCNTDQ, several without; the result is the same.
No bound is checked: a caller passes row numbers that it has checked.
"""

from __future__ import annotations

from typing import Any, Final

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from contract.submission import CROSSWISE_BITS, CROSSWISE_SCALE
from linkage.layout import TOKEN_LANES

LANES: Final = 8  # 64-bit lanes of a vector
_declared: Any = cgutils.get_or_insert_function
_tuple_of: Any = types.UniTuple
_WORD, _BYTE = ir.IntType(64), ir.IntType(8)
_WORDS = ir.VectorType(_WORD, LANES)
_TOKENS = ir.VectorType(ir.IntType(32), TOKEN_LANES)
_CROSSED_NAMES: Final = (2, 3, 0, 1, 6, 7, 4, 5)  # given and family change places, their skeletons too
#: Month and day change places; the document of unknown kind (7) is held against the kinds it may be.
_CROSSED_TOKENS: Final = (0, 2, 1, 7, 7, 7, 6, 7, *range(8, TOKEN_LANES))


def _popcount64(_typing_context: Any, value: Any) -> Any:
    """Return the number of set bits of a uint64 (LLVM `ctpop`)."""
    if value != types.uint64:
        return None

    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), codegen


popcount64: Any = intrinsic(_popcount64)


def _start(context: Any, builder: Any, kind: Any, array: Any, at: Any, vector: Any, align: int) -> Any:
    """Load a vector that begins at element `at` of an array's memory."""
    data = context.make_array(kind)(context, builder, array).data
    place = builder.bitcast(builder.gep(data, [at]), vector.as_pointer())
    return builder.load(place, align=align)


def _count_bits(builder: Any, vector: Any) -> Any:
    kind = ir.FunctionType(_WORDS, [_WORDS])
    return builder.call(_declared(builder.module, kind, "llvm.ctpop.v8i64"), [vector])


def _permuted(builder: Any, vector: Any, order: tuple[int, ...]) -> Any:
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), len(order)), list(order))
    return builder.shuffle_vector(vector, vector, lanes)


def _name_bits(_typing_context: Any, sketches: Any, left: Any, right: Any) -> Any:
    """Return two int64 of eight bytes each: bits that differ, word by word, straight and crosswise.

    `name_bits(sketches, left, right)`: sketches uint64 of C order; left and right are places in its
    memory where the eight words of given, family, given_skeleton and family_skeleton begin. Crosswise
    is left's given against right's family and so on, on the bits that they share, times CROSSWISE_SCALE.
    """
    pair = _tuple_of(types.int64, 2)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        one, other = (_start(context, builder, kind, arguments[0], at, _WORDS, 8) for at in arguments[1:])
        found = []
        shared, scale = (ir.Constant(_WORDS, [number] * LANES) for number in (CROSSWISE_BITS, CROSSWISE_SCALE))
        straight = _count_bits(builder, builder.xor(one, other))
        unlike = builder.and_(builder.xor(one, _permuted(builder, other, _CROSSED_NAMES)), shared)
        for counts in (straight, builder.mul(_count_bits(builder, unlike), scale)):
            found.append(builder.bitcast(builder.trunc(counts, ir.VectorType(_BYTE, LANES)), _WORD))
        return context.make_tuple(builder, pair, found)

    return pair(sketches, types.intp, types.intp), codegen


name_bits: Any = intrinsic(_name_bits)


def _token_bits(_typing_context: Any, tokens: Any, left: Any, right: Any) -> Any:
    """Return an int64: bits 0-15 the tokens that are equal, 16-31 those equal to the other's crossed

    tokens, 32-47 the crossed tokens equal to the other's. `token_bits(tokens, left, right)`: tokens
    uint32[n, 16] of C order, left and right the places in its memory where the rows begin.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        one, other = (_start(context, builder, kind, arguments[0], at, _TOKENS, 4) for at in arguments[1:])
        crossed = [_permuted(builder, vector, _CROSSED_TOKENS) for vector in (one, other)]
        found = ir.Constant(_WORD, 0)
        for place, (a, b) in enumerate(((one, other), (one, crossed[1]), (crossed[0], other))):
            equal = builder.bitcast(builder.icmp_unsigned("==", a, b), ir.IntType(TOKEN_LANES))
            moved = builder.shl(builder.zext(equal, _WORD), ir.Constant(_WORD, TOKEN_LANES * place))
            found = builder.or_(found, moved)
        return found

    return types.int64(tokens, types.intp, types.intp), codegen


token_bits: Any = intrinsic(_token_bits)


def _prefetch(_typing_context: Any, array: Any, at: Any) -> Any:
    """Fetch the cache line of element `at` of an array's memory (LLVM `prefetch`).

    It is a hint: nothing is read, and a place outside of the array does no harm.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte, number = _BYTE.as_pointer(), ir.IntType(32)
        place = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        hint = _declared(builder.module, ir.FunctionType(ir.VoidType(), [byte, *[number] * 3]), "llvm.prefetch.p0i8")
        builder.call(hint, [place, *(ir.Constant(number, flag) for flag in (0, 3, 1))])  # to read, keep near, data
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen


prefetch: Any = intrinsic(_prefetch)
