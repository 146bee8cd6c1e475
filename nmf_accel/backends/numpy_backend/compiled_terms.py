"""What numba makes of a block of P = YᵀX for the divergences with β = 1 and β = 0.

One walk through the block, where `divergences`, which stays the reference, takes up to ten.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba.extending import overload
from numpy.typing import NDArray

from . import divergences

Floats = NDArray[Any]

# 'contract' and 'reassoc': a multiplication and an addition may be one operation, and a sum be made
# in parts. NaN still passes through. Types are those that are met, as in `compiled`.
compiled = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})


def divergence_terms(
    floor: Any, beta: float, record: bool, a: Floats, P: Floats, weights: Any, work: list[Floats]
) -> tuple[Floats, Floats | None, float]:
    """A P^(β−2), P^(β−1) and the divergence of a block, as `divergences.divergence`."""
    if weights is not None or beta not in (0, 1):
        return divergences.divergence(floor, beta, record, a, P, weights, work)
    if beta == 1:
        return P, None, _kullback_leibler(floor, record, a, P)
    return work[0], P, _itakura_saito(floor, record, a, P, work[0])


@compiled
def _kullback_leibler(floor, record, a, P):  # type: ignore[no-untyped-def]
    """Make A / P of P; the divergence, or zero if it is not to be recorded."""
    total, one, least = 0.0, a.dtype.type(1), a.dtype.type(np.finfo(a.dtype).tiny)
    for i in range(P.shape[0]):
        # No copy, but only so a compiler knows that one number follows upon another.
        row, into, value = np.ascontiguousarray(a[i]), P[i], a.dtype.type(0)
        for j in range(P.shape[1]):
            raw = into[j]
            p = floor if raw < floor else raw
            ratio = row[j] / p
            into[j] = ratio
            if record:
                term = ratio * log(max(ratio, least)) - (ratio - one)
                value += (p if row[j] > 0 else raw) * term
        total += value
    return total


@compiled
def _itakura_saito(floor, record, a, P, Q):  # type: ignore[no-untyped-def]
    """Make A / P² in Q, and 1 / P of P; the divergence, or zero if it is not to be recorded."""
    total, one, least = 0.0, a.dtype.type(1), a.dtype.type(np.finfo(a.dtype).tiny)
    for i in range(P.shape[0]):
        row, into, value = np.ascontiguousarray(a[i]), P[i], a.dtype.type(0)
        for j in range(P.shape[1]):
            inverse = one / max(into[j], floor)
            ratio = row[j] * inverse
            into[j] = inverse
            Q[i, j] = ratio * inverse
            if record:
                value += (ratio - one) - log(max(ratio, least))
        total += value
    return total


def log(x: Any) -> Any:
    """The logarithm of x > 0 that is not subnormal, of several numbers at once, as C's is not."""
    raise NotImplementedError  # what calls it is compiled with one of those below


# x = 2^e (1 + f), 1 + f between √½ and √2, and log(1 + f) = 2 artanh(t), t = f / (2 + f), whose
# series 2 t (1 + t²/3 + t⁴/5 …) is taken up to where it adds nothing.
@overload(log, inline="always")
def _log(x):  # type: ignore[no-untyped-def]
    return _log64 if x == numba.float64 else _log32


def _log64(x):  # type: ignore[no-untyped-def]
    root = np.int64(0x3FE6A09E667F3BCD)  # the bits of √½
    bits = np.float64(x).view(np.int64) - root
    f = np.int64((bits & 0xFFFFFFFFFFFFF) + root).view(np.float64) - 1.0
    t = f / (2.0 + f)
    w = t * t
    s = 2 / 13 + w * (2 / 15 + w * (2 / 17 + w * (2 / 19)))
    s = 2 / 3 + w * (2 / 5 + w * (2 / 7 + w * (2 / 9 + w * (2 / 11 + w * s))))
    return np.float64(bits >> 52) * 0.6931471805599453 + t * (2.0 + w * s)


def _log32(x):  # type: ignore[no-untyped-def]
    real, root = np.float32, np.int32(0x3F3504F3)
    bits = real(x).view(np.int32) - root
    f = np.int32((bits & np.int32(0x7FFFFF)) + root).view(real) - real(1)
    t = f / (real(2) + f)
    w = t * t
    s = real(2 / 3) + w * (real(2 / 5) + w * (real(2 / 7) + w * real(2 / 9)))
    return real(bits >> np.int32(23)) * real(0.6931472) + t * (real(2) + w * s)
