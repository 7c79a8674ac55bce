"""Population count as one processor instruction inside Numba kernels."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic


def _popcount64(_typing_context: Any, value: Any) -> Any:
    """Return the number of set bits of a uint64 (LLVM `ctpop`)."""
    if value != types.uint64:
        return None

    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), codegen


popcount64: Any = intrinsic(_popcount64)
