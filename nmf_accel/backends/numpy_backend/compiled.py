"""The kernels that NumPy is slow at, compiled by numba where it is installed.

Each does the very arithmetic of its form in `kernels`, which stays the reference, in one walk
through memory; and lets other threads run meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from ..base import Backend
from . import kernels
from .shared import in_parts

TILE = 128
"""Columns at a time in coordinate descent, so that what it reads again stays in cache."""

MOST_ROWS = 64
"""Most rows of the systems that are solved here; LAPACK solves larger ones faster."""

Floats = NDArray[Any]

# 'contract': a multiplication and an addition may be one operation. No other liberty is taken:
# NaN passes through.
compiled = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})


def telling_descend(
    backend: Backend, X: Floats, model: Any, penalty: Any
) -> tuple[Floats, NDArray[np.float64]]:
    """One pass of coordinate descent over the rows of X (R, d, n), and what it met."""
    N = model.N  # l1 joins it in the kernel, without another array of that size
    G = model.columns(slice(0)).with_penalty(backend, penalty).G
    new, met = np.empty_like(X), np.empty((X.shape[0], X.shape[2]))
    l1, least = X.dtype.type(penalty.l1), np.finfo(X.dtype).smallest_normal

    def move(k: slice) -> None:
        _descend(X[..., k], N[..., k], G, l1, least, new[..., k], met[:, k])

    in_parts(move, X.shape[2], X.size)
    return new, met.sum(axis=1)


def descend(backend: Backend, X: Floats, model: Any, penalty: Any) -> Floats:
    """The same, untold: what it met costs next to nothing."""
    return telling_descend(backend, X, model, penalty)[0]


@compiled
def _descend(X, N, G, l1, least, new, met):  # type: ignore[no-untyped-def]
    """The pass; `met` (R, n) is what each column met."""
    runs, d, n = X.shape
    zero = X.dtype.type(0)
    tile = np.zeros((d, TILE), X.dtype)
    rest = np.zeros(TILE, X.dtype)
    total = np.zeros(TILE, X.dtype)
    for r in range(runs):
        for start in range(0, n, TILE):
            width = min(TILE, n - start)
            for j in range(d):
                for c in range(width):
                    tile[j, c] = X[r, j, start + c]
            total[:] = zero
            for k in range(d):
                for c in range(width):
                    rest[c] = N[r, k, start + c] - l1
                # Four rows at a time, so that `rest` is read and written a quarter as often.
                for j in range(0, d - 3, 4):
                    a, b, e, f = G[r, k, j], G[r, k, j + 1], G[r, k, j + 2], G[r, k, j + 3]
                    for c in range(TILE):
                        rest[c] -= (
                            a * tile[j, c]
                            + b * tile[j + 1, c]
                            + e * tile[j + 2, c]
                            + f * tile[j + 3, c]
                        )
                for j in range(d - d % 4, d):
                    a = G[r, k, j]
                    for c in range(TILE):
                        rest[c] -= a * tile[j, c]
                for c in range(TILE):
                    y = rest[c]
                    # Where X is zero, only a gradient that is negative is a violation.
                    y = zero if tile[k, c] < least and y <= zero else abs(y)
                    total[c] += y
                g = G[r, k, k]
                if g > zero:
                    for c in range(TILE):
                        y = tile[k, c] + rest[c] / g
                        tile[k, c] = zero if y < zero else y
                for c in range(width):
                    new[r, k, start + c] = tile[k, c]
            for c in range(width):
                met[r, start + c] = total[c]


def solve_passive(backend: Backend, G: Floats, N: Floats, F: Floats, going: Floats) -> Floats:
    """Solve G[f, f] X[f] = N[f] for each column: each by itself, by Cholesky's factorization."""
    if N.shape[1] > MOST_ROWS:
        return kernels.solve_passive(backend, G, N, F, going)
    X = np.zeros_like(N)
    if not _solve_passive(G, N, F, going, X):  # not positive definite, beyond rounding
        return kernels.solve_passive(backend, G, N, F, going)
    return X


@compiled
def _solve_passive(G, N, F, going, X):  # type: ignore[no-untyped-def]
    """Fill X, which is zero; whether all systems were positive definite."""
    runs, d, n = N.shape
    f = np.empty(d, np.intp)
    S = np.empty((d, d), N.dtype)
    x = np.empty(d, N.dtype)
    for r in range(runs):
        for c in range(n):
            if not going[r, c]:
                continue
            size = 0
            for k in range(d):
                if F[r, k, c]:
                    f[size] = k
                    size += 1
            for i in range(size):
                x[i] = N[r, f[i], c]
                for j in range(i, size):
                    S[i, j] = G[r, f[i], f[j]]
            # S becomes Rᵀ R, row by row of R, and x R⁻ᵀ x.
            for k in range(size):
                if not S[k, k] > 0:
                    return False
                pivot = 1 / np.sqrt(S[k, k])
                for j in range(k, size):
                    S[k, j] *= pivot
                x[k] *= pivot
                for i in range(k + 1, size):
                    for j in range(i, size):
                        S[i, j] -= S[k, i] * S[k, j]
                    x[i] -= S[k, i] * x[k]
            for k in range(size - 1, -1, -1):
                for j in range(k + 1, size):
                    x[k] -= S[k, j] * x[j]
                x[k] /= S[k, k]
                X[r, f[k], c] = x[k]
    return True


KERNELS: dict[str, Callable[..., Any]] = {
    "descend": descend,
    "telling_descend": telling_descend,
    "solve_passive": solve_passive,
}
