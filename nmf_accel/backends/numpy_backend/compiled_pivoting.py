"""The exchanges of block principal pivoting, compiled by numba: all of a column at once.

`solvers.pivoting.exchanged` is the reference.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from ..base import Backend
from .shared import in_parts

MOST_ROWS = 64
"""Most rows of the systems that are solved here; LAPACK solves larger ones faster."""

Floats = NDArray[Any]

# As in `compiled`.
compiled = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})


def exchange_by_column(
    backend: Backend, X: Floats, N: Floats, G: Floats, limits: Any
) -> Floats | None:
    """The exchanges of `solvers.pivoting`, a column after the other, by Cholesky's factorization.

    None where a system is not positive definite, beyond rounding, or large.
    """
    if N.shape[1] > MOST_ROWS:
        return None
    new = np.empty(X.shape, N.dtype)
    size, slack = limits.size[..., 0], N.dtype.type(limits.slack)

    def of(k: slice) -> bool:
        mine = (x[..., k] for x in (X, N, limits.least, new))
        return bool(_exchange_by_column(G, size, slack, limits.rounds, limits.patience, *mine))

    return new if all(in_parts(of, X.shape[2], X.size)) else None


@compiled
def _exchange_by_column(G, size, slack, rounds, at_first, X, N, least, new):  # type: ignore[no-untyped-def]
    """Fill in the new X; whether all systems were positive definite."""
    runs, d, n = N.shape
    S, f = np.empty((d, d), N.dtype), np.empty(d, np.intp)
    x, y, wrong, F = (
        np.empty(d, N.dtype),
        np.empty(d, N.dtype),
        np.empty(d, np.bool_),
        np.empty(d, np.bool_),
    )
    for r in range(runs):
        for c in range(n):
            for k in range(d):
                F[k] = X[r, k, c] > 0
            fewest, patience = d + 1, at_first
            for _ in range(1 + rounds):
                count = 0
                for k in range(d):
                    if F[k]:
                        f[count] = k
                        count += 1
                if not _solve(G[r], N[r, :, c], f[:count], S, y):
                    return False
                x[:] = 0
                largest = N.dtype.type(0)
                for i in range(count):
                    y[i] = y[i] if np.isfinite(y[i]) else 0  # it may overflow
                    x[f[i]] = y[i]
                    largest = max(largest, abs(y[i]) * size[r, f[i]])
                wrongs, last = 0, 0
                for k in range(d):
                    if F[k]:
                        wrong[k] = -slack * largest > x[k] * size[r, k]
                    else:
                        gradient = -N[r, k, c]
                        for i in range(count):
                            gradient += G[r, k, f[i]] * y[i]
                        wrong[k] = gradient < least[r, k, c]
                    if wrong[k]:
                        wrongs += 1
                        last = k
                if wrongs == 0:
                    break
                better = wrongs < fewest
                fewest = min(fewest, wrongs)
                full = better or patience > 0
                patience = at_first if better else patience - 1
                for k in range(d):
                    if wrong[k] and (full or k == last):
                        F[k] = not F[k]
            new[r, :, c] = x
    return True


@compiled
def _solve(G, N, f, S, x):  # type: ignore[no-untyped-def]
    """Solve G[f, f] x = N[f]; whether that was positive definite."""
    size = len(f)
    for i in range(size):
        x[i] = N[f[i]]
        for j in range(i, size):
            S[i, j] = G[f[i], f[j]]
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
    return True
